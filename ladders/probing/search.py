"""Search for the curves of a title with few probe encodes.

In every round the probes are made that are expected to save most bits of the ladder per cost.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from encoder import Codec, get_codec
from ladders.ladder_request import StoppingRule
from ladders.probing.curve_fit import (
    Curves,
    chunk_offsets,
    fit_chunk_probes,
    fittable_sizes,
    impute_from_probes,
)
from ladders.probing.probe_results import ProbePoint
from ladders.probing.probe_runner import Progress
from ladders.probing.prober import Prober
from ladders.probing.progress_range import sub_range
from ladders.probing.sampling import evenly_spaced
from ladders.rd.curve_transfer import nearest_probed_size, transfer_error_factor
from ladders.rd.curves import Curve, Size
from ladders.rd.preset_calibration import PresetOffset, fit_offset_line
from ladders.rd.uncertainty import (
    SIGMA_AT_PROBE,
    SIGMA_PRIOR,
    SIGMA_TRANSFER,
    OperatingPoint,
    excess_of_sigma,
    expected_excess_rate,
    log_rate_sigma,
    sigma_of_excess,
)

__all__ = ["OperatingPointSource", "ProbeSearch", "SearchResult"]

# Quantisers are given as fractions of the quantiser range of the encoder. Constants without another origin are tuned on
# the replays of benchmarks.ladder_grids.

#: Quantiser fractions of the first probes of a chunk at a size.
FIRST_FRACTIONS = (0.25, 0.6)
#: Quantiser fractions of the first fast-preset probes, further apart than `FIRST_FRACTIONS`.
FAST_FRACTIONS = (0.22, 0.65)
#: Quantiser fraction of the target-preset probe that calibrates the fast-preset probes of a chunk.
SHIFT_FRACTION = 0.45
#: Minimum and maximum number of chunks that are probed at all sizes, from which the curves of the others are
#: transferred.
PILOTS = (2, 3)
#: Chunks per pilot between these numbers: a curve that is transferred to few chunks is not worth many pilots.
CHUNKS_PER_PILOT = 4
#: Halvings of the bits; minimum distance of two probes at one size.
MIN_PROBE_DISTANCE = 0.45
#: Added standard deviation of ln(bits) of a curve of fast-preset probes after its calibration.
SIGMA_PRESET_SHIFT = 0.03
#: The same without a calibration of its own, by the offsets of other chunks: from 0.06 to 0.17 on five films.
SIGMA_UNCALIBRATED = 0.13
#: Fraction of the tolerance that missing calibrations may cost. Chosen by hand: the other errors of the curves need the
#: rest.
UNCALIBRATED_FRACTION = 0.25
#: Minimum number of chunks of a title with chunks that are not calibrated. Chosen by hand: about one chunk of the top
#: rung is encoded again for them, which costs as much as the calibration of two or three.
MIN_CHUNKS_UNCALIBRATED = 8
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

    A few pilot chunks are probed at every size. Then, round by round, a ladder is built from the curves so far, and
    every probe that might change it is valued: by the percentage of bits that it is expected to save over the whole
    title (`expected_excess_rate`) per cost. The most valuable probes are made, as many as bring the expected excess
    down to the tolerance, together with the probes that selected rungs need.

    A size at which the curve of a chunk is transferred is probed once, at the quantiser that a rung would use, and the
    curve is shifted through that probe. If the target preset is slow, first probes are by a fast preset; one
    target-preset probe per chunk, at the first size that is probed, calibrates them. If the tolerance permits it, only
    the pilots have one, whose offsets calibrate the other chunks until their final encodes do. Later probes are by the
    target preset.

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
        own = excess_of_sigma(SIGMA_UNCALIBRATED)
        is_too_inexact = own > UNCALIBRATED_FRACTION * self.stopping.tolerance_percent
        self._calibrates_all = is_too_inexact or len(prober.chunks) < MIN_CHUNKS_UNCALIBRATED
        self._fits: list[dict[Size, Curve]] = [{} for _ in prober.chunks]
        #: by chunk
        self._offsets: dict[int, list[PresetOffset]] = {}
        self._transfer_factor = 1.0
        # cost of the probes so far, in the unit of _Candidate.cost
        self._spent = 0.0

    def run(self, progress: Progress | None = None) -> SearchResult:
        """Probe until the expected excess is within the tolerance, or the budget is spent."""
        self._probe_pilots(sub_range(progress, 0.0, 0.4))
        curves = impute_from_probes(self.prober, self.sizes, self._fits)
        for number in range(MAX_ROUNDS):
            excess, candidates = self._value_candidates(curves)
            chosen = self._choose(candidates, excess)
            if not chosen:
                break
            start = 1 - 0.6 * 0.5**number
            self._probe(chosen, sub_range(progress, start, (1 + start) / 2))
            curves = impute_from_probes(self.prober, self.sizes, self._fits)
        else:
            excess, _ = self._value_candidates(curves)
        if self._uses_fast:
            # the offsets of the title have changed with the last probes
            self._fit([n for n, fits in enumerate(self._fits) if fits])
            curves = impute_from_probes(self.prober, self.sizes, self._fits)
        if progress:
            progress(1.0, 1.0)
        return SearchResult(curves, excess)

    def _probe_pilots(self, progress: Progress | None) -> None:
        """Probe evenly spaced chunks at every size; with a budget, the first alone, to learn what a probe costs."""
        middle = self.sizes[len(self.sizes) // 2]
        pilots = []
        count = int(np.clip(math.ceil(len(self.prober.chunks) / CHUNKS_PER_PILOT), *PILOTS))
        for chunk in evenly_spaced(count, len(self.prober.chunks)):
            points = [p for size in self.sizes for p in self._first_points(chunk, size, calibrate=size == middle)]
            pilots.append(_Candidate(tuple(points), sum(map(self._cost, points))))
        if self.stopping.budget is not None:
            self._probe(pilots[:1], None)
            pilots = self._within_budget(pilots[1:])
        self._probe(pilots, progress)

    def _probe(self, candidates: Sequence[_Candidate], progress: Progress | None) -> None:
        points = [point for candidate in candidates for point in candidate.points]
        self.prober.run(points, progress)
        changed = {point.chunk for point in points}
        if self._uses_fast:
            self._offsets |= {n: chunk_offsets(self.prober, n, self.sizes) for n in changed}
            # the other chunks calibrate those without offsets
            changed |= {n for n, fits in enumerate(self._fits) if fits and not self._offsets[n]}
        self._fit(changed)
        self._spent += sum(candidate.cost for candidate in candidates)

    def _fit(self, chunks: Iterable[int]) -> None:
        """Fit the curves of chunks to their probes and to the offsets of the title."""
        line = fit_offset_line([self._offsets[n] for n in sorted(self._offsets)])
        for n in chunks:
            self._fits[n] = fit_chunk_probes(self.prober, n, self.sizes, line)

    def _first_points(self, chunk: int, size: Size, *, calibrate: bool) -> list[ProbePoint]:
        """Return the first probes of a chunk at a size, with the calibrating one if it is requested."""
        if not self._uses_fast:
            return [ProbePoint(chunk, size, self._codec.quantiser_at(fraction)) for fraction in FIRST_FRACTIONS]
        points = [ProbePoint(chunk, size, self._codec.quantiser_at(fraction), fast=True) for fraction in FAST_FRACTIONS]
        return [*points, ProbePoint(chunk, size, self._codec.quantiser_at(SHIFT_FRACTION))] if calibrate else points

    def _cost(self, point: ProbePoint) -> float:
        """Return the approximate cost of a probe, in frames of the tallest size."""
        tallest, own = (width * height for width, height in (self.sizes[0], point.size))
        ratio = EXACT_COST_RATIO if self._uses_fast and not point.fast else 1.0
        return self.prober.chunks[point.chunk].frame_count * (own / tallest * ratio + OVERHEAD)

    def _value_candidates(self, curves: Curves) -> tuple[float, list[_Candidate]]:
        """Return the expected excess, percent of the bits, and the probes that might reduce it."""
        rungs = self.builder.operating_points(curves)
        self._transfer_factor = transfer_error_factor(self._fits, self.sizes)
        fittable = [fittable_sizes(self.prober, n, self.sizes) for n in range(len(self.prober.chunks))]
        total = 0.0
        # by chunk, size, and the quantiser where one probe suffices
        gains: dict[tuple[int, Size, float | None], float] = {}
        needed = set()
        max_sigma = min(sigma_of_excess(self.stopping.tolerance_percent), MAX_SIGMA)
        for rung in rungs:
            points = [self._operating_point(curves, size, quantisers, fittable) for size, quantisers in rung.items()]
            excess, saved = expected_excess_rate(points)
            total += excess / len(rungs)
            for index, (size, quantisers) in enumerate(rung.items()):
                sigma = points[index].sigma
                for n in np.flatnonzero(points[index].sigma_if_probed < sigma):
                    key = int(n), size, quantisers[n] if self._suffices_one(size, fittable[n]) else None
                    gains[key] = gains.get(key, 0.0) + float(saved[index][n]) / len(rungs)
                    # far extrapolations have errors in common, which mislead the whole rung
                    limit = min(max_sigma, SIGMA_TRANSFER) if size in fittable[n] else max_sigma
                    limit += self._preset_sigma(int(n)) - SIGMA_PRESET_SHIFT
                    # the first size is the one that the rung uses
                    if index == 0 and sigma[n] > limit:
                        needed.add(key)
        candidates = []
        for key, gain in gains.items():
            chunk, size, quantiser = key
            first = not fittable[chunk]
            one = None if quantiser is None else [ProbePoint(chunk, size, quantiser)]
            probes = one or self._first_points(chunk, size, calibrate=first and self._calibrates_all)
            candidates.append(_Candidate(tuple(probes), sum(map(self._cost, probes)), gain, key in needed, first))
        return total, candidates

    def _suffices_one(self, size: Size, fittable: Sequence[Size]) -> bool:
        """Return whether one probe suffices: there is a curve at the size, or one that is transferred and shifted."""
        return size in fittable or (bool(fittable) and not self._uses_fast)

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
        if not candidate.first and one.size != two.size:
            return False
        near = abs(one.quantiser - two.quantiser) < MIN_PROBE_DISTANCE * self._codec.rate_halving
        return near or len(candidate.points) > 1 or len(other.points) > 1

    def _within_budget(self, candidates: Sequence[_Candidate]) -> list[_Candidate]:
        """Return the candidates, from the first on, that fit into the rest of the budget."""
        if self.stopping.budget is None:
            return list(candidates)
        seconds = self.prober.cost.cpu_seconds
        left = (self.stopping.budget - seconds) * self._spent / max(seconds, 1e-9)
        costs = np.cumsum([candidate.cost for candidate in candidates])
        return list(candidates[: int(np.searchsorted(costs, left, side="right"))])

    def _operating_point(
        self, curves: Curves, size: Size, quantisers: Sequence[float], fittable: Sequence[Sequence[Size]]
    ) -> OperatingPoint:
        """Return bits and sigma of the encodes that a rung would use at a size."""
        row, results = curves[size], self.prober.results
        bits = [curve.bits[np.searchsorted(curve.quantisers, q)] for curve, q in zip(row, quantisers, strict=True)]
        sigma = np.array([self._sigma(n, size, q, fittable[n], row[n]) for n, q in enumerate(quantisers)])
        is_transferred = np.array([not (results.exact(n, size) or results.fast(n, size)) for n in range(len(row))])
        return OperatingPoint(np.array(bits), sigma, np.minimum(sigma, SIGMA_AT_PROBE), is_transferred)

    def _sigma(self, chunk: int, size: Size, quantiser: float, fittable: Sequence[Size], curve: Curve) -> float:
        """Return the standard deviation of ln(bits) of a chunk at a size and quantiser."""
        if not fittable:
            return SIGMA_PRIOR
        index = self.sizes.index
        sizes_away = (
            None if size in fittable else abs(index(nearest_probed_size(size, fittable, self.sizes)) - index(size))
        )
        exact, fast = self.prober.results.exact(chunk, size), self.prober.results.fast(chunk, size)
        probed = np.array([*exact, *fast])
        steps = (probed - quantiser) / self._codec.rate_halving
        # bits of film grain halve within few quantiser steps; the larger of both distances counts
        halvings = np.log2(
            np.interp(quantiser, curve.quantisers, curve.bits) / np.interp(probed, curve.quantisers, curve.bits)
        )
        distances = np.where(np.abs(halvings) > np.abs(steps), halvings, steps)
        of_exact, of_fast = np.split(distances, [len(exact)])
        exact_sigma = log_rate_sigma(of_exact, sizes_away, self._transfer_factor)
        return min(exact_sigma, log_rate_sigma(of_fast, None) + self._preset_sigma(chunk))

    def _preset_sigma(self, chunk: int) -> float:
        """Return the added standard deviation of the fast-preset curves of a chunk."""
        is_calibrated = not self._uses_fast or self._offsets.get(chunk)
        return SIGMA_PRESET_SHIFT if is_calibrated else SIGMA_UNCALIBRATED
