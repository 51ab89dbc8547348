"""Choose the resolutions, bitrates and VMAF of the rungs of a ladder on the curves of the title."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ladders.allocation.constraints import RungTarget
from ladders.allocation.title_curve import Allocation, TitleCurve

__all__ = ["DEFAULT_TARGET", "RungChoice", "RungRules", "allocate_rungs", "choose_rungs"]

#: Target mean VMAF of the top rung for sources up to 1080p, for which 93 is close to visually lossless (Ozer).
DEFAULT_TARGET = 93.0
#: Bitrate of the lowest rung, bits/s. Apple's lowest variant has 145 kbit/s. Segments of a per-shot rung differ more in
#: size than those of an encode with a constant bitrate, so that at 145 kbit/s viewers on 3G stall up to 2 percent of
#: the time more often. At 120 kbit/s they stall less than with the fixed ladder on three of five videos
#: (benchmarks.value --viewers).
BOTTOM_RATE = 120_000.0
#: A larger size than necessary must save this fraction of the bits of the top rung: it costs CPU time here, and power
#: and decoding time in players. Chosen by hand: less than the curves are known to.
LARGER_SIZE_SAVING = 0.02
#: Ratio of consecutive candidate bitrates. Chosen by hand: below what viewers or the search resolve.
RATE_STEP = 1.02
#: Steps on the candidate bitrates by which the local search moves rungs, in this order. Chosen by hand.
LOCAL_SEARCH_STEPS = (16, 8, 4, 2)
#: Predicted bitrate of the top rung, as a fraction of the maximum: measured bits differ from predicted ones. Chosen by
#: hand.
MAX_RATE_FRACTION = 0.95
#: Part of a rung by which the number of rungs is rounded down. Chosen by hand: a further rung costs CPU time, a missing
#: one VMAF of the viewers between two rungs.
ROUNDED_DOWN = 0.25
#: Relative margin on bit budgets, so that rounding does not leave the bottom rung without its allocation.
ROUNDING_MARGIN = 1e-9


@dataclass(frozen=True, slots=True)
class RungRules:
    """Rules for the number and the placement of rungs.

    Attributes
    ----------
    target : float or None
        Target mean VMAF of the top rung. None: 95 for sources above 1080p and 93 otherwise (`default_target`).
    count : int or None
        Number of rungs. None: derived from the range of bitrates and `typical_ratio`.
    bottom_rate : float
        Bitrate of the lowest rung in bits/s, if the video needs as much (`BOTTOM_RATE`).
    max_rate : float or None
        Maximum bitrate of the top rung in bits/s, even if it does not reach the target. None: no limit.
    ratio : (float, float)
        Minimum and maximum bitrate ratio of adjacent rungs (Apple's authoring rules: 1.5 to 2).
    typical_ratio : float
        Bitrate ratio from which the number of rungs is derived.
    min_gain : float
        Minimum VMAF difference of adjacent rungs: half of a just noticeable difference, which is 6 VMAF (Ozer).
    safety : float
        Fraction of the bandwidth that players use.
    bandwidth_median, bandwidth_sigma : float
        Log-normal distribution of the bandwidth: median in bits/s, standard deviation of the natural logarithm.
    expected_quality : callable, optional
        From a sequence of RungChoice to a score of the ladder, such as its expected delivered VMAF; higher is better.
        The rungs between the first and the last are then moved to maximise it.
    """

    target: float | None = None
    count: int | None = None
    bottom_rate: float = BOTTOM_RATE
    max_rate: float | None = None
    ratio: tuple[float, float] = (1.35, 2.2)
    typical_ratio: float = 1.9
    min_gain: float = 3.0
    safety: float = 0.8
    bandwidth_median: float = 8e6
    bandwidth_sigma: float = 1.2
    expected_quality: Callable[[Sequence[RungChoice]], float] | None = None

    def fraction_below(self, rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the fraction of viewers whose bandwidth is too small for bitrates (bits/s)."""
        deviations = np.log(rates / (self.safety * self.bandwidth_median)) / self.bandwidth_sigma
        fractions: NDArray[np.float64] = ndtr(deviations)
        return fractions

    def view_fractions(self, rates: Sequence[float]) -> NDArray[np.float64]:
        """Return the fraction of viewers on each rung: the best rung within their bandwidth, else the lowest."""
        return np.diff(self.fraction_below(np.array(rates[1:], np.float64)), prepend=0.0, append=1.0)


@dataclass(frozen=True, slots=True)
class RungChoice:
    """Nominal height, predicted bitrate (bits/s) and predicted mean VMAF of a rung before its bits are allocated."""

    height: int
    rate: float
    quality: float


def choose_rungs(curves: Mapping[int, TitleCurve], duration: float, rules: RungRules) -> tuple[RungChoice, ...]:
    """Choose the rungs of a ladder.

    Parameters
    ----------
    curves : mapping
        From nominal heights to the curves of the title.
    duration : float
        Of the title, s.
    rules : RungRules
        Without a target, `DEFAULT_TARGET` is used.

    Returns
    -------
    tuple of RungChoice
        Lowest first; bitrate, VMAF and height do not decrease.

    Notes
    -----
    The top rung is the cheapest allocation that reaches the target, or the best within `max_rate`; a larger size than
    necessary saves `LARGER_SIZE_SAVING`. The bottom rung has the bitrate that the slowest viewers receive. Between them
    the rungs maximise the mean VMAF of viewers with log-normal bandwidth, each on the best rung within the safe
    fraction of it. Dynamic programming over bitrates 2 % apart finds them, with the ratios and gains of adjacent rungs
    within bounds as far as the number of rungs allows. `expected_quality`, if given, then moves the rungs between the
    first and the last by a local search.
    """
    target = DEFAULT_TARGET if rules.target is None else rules.target
    budget = None if rules.max_rate is None else MAX_RATE_FRACTION * rules.max_rate * duration
    top_height, top = _top(curves, target, budget)
    top_rate = top.bits / duration
    usable = {height: curve for height, curve in curves.items() if height <= top_height}
    cheapest = min(curve.bits[0] for curve in usable.values()) / duration
    bottom_rate = max(cheapest, min(rules.bottom_rate, top_rate / rules.typical_ratio))
    if bottom_rate * rules.ratio[0] > top_rate or rules.count == 1:
        return (RungChoice(top_height, top_rate, top.quality),)
    steps = math.ceil(math.log(top_rate / bottom_rate) / math.log(RATE_STEP))
    rates = np.geomspace(bottom_rate, top_rate, steps + 1)
    heights, quality = _envelope(usable, rates * duration * (1 + ROUNDING_MARGIN))
    heights[-1], quality[-1] = top_height, top.quality
    count = rules.count or _rung_count(top_rate / bottom_rate, rules)
    chosen = _place_rungs(rates, quality, count, rules)
    points = [RungChoice(int(h), float(r), float(q)) for h, r, q in zip(heights, rates, quality, strict=True)]
    if rules.expected_quality is not None:
        chosen = _maximise_expected_quality(points, chosen, rules)
    return tuple(points[i] for i in chosen)


def allocate_rungs(
    choices: Sequence[RungChoice],
    curves: Mapping[int, TitleCurve],
    duration: float,
    allocate: Callable[[int, RungTarget], Allocation],
) -> list[tuple[int, Allocation]]:
    """Allocate the bits of rungs, relative to whose bitrate and VMAF the constraints now can be evaluated.

    Parameters
    ----------
    choices : sequence of RungChoice
        Lowest first.
    curves : mapping
        From nominal heights to the curves of the title without the constraints that are relative to a rung.
    duration : float
        Of the title, s.
    allocate : callable
        From a nominal height and the target of a rung to an allocation that satisfies all constraints.

    Returns
    -------
    list of (int, Allocation)
        Height and allocation of each rung, lowest first; the height does not decrease.

    Notes
    -----
    The constraints may cost more at one height than at another. Therefore the height is chosen again: from the top rung
    down, the cheapest height that does not exceed the height of the rung above.
    """
    allocated: list[tuple[int, Allocation]] = []
    max_height = max(curves)
    for choice in reversed(choices):
        rung_target = RungTarget(choice.quality, choice.rate * duration)
        height = min(choice.height, max_height)
        best = allocate(height, rung_target)
        for other in (h for h in curves if h <= max_height and h != height):
            # constraints never save bits
            factor = 1 - LARGER_SIZE_SAVING if other > height else 1.0
            if curves[other].for_quality(rung_target.quality).bits < factor * best.bits:
                allocation = allocate(other, rung_target)
                if allocation.bits < factor * best.bits and allocation.quality >= rung_target.quality:
                    height, best = other, allocation
        max_height = height
        allocated.append((height, best))
    return allocated[::-1]


def _top(curves: Mapping[int, TitleCurve], target: float, budget: float | None) -> tuple[int, Allocation]:
    """Return height and allocation of the top rung: about the cheapest that reaches the target, else the best.

    With a budget in bits, the best within the budget, or the cheapest of all, if the target needs more.
    """
    reached = {height: curve.for_quality(target) for height, curve in curves.items()}
    enough = [h for h, a in reached.items() if a.quality >= target]
    if enough:
        fewest = min(reached[height].bits for height in enough)
        height = min(h for h in enough if reached[h].bits * (1 - LARGER_SIZE_SAVING) <= fewest)
    else:
        height = max(reached, key=lambda h: (reached[h].quality, -reached[h].bits))
    if budget is not None and reached[height].bits > budget:
        within = {height: curve.for_bits(budget) for height, curve in curves.items()}
        height = max(within, key=lambda h: (within[h].bits <= budget, within[h].quality, -within[h].bits))
        return height, within[height]
    return height, reached[height]


def _envelope(
    curves: Mapping[int, TitleCurve], bits: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the best height for each number of bits, made non-decreasing, and the VMAF that it gives."""
    order = sorted(curves)
    table = np.array([curves[h].quality_at(bits) for h in order])
    best = np.maximum.accumulate(np.argmax(table, axis=0))
    return np.array(order, np.int64)[best], table[best, np.arange(len(bits))]


def _rung_count(ratio: float, rules: RungRules) -> int:
    """Return the number of rungs of which adjacent ones have about the typical ratio, and not more than the maximum."""
    typical, fewest = (math.log(ratio) / math.log(each) for each in (rules.typical_ratio, rules.ratio[1]))
    return 1 + max(math.ceil(typical - ROUNDED_DOWN), math.ceil(fewest))


def _place_rungs(rates: NDArray[np.float64], quality: NDArray[np.float64], count: int, rules: RungRules) -> list[int]:
    """Return the indices of the rungs under the strictest feasible bounds; the first and the last bitrate are given."""
    low, high = rules.ratio
    for min_ratio, max_ratio, min_gain in (
        (low, high, rules.min_gain),
        (low, high, 0.0),
        (1.0, high, 0.0),
        (1.0, math.inf, 0.0),
    ):
        chosen = _place_optimally(rates, quality, min(count, len(rates)), rules, (min_ratio, max_ratio, min_gain))
        if chosen:
            return chosen
    return [len(rates) - 1]


def _place_optimally(
    rates: NDArray[np.float64],
    quality: NDArray[np.float64],
    count: int,
    rules: RungRules,
    bounds: tuple[float, float, float],
) -> list[int]:
    """Return the indices of the best `count` rungs within the bounds; empty if there are none.

    Dynamic programming over pairs of adjacent rungs: `value[j]` is the best total of ladders that end at bitrate `j`.
    """
    min_ratio, max_ratio, min_gain = bounds
    viewers = rules.fraction_below(rates)
    ratio = rates[None, :] / rates[:, None]
    slack = RATE_STEP**0.5
    permitted = (ratio >= min_ratio / slack) & (ratio <= max_ratio * slack)
    permitted &= quality[None, :] - quality[:, None] >= min_gain
    permitted &= np.triu(np.ones_like(permitted), 1)
    # viewers whose bandwidth is between two rungs receive the lower one
    gain = np.where(permitted, (viewers[None, :] - viewers[:, None]) * quality[:, None], -np.inf)
    value = np.full(len(rates), -np.inf)
    value[0] = 0.0
    origins: list[NDArray[np.int64]] = []
    for _ in range(count - 1):
        total = value[:, None] + gain
        origins.append(np.argmax(total, axis=0))
        value = np.max(total, axis=0)
    if not np.isfinite(value[-1]):
        return []
    chosen = [len(rates) - 1]
    for back in reversed(origins):
        chosen.append(int(back[chosen[-1]]))
    return chosen[::-1]


def _maximise_expected_quality(points: Sequence[RungChoice], chosen: Sequence[int], rules: RungRules) -> list[int]:
    """Move one rung after the other, by decreasing steps, while the score of the ladder increases."""
    assert rules.expected_quality is not None
    best = list(chosen)
    scores = {tuple(best): rules.expected_quality([points[i] for i in best])}
    for step in LOCAL_SEARCH_STEPS:
        moving = True
        while moving:
            moving = False
            for n in range(1, len(best) - 1):
                for way in (-step, step):
                    there = [*best[:n], best[n] + way, *best[n + 1 :]]
                    if tuple(there) in scores or not _are_apart(points, there[n - 1 : n + 2], rules):
                        continue
                    scores[tuple(there)] = rules.expected_quality([points[i] for i in there])
                    if scores[tuple(there)] > scores[tuple(best)]:
                        best, moving = there, True
    return best


def _are_apart(points: Sequence[RungChoice], indices: Sequence[int], rules: RungRules) -> bool:
    """Return whether the rungs at indices are in order and have the minimum bitrate ratio."""
    near = rules.ratio[0]
    return all(low < high and points[high].rate >= near * points[low].rate for low, high in pairwise(indices))
