"""Find a title's curves with few probes: the next ones are those that are expected to save most bits for their cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from encoder import Codec, codec_named
from ladders.ladder_request import StoppingRule
from ladders.probing.curve_fit import Curves, fit_chunk_probes, fittable_sizes, impute_from_probes
from ladders.probing.prober import ProbePoint, Prober, evenly_spaced
from ladders.rd.curve_transfer import nearest_probed_size
from ladders.rd.curves import Curve, Size
from ladders.rd.uncertainty import SIGMA_AT_PROBE, SIGMA_PRIOR, OperatingPoint, expected_excess_rate, log_rate_sigma

__all__ = ["Found", "Wanted", "explore", "sub_range"]

Progress = Callable[[float, float], None]
#: What a ladder made of curves would encode: for every rung, the quantisers of all chunks at each size that reaches its
#: quality, first the size that it takes.
Wanted = Callable[[Curves], list[dict[Size, list[float]]]]

#: Where a chunk's first probes at a size lie in the encoder's range of quantisers.
FIRST_FRACTIONS = (0.25, 0.6)
#: The same of fast ones, wider apart; and of the one encode that puts a chunk's fast probes in their index, whose bow
#: it tells as well.
FAST_FRACTIONS, SHIFT_FRACTION = (0.22, 0.65), 0.45
#: So many chunks are tried at all sizes: they show the others what a size does.
PILOTS = 3
#: Trials at one size are no closer than so many halvings of the rate.
NEAR = 0.45
#: How much more a chunk's bits are in sigma where only fast probes tell them; and what a rung does not stand on more
#: sigma than, the second where probes are fast.
SIGMA_PRESET_SHIFT, MAX_SIGMA, MAX_SIGMA_FAST = 0.03, 0.08, 0.15
#: Trials are worth it if, at their rate, a pass over the title at its tallest size saves such a share of the loss that
#: is asked for.
VALUE_THRESHOLD = 0.8
#: What a probe costs beside its own pixels, in pixels of the tallest size: decoding and measuring; and about how many
#: times more than a fast one a probe by the final preset takes.
OVERHEAD, EXACT_COST_RATIO = 0.3, 3.0
#: Rounds of trying, at most, after the pilots.
ROUNDS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search found: curves of every chunk at every size, and how many percent of bits may still be lost."""

    curves: Curves
    expected_excess_rate: float


@dataclass(frozen=True, slots=True)
class _Candidate:
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
    """Run probes until what the rungs may still lose is small, or the budget is spent.

    Parameters
    ----------
    prober : Prober
        Runs and keeps the probes.
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
    A few chunks are tried at every size. Then, round by round, a ladder is made of what is known, and every probe that
    might change it is weighed: by the percent of bits that it is expected to save over the whole title
    (`expected_excess_rate`) for its cost. The best of them, as many as bring the loss down to the tolerance, are run,
    and those that a rung stands on: what is promised of it is to be on ground that was tried, as far as the budget
    reaches.
    A size at which a chunk borrows its curve is tried once, where a rung would have it, and the curve moved through
    that. Where the final preset is slow, first probes are fast, by a fast one; one encode a chunk, at the first size
    that it is tried at, tells what the two differ, and those that are to tell more are by the final preset, too.
    """
    return _Search(prober, list(sizes), wanted, stop or StoppingRule()).run(progress)


