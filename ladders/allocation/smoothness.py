"""Share a title's bits so that quality does not max_quality_step from a chunk to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ladders.allocation.equal_slope import Allocation, Constraints, RungTarget, feasible_mask
from ladders.allocation.smoothness_kernels import cheapest_chain
from ladders.rd.curve_table import stack_curves
from ladders.rd.curves import Curve
from ladders.rd.pooling import POOLINGS, Pooling

__all__ = ["smooth"]

#: A slope is looked for within such a factor of the mean one, by so many halvings of its logarithm at most: until the
#: allocations on both sides of the quality asked for differ by less than such a share of their bits.
SPREAD, HALVINGS, NEAR = 1e5, 28, 5e-4
#: Where no allocation within the max_quality_step reaches the quality asked for, the max_quality_step is raised by such steps up to the widest.
LOOSER, WIDEST = 1.25, 100.0
#: A chunk keeps the quantiser that it was encoded with where another saves less than such a share of its bits.
INERTIA = 0.005


@dataclass(frozen=True, slots=True, eq=False)
class _Title:
    """Bits, quality and loss of every chunk at every index of the grid, and the most bits and loss that there may be.

    Bits are infinite at indices that limits bar.
    """

    bits: NDArray[np.float64]
    quality: NDArray[np.float64]
    loss: NDArray[np.float64]
    max_quality_step: float
    dearest: float
    worst: float

    def at(self, slope: float) -> NDArray[np.int64]:
        """Return the indices at which a loss costs as many bits as the slope says, jumps kept as far as can be."""
        cost = self.bits + slope * self.loss
        # whatever is within the max_quality_step is cheaper than what is beyond it
        penalty = 1e3 * (self.dearest + slope * self.worst)
        chosen = np.empty(len(cost), np.int64)
        cheapest_chain(cost, self.quality, self.max_quality_step, penalty, np.empty(cost.shape, np.int64), chosen)
        return chosen

    def trim(self, chosen: NDArray[np.int64], most: float) -> NDArray[np.int64]:
        """Take back what chunks have too much, the dearest first, until no more may be lost."""
        each = np.arange(len(chosen))
        quality, loss = self.quality[each, chosen], self.loss[each, chosen]
        around = np.maximum(np.append(-np.inf, quality[:-1]), np.append(quality[1:], -np.inf))
        # a neighbour that comes down itself only leaves more room
        enough = self.quality >= np.minimum(around - self.max_quality_step, quality)[:, None]
        saved, more, spare = self.bits[each, chosen][:, None] - self.bits, self.loss - loss[:, None], most - loss.sum()
        chunks, indices = np.nonzero(enough & (saved > 0) & (more <= spare))
        changed = chosen.copy()
        for n in np.argsort(-saved[chunks, indices], kind="stable"):
            chunk, index = chunks[n], indices[n]
            if changed[chunk] == chosen[chunk] and more[chunk, index] <= spare:
                changed[chunk], spare = index, spare - more[chunk, index]
        return changed


def smooth(
    curves: Sequence[Curve],
    frames: Sequence[int],
    limits: Constraints,
    rung_target: RungTarget,
    pooling: Pooling = POOLINGS["mean"],
    now: NDArray[np.int64] | None = None,
) -> Allocation:
    """Reach a quality by the fewest bits such that neighbours differ by no more than a max_quality_step.

    Parameters
    ----------
    curves, frames, limits, rung_target, pooling
        As `equal_slope` takes them; `limits.max_quality_step` is given. Where no quantisers keep to it, or none that solve_for_quality the
        quality, as nearly as can be.
    now : ndarray of int64, shape (chunks,), optional
        Places on the grid that chunks were encoded at: such a one stays where a change would save next to nothing.

    Notes
    -----
    At one slope, bits and the slope's worth of loss are summed along the film, and the chain of quantisers that costs
    least is found exactly (Viterbi); the slope is halved in on until the quality is just reached. This differs from
    raising the worse of two neighbours: it costs a third of the bits, because the better one comes down as well.
    """
    table = stack_curves(curves)
    bits, quality = table.bits, table.quality
    weights = np.asarray(frames, np.float64) / sum(frames)
    within = feasible_mask(curves, weights, limits, rung_target)
    each = np.arange(len(bits))
    counted = np.where(within, bits, np.inf)
    if now is not None:
        counted[each, now] *= 1 - INERTIA
    loss = weights[:, None] * pooling.loss(quality)
    dearest, worst = (float(column.max(axis=1).sum()) for column in (bits, loss))
    title = _Title(counted, quality, loss, limits.max_quality_step or 0.0, dearest, worst)
    most, slope = (
        float(pooling.loss(rung_target.quality)),
        rung_target.bits / max(float(pooling.loss(rung_target.quality)), 1e-9),
    )
    low, high = slope / SPREAD, slope * SPREAD
    fewest, chosen = 0.0, title.at(high)
    # what is asked of the rung comes before its smoothness
    while loss[each, chosen].sum() > most and title.max_quality_step < WIDEST:
        title = replace(title, max_quality_step=LOOSER * title.max_quality_step)
        chosen = title.at(high)
    for _ in range(HALVINGS):
        slope = (low * high) ** 0.5
        there = title.at(slope)
        if loss[each, there].sum() <= most:
            high, chosen = slope, there
        else:
            low, fewest = slope, float(bits[each, there].sum())
        if bits[each, chosen].sum() - fewest < NEAR * fewest:
            break
    chosen = title.trim(chosen, most)
    return Allocation(chosen, float(bits[each, chosen].sum()), float(pooling.quality(loss[each, chosen].sum())))
