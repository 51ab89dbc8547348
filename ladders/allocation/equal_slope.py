"""Share a title's bits among its chunks by equal slope.

At the optimum no bit would buy more quality in another chunk: all chunks stand on their convex hulls where one more
bit buys equally much. So the edges of all hulls, sorted by what they buy per
bit, are the whole title's curve: each prefix of them is the best allocation of its size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ladders.allocation.hull_kernels import all_hulls
from ladders.rd.curve_table import stack_curves
from ladders.rd.curves import Curve
from ladders.rd.pooling import POOLINGS, Pooling

__all__ = [
    "Allocation",
    "Constraints",
    "RungTarget",
    "TitleCurve",
    "convex_hull",
    "equal_slope",
    "feasible_mask",
    "one_quantiser",
    "same_quality",
    "solve_for_quality",
    "uniform_quantiser_curve",
]

#: Share of the peak that is planned with: the rung's mean may turn out lower than predicted, and containers add.
PEAK_MARGIN = 0.97
#: VMAF between neighbouring allocations of equal quality.
QUALITY_STEP = 0.1
#: What limits count from has settled within such a share of the bits, which takes at most so many rounds.
SETTLED, ROUNDS = 0.002, 6


@dataclass(frozen=True, slots=True)
class Constraints:
    """What no chunk may cross.

    Attributes
    ----------
    floor_below_mean : float
        No shot's quality lies further below the title's mean, where its curve reaches so high.
    cap : float
        No chunk gets more quality than this, where it can have less: the scale saturates there.
    peak_ratio : float
        In no segment is a chunk's rate higher than so many times the rung's average (Apple's authoring rules: 2 for
        video on demand), where its curve reaches so low. It comes before the floor; the rung's quality before it.
    buffer : float or None
        Seconds that a decoder's buffer takes to fill at that peak rate: on encodes it must never run empty. None leaves
        it as large as it has to be.
    max_quality_step : float or None
        How far the quality of a chunk may be from its neighbours', where their curves allow; None as far as it likes.
    """

    floor_below_mean: float = 8.0
    cap: float = 98.5
    peak_ratio: float = 2.0
    buffer: float | None = None
    max_quality_step: float | None = None

    def for_target(self, target: float) -> Constraints:
        """Return those of a ladder: shots may be as much better than a high target as they will be worse."""
        return replace(self, cap=max(self.cap, (target + 100) / 2))


@dataclass(frozen=True, slots=True, eq=False)
class RungTarget:
    """What the limits count from.

    Attributes
    ----------
    quality : float
        Mean quality of the rung.
    bits : float
        Of the rung, in all.
    most : ndarray of float64, shape (chunks,), or float
        Bits that a chunk may have, as its encode shows that a decoder's buffer can take.
    """

    quality: float
    bits: float
    most: NDArray[np.float64] | float = np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Allocation:
    """A choice for every chunk.

    Attributes
    ----------
    indices : ndarray of int64, shape (chunks,)
        Into the grid of quantisers.
    bits : float
        In all.
    quality : float
        Of all frames, pool.
    """

    indices: NDArray[np.int64]
    bits: float
    quality: float


@dataclass(frozen=True, slots=True, eq=False)
class TitleCurve:
    """A family of allocations of one title at one resolution, cheapest first.

    Attributes
    ----------
    bits, quality : ndarray of float64, shape (steps,)
        Of the title; both increase.
    choose : callable
        Gives the indices on the grid, shape (chunks,), of one step.
    trim_last_step : callable, optional
        Takes a step and the quality that it has to keep; gives the step's allocation without what its last move did
        too much: hulls of few chunks have long edges.
    """

    bits: NDArray[np.float64]
    quality: NDArray[np.float64]
    choose: Callable[[int], NDArray[np.int64]]
    trim_last_step: Callable[[int, float], Allocation] | None = None

    def at(self, step: int) -> Allocation:
        """Return one allocation."""
        return Allocation(self.choose(step), float(self.bits[step]), float(self.quality[step]))

    def for_quality(self, target: float) -> Allocation:
        """Return the cheapest allocation that reaches a quality, or the best there is."""
        step = min(int(np.searchsorted(self.quality, target)), len(self.quality) - 1)
        return (
            self.trim_last_step(step, target)
            if self.trim_last_step and step and self.quality[step] > target
            else self.at(step)
        )

    def for_bits(self, budget: float) -> Allocation:
        """Return the best allocation within a budget, or the cheapest there is."""
        return self.at(max(int(np.searchsorted(self.bits, budget, side="right")) - 1, 0))

    def quality_at(self, bits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the quality that budgets buy; below the cheapest allocation, minus infinity."""
        index = np.searchsorted(self.bits, bits, side="right") - 1
        return np.where(index < 0, -np.inf, self.quality[np.maximum(index, 0)])


