"""Allocate the bits of a title with a maximum VMAF difference between consecutive chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ladders.allocation.constraints import Constraints, RungTarget, feasible_mask
from ladders.allocation.smoothness_kernels import cheapest_chain
from ladders.allocation.title_curve import Allocation
from ladders.rd.curve_table import stack_curves
from ladders.rd.curves import Curve
from ladders.rd.pooling import POOLINGS, Pooling

__all__ = ["smooth"]

#: Factor around the mean slope of the rung within which the slope is searched. Chosen by hand.
SLOPE_RANGE = 1e5
#: Maximum number of bisections of the logarithm of the slope. Chosen by hand.
MAX_BISECTIONS = 28
#: Relative difference in bits of the allocations on both sides of the target at which the bisection ends. Chosen by
#: hand.
BITS_TOLERANCE = 5e-4
#: Factor by which the maximum step is raised until the target VMAF is feasible. Chosen by hand.
STEP_RELAXATION = 1.25
#: VMAF; a maximum step from which no step is constrained.
MAX_STEP = 100.0
#: Fraction of the bits of a chunk that another quantiser must save before an encoded chunk changes. Chosen by hand.
INERTIA = 0.005
#: Cost of a unit of VMAF beyond the maximum step, relative to all bits and deficits of the title: so large that any
#: chain within the maximum step is cheaper.
PENALTY = 1e3


@dataclass(frozen=True, slots=True, eq=False)
class _Title:
    """Bits, VMAF, weighted deficit and loss of every chunk on the quantiser grid; infeasible ones have infinite bits.

    `max_bits` and `max_loss` are the largest that the title can have in total.
    """

    bits: NDArray[np.float64]
    quality: NDArray[np.float64]
    deficit: NDArray[np.float64]
    loss: NDArray[np.float64]
    max_quality_step: float
    max_bits: float
    max_loss: float

    def minimise(self, slope: float) -> NDArray[np.int64]:
        """Return the indices that minimise bits + slope * loss, with steps within the maximum as far as feasible."""
        cost = self.bits + slope * self.loss
        penalty = PENALTY * (self.max_bits + slope * self.max_loss)
        chosen = np.empty(len(cost), np.int64)
        cheapest_chain(cost, self.quality, self.max_quality_step, penalty, np.empty(cost.shape, np.int64), chosen)
        return chosen

    def trim(self, chosen: NDArray[np.int64], max_deficit: float) -> NDArray[np.int64]:
        """Coarsen chunks, largest saving first, while the total deficit stays within its maximum."""
        each = np.arange(len(chosen))
        quality, deficit = self.quality[each, chosen], self.deficit[each, chosen]
        adjacent = np.maximum(np.append(-np.inf, quality[:-1]), np.append(quality[1:], -np.inf))
        # an adjacent chunk that is coarsened itself only makes the step smaller
        enough = self.quality >= np.minimum(adjacent - self.max_quality_step, quality)[:, None]
        saved, added = self.bits[each, chosen][:, None] - self.bits, self.deficit - deficit[:, None]
        spare = max_deficit - deficit.sum()
        chunks, indices = np.nonzero(enough & (saved > 0) & (added <= spare))
        changed = chosen.copy()
        for n in np.argsort(-saved[chunks, indices], kind="stable"):
            chunk, index = chunks[n], indices[n]
            if changed[chunk] == chosen[chunk] and added[chunk, index] <= spare:
                changed[chunk], spare = index, spare - added[chunk, index]
        return changed


def smooth(
    curves: Sequence[Curve],
    frames: Sequence[int],
    constraints: Constraints,
    rung_target: RungTarget,
    pooling: Pooling = POOLINGS["mean"],
    current: NDArray[np.int64] | None = None,
) -> Allocation:
    """Return the cheapest allocation that reaches a VMAF with bounded VMAF steps between consecutive chunks.

    Parameters
    ----------
    curves, frames, constraints, rung_target, pooling
        As in `equal_slope`, with `constraints.max_quality_step`. If no quantisers satisfy the maximum step, or none
        that reach the VMAF, it is exceeded as little as possible.
    current : ndarray of int64, shape (chunks,), optional
        Indices on the quantiser grid with which chunks are encoded. A chunk keeps its quantiser unless another one
        saves more than `INERTIA` of its bits.

    Notes
    -----
    At one slope, the sum of bits + slope * loss over the title is minimised exactly over chains of quantisers
    (Viterbi). The slope is bisected until the VMAF is just reached. Raising the worse of two adjacent chunks would be
    three times as expensive, because here the better chunk is coarsened as well.
    """
    table = stack_curves(curves)
    bits, quality = table.bits, table.quality
    weights = np.asarray(frames, np.float64) / sum(frames)
    feasible = feasible_mask(curves, weights, constraints, rung_target)
    each = np.arange(len(bits))
    feasible_bits = np.where(feasible, bits, np.inf)
    if current is not None:
        feasible_bits[each, current] *= 1 - INERTIA
    deficit = weights[:, None] * pooling.deficit(quality)
    loss = weights[:, None] * pooling.loss(pooling.deficit(quality))
    max_bits, max_loss = (float(column.max(axis=1).sum()) for column in (bits, loss))
    title = _Title(feasible_bits, quality, deficit, loss, constraints.max_quality_step or 0.0, max_bits, max_loss)
    allowed_deficit = float(pooling.deficit(rung_target.quality))
    slope = rung_target.bits / max(float(pooling.loss(allowed_deficit)), 1e-9)
    low, high = slope / SLOPE_RANGE, slope * SLOPE_RANGE
    bits_below, chosen = 0.0, title.minimise(high)
    # the VMAF of the rung takes precedence over its smoothness
    while deficit[each, chosen].sum() > allowed_deficit and title.max_quality_step < MAX_STEP:
        title = replace(title, max_quality_step=STEP_RELAXATION * title.max_quality_step)
        chosen = title.minimise(high)
    for _ in range(MAX_BISECTIONS):
        slope = (low * high) ** 0.5
        candidate = title.minimise(slope)
        if deficit[each, candidate].sum() <= allowed_deficit:
            high, chosen = slope, candidate
        else:
            low, bits_below = slope, float(bits[each, candidate].sum())
        if bits[each, chosen].sum() - bits_below < BITS_TOLERANCE * bits_below:
            break
    chosen = title.trim(chosen, allowed_deficit)
    return Allocation(chosen, float(bits[each, chosen].sum()), float(pooling.inverse(deficit[each, chosen].sum())))
