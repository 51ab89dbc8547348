"""Build the rungs of a ladder from the curves of a title, in every mode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from encoder import Chunk, Source, get_codec
from ladders.allocation.constraints import Constraints, RungTarget, feasible_mask
from ladders.allocation.equal_slope import equal_slope, solve_for_quality
from ladders.allocation.per_title import one_quantiser, same_quality
from ladders.allocation.rung_placement import allocate_rungs, choose_rungs
from ladders.allocation.smoothness import smooth
from ladders.allocation.title_curve import Allocation, TitleCurve
from ladders.apple_ladders import APPLE_LADDERS
from ladders.ladder import HullPoint, LadderError, Rung
from ladders.ladder_request import LadderRequest
from ladders.probing.curve_fit import Curves
from ladders.rd.curve_table import stack_curves
from ladders.rd.curves import Curve, Size
from ladders.rd.pooling import POOLINGS
from ladders.resolutions import candidate_sizes

__all__ = ["LadderBuilder", "unique_rungs"]

#: Points of the curve at each height that a ladder keeps for plots. Chosen by hand.
HULL_POINTS = 40
#: VMAF; a correction stops when the mean of the rung is within this distance of its target. Chosen by hand.
SETTLED = 0.05
#: VMAF; if the mean already is within this distance, only violated constraints are corrected. Chosen by hand.
NEAR = 0.3
#: Factor by which the peak is raised until the target VMAF of a rung is feasible. Chosen by hand.
PEAK_RELAXATION = 1.25
#: A peak ratio from which the peak does not constrain any chunk. Chosen by hand.
UNBOUNDED_PEAK = 100.0


def unique_rungs(rungs: Iterable[Rung]) -> tuple[Rung, ...]:
    """Return the rungs with different encodes, lowest bitrate first: constraints may make two rungs equal."""
    kept = {(rung.width, rung.height, rung.quantisers): rung for rung in rungs}
    return tuple(sorted(kept.values(), key=lambda rung: rung.rate))


class LadderBuilder:
    """Builds the rungs of one title from its curves, in one mode.

    Parameters
    ----------
    source : Source
    chunks : sequence of Chunk
        All chunks of the title.
    request : LadderRequest

    Attributes
    ----------
    sizes : dict
        From nominal heights to (width, height), max_height first.
    frames : list of int
        Frame count of each chunk.
    duration : float
        Of the title, s.
    pooling : Pooling
    recommended : sequence of (int, int)
        Height and bitrate (bits/s) of the rungs of the fixed ladder; empty if the codec has none.
    """

    def __init__(self, source: Source, chunks: Sequence[Chunk], request: LadderRequest) -> None:
        request = request.resolved_for(source)
        self.request = request
        self.pooling = POOLINGS[request.encoding.pooling]
        self.constraints = request.constraints.for_target(request.target_for(source))
        self.frames = [chunk.frame_count for chunk in chunks]
        self.duration = float(sum(source.time(chunk.stop) - source.time(chunk.start) for chunk in chunks))
        self.sizes = candidate_sizes(source.display_size, request.max_height)
        codec = get_codec(request.encoding.codec)
        self.lowest, self.step = codec.quantisers[0], codec.step
        self.recommended = APPLE_LADDERS.get(codec.family, ())

    def rungs(self, curves: Curves) -> tuple[Rung, ...]:
        """Return the rungs of the ladder."""
        if self.request.mode == "fixed":
            return self.fixed_rungs(self.titles(curves))
        titles = self.titles(curves)
        chosen = choose_rungs(titles, self.duration, self.request.rules)
        shared = allocate_rungs(
            chosen,
            titles,
            self.duration,
            lambda height, rung_target: self.allocate(curves, height, rung_target),
        )
        return unique_rungs(self._rung(height, allocation) for height, allocation in shared)

    def fixed_rungs(self, titles: Mapping[int, TitleCurve]) -> tuple[Rung, ...]:
        """Return the rungs of the recommended ladder up to the height of the source, by the curve of each height."""
        if not self.recommended:
            raise LadderError(f"there is no fixed ladder for {self.request.encoding.codec}")
        max_height = max(self.sizes)
        rungs: list[tuple[int, Allocation]] = []
        for height, rate in self.recommended:
            # the size of the source replaces the first standard size that is taller
            at = height if height in self.sizes else max_height
            if height > max_height and any(h >= max_height for h, _ in self.recommended if h < height):
                continue
            allocation = titles[at].for_bits(rate * self.duration)
            if not rungs or allocation.quality > rungs[-1][1].quality:
                # a rung with at least the bits of a taller and better rung is not useful
                while rungs and rungs[-1][1].bits >= allocation.bits:
                    rungs.pop()
                rungs.append((at, allocation))
        return tuple(self._rung(height, allocation) for height, allocation in rungs)

    def operating_points(self, curves: Curves) -> list[dict[Size, list[float]]]:
        """Return for every rung the quantisers of all chunks at each size that reaches its VMAF.

        The first size is the one that the rung uses.
        """
        rungs = self.rungs(curves)
        points = [{(rung.width, rung.height): list(rung.quantisers)} for rung in rungs]
        if self.request.mode != "fixed":
            for rung, by_size in zip(rungs, points, strict=True):
                rung_target = RungTarget(rung.quality, rung.rate * self.duration)
                for height, size in self.sizes.items():
                    allocation = self.allocate(curves, height, rung_target)
                    if size not in by_size and allocation.quality >= rung.quality:
                        by_size[size] = list(self.quantisers_at(allocation.indices))
        return points

    def requantise(
        self, curves: Curves, rung: Rung, rung_target: RungTarget, *, keep_mean: bool = True
    ) -> tuple[float, ...]:
        """Return the quantisers with which a rung reaches its target VMAF, changing as few chunks as possible.

        First the chunks that violate a constraint get the quantiser of the best allocation. Then, if `keep_mean` is
        set and the mean is not near the target, chunks are changed one by one, largest effect first, until it is.
        """
        own = curves[rung.width, rung.height]
        current = np.array([self.grid_index(quantiser) for quantiser in rung.quantisers])
        constraints = self.constraints
        if self.request.mode == "per-shot":
            constraints, rung_target = self._feasible_constraints(own, rung_target)
            if constraints.max_quality_step is not None:
                # a single chunk cannot be changed without its adjacent chunks
                return self.quantisers_at(
                    smooth(own, self.frames, constraints, rung_target, self.pooling, current).indices
                )
            better = (
                equal_slope(own, self.frames, constraints, rung_target, self.pooling)
                .for_quality(rung_target.quality)
                .indices
            )
        elif self.request.mode == "fixed":
            return self.quantisers_at(self._family(own).for_bits(rung.rate * self.duration).indices)
        else:
            better = self._family(own).for_quality(rung_target.quality).indices
        if self.request.mode != "per-title":
            weights = np.asarray(self.frames, np.float64) / sum(self.frames)
            each = np.arange(len(own))
            if self.request.mode == "per-shot":
                within = feasible_mask(own, weights, constraints, rung_target)[each, current]
                current = np.where(within, current, better)
                if not keep_mean:
                    return self.quantisers_at(current)
            deficit = weights[:, None] * self.pooling.deficit(np.array([curve.quality for curve in own]))
            remaining, target = float(deficit[each, current].sum()), self.pooling.deficit(rung_target.quality)
            gains = deficit[each, current] - deficit[each, better]
            near = NEAR if abs(self.pooling.inverse(remaining) - rung_target.quality) <= NEAR else SETTLED
            for n in np.argsort(-gains * np.sign(remaining - target), kind="stable"):
                settled = abs(self.pooling.inverse(remaining) - rung_target.quality) <= near
                if settled or gains[n] * (remaining - target) <= 0:
                    break
                current[n], remaining = better[n], remaining - gains[n]
            better = current
        return self.quantisers_at(better)

    def hull(self, curves: Curves) -> tuple[HullPoint, ...]:
        """Return a subset of the points of the title curve at every height."""
        return tuple(
            HullPoint(height, round(curve.bits[step] / self.duration), float(curve.quality[step]))
            for height, curve in self.titles(curves).items()
            for step in np.unique(np.linspace(0, len(curve.bits) - 1, HULL_POINTS).astype(int))
        )

    def titles(self, curves: Curves) -> dict[int, TitleCurve]:
        """Return the title curve of every nominal height."""
        return {height: self._family(curves[size]) for height, size in self.sizes.items()}

    def _family(self, curves: list[Curve]) -> TitleCurve:
        """Return the allocations of the mode, without the constraints that are relative to a rung."""
        if self.request.mode == "per-shot":
            return equal_slope(curves, self.frames, self.constraints, None, self.pooling)
        if self.request.mode == "constant-quality":
            return same_quality(curves, self.frames, self.pooling)
        return self._one_quantiser(curves)

    def allocate(self, curves: Curves, height: int, rung_target: RungTarget) -> Allocation:
        """Return the allocation of the mode that reaches the target of a rung at a height."""
        own = curves[self.sizes[height]]
        if self.request.mode != "per-shot":
            return self._family(own).for_quality(rung_target.quality)
        constraints = self.constraints
        allocation = solve_for_quality(own, self.frames, constraints, rung_target, self.pooling)
        if allocation.quality < rung_target.quality - SETTLED <= self._family(own).quality[-1]:
            constraints, _ = self._feasible_constraints(own, rung_target)
            allocation = equal_slope(own, self.frames, constraints, rung_target, self.pooling).for_quality(
                rung_target.quality
            )
        if constraints.max_quality_step is None:
            return self._simpler_if_cheaper(own, allocation, rung_target)
        return smooth(own, self.frames, constraints, replace(rung_target, bits=allocation.bits), self.pooling)

    def _simpler_if_cheaper(self, curves: list[Curve], allocation: Allocation, rung_target: RungTarget) -> Allocation:
        """Return the allocation, or one quantiser for all chunks if that reaches its VMAF with fewer bits.

        The constraints and the steps of the hull may cost more than the allocation to shots saves. The peak holds for
        both.
        """
        simple = self._one_quantiser(curves).for_quality(min(rung_target.quality, allocation.quality))
        if simple.bits >= allocation.bits or simple.quality < min(rung_target.quality, allocation.quality):
            return allocation
        weights = np.asarray(self.frames, np.float64) / sum(self.frames)
        peak_only = replace(self.constraints, floor_below_mean=100.0, cap=100.0)
        feasible = feasible_mask(curves, weights, peak_only, replace(rung_target, bits=simple.bits))
        return simple if feasible[np.arange(len(curves)), simple.indices].all() else allocation

    def vmaf_with_one_quantiser(self, curves: Curves, rung: Rung) -> NDArray[np.float64]:
        """Return the VMAF of the worst shot of each chunk with the one quantiser that gives a rung its VMAF."""
        own = curves[rung.width, rung.height]
        indices = self._one_quantiser(own).for_quality(rung.quality).indices
        worst: NDArray[np.float64] = stack_curves(own).worst_shot_vmaf[np.arange(len(own)), indices]
        return worst

    def _one_quantiser(self, curves: list[Curve]) -> TitleCurve:
        return one_quantiser(curves, self.frames, self.pooling)

    def _feasible_constraints(self, curves: list[Curve], rung_target: RungTarget) -> tuple[Constraints, RungTarget]:
        """Return the constraints and the target with the peak raised until the target VMAF is feasible."""
        constraints, reachable = self.constraints, min(rung_target.quality, self._family(curves).quality[-1]) - SETTLED
        while constraints.peak_ratio < UNBOUNDED_PEAK:
            if equal_slope(curves, self.frames, constraints, rung_target, self.pooling).quality[-1] >= reachable:
                break
            constraints = replace(constraints, peak_ratio=PEAK_RELAXATION * constraints.peak_ratio)
            rung_target = replace(rung_target, max_bits=PEAK_RELAXATION * rung_target.max_bits)
        return constraints, rung_target

    def _rung(self, height: int, allocation: Allocation) -> Rung:
        rate = round(allocation.bits / self.duration)
        return Rung(*self.sizes[height], self.quantisers_at(allocation.indices), rate, allocation.quality)

    def grid_index(self, quantiser: float) -> int:
        """Return the index of a quantiser on the quantiser grid."""
        return round((quantiser - self.lowest) / self.step)

    def quantisers_at(self, indices: NDArray[np.int64]) -> tuple[float, ...]:
        """Return the quantisers at indices on the quantiser grid."""
        return tuple(float(self.lowest + i * self.step) for i in indices)