def convex_hull(bits: Sequence[float], quality: Sequence[float]) -> tuple[int, ...]:
    """Return which points are on the upper convex hull of quality over bits, cheapest first.

    Parameters
    ----------
    bits, quality : sequence of float, equally long
        In any order.

    Returns
    -------
    tuple of int
        Places of the hull's corners.

    Examples
    --------
    >>> convex_hull([1, 2, 3, 4], [10, 30, 35, 34])
    (0, 1, 2)
    """
    order = np.lexsort((np.asarray(quality, float), -np.asarray(bits, float)))
    cost = np.asarray(bits, float)[order][None]
    loss = -np.asarray(quality, float)[order][None]
    vertices = np.empty(cost.shape, np.int64)
    counts = np.empty(1, np.int64)
    all_hulls(cost, loss, np.ones(cost.shape, np.bool_), vertices, counts)
    return tuple(int(order[v]) for v in vertices[0, : counts[0]])


def equal_slope(
    curves: Sequence[Curve],
    frames: Sequence[int],
    limits: Constraints,
    rung_target: RungTarget | None = None,
    pooling: Pooling = POOLINGS["mean"],
) -> TitleCurve:
    """Merge the chunks' hulls into the title's: all allocations in which every chunk has the same slope.

    Parameters
    ----------
    curves : sequence of Curve
        One per chunk, on one grid.
    frames : sequence of int
        How long each chunk is.
    limits : Limits
        What no chunk may cross.
    rung_target : RungTarget, optional
        What floor and peak count from; without it only the cap holds.
    pooling : Pooling
        What of the chunks' qualities is made best.

    References
    ----------
    .. [1] H. Everett, "Generalized Lagrange multiplier method", Operations Research 11, 1963.
    .. [2] Y. Shoham, A. Gersho, "Efficient bit allocation for an arbitrary set of quantizers", IEEE TASSP 36, 1988.
    """
    table = stack_curves(curves)
    bits, weights = table.bits, np.asarray(frames, np.float64) / sum(frames)
    loss = pooling.loss(table.quality) * weights[:, None]
    vertices = np.empty(bits.shape, np.int64)
    counts = np.empty(len(bits), np.int64)
    within = feasible_mask(curves, weights, limits, rung_target)
    all_hulls(bits, loss, within, vertices, counts)
    rows = np.repeat(np.arange(len(bits)), counts - 1)
    after = np.concatenate([v[1:n] for v, n in zip(vertices, counts, strict=True)])
    before = np.concatenate([v[: n - 1] for v, n in zip(vertices, counts, strict=True)])
    price = bits[rows, after] - bits[rows, before]
    gain = loss[rows, before] - loss[rows, after]
    slope = gain / price
    # slopes of a hull fall, but for the last digit of those that are equal: they stay in their order
    while np.any(rising := (rows[1:] == rows[:-1]) & (slope[1:] > slope[:-1])):
        slope[1:][rising] = slope[:-1][rising]
    order = np.argsort(-slope, kind="stable")
    start, moved, indices = vertices[:, 0].copy(), rows[order], after[order]

    def choose(step: int) -> NDArray[np.int64]:
        chosen = start.copy()
        # later edges of a chunk overwrite earlier ones
        chosen[moved[:step]] = indices[:step]
        return chosen

    each = np.arange(len(bits))
    total = bits[each, start].sum() + np.concatenate([[0.0], np.cumsum(price[order])])
    left = loss[each, start].sum() - np.concatenate([[0.0], np.cumsum(gain[order])])

    def trim_last_step(step: int, target: float) -> Allocation:
        chosen = choose(step)
        spare = pooling.loss(target) - left[step]
        last, finest = moved[step - 1], indices[step - 1]
        # indices between the move's ends are not on the hull, but nearer to what is asked for
        coarser = np.arange(finest, before[order[step - 1]])
        enough = coarser[within[last, coarser] & (loss[last, coarser] <= loss[last, finest] + spare)]
        chosen[last] = enough[np.argmin(bits[last, enough])]
        change = bits[last, chosen[last]] - bits[last, finest], loss[last, chosen[last]] - loss[last, finest]
        return Allocation(chosen, float(total[step] + change[0]), float(pooling.quality(left[step] + change[1])))

    return TitleCurve(total, pooling.quality(left), choose, trim_last_step)


