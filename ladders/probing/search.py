"""Search for the curves of a title with few probe encodes.

In every round the probes are made that are expected to save most bits of the ladder per cost.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from encoder import Codec, get_codec
from ladders.ladder_request import StoppingRule
from ladders.probing.curve_fit import Curves, fit_all, known_sizes
from ladders.probing.probe_results import ProbePoint
from ladders.probing.probe_runner import Progress
from ladders.probing.prober import Prober
from ladders.probing.progress_range import sub_range
from ladders.probing.sampling import evenly_spaced
from ladders.rd.curve_transfer import nearest_probed_size
from ladders.rd.curves import Curve, Size
from ladders.rd.uncertainty import (
    SIGMA_AT_PROBE,
    SIGMA_PRIOR,
    OperatingPoint,
    expected_excess_rate,
    log_rate_sigma,
    sigma_of_excess,
)

__all__ = ["OperatingPointSource", "ProbeSearch", "SearchResult"]

# Quantisers are given as fractions of the quantiser range of the encoder. Constants without another origin are tuned on
# the replays of benchmarks.ladder_grids.

#: Quantiser fractions of the probes of a pilot at every size.
PILOT_FRACTIONS = (0.25, 0.6)
#: The same of fast-preset probes, further apart.
FAST_PILOT_FRACTIONS = (0.22, 0.65)
#: Quantiser fraction of the target-preset probe of a pilot that calibrates its fast-preset probes.
SHIFT_FRACTION = 0.45
#: Minimum and maximum number of chunks that are probed at all sizes, from which the curves of the others are
#: transferred.
PILOTS = (2, 3)
#: Chunks per pilot between these numbers: a curve that is transferred to few chunks is not worth many pilots.
CHUNKS_PER_PILOT = 4
#: VMAF from which a probe does not show the level of a curve: the scale ends at 100. Chosen by hand.
SATURATED = 99.0
#: Halvings of the bits; minimum distance of two probes at one size.
MIN_PROBE_DISTANCE = 0.45
#: Added standard deviation of ln(bits) of a curve of fast-preset probes after its calibration.
SIGMA_PRESET_SHIFT = 0.03
#: Maximum standard deviation of ln(bits) of a single chunk on a selected rung, in standard deviations at which
#: misallocation costs the tolerance. Chosen by hand: extrapolations over three halvings pass by default.
SIGMA_RATIO = 1.3
#: Standard deviation of ln(bits) of a chunk on a selected rung above which it is probed with every tolerance: below the
#: prior, so that every chunk is probed.
MAX_SIGMA = 0.75 * SIGMA_PRIOR
#: A probe is made if, at its saving per cost, a pass over the title at the tallest size would save this fraction of the
#: tolerance.
VALUE_THRESHOLD = 0.8
#: Cost of decoding and measuring a probe, as a fraction of an encode of the tallest size.
OVERHEAD = 0.3
#: Cost of a target-preset probe divided by the cost of a fast-preset probe.
EXACT_COST_RATIO = 3.0
#: Maximum number of rounds after the pilots.
MAX_ROUNDS = 8


class OperatingPointSource(Protocol):
    """Turns curves into the rungs of a ladder, such as `LadderBuilder`."""

    def operating_points(self, curves: Curves) -> list[dict[Size, list[float]]]:
        """Return for every rung the quantisers of all chunks at each size that reaches its VMAF.

        The first size is the one that the rung uses.
        """


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """Result of a search.

    Attributes
    ----------
    curves : mapping
        From every size to the curves of all chunks.
    expected_excess_rate : float
        Percentage of the bits that further probes are expected to save.
    """

    curves: Curves
    expected_excess_rate: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Probes of a chunk at a size that are made together.

    Attributes
    ----------
    points : tuple of ProbePoint
    cost : float
        In frames of the tallest size.
    gain : float
        Percentage of the bits that the probes are expected to save.
    needed : bool
        Whether a selected rung uses the chunk at this size with more than the maximum sigma.
    first : bool
        Whether the chunk has no probes yet.
    """

    points: tuple[ProbePoint, ...]
    cost: float
    gain: float = 0.0
    needed: bool = False
    first: bool = False


