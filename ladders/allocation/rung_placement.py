"""Choose the rungs of a ladder on the title's curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import lognorm

from ladders.allocation.equal_slope import Allocation, RungTarget, TitleCurve

__all__ = ["RungChoice", "RungRules", "allocate_rungs", "choose_rungs"]

#: Rates to choose from, so far apart.
RATE_STEP = 1.02
#: Steps, on those rates, by which an audience moves rungs.
MOVES = (16, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class RungRules:
    """What makes a good ladder.

    Attributes
    ----------
    target : float
        Mean VMAF of the top rung.
    count : int or None
        How many rungs; None derives it from the range of rates.
    bottom_rate : float
        Bits/s of the lowest rung, where the film needs so much (Apple's lowest variant).
    ratio : (float, float)
        How many times its lower neighbour's rate a rung may have.
    usual_ratio : float
        From which the number of rungs follows.
    least_gain : float
        VMAF that a rung is better than its lower neighbour at least: half of what viewers just notice (Ozer).
    safety : float
        Share of their bandwidth that viewers use.
    bandwidth_median, bandwidth_sigma : float
        Log-normal distribution of viewers' bandwidth: bits/s, and natural logarithm's standard deviation.
    audience : callable, optional
        Scores a whole ladder by what viewers get of it, more is better: the rungs are then moved to where that is
        most.
    """

    target: float = 93.0
    count: int | None = None
    bottom_rate: float = 145_000.0
    ratio: tuple[float, float] = (1.35, 2.2)
    usual_ratio: float = 1.9
    least_gain: float = 3.0
    safety: float = 0.8
    bandwidth_median: float = 8e6
    bandwidth_sigma: float = 1.2
    audience: Callable[[Sequence[RungChoice]], float] | None = None

    def viewers_below(self, rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of viewers whose bandwidth is too small for rates."""
        return lognorm(self.bandwidth_sigma, scale=self.bandwidth_median).cdf(rates / self.safety)

    def shares(self, rates: Sequence[float]) -> NDArray[np.float64]:
        """Return the share of viewers that each rung serves: the best within their bandwidth, else the lowest."""
        return np.diff(self.viewers_below(np.array(rates[1:], np.float64)), prepend=0.0, append=1.0)


@dataclass(frozen=True, slots=True)
class RungChoice:
    """A rung before its bits are shared out: nominal height, predicted bits/s and mean quality."""

    height: int
    rate: float
    quality: float


def choose_rungs(curves: Mapping[int, TitleCurve], duration: float, rules: RungRules) -> tuple[RungChoice, ...]:
    """Choose rungs.

    Parameters
    ----------
    curves : mapping
        The title's curve at each nominal height.
    duration : float
        Of the title, s.
    rules : RungRules

    Returns
    -------
    tuple of RungChoice
        Lowest first; rate, quality and height never fall.

    Notes
    -----
    The top is the cheapest allocation that reaches the target, the bottom what the lowest viewers can have. Between
    them the rungs maximise the mean quality of viewers whose bandwidth is log-normal, each on the best rung within
    a share of it: dynamic programming over rates 2 % apart, with neighbours' ratios and gains within bounds as far
    as the number of rungs allows. An `audience` then moves the rungs between the first and the last.
    """
    top_height, top = _top(curves, rules.target)
    top_rate = top.bits / duration
    usable = {height: curve for height, curve in curves.items() if height <= top_height}
    cheapest = min(curve.bits[0] for curve in usable.values()) / duration
    bottom_rate = max(cheapest, min(rules.bottom_rate, top_rate / rules.usual_ratio))
    if bottom_rate * rules.ratio[0] > top_rate or rules.count == 1:
        return (RungChoice(top_height, top_rate, top.quality),)
    steps = math.ceil(math.log(top_rate / bottom_rate) / math.log(RATE_STEP))
    rates = np.geomspace(bottom_rate, top_rate, steps + 1)
    # a hair more than the budget, or rounding may leave the bottom rung without its allocation
    heights, quality = _envelope(usable, rates * duration * (1 + 1e-9))
    heights[-1], quality[-1] = top_height, top.quality
    count = rules.count or 1 + math.ceil(math.log(top_rate / bottom_rate) / math.log(rules.usual_ratio))
    chosen = _spread(rates, quality, count, rules)
    points = [RungChoice(int(h), float(r), float(q)) for h, r, q in zip(heights, rates, quality, strict=True)]
    if rules.audience is not None:
        chosen = _moved(points, chosen, rules)
    return tuple(points[i] for i in chosen)


def allocate_rungs(
    choices: Sequence[RungChoice],
    curves: Mapping[int, TitleCurve],
    duration: float,
    solve_for_quality: Callable[[int, RungTarget], Allocation],
) -> list[tuple[int, Allocation]]:
    """Share out the bits of rungs, now that their qualities and rates, and so what limits count from, are known.

    Parameters
    ----------
    choices : sequence of RungChoice
        Lowest first.
    curves : mapping
        The title's curve at each nominal height, but for limits that count from a rung.
    duration : float
        Of the title, s.
    solve_for_quality : callable
        Takes a height and what is asked of a rung; gives its allocation within all limits.

    Returns
    -------
    list of (int, Allocation)
        Of each rung, lowest first: its height, which never falls, and its allocation.

    Notes
    -----
    Limits may cost more at one height than at another, so that the height is chosen again: from the top on, the
    cheapest one that is no taller than that of the rung above.
    """
    shared: list[tuple[int, Allocation]] = []
    tallest = max(curves)
    for choice in reversed(choices):
        rung_target = RungTarget(choice.quality, choice.rate * duration)
        height = min(choice.height, tallest)
        best = solve_for_quality(height, rung_target)
        for other in (h for h in curves if h <= tallest and h != height):
            # limits only ever add bits
            if curves[other].for_quality(rung_target.quality).bits < best.bits:
                allocation = solve_for_quality(other, rung_target)
                if allocation.bits < best.bits and allocation.quality >= rung_target.quality:
                    height, best = other, allocation
        tallest = height
        shared.append((height, best))
    return shared[::-1]


def _top(curves: Mapping[int, TitleCurve], target: float) -> tuple[int, Allocation]:
    """Return the height and allocation of the top rung: the cheapest that reaches the target, else the best."""
    reached = {height: curve.for_quality(target) for height, curve in curves.items()}
    enough = [h for h, a in reached.items() if a.quality >= target]
    if enough:
        height = min(enough, key=lambda h: reached[h].bits)
    else:
        height = max(reached, key=lambda h: (reached[h].quality, -reached[h].bits))
    return height, reached[height]


def _envelope(
    curves: Mapping[int, TitleCurve], bits: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the best height for each budget, never falling, and the quality that it gives."""
    order = sorted(curves)
    table = np.array([curves[h].quality_at(bits) for h in order])
    best = np.maximum.accumulate(np.argmax(table, axis=0))
    return np.array(order, np.int64)[best], table[best, np.arange(len(bits))]


def _spread(rates: NDArray[np.float64], quality: NDArray[np.float64], count: int, rules: RungRules) -> list[int]:
    """Place rungs, the first and the last given, under the strictest bounds that can be met."""
    low, high = rules.ratio
    for least_ratio, most_ratio, least_gain in (
        (low, high, rules.least_gain),
        (low, high, 0.0),
        (1.0, high, 0.0),
        (1.0, math.inf, 0.0),
    ):
        chosen = _best_spread(rates, quality, min(count, len(rates)), rules, (least_ratio, most_ratio, least_gain))
        if chosen:
            return chosen
    return [len(rates) - 1]


def _best_spread(
    rates: NDArray[np.float64],
    quality: NDArray[np.float64],
    count: int,
    rules: RungRules,
    bounds: tuple[float, float, float],
) -> list[int]:
    """Return the indices of the best `count` rungs within the bounds, or nothing if none are."""
    least_ratio, most_ratio, least_gain = bounds
    viewers = rules.viewers_below(rates)
    ratio = rates[None, :] / rates[:, None]
    slack = RATE_STEP**0.5
    allowed = (ratio >= least_ratio / slack) & (ratio <= most_ratio * slack)
    allowed &= quality[None, :] - quality[:, None] >= least_gain
    allowed &= np.triu(np.ones_like(allowed), 1)
    # viewers between two rungs see the lower one
    worth = np.where(allowed, (viewers[None, :] - viewers[:, None]) * quality[:, None], -np.inf)
    value = np.full(len(rates), -np.inf)
    value[0] = 0.0
    came: list[NDArray[np.int64]] = []
    for _ in range(count - 1):
        total = value[:, None] + worth
        came.append(np.argmax(total, axis=0))
        value = np.max(total, axis=0)
    if not np.isfinite(value[-1]):
        return []
    chosen = [len(rates) - 1]
    for back in reversed(came):
        chosen.append(int(back[chosen[-1]]))
    return chosen[::-1]


def _moved(points: Sequence[RungChoice], chosen: Sequence[int], rules: RungRules) -> list[int]:
    """Move one rung after the other, by ever smaller steps, while the audience gets more of the ladder."""
    assert rules.audience is not None
    best = list(chosen)
    scores = {tuple(best): rules.audience([points[i] for i in best])}
    for step in MOVES:
        moving = True
        while moving:
            moving = False
            for n in range(1, len(best) - 1):
                for way in (-step, step):
                    there = [*best[:n], best[n] + way, *best[n + 1 :]]
                    if tuple(there) in scores or not _within(points, there[n - 1 : n + 2], rules):
                        continue
                    scores[tuple(there)] = rules.audience([points[i] for i in there])
                    if scores[tuple(there)] > scores[tuple(best)]:
                        best, moving = there, True
    return best


def _within(points: Sequence[RungChoice], indices: Sequence[int], rules: RungRules) -> bool:
    """Say whether neighbours keep the least distance that ladders have, and stand in order."""
    near = rules.ratio[0]
    return all(low < high and points[high].rate >= near * points[low].rate for low, high in pairwise(indices))
