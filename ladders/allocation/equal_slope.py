"""Allocate the bits of a title to its chunks by equal slope.

At the optimum a bit would reduce the loss (`Pooling.loss`) of every chunk equally: every chunk is on its convex hull,
where the slope is the same. Therefore the edges of all hulls, sorted by slope, are the curve of the whole title: each
prefix of them is the best allocation of its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ladders.allocation.constraints import Constraints, RungTarget, feasible_mask
from ladders.allocation.hull_kernels import all_hulls
from ladders.allocation.title_curve import Allocation, TitleCurve
from ladders.rd.curve_table import stack_curves
from ladders.rd.curves import Curve
from ladders.rd.pooling import POOLINGS, Pooling

__all__ = ["EqualSlopeCurve", "equal_slope", "solve_for_quality"]

#: Relative difference of bits at which the fixed-point iteration of `solve_for_quality` ends. Chosen by hand.
BITS_TOLERANCE = 0.002
#: Maximum number of iterations of `solve_for_quality`. Chosen by hand.
MAX_ITERATIONS = 6


@dataclass(frozen=True, slots=True, eq=False)
class EqualSlopeCurve(TitleCurve):
    """The allocations in which all chunks are on their convex hulls at one slope.

    Step 0 is the cheapest allocation. Every further step moves one chunk along one edge of its hull.

    Attributes
    ----------
    start : ndarray of int64, shape (chunks,)
        Indices on the quantiser grid of the cheapest allocation.
    moved : ndarray of int64, shape (steps - 1,)
        Chunk that each step moves.
    coarse, fine : ndarray of int64, shape (steps - 1,)
        Indices on the quantiser grid at the start and the end of that edge.
    deficits : ndarray of float64, shape (steps,)
        Deficit of the title after each step, as the pooling defines it.
    chunk_bits, chunk_deficits : ndarray of float64, shape (chunks, grid)
    feasible : ndarray of bool, shape (chunks, grid)
    pooling : Pooling
    """

    start: NDArray[np.int64]
    moved: NDArray[np.int64]
    coarse: NDArray[np.int64]
    fine: NDArray[np.int64]
    deficits: NDArray[np.float64]
    chunk_bits: NDArray[np.float64]
    chunk_deficits: NDArray[np.float64]
    feasible: NDArray[np.bool_]
    pooling: Pooling

    def indices(self, step: int) -> NDArray[np.int64]:
        """Return the indices on the quantiser grid of one step, shape (chunks,)."""
        chosen = self.start.copy()
        # later edges of a chunk overwrite earlier ones
        chosen[self.moved[:step]] = self.fine[:step]
        return chosen

    def for_quality(self, target: float) -> Allocation:
        """Return the cheapest allocation that reaches a VMAF, or the best one if none does."""
        step = min(int(np.searchsorted(self.quality, target)), len(self.quality) - 1)
        return self.trim_last_step(step, target) if step and self.quality[step] > target else self.allocation(step)

    def trim_last_step(self, step: int, target: float) -> Allocation:
        """Return the allocation of a step, with the chunk that it moves no finer than a target VMAF requires.

        Hulls of few chunks have long edges, so the last step may exceed the target by far. The quantisers between the
        ends of the edge are not on the hull, but nearer to the target.
        """
        chosen = self.indices(step)
        spare = self.pooling.deficit(target) - self.deficits[step]
        chunk, finest = self.moved[step - 1], self.fine[step - 1]
        bits, deficit = self.chunk_bits[chunk], self.chunk_deficits[chunk]
        candidates = np.arange(finest, self.coarse[step - 1])
        enough = candidates[self.feasible[chunk, candidates] & (deficit[candidates] <= deficit[finest] + spare)]
        chosen[chunk] = enough[np.argmin(bits[enough])]
        change = bits[chosen[chunk]] - bits[finest], deficit[chosen[chunk]] - deficit[finest]
        quality = float(self.pooling.inverse(self.deficits[step] + change[1]))
        return Allocation(chosen, float(self.bits[step] + change[0]), quality)


def equal_slope(
    curves: Sequence[Curve],
    frames: Sequence[int],
    constraints: Constraints,
    rung_target: RungTarget | None = None,
    pooling: Pooling = POOLINGS["mean"],
) -> EqualSlopeCurve:
    """Merge the convex hulls of the chunks to the curve of the title.

    Parameters
    ----------
    curves : sequence of Curve
        One per chunk, on one grid.
    frames : sequence of int
        Frame count of each chunk.
    constraints : Constraints
    rung_target : RungTarget, optional
        Reference of the floor and the peak; without it only the cap is applied.
    pooling : Pooling
        Defines the quality of the title, and the loss that is minimised.

    Returns
    -------
    EqualSlopeCurve

    References
    ----------
    .. [1] H. Everett, "Generalized Lagrange multiplier method", Operations Research 11, 1963.
    .. [2] Y. Shoham, A. Gersho, "Efficient bit allocation for an arbitrary set of quantizers", IEEE TASSP 36, 1988.
    """
    table = stack_curves(curves)
    bits, weights = table.bits, np.asarray(frames, np.float64) / sum(frames)
    deficit = pooling.deficit(table.quality) * weights[:, None]
    loss = pooling.loss(pooling.deficit(table.quality)) * weights[:, None]
    vertices = np.empty(bits.shape, np.int64)
    counts = np.empty(len(bits), np.int64)
    feasible = feasible_mask(curves, weights, constraints, rung_target)
    all_hulls(bits, loss, feasible, vertices, counts)
    rows = np.repeat(np.arange(len(bits)), counts - 1)
    fine = np.concatenate([v[1:n] for v, n in zip(vertices, counts, strict=True)])
    coarse = np.concatenate([v[: n - 1] for v, n in zip(vertices, counts, strict=True)])
    cost = bits[rows, fine] - bits[rows, coarse]
    gain = deficit[rows, coarse] - deficit[rows, fine]
    slope = (loss[rows, coarse] - loss[rows, fine]) / cost
    # the slopes of a hull decrease, except for rounding where they are equal: keep the edges of a hull in their order
    while np.any(rising := (rows[1:] == rows[:-1]) & (slope[1:] > slope[:-1])):
        slope[1:][rising] = slope[:-1][rising]
    order = np.argsort(-slope, kind="stable")
    start, each = vertices[:, 0].copy(), np.arange(len(bits))
    total = bits[each, start].sum() + np.concatenate([[0.0], np.cumsum(cost[order])])
    deficits = deficit[each, start].sum() - np.concatenate([[0.0], np.cumsum(gain[order])])
    return EqualSlopeCurve(
        bits=total,
        quality=pooling.inverse(deficits),
        start=start,
        moved=rows[order],
        coarse=coarse[order],
        fine=fine[order],
        deficits=deficits,
        chunk_bits=bits,
        chunk_deficits=deficit,
        feasible=feasible,
        pooling=pooling,
    )


def solve_for_quality(
    curves: Sequence[Curve],
    frames: Sequence[int],
    constraints: Constraints,
    rung_target: RungTarget,
    pooling: Pooling = POOLINGS["mean"],
) -> Allocation:
    """Return the equal-slope allocation that reaches a VMAF, with constraints relative to its own bits.

    Parameters
    ----------
    curves, frames, constraints, pooling
        As in `equal_slope`.
    rung_target : RungTarget
        Its VMAF is reached if that is feasible; its bits are the start of the iteration.

    Returns
    -------
    Allocation

    Notes
    -----
    The peak constraint is relative to the average bitrate: it costs bits, and it is looser if there are more bits.
    Relative to the bits of the unconstrained title it would cost more than necessary. The fixed point lies between two
    numbers of bits, of which the lower leads to an allocation larger than itself; bisection on the logarithm of the
    bits brings them together.
    """
    low, high, best = 0.0, np.inf, None
    for _ in range(MAX_ITERATIONS):
        curve = equal_slope(curves, frames, constraints, rung_target, pooling)
        allocation = curve.for_quality(rung_target.quality)
        if allocation.bits >= rung_target.bits * (1 - BITS_TOLERANCE):
            low, high, best = rung_target.bits, min(high, allocation.bits), allocation
        else:
            low, high = max(low, allocation.bits), rung_target.bits
        if abs(allocation.bits / rung_target.bits - 1) <= BITS_TOLERANCE:
            break
        rung_target = replace(rung_target, bits=(low * high) ** 0.5)
    return best or allocation
