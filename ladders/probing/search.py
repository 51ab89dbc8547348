"""Find a title's curves with few trials: the next ones are those that are expected to save most bits for their cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from encoder import Codec, get_codec
from ladders.probing.curve_fit import Curves, completed_by, drawn_of, sizes_drawn
from ladders.probing.prober import ProbePoint, Prober, spread
from ladders.rd.curve_transfer import lender
from ladders.rd.curves import Curve, Size
from ladders.rd.uncertainty import TOLD, UNKNOWN, OperatingPoint, doubt_of, expected_excess_rate

__all__ = ["Found", "StoppingRule", "Wanted", "explore", "part_of"]

Progress = Callable[[float, float], None]
#: What a ladder made of curves would encode: for every rung, the quantisers of all chunks at each size that reaches its
#: quality, first the size that it takes.
Wanted = Callable[[Curves], list[dict[Size, list[float]]]]

#: Where a chunk's first trials at a size lie in the encoder's range of quantisers.
FIRST_TRIALS = (0.25, 0.6)
#: The same of rough ones, wider apart; and of the one encode that puts a chunk's rough trials in their place, whose bow
#: it tells as well.
ROUGH_TRIALS, MIDDLING = (0.22, 0.65), 0.45
#: So many chunks are tried at all sizes: they show the others what a size does.
PILOTS = 3
#: Trials at one size are no closer than so many halvings of the rate.
NEAR = 0.45
#: How much more a chunk's bits are in doubt where only rough trials tell them; and what a rung does not stand on more
#: doubt than, the second where trials are rough.
MOVED, SURE, ROUGHLY_SURE = 0.03, 0.08, 0.15
#: Trials are worth it if, at their rate, a pass over the title at its tallest size saves such a share of the loss that
#: is asked for.
WORTH = 0.8
#: What a trial costs beside its own pixels, in pixels of the tallest size: decoding and measuring; and about how many
#: times more than a rough one a trial by the final preset takes.
OVERHEAD, DEARER = 0.3, 3.0
#: Rounds of trying, at most, after the pilots.
ROUNDS = 8


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When a search ends.

    Attributes
    ----------
    loss : float
        No more is tried once the rungs are expected to cost at most so much more (percent of their bits) than if all
        curves were known.
    budget : float or None
        CPU seconds that all trials may take, about; None for as many as the loss needs. One chunk is tried whatever the
        budget.
    """

    loss: float = 0.5
    budget: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search found: curves of every chunk at every size, and how many percent of bits may still be lost."""

    curves: Curves
    expected_excess_rate: float


@dataclass(frozen=True, slots=True)
class _Trial:
    """Points of a chunk to try together at a size.

    Attributes
    ----------
    points : tuple of Point
    cost : float
        As `_cost` counts.
    gain : float
        Percent of bits that it is expected to save.
    needed : bool
        Whether a rung stands on it, where nothing near was tried as yet.
    first : bool
        Whether nothing of the chunk is known as yet.
    """

    points: tuple[ProbePoint, ...]
    cost: float
    gain: float = 0.0
    needed: bool = False
    first: bool = False


def explore(
    prober: Prober,
    sizes: Sequence[Size],
    wanted: Wanted,
    progress: Progress | None = None,
    stop: StoppingRule | None = None,
) -> Found:
    """Run trials until what the rungs may still lose is small, or the budget is spent.

    Parameters
    ----------
    prober : Prober
        Runs and keeps the trials.
    sizes : sequence of (int, int)
        To choose from, tallest first.
    wanted : callable
        Makes a ladder of curves and says what it would encode.
    progress : callable, optional
        Takes (share done, 1).
    stop : Stop, optional

    Returns
    -------
    Found

    Notes
    -----
    A few chunks are tried at every size. Then, round by round, a ladder is made of what is known, and every trial that
    might change it is weighed: by the percent of bits that it is expected to save over the whole title
    (`expected_excess_rate`) for its cost. The best of them, as many as bring the loss down to the tolerance, are run,
    and those that a rung stands on: what is promised of it is to be on ground that was tried, as far as the budget
    reaches.
    A size at which a chunk borrows its curve is tried once, where a rung would have it, and the curve moved through
    that. Where the final preset is slow, first trials are rough, by a fast one; one encode a chunk, at the first size
    that it is tried at, tells what the two differ, and those that are to tell more are by the final preset, too.
    """
    return _Search(prober, list(sizes), wanted, stop or StoppingRule()).run(progress)


class _Search:
    """One title's search."""

    def __init__(self, prober: Prober, sizes: list[Size], wanted: Wanted, stop: StoppingRule) -> None:
        self.prober, self.sizes, self.wanted, self.stop = prober, sizes, wanted, stop
        self.codec: Codec = get_codec(prober.encoding.codec)
        self.rough = prober.encoding.trial_preset is not None
        self.drawn: list[dict[Size, Curve]] = [{} for _ in prober.chunks]
        self.spent = 0.0

    def run(self, progress: Progress | None) -> Found:
        """Try until it may stop."""
        self._pilots(part_of(progress, 0.0, 0.4))
        curves = completed_by(self.prober, self.sizes, self.drawn)
        for number in range(ROUNDS):
            loss, trials = self._weighed(curves)
            chosen = self._chosen(trials, loss)
            if not chosen:
                break
            begin = 1 - 0.6 * 0.5**number
            self._try(chosen, part_of(progress, begin, (1 + begin) / 2))
            curves = completed_by(self.prober, self.sizes, self.drawn)
        else:
            loss, _ = self._weighed(curves)
        if progress:
            progress(1.0, 1.0)
        return Found(curves, loss)

    def _pilots(self, progress: Progress | None) -> None:
        """Try a few chunks, evenly spread, at every size; one by one where there is a budget."""
        middle = self.sizes[len(self.sizes) // 2]
        trials = []
        for chunk in spread(PILOTS, len(self.prober.chunks)):
            points = [point for size in self.sizes for point in self._first(chunk, size, sure=size == middle)]
            trials.append(_Trial(tuple(points), sum(map(self._cost, points))))
        if self.stop.budget is not None:
            self._try(trials[:1], None)
            trials = self._within_budget(trials[1:])
        self._try(trials, progress)

    def _try(self, trials: Sequence[_Trial], progress: Progress | None) -> None:
        points = [point for trial in trials for point in trial.points]
        self.prober.run(points, progress)
        for chunk in {point.chunk for point in points}:
            self.drawn[chunk] = drawn_of(self.prober, chunk, self.sizes)
        self.spent += sum(trial.cost for trial in trials)

    def _first(self, chunk: int, size: Size, *, sure: bool) -> list[ProbePoint]:
        """Return a chunk's first points at a size."""
        if not self.rough:
            return [ProbePoint(chunk, size, self.codec.quantiser_at(share)) for share in FIRST_TRIALS]
        points = [ProbePoint(chunk, size, self.codec.quantiser_at(share), rough=True) for share in ROUGH_TRIALS]
        return [*points, ProbePoint(chunk, size, self.codec.quantiser_at(MIDDLING))] if sure else points

    def _cost(self, point: ProbePoint) -> float:
        """Return about what a trial costs, in no unit."""
        tallest, mine = (width * height for width, height in (self.sizes[0], point.size))
        dearer = DEARER if self.rough and not point.rough else 1.0
        return self.prober.chunks[point.chunk].frame_count * (mine / tallest * dearer + OVERHEAD)

    def _weighed(self, curves: Curves) -> tuple[float, list[_Trial]]:
        """Return the percent of bits that may still be lost, and the trials that might save some of them."""
        rungs = self.wanted(curves)
        tried = [sizes_drawn(self.prober, n, self.sizes) for n in range(len(self.prober.chunks))]
        total = 0.0
        gains: dict[tuple[int, Size, float | None], float] = {}
        needed = set()
        for rung in rungs:
            landings = [self._landing(curves, size, quantisers, tried) for size, quantisers in rung.items()]
            loss, saved = expected_excess_rate(landings)
            total += loss / len(rungs)
            for place, (size, quantisers) in enumerate(rung.items()):
                doubt = landings[place].doubt
                for n in np.flatnonzero(landings[place].after < doubt):
                    key = int(n), size, quantisers[n] if self._may_try_one(size, tried[n]) else None
                    gains[key] = gains.get(key, 0.0) + float(saved[place][n]) / len(rungs)
                    # the first size is the one that the rung takes
                    if place == 0 and doubt[n] > (ROUGHLY_SURE if self.rough else SURE):
                        needed.add(key)
        trials = []
        for key, gain in gains.items():
            chunk, size, quantiser = key
            first = not tried[chunk]
            one = None if quantiser is None else [ProbePoint(chunk, size, quantiser)]
            points = one or self._first(chunk, size, sure=first)
            trials.append(_Trial(tuple(points), sum(map(self._cost, points)), gain, key in needed, first))
        return total, trials

    def _may_try_one(self, size: Size, tried: Sequence[Size]) -> bool:
        """Tell whether one trial serves: where trials draw a curve, or one of another size can be moved through it."""
        return size in tried or (bool(tried) and not self.rough)

    def _chosen(self, trials: Sequence[_Trial], loss: float) -> list[_Trial]:
        """Return those that are needed, and those that save most for their cost until the loss is what is asked for."""
        chosen: list[_Trial] = []
        of_chunk: dict[int, list[_Trial]] = defaultdict(list)
        # what a chunk of which nothing is known adds to the doubt outshines all else
        firsts = [trial for trial in trials if trial.first]
        ordered = sorted(firsts or trials, key=lambda trial: -trial.gain / trial.cost)
        least = WORTH * self.stop.loss / (sum(chunk.frame_count for chunk in self.prober.chunks) * (1 + OVERHEAD))
        excess = loss - self.stop.loss
        for trial in ordered:
            serves = excess > 0 and trial.gain > least * trial.cost
            others = of_chunk[trial.points[0].chunk]
            if (serves or trial.needed) and not any(self._alike(trial, other) for other in others):
                chosen.append(trial)
                others.append(trial)
                excess -= trial.gain
        return self._within_budget(chosen)

    def _alike(self, trial: _Trial, other: _Trial) -> bool:
        """Tell whether what another trial of a chunk tells has to be known before this one is worth its cost."""
        one, two = trial.points[0], other.points[0]
        if not trial.first and one.size != two.size:
            return False
        near = abs(one.quantiser - two.quantiser) < NEAR * self.codec.rate_halving
        return near or len(trial.points) > 1 or len(other.points) > 1

    def _within_budget(self, trials: Sequence[_Trial]) -> list[_Trial]:
        """Return the trials, from the first on, that what is left of the budget pays for."""
        if self.stop.budget is None:
            return list(trials)
        seconds = self.prober.cost.cpu_seconds
        left = (self.stop.budget - seconds) * self.spent / max(seconds, 1e-9)
        bills = np.cumsum([trial.cost for trial in trials])
        return list(trials[: int(np.searchsorted(bills, left, side="right"))])

    def _landing(
        self, curves: Curves, size: Size, quantisers: Sequence[float], tried: Sequence[Sequence[Size]]
    ) -> OperatingPoint:
        """Return what a rung would encode at a size."""
        row = curves[size]
        bits = [curve.bits[np.searchsorted(curve.quantisers, q)] for curve, q in zip(row, quantisers, strict=True)]
        doubt = np.array([self._doubt(n, size, q, tried[n], row[n]) for n, q in enumerate(quantisers)])
        known = self.prober.found, self.prober.rough
        borrowed = np.array([not any(found[n, size] for found in known) for n in range(len(row))])
        return OperatingPoint(np.array(bits), doubt, np.minimum(doubt, TOLD), borrowed)

    def _doubt(self, chunk: int, size: Size, quantiser: float, tried: Sequence[Size], curve: Curve) -> float:
        """Return how much a chunk's bits are in doubt at a size and quantiser."""
        if not tried:
            return UNKNOWN
        place = self.sizes.index
        lent = None if size in tried else abs(place(lender(size, tried, self.sizes)) - place(size))
        known = self.prober.found[chunk, size], self.prober.rough[chunk, size]
        there = np.array([*known[0], *known[1]])
        steps = (there - quantiser) / self.codec.rate_halving
        # grain falls off all at once
        falls = np.log2(
            np.interp(quantiser, curve.quantisers, curve.bits) / np.interp(there, curve.quantisers, curve.bits)
        )
        sure, rough = np.split(np.where(np.abs(falls) > np.abs(steps), falls, steps), [len(known[0])])
        return min(doubt_of(sure, lent), doubt_of(rough, None) + MOVED)


def part_of(progress: Progress | None, begin: float, end: float) -> Progress | None:
    """Return a progress that fills only a part of the whole."""
    if progress is None:
        return None
    whole = progress
    return lambda done, total: whole(begin + (end - begin) * done / max(total, 1), 1.0)
