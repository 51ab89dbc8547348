"""Turn a title's curves into rungs, in every mode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from encoder import Chunk, Source, get_codec
from ladders.allocation.equal_slope import (
    Allocation,
    Constraints,
    RungTarget,
    TitleCurve,
    allowed,
    equal_slope,
    one_quantiser,
    reach,
    same_quality,
)
from ladders.allocation.rung_placement import choose_rungs, share_out
from ladders.allocation.smoothness import smooth
from ladders.ladder import HullPoint, LadderError, Rung
from ladders.ladder_request import LadderRequest
from ladders.probing.curve_fit import Curves
from ladders.rd.curves import Curve, Size
from ladders.rd.pooling import POOLINGS
from ladders.resolutions import APPLE_LADDERS, candidate_sizes

__all__ = ["LadderBuilder", "distinct"]

#: Points of each height's curve that a ladder keeps for drawing.
HULL_POINTS = 40
#: A correction leaves the other chunks of a rung alone once its mean is this near (VMAF) to what was asked of it; all,
#: but for limits, if it is as near as the second already.
SETTLED, NEAR = 0.05, 0.3
#: Where no allocation within the peak reaches a rung's quality, the peak is raised by such steps, up to where none
#: is one any more.
LOOSER, UNBOUNDED = 1.25, 100.0


def distinct(rungs: Iterable[Rung]) -> tuple[Rung, ...]:
    """Return the rungs that differ, lowest rate first: limits may bring two to the same encodes."""
    kept = {(rung.width, rung.height, rung.quantisers): rung for rung in rungs}
    return tuple(sorted(kept.values(), key=lambda rung: rung.rate))


class LadderBuilder:
    """Turns curves into rungs, in one mode."""

    def __init__(self, source: Source, chunks: Sequence[Chunk], request: LadderRequest) -> None:
        self.request = request
        self.pooling = POOLINGS[request.encoding.pooling]
        self.limits = request.limits.for_target(request.rules.target)
        self.frames = [chunk.frame_count for chunk in chunks]
        self.duration = float(sum(source.time(chunk.stop) - source.time(chunk.start) for chunk in chunks))
        self.sizes = candidate_sizes(source.display_size, request.max_height)
        codec = get_codec(request.encoding.codec)
        self.lowest, self.step = codec.quantisers[0], codec.step
        self.recommended = APPLE_LADDERS.get(codec.family, ())

    def rungs(self, curves: Curves) -> tuple[Rung, ...]:
        """Return the ladder's rungs."""
        if self.request.mode == "fixed":
            return self.fixed_rungs(self.titles(curves))
        titles = self.titles(curves)
        chosen = choose_rungs(titles, self.duration, self.request.rules)
        shared = share_out(chosen, titles, self.duration, lambda height, aim: self._reach(curves, height, aim))
        return distinct(self._rung(height, allocation) for height, allocation in shared)

    def fixed_rungs(self, titles: Mapping[int, TitleCurve]) -> tuple[Rung, ...]:
        """Return the rungs of the recommended ladder that are not taller than the film, of a title curve by height."""
        if not self.recommended:
            raise LadderError(f"there is no fixed ladder for {self.request.encoding.codec}")
        tallest = max(self.sizes)
        rungs: list[tuple[int, Allocation]] = []
        for height, rate in self.recommended:
            # the film's own size stands for the first standard one that is taller
            at = height if height in self.sizes else tallest
            if height > tallest and any(h >= tallest for h, _ in self.recommended if h < height):
                continue
            allocation = titles[at].for_bits(rate * self.duration)
            if not rungs or allocation.quality > rungs[-1][1].quality:
                # what is taller, better and no dearer leaves no use for the rung below
                while rungs and rungs[-1][1].bits >= allocation.bits:
                    rungs.pop()
                rungs.append((at, allocation))
        return tuple(self._rung(height, allocation) for height, allocation in rungs)

    def wanted(self, curves: Curves) -> list[dict[Size, list[float]]]:
        """Return what each rung would encode at each size that reaches its quality, first at the size that it takes."""
        rungs = self.rungs(curves)
        wanted = [{(rung.width, rung.height): list(rung.quantisers)} for rung in rungs]
        if self.request.mode != "fixed":
            for rung, landings in zip(rungs, wanted, strict=True):
                aim = RungTarget(rung.quality, rung.rate * self.duration)
                for height, size in self.sizes.items():
                    allocation = self._reach(curves, height, aim)
                    if size not in landings and allocation.quality >= rung.quality:
                        landings[size] = list(self._quantisers(allocation.indices))
        return wanted

    def corrected(self, curves: Curves, rung: Rung, aim: RungTarget) -> tuple[float, ...]:
        """Return the quantisers that bring a rung to the quality asked of it, changing no chunk without need."""
        mine = curves[rung.width, rung.height]
        now = np.array([self.place(quantiser) for quantiser in rung.quantisers])
        limits = self.limits
        if self.request.mode == "per-shot":
            limits, aim = self._within_reach(mine, aim)
            if limits.jump is not None:
                # one chunk is not changed without its neighbours
                return self._quantisers(smooth(mine, self.frames, limits, aim, self.pooling, now).indices)
            better = equal_slope(mine, self.frames, limits, aim, self.pooling).for_quality(aim.quality).indices
        elif self.request.mode == "fixed":
            return self._quantisers(self._family(mine).for_bits(rung.rate * self.duration).indices)
        else:
            better = self._family(mine).for_quality(aim.quality).indices
        if self.request.mode != "per-title":
            weights = np.asarray(self.frames, np.float64) / sum(self.frames)
            each = np.arange(len(mine))
            if self.request.mode == "per-shot":
                within = allowed(mine, weights, limits, aim)[each, now]
                now = np.where(within, now, better)
            loss = weights[:, None] * self.pooling.loss(np.array([curve.quality for curve in mine]))
            left, asked = float(loss[each, now].sum()), self.pooling.loss(aim.quality)
            gains = loss[each, now] - loss[each, better]
            near = NEAR if abs(self.pooling.quality(left) - aim.quality) <= NEAR else SETTLED
            for n in np.argsort(-gains * np.sign(left - asked), kind="stable"):
                settled = abs(self.pooling.quality(left) - aim.quality) <= near
                if settled or gains[n] * (left - asked) <= 0:
                    break
                now[n], left = better[n], left - gains[n]
            better = now
        return self._quantisers(better)

    def hull(self, curves: Curves) -> tuple[HullPoint, ...]:
        """Return the title's curve at every height, thinned."""
        return tuple(
            HullPoint(height, round(curve.bits[step] / self.duration), float(curve.quality[step]))
            for height, curve in self.titles(curves).items()
            for step in np.unique(np.linspace(0, len(curve.bits) - 1, HULL_POINTS).astype(int))
        )

    def titles(self, curves: Curves) -> dict[int, TitleCurve]:
        """Return the title's curve at every height."""
        return {height: self._family(curves[size]) for height, size in self.sizes.items()}

    def _family(self, curves: list[Curve]) -> TitleCurve:
        """Return the allocations that the mode knows, but for limits that count from a rung."""
        if self.request.mode == "per-shot":
            return equal_slope(curves, self.frames, self.limits, None, self.pooling)
        if self.request.mode == "constant-quality":
            return same_quality(curves, self.frames, self.pooling)
        return one_quantiser(curves, self.frames, self.pooling)

    def _reach(self, curves: Curves, height: int, aim: RungTarget) -> Allocation:
        """Reach a quality at a height by the mode's allocations."""
        mine = curves[self.sizes[height]]
        if self.request.mode != "per-shot":
            return self._family(mine).for_quality(aim.quality)
        limits = self.limits
        allocation = reach(mine, self.frames, limits, aim, self.pooling)
        if allocation.quality < aim.quality - SETTLED <= self._family(mine).quality[-1]:
            limits, _ = self._within_reach(mine, aim)
            allocation = equal_slope(mine, self.frames, limits, aim, self.pooling).for_quality(aim.quality)
        if limits.jump is None:
            return allocation
        return smooth(mine, self.frames, limits, replace(aim, bits=allocation.bits), self.pooling)

    def _within_reach(self, curves: list[Curve], aim: RungTarget) -> tuple[Constraints, RungTarget]:
        """Return what bounds a rung, with a peak so high that the quality asked for can be reached, if it can be."""
        limits, asked = self.limits, min(aim.quality, self._family(curves).quality[-1]) - SETTLED
        while limits.peak_ratio < UNBOUNDED:
            if equal_slope(curves, self.frames, limits, aim, self.pooling).quality[-1] >= asked:
                break
            limits = replace(limits, peak_ratio=LOOSER * limits.peak_ratio)
            aim = replace(aim, most=LOOSER * aim.most)
        return limits, aim

    def _rung(self, height: int, allocation: Allocation) -> Rung:
        rate = round(allocation.bits / self.duration)
        return Rung(*self.sizes[height], self._quantisers(allocation.indices), rate, allocation.quality)

    def place(self, quantiser: float) -> int:
        """Return the place of a quantiser on the grid."""
        return round((quantiser - self.lowest) / self.step)

    def _quantisers(self, places: NDArray[np.int64]) -> tuple[float, ...]:
        return tuple(float(self.lowest + i * self.step) for i in places)