class _Search:
    """One title's search."""

    def __init__(self, prober: Prober, sizes: list[Size], wanted: Wanted, stop: StoppingRule) -> None:
        self.prober, self.sizes, self.wanted, self.stop = prober, sizes, wanted, stop
        self.codec: Codec = codec_named(prober.encoding.codec)
        self.fast = prober.encoding.fast_preset is not None
        self.drawn: list[dict[Size, Curve]] = [{} for _ in prober.chunks]
        self.spent = 0.0

    def run(self, progress: Progress | None) -> Found:
        """Try until it may stop."""
        self._pilots(sub_range(progress, 0.0, 0.4))
        curves = impute_from_probes(self.prober, self.sizes, self.drawn)
        for number in range(ROUNDS):
            loss, probes = self._weighed(curves)
            chosen = self._chosen(probes, loss)
            if not chosen:
                break
            begin = 1 - 0.6 * 0.5**number
            self._try(chosen, sub_range(progress, begin, (1 + begin) / 2))
            curves = impute_from_probes(self.prober, self.sizes, self.drawn)
        else:
            loss, _ = self._weighed(curves)
        if progress:
            progress(1.0, 1.0)
        return Found(curves, loss)

    def _pilots(self, progress: Progress | None) -> None:
        """Try a few chunks, evenly evenly_spaced, at every size; one by one where there is a budget."""
        middle = self.sizes[len(self.sizes) // 2]
        probes = []
        for chunk in evenly_spaced(PILOTS, len(self.prober.chunks)):
            points = [point for size in self.sizes for point in self._first(chunk, size, exact=size == middle)]
            probes.append(_Candidate(tuple(points), sum(map(self._cost, points))))
        if self.stop.budget is not None:
            self._try(probes[:1], None)
            probes = self._within_budget(probes[1:])
        self._try(probes, progress)

    def _try(self, probes: Sequence[_Candidate], progress: Progress | None) -> None:
        points = [point for probe in probes for point in probe.points]
        self.prober.run(points, progress)
        for chunk in {point.chunk for point in points}:
            self.drawn[chunk] = fit_chunk_probes(self.prober, chunk, self.sizes)
        self.spent += sum(probe.cost for probe in probes)

    def _first(self, chunk: int, size: Size, *, exact: bool) -> list[ProbePoint]:
        """Return a chunk's first points at a size."""
        if not self.fast:
            return [ProbePoint(chunk, size, self.codec.at_share(share)) for share in FIRST_FRACTIONS]
        points = [ProbePoint(chunk, size, self.codec.at_share(share), fast=True) for share in FAST_FRACTIONS]
        return [*points, ProbePoint(chunk, size, self.codec.at_share(SHIFT_FRACTION))] if exact else points

    def _cost(self, point: ProbePoint) -> float:
        """Return about what a probe costs, in no unit."""
        tallest, mine = (width * height for width, height in (self.sizes[0], point.size))
        dearer = EXACT_COST_RATIO if self.fast and not point.fast else 1.0
        return self.prober.chunks[point.chunk].frame_count * (mine / tallest * dearer + OVERHEAD)

    def _weighed(self, curves: Curves) -> tuple[float, list[_Candidate]]:
        """Return the percent of bits that may still be lost, and the probes that might save some of them."""
        rungs = self.wanted(curves)
        tried = [fittable_sizes(self.prober, n, self.sizes) for n in range(len(self.prober.chunks))]
        total = 0.0
        gains: dict[tuple[int, Size, float | None], float] = {}
        needed = set()
        for rung in rungs:
            operating_points = [
                self._operating_point(curves, size, quantisers, tried) for size, quantisers in rung.items()
            ]
            loss, saved = expected_excess_rate(operating_points)
            total += loss / len(rungs)
            for index, (size, quantisers) in enumerate(rung.items()):
                sigma = operating_points[index].sigma
                for n in np.flatnonzero(operating_points[index].sigma_if_probed < sigma):
                    key = int(n), size, quantisers[n] if self._may_try_one(size, tried[n]) else None
                    gains[key] = gains.get(key, 0.0) + float(saved[index][n]) / len(rungs)
                    # the first size is the one that the rung takes
                    if index == 0 and sigma[n] > (MAX_SIGMA_FAST if self.fast else MAX_SIGMA):
                        needed.add(key)
        probes = []
        for key, gain in gains.items():
            chunk, size, quantiser = key
            first = not tried[chunk]
            one = None if quantiser is None else [ProbePoint(chunk, size, quantiser)]
            points = one or self._first(chunk, size, exact=first)
            probes.append(_Candidate(tuple(points), sum(map(self._cost, points)), gain, key in needed, first))
        return total, probes

    def _may_try_one(self, size: Size, tried: Sequence[Size]) -> bool:
        """Tell whether one probe serves: where probes draw a curve, or one of another size can be moved through it."""
        return size in tried or (bool(tried) and not self.fast)

    def _chosen(self, probes: Sequence[_Candidate], loss: float) -> list[_Candidate]:
        """Return those that are needed, and those that save most for their cost until the loss is what is asked for."""
        chosen: list[_Candidate] = []
        chunk_vmaf: dict[int, list[_Candidate]] = defaultdict(list)
        # what a chunk of which nothing is known adds to the sigma outshines all else
        firsts = [probe for probe in probes if probe.first]
        ordered = sorted(firsts or probes, key=lambda probe: -probe.gain / probe.cost)
        least = (
            VALUE_THRESHOLD
            * self.stop.tolerance_percent
            / (sum(chunk.frame_count for chunk in self.prober.chunks) * (1 + OVERHEAD))
        )
        excess = loss - self.stop.tolerance_percent
        for probe in ordered:
            serves = excess > 0 and probe.gain > least * probe.cost
            others = chunk_vmaf[probe.points[0].chunk]
            if (serves or probe.needed) and not any(self._is_redundant(probe, other) for other in others):
                chosen.append(probe)
                others.append(probe)
                excess -= probe.gain
        return self._within_budget(chosen)

    def _is_redundant(self, probe: _Candidate, other: _Candidate) -> bool:
        """Tell whether what another probe of a chunk tells has to be known before this one is worth its cost."""
        one, two = probe.points[0], other.points[0]
        if not probe.first and one.size != two.size:
            return False
        near = abs(one.quantiser - two.quantiser) < NEAR * self.codec.rate_halving
        return near or len(probe.points) > 1 or len(other.points) > 1

    def _within_budget(self, probes: Sequence[_Candidate]) -> list[_Candidate]:
        """Return the probes, from the first on, that what is left of the budget pays for."""
        if self.stop.budget is None:
            return list(probes)
        seconds = self.prober.cost.cpu_seconds
        left = (self.stop.budget - seconds) * self.spent / max(seconds, 1e-9)
        bills = np.cumsum([probe.cost for probe in probes])
        return list(probes[: int(np.searchsorted(bills, left, side="right"))])

    def _operating_point(
        self, curves: Curves, size: Size, quantisers: Sequence[float], tried: Sequence[Sequence[Size]]
    ) -> OperatingPoint:
        """Return what a rung would encode at a size."""
        row = curves[size]
        bits = [curve.bits[np.searchsorted(curve.quantisers, q)] for curve, q in zip(row, quantisers, strict=True)]
        sigma = np.array([self._log_rate_sigma(n, size, q, tried[n], row[n]) for n, q in enumerate(quantisers)])
        known = self.prober.found, self.prober.fast
        transferred = np.array([not any(found[n, size] for found in known) for n in range(len(row))])
        return OperatingPoint(np.array(bits), sigma, np.minimum(sigma, SIGMA_AT_PROBE), transferred)

    def _log_rate_sigma(self, chunk: int, size: Size, quantiser: float, tried: Sequence[Size], curve: Curve) -> float:
        """Return how much a chunk's bits are in sigma at a size and quantiser."""
        if not tried:
            return SIGMA_PRIOR
        index = self.sizes.index
        lent = None if size in tried else abs(index(nearest_probed_size(size, tried, self.sizes)) - index(size))
        known = self.prober.found[chunk, size], self.prober.fast[chunk, size]
        there = np.array([*known[0], *known[1]])
        steps = (there - quantiser) / self.codec.rate_halving
        # grain falls off all at once
        falls = np.log2(
            np.interp(quantiser, curve.quantisers, curve.bits) / np.interp(there, curve.quantisers, curve.bits)
        )
        exact, fast = np.split(np.where(np.abs(falls) > np.abs(steps), falls, steps), [len(known[0])])
        return min(log_rate_sigma(exact, lent), log_rate_sigma(fast, None) + SIGMA_PRESET_SHIFT)


def sub_range(progress: Progress | None, begin: float, end: float) -> Progress | None:
    """Return a progress that fills only a part of the whole."""
    if progress is None:
        return None
    whole = progress
    return lambda done, total: whole(begin + (end - begin) * done / max(total, 1), 1.0)