def solve_for_quality(
    curves: Sequence[Curve],
    frames: Sequence[int],
    limits: Constraints,
    rung_target: RungTarget,
    pooling: Pooling = POOLINGS["mean"],
) -> Allocation:
    """Reach a quality by equal slope within limits that count from what that costs.

    Parameters
    ----------
    curves, frames, limits, pooling
        As `equal_slope` takes them.
    rung_target : RungTarget
        Its quality is reached, if it can be; its bits are where to begin.

    Notes
    -----
    A limit on peaks costs bits, and is the wider the more bits there are: counted from what a title would need without
    limits, it would cost more than it has to. What limits count from lies between two numbers of bits, the lower of
    which leads to more than itself; they are brought together by halves.
    """
    low, high, kept = 0.0, np.inf, None
    for _ in range(ROUNDS):
        allocation = equal_slope(curves, frames, limits, rung_target, pooling).for_quality(rung_target.quality)
        if allocation.bits >= rung_target.bits * (1 - SETTLED):
            low, high, kept = rung_target.bits, min(high, allocation.bits), allocation
        else:
            low, high = max(low, allocation.bits), rung_target.bits
        if abs(allocation.bits / rung_target.bits - 1) <= SETTLED:
            break
        rung_target = replace(rung_target, bits=(low * high) ** 0.5)
    return kept or allocation


def one_quantiser(curves: Sequence[Curve], frames: Sequence[int], pooling: Pooling = POOLINGS["mean"]) -> TitleCurve:
    """Return the allocations in which every chunk has the same quantiser, as per-title encoding has it."""
    bits = np.sum([curve.bits for curve in curves], axis=0)
    return uniform_quantiser_curve(bits, pooling.pool([curve.quality for curve in curves], frames), len(curves))


def uniform_quantiser_curve(bits: NDArray[np.float64], quality: NDArray[np.float64], count: int) -> TitleCurve:
    """Return the allocations in which so many chunks have one quantiser, of what all have at each, finest first."""
    # plateaus of quality cost bits and give nothing
    useful = np.concatenate([[True], np.diff(np.maximum.accumulate(quality[::-1])) > 0])
    indices = np.arange(len(bits))[::-1][useful]
    return TitleCurve(bits[indices], quality[indices], lambda step: np.full(count, indices[step]))


def same_quality(curves: Sequence[Curve], frames: Sequence[int], pooling: Pooling = POOLINGS["mean"]) -> TitleCurve:
    """Return the allocations in which every chunk reaches the same quality, as a search per scene gives."""
    quality = np.array([curve.quality for curve in curves])
    bits = np.array([curve.bits for curve in curves])
    levels = np.arange(max(quality.min(axis=1).max(), 1.0), quality.max(axis=1).max() + QUALITY_STEP, QUALITY_STEP)
    # the coarsest quantiser that reaches a level; where none does, the finest
    indices = np.maximum((quality[None] >= levels[:, None, None]).sum(axis=2) - 1, 0)
    each = np.arange(len(curves))
    total = bits[each, indices].sum(axis=1)
    mean = pooling.pool(quality[each, indices].T, frames)
    useful = np.concatenate([[True], np.diff(np.maximum.accumulate(mean)) > 0])
    kept = indices[useful]
    return TitleCurve(total[useful], mean[useful], lambda step: kept[step].copy())


def feasible_mask(
    curves: Sequence[Curve], weights: NDArray[np.float64], limits: Constraints, rung_target: RungTarget | None = None
) -> NDArray[np.bool_]:
    """Return which indices of the grid the limits leave to each chunk.

    Parameters
    ----------
    curves : sequence of Curve
        One per chunk, on one grid.
    weights : ndarray of float64, shape (chunks,)
        Each chunk's share of the frames.
    limits : Limits
    rung_target : RungTarget, optional
        What floor and peak count from; without it only the cap holds.

    Returns
    -------
    ndarray of bool, shape (chunks, grid)
        At least one index of every chunk.
    """
    table = stack_curves(curves)
    left = table.quality <= limits.cap
    # where even the coarsest quantiser is above the cap, that one stands
    left[:, -1] = True
    if rung_target is None:
        return left
    # a chunk's fair share of the rung's bits is its share of the frames
    left &= table.peak_bits <= PEAK_MARGIN * limits.peak_ratio * rung_target.bits * weights[:, None]
    left &= (rung_target.most >= table.bits.T).T
    left[:, -1] = True
    # a chunk is as good as the worst of the shots that ride in it
    floor = np.minimum(
        rung_target.quality - limits.floor_below_mean, np.where(left, table.worst_shot_vmaf, -100.0).max(axis=1)
    )
    return left & (table.worst_shot_vmaf >= floor[:, None])