class ProbeSearch:
    """Search for the curves of one title.

    A few pilot chunks are probed at two quantisers at every size: they show the shape of the curves and the distance
    between sizes. If the target preset is slow, these probes are by a fast preset, and one target-preset probe of each
    pilot calibrates them. Round by round, a ladder is then built from the curves so far, and every probe that might
    change it is valued: by the percentage of bits that it is expected to save over the whole title
    (`expected_excess_rate`) per cost. The most valuable probes are made, as many as bring the expected excess down to
    the tolerance, together with the probes that selected rungs need.

    These probes are by the target preset, one at a time: the level of a curve differs between chunks much more than its
    shape. All are at the size and quantiser that a rung would use, the first one of a chunk at those of the top rung,
    whose final encodes cost most: probes near the final quantiser take the place of final encodes.

    Parameters
    ----------
    prober : Prober
        Makes and keeps the probes.
    sizes : sequence of (int, int)
        Candidate sizes, tallest first.
    builder : OperatingPointSource
        Builds the ladder of each round.
    stopping : StoppingRule, optional
    """

    def __init__(
        self,
        prober: Prober,
        sizes: Sequence[Size],
        builder: OperatingPointSource,
        stopping: StoppingRule | None = None,
    ) -> None:
        self.prober, self.sizes, self.builder = prober, list(sizes), builder
        self.stopping = stopping or StoppingRule()
        self._codec: Codec = get_codec(prober.encoding.codec)
        self._uses_fast = prober.encoding.fast_preset is not None
        # cost of the probes so far, in the unit of _Candidate.cost
        self._spent = 0.0

    def run(self, progress: Progress | None = None) -> SearchResult:
        """Probe until the expected excess is within the tolerance, or the budget is spent."""
        self._probe_pilots(sub_range(progress, 0.0, 0.4))
        curves = fit_all(self.prober, self.sizes)
        for number in range(MAX_ROUNDS):
            excess, candidates = self._value_candidates(curves)
            chosen = self._choose(candidates, excess)
            if not chosen:
                break
            start = 1 - 0.6 * 0.5**number
            self._probe(chosen, sub_range(progress, start, (1 + start) / 2))
            curves = fit_all(self.prober, self.sizes)
        else:
            excess, _ = self._value_candidates(curves)
        if progress:
            progress(1.0, 1.0)
        return SearchResult(curves, excess)

    def _probe_pilots(self, progress: Progress | None) -> None:
        """Probe evenly spaced chunks at every size; with a budget, the first alone, to learn what a probe costs."""
        middle = self.sizes[len(self.sizes) // 2]
        pilots = []
        count = int(np.clip(math.ceil(len(self.prober.chunks) / CHUNKS_PER_PILOT), *PILOTS))
        for chunk in evenly_spaced(count, len(self.prober.chunks)):
            points = [point for size in self.sizes for point in self._pilot_points(chunk, size)]
            if self._uses_fast:
                points.append(ProbePoint(chunk, middle, self._codec.quantiser_at(SHIFT_FRACTION)))
            pilots.append(_Candidate(tuple(points), sum(map(self._cost, points))))
        if self.stopping.budget is not None:
            self._probe(pilots[:1], None)
            pilots = self._within_budget(pilots[1:])
        self._probe(pilots, progress)

    def _probe(self, candidates: Sequence[_Candidate], progress: Progress | None) -> None:
        points = [point for candidate in candidates for point in candidate.points]
        self.prober.run(points, progress)
        self._spent += sum(candidate.cost for candidate in candidates)

    def _pilot_points(self, chunk: int, size: Size) -> list[ProbePoint]:
        """Return the probes of a pilot at a size."""
        fractions = FAST_PILOT_FRACTIONS if self._uses_fast else PILOT_FRACTIONS
        return [ProbePoint(chunk, size, self._codec.quantiser_at(each), fast=self._uses_fast) for each in fractions]

    def _cost(self, point: ProbePoint) -> float:
        """Return the approximate cost of a probe, in frames of the tallest size."""
        tallest, own = (width * height for width, height in (self.sizes[0], point.size))
        ratio = EXACT_COST_RATIO if self._uses_fast and not point.fast else 1.0
        return self.prober.chunks[point.chunk].frame_count * (own / tallest * ratio + OVERHEAD)

    def _value_candidates(self, curves: Curves) -> tuple[float, list[_Candidate]]:
        """Return the expected excess, percent of the bits, and the probes that might reduce it."""
        rungs = self.builder.operating_points(curves)
        known = [known_sizes(self.prober, n, self.sizes) for n in range(len(self.prober.chunks))]
        total = 0.0
        # by chunk, size and quantiser
        gains: dict[tuple[int, Size, float], float] = {}
        needed = set()
        max_sigma = min(SIGMA_RATIO * sigma_of_excess(self.stopping.tolerance_percent), MAX_SIGMA)
        for rung in rungs:
            points = [self._operating_point(curves, size, quantisers, known) for size, quantisers in rung.items()]
            excess, saved = expected_excess_rate(points)
            total += excess / len(rungs)
            for index, (size, quantisers) in enumerate(rung.items()):
                sigma = points[index].sigma
                for n in np.flatnonzero(points[index].sigma_if_probed < sigma):
                    key = int(n), size, quantisers[n]
                    gains[key] = gains.get(key, 0.0) + float(saved[index][n]) / len(rungs)
                    # the first size is the one that the rung uses
                    if index == 0 and sigma[n] > max_sigma:
                        needed.add(key)
        candidates = []
        firsts: dict[int, float] = defaultdict(float)
        for key, gain in gains.items():
            if known[key[0]]:
                point = ProbePoint(*key)
                candidates.append(_Candidate((point,), self._cost(point), gain, key in needed))
            else:
                firsts[key[0]] += gain
        top_size, top_quantisers = next(iter(rungs[-1].items()))
        for chunk, gain in firsts.items():
            point = ProbePoint(chunk, top_size, top_quantisers[chunk])
            candidates.append(_Candidate((point,), self._cost(point), gain, needed=True, first=True))
        return total, candidates

    def _choose(self, candidates: Sequence[_Candidate], excess: float) -> list[_Candidate]:
        """Return the needed probes, and the most valuable ones until the expected excess is within the tolerance."""
        chosen: list[_Candidate] = []
        by_chunk: dict[int, list[_Candidate]] = defaultdict(list)
        # the prior variance of an unprobed chunk exceeds all others, so that these come first
        firsts = [candidate for candidate in candidates if candidate.first]
        ordered = sorted(firsts or candidates, key=lambda candidate: -candidate.gain / candidate.cost)
        tolerance = self.stopping.tolerance_percent
        frames = sum(chunk.frame_count for chunk in self.prober.chunks)
        threshold = VALUE_THRESHOLD * tolerance / (frames * (1 + OVERHEAD))
        remaining = excess - tolerance
        for candidate in ordered:
            is_valuable = remaining > 0 and candidate.gain > threshold * candidate.cost
            others = by_chunk[candidate.points[0].chunk]
            if (is_valuable or candidate.needed) and not any(self._is_redundant(candidate, other) for other in others):
                chosen.append(candidate)
                others.append(candidate)
                remaining -= candidate.gain
        return self._within_budget(chosen)

    def _is_redundant(self, candidate: _Candidate, other: _Candidate) -> bool:
        """Return whether the result of another probe of the chunk may make a probe unnecessary."""
        one, two = candidate.points[0], other.points[0]
        near = MIN_PROBE_DISTANCE * self._codec.rate_halving
        return one.size == two.size and abs(one.quantiser - two.quantiser) < near

    def _within_budget(self, candidates: Sequence[_Candidate]) -> list[_Candidate]:
        """Return the candidates, from the first on, that fit into the rest of the budget."""
        if self.stopping.budget is None:
            return list(candidates)
        seconds = self.prober.cost.cpu_seconds
        left = (self.stopping.budget - seconds) * self._spent / max(seconds, 1e-9)
        costs = np.cumsum([candidate.cost for candidate in candidates])
        return list(candidates[: int(np.searchsorted(costs, left, side="right"))])

    def _operating_point(
        self, curves: Curves, size: Size, quantisers: Sequence[float], known: Sequence[Sequence[Size]]
    ) -> OperatingPoint:
        """Return bits and sigma of the encodes that a rung would use at a size."""
        row, results = curves[size], self.prober.results
        bits = [curve.bits[np.searchsorted(curve.quantisers, q)] for curve, q in zip(row, quantisers, strict=True)]
        sigma = np.array([self._sigma(n, size, q, known[n], row[n]) for n, q in enumerate(quantisers)])
        is_transferred = np.array([not (results.exact(n, size) or results.fast(n, size)) for n in range(len(row))])
        return OperatingPoint(np.array(bits), sigma, np.minimum(sigma, SIGMA_AT_PROBE), is_transferred)

    def _sigma(self, chunk: int, size: Size, quantiser: float, known: Sequence[Size], curve: Curve) -> float:
        """Return the standard deviation of ln(bits) of a chunk at a size and quantiser."""
        if not known:
            return SIGMA_PRIOR
        index = self.sizes.index
        sizes_away = None if size in known else abs(index(nearest_probed_size(size, known, self.sizes)) - index(size))
        exact, fast = (
            [q for q, point in points.items() if point.quality < SATURATED]
            for points in (self.prober.results.exact(chunk, size), self.prober.results.fast(chunk, size))
        )
        if not exact and not fast and size in known:
            return SIGMA_PRIOR
        probed = np.array([*exact, *fast])
        steps = (probed - quantiser) / self._codec.rate_halving
        # bits of film grain halve within few quantiser steps; the larger of both distances counts
        halvings = np.log2(
            np.interp(quantiser, curve.quantisers, curve.bits) / np.interp(probed, curve.quantisers, curve.bits)
        )
        distances = np.where(np.abs(halvings) > np.abs(steps), halvings, steps)
        of_exact, of_fast = np.split(distances, [len(exact)])
        return min(log_rate_sigma(of_exact, sizes_away), log_rate_sigma(of_fast, None) + SIGMA_PRESET_SHIFT)
