"""Rate and quality of one chunk at one resolution, as functions of the quantiser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

__all__ = [
    "VMAF_CEILING",
    "Curve",
    "RatePoint",
    "Size",
    "apply_encoder_offset",
    "fit_chunk_curves",
    "fit_curve",
    "log_vmaf_deficit",
    "quantiser_grid",
    "shift_through_points",
]

#: Slopes of log2(bits) per quantiser step that any encoder stays within; used beyond the last probe only.
STEEPEST_BITS_SLOPE, FLATTEST_BITS_SLOPE = -1 / 3, -1 / 24
#: How far bits bend: their binary logarithm is about a straight line in the quantiser, and so many times the square of
#: the quantiser's share of the encoder's range.
BITS_CURVATURE = 2.0
#: Beyond the finest probe the logarithm of distortion falls at such a share of the slope between the probes.
FINER_SLOPE_FRACTION = 0.8
#: VMAF above which its scale saturates: distortion is counted from a little above the top, so that it has a logarithm.
VMAF_CEILING = 100.5
#: How much the quantisers of a few encodes have to spread (sum of squares) before half of their slope is believed.
SLOPE_SHRINKAGE = 36.0

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RatePoint:
    """One probe: what a quantiser cost and gave.

    Attributes
    ----------
    quantiser : float
    bits : int
        Of the chunk's video samples.
    quality : float
        Mean VMAF of the frames that were measured.
    frame_stride : int
        Every so many frames were measured; 1 in a final measurement.
    peak_to_average : float
        How many times the chunk's rate its heaviest segment has; 1 where a segment holds all of it.
    worst_shot_deficit : float
        How much lower than the chunk's quality that of its worst shot is; 0 where it holds but one.
    """

    quantiser: float
    bits: int
    quality: float
    frame_stride: int = 1
    peak_to_average: float = 1.0
    worst_shot_deficit: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Bits and quality on a grid of quantisers.

    Attributes
    ----------
    quantisers, bits, quality : ndarray of float64, shape (grid,)
        Quantisers increase, bits and quality never do.
    peak_to_average : ndarray of float64, shape (grid,), or float
        How many times the chunk's rate its heaviest segment has.
    worst_shot_deficit : ndarray of float64, shape (grid,), or float
        How much lower than the chunk's quality that of its worst shot is.
    """

    quantisers: NDArray[np.float64]
    bits: NDArray[np.float64]
    quality: NDArray[np.float64]
    peak_to_average: NDArray[np.float64] | float = 1.0
    worst_shot_deficit: NDArray[np.float64] | float = 0.0


def quantiser_grid(lowest: float, highest: float, step: float) -> NDArray[np.float64]:
    """Return the quantisers that an encoder tells apart.

    Examples
    --------
    >>> quantiser_grid(20, 21, 0.25).tolist()
    [20.0, 20.25, 20.5, 20.75, 21.0]
    """
    count = round((highest - lowest) / step) + 1
    return np.linspace(lowest, lowest + (count - 1) * step, count, dtype=np.float64)


def fit_curve(points: Sequence[RatePoint], grid: NDArray[np.float64]) -> Curve:
    """Interpolate probes of one chunk at one resolution.

    Parameters
    ----------
    points : sequence of RatePoint, length >= 2
        At least two different quantisers.
    grid : ndarray of float64, shape (grid,)
        Increasing quantisers to evaluate at.

    Returns
    -------
    Curve
        Monotone between the probes and beyond them; it goes through those that tell most.

    Notes
    -----
    Logarithm of bits and logarithm of distortion (100.5 - VMAF) are interpolated apart, each by PCHIP, which keeps
    them monotone (Fritsch and Carlson 1980). Distortion's is nearly straight in the quantiser, and that of bits bends
    much uniform_quantiser_curve in all chunks, so that what is left of it is interpolated: two probes serve. On VMAF itself the chord of
    two probes lies points below the curve, and a size that was tried less densely then loses rungs that it should have.
    Where noise made a probe worse than its dearer neighbour, the two are averaged first.
    Beyond the probes both logarithms go on so, distortion's the flatter towards fine quantisers, where what the size
    itself loses is left; towards coarser ones quality goes on in a straight line.

    Trials that were measured on some frames only give the curve its shape; those that tell more then shift it by what
    they differ from it, in both logarithms.
    """
    levels = _levels(points)
    if not levels:
        raise ValueError("a curve needs probes at two quantisers")
    return _correct_residuals(levels[1:], grid, *_interpolate(levels[0], grid, _curvature(grid)), points)


def fit_chunk_curves(
    fast: Mapping[Size, Sequence[RatePoint]], exact: Mapping[Size, Sequence[RatePoint]], grid: NDArray[np.float64]
) -> dict[Size, Curve]:
    """Draw the curves of one chunk by probes of a fast preset, put in their index by a few of the final one.

    Parameters
    ----------
    fast : mapping
        From every size to probes of a fast preset: at least two different quantisers each.
    exact : mapping
        From some sizes to encodes of the final preset; at least one in all.
    grid : ndarray of float64, shape (grid,)
        Increasing quantisers to evaluate at.

    Returns
    -------
    dict
        A curve of every size of `fast`.

    Notes
    -----
    At one quantiser a slow preset loses less than a fast one and may take more bits; but its curve is nearly the fast
    one's, moved along the quantiser until distortion agrees, and then in bits by what the slow preset is better. Both
    amounts are much uniform_quantiser_curve at all sizes of a chunk, so that one encode tells them; several make them straight lines in
    the quantiser. What is left at a size that has encodes of its own shifts its curve as in `fit_curve`.
    """
    moves = [
        (point.quantiser, *_preset_offset(fast[size], point, grid))
        for size, points in exact.items()
        for point in points
    ]
    q, along, bits = (np.array(column) for column in zip(*moves, strict=True))
    shift, lift = _fit_offset_line(q, along, grid), _fit_offset_line(q, bits, grid)
    curves = {}
    for size, probes in fast.items():
        log_bits, loss = _interpolate(_levels(probes)[0], grid - shift, _curvature(grid))
        mine = exact.get(size, ())
        curves[size] = _correct_residuals(_by_fidelity(mine), grid, log_bits + lift, loss, [*probes, *mine])
    return curves


def shift_through_points(curve: Curve, points: Sequence[RatePoint]) -> Curve:
    """Move a curve through points, those that tell most last; without points it stays."""
    if not points:
        return curve
    return _correct_residuals(
        _by_fidelity(points), curve.quantisers, np.log2(curve.bits), log_vmaf_deficit(curve.quality), points
    )


def apply_encoder_offset(curves: Mapping[Size, Curve], points: Mapping[Size, Sequence[RatePoint]]) -> dict[Size, Curve]:
    """Move the curves of one chunk by what encodes of another kind, at some of its sizes, differ in both logarithms.

    What one size shows holds for all; what is left at those that have points of their own shifts them alone.
    """
    moves = []
    for size, found in points.items():
        for point in found:
            at = int(np.argmin(np.abs(curves[size].quantisers - point.quantiser)))
            bits, loss = np.log2(curves[size].bits[at]), log_vmaf_deficit(curves[size].quality[at])
            moves.append((point.quantiser, np.log2(max(point.bits, 1)) - bits, _log_deficit_of(point) - loss))
    q, lift, fall = (np.array(column) for column in zip(*moves, strict=True))
    moved = {}
    for size, curve in curves.items():
        log_bits = np.minimum.accumulate(np.log2(curve.bits) + _fit_offset_line(q, lift, curve.quantisers))
        loss = np.maximum.accumulate(log_vmaf_deficit(curve.quality) + _fit_offset_line(q, fall, curve.quantisers))
        quality = np.clip(VMAF_CEILING - np.exp(loss), 0.0, 100.0)
        moved[size] = shift_through_points(
            replace(curve, bits=np.exp2(log_bits), quality=quality), points.get(size, ())
        )
    return moved


def _log_deficit_of(point: RatePoint) -> float:
    return float(log_vmaf_deficit(np.array(point.quality)))


def _by_fidelity(points: Sequence[RatePoint]) -> list[list[RatePoint]]:
    """Group points by how much they tell, least first; within a group by quantiser."""
    return [
        sorted((p for p in points if p.frame_stride == frame_stride), key=lambda p: p.quantiser)
        for frame_stride in _frame_strides(points)
    ]


def _frame_strides(points: Sequence[RatePoint]) -> list[int]:
    """Return the strides of measurement that occur, those that tell least first."""
    return sorted({p.frame_stride for p in points}, reverse=True)


def _levels(points: Sequence[RatePoint]) -> list[list[RatePoint]]:
    """Group probes by how much they tell, least first; the first group has two quantisers at least."""
    levels: list[list[RatePoint]] = []
    held: dict[float, RatePoint] = {}
    for frame_stride in _frame_strides(points):
        held |= {p.quantiser: p for p in points if p.frame_stride == frame_stride}
        if levels or len(held) > 1:
            levels.append([held[q] for q in sorted(held)])
            held = {}
    return levels


def _interpolate(
    points: Sequence[RatePoint], grid: NDArray[np.float64], bend: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log2 of the bits, which are expected to bend so, and the logarithm of distortion on a grid."""
    q = np.array([p.quantiser for p in points])
    log_bits = pool_adjacent_violators(np.log2([max(p.bits, 1) for p in points]))
    quality = pool_adjacent_violators(np.array([p.quality for p in points]))
    loss = log_vmaf_deficit(quality)
    inside = np.clip(grid, q[0], q[-1])
    finer, coarser = np.minimum(grid - q[0], 0), np.maximum(grid - q[-1], 0)
    slope = FINER_SLOPE_FRACTION * (loss[1] - loss[0]) / (q[1] - q[0])
    fit_all = VMAF_CEILING - np.exp(_interpolate_monotone(q, loss, inside) + finer * slope)
    fit_all = fit_all + coarser * min((quality[-1] - quality[-2]) / (q[-1] - q[-2]), -0.25)
    bits = _interpolate_bits(q, log_bits, inside, bend) + _extrapolate_bits(q, log_bits, finer, coarser, bend)
    return bits, log_vmaf_deficit(np.clip(fit_all, 0.0, 100.0))


def _interpolate_bits(
    q: NDArray[np.float64], log_bits: NDArray[np.float64], at: NDArray[np.float64], bend: float
) -> NDArray[np.float64]:
    """Interpolate what bits differ from the bend that is expected; they never fall below the next coarser probe."""
    bent = _interpolate_monotone(q, log_bits - bend * q**2, at) + bend * at**2
    return np.maximum(bent, log_bits[np.searchsorted(q, at)])


def _extrapolate_bits(
    q: NDArray[np.float64],
    log_bits: NDArray[np.float64],
    finer: NDArray[np.float64],
    coarser: NDArray[np.float64],
    bend: float,
) -> NDArray[np.float64]:
    """Return how far bits go on, from the outermost probes, at distances beyond them."""
    slopes = np.clip(np.diff(log_bits) / np.diff(q), STEEPEST_BITS_SLOPE, FLATTEST_BITS_SLOPE)
    more = finer * slopes[0] + bend * finer * (finer - (q[1] - q[0]))
    less = coarser * slopes[-1] + bend * coarser * (coarser + (q[-1] - q[-2]))
    return np.minimum(more, finer * STEEPEST_BITS_SLOPE) + np.minimum(less, coarser * FLATTEST_BITS_SLOPE)


def _curvature(grid: NDArray[np.float64]) -> float:
    """Return the bend of the logarithm of bits in square quantisers."""
    return float(BITS_CURVATURE / (grid[-1] - grid[0]) ** 2)


def _interpolate_monotone(
    q: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate by PCHIP, which between two points, as most curves have, is a straight line."""
    return np.interp(at, q, values) if len(q) == 2 else PchipInterpolator(q, values)(at)


def _preset_offset(probes: Sequence[RatePoint], point: RatePoint, grid: NDArray[np.float64]) -> tuple[float, float]:
    """Return how far along the quantiser a drawn curve has to move for a point's distortion, and then in log2 bits."""
    solve_for_quality = (grid[-1] - grid[0]) / 4
    around = np.linspace(point.quantiser - solve_for_quality, point.quantiser + solve_for_quality, 4 * len(grid))
    log_bits, loss = _interpolate(_levels(probes)[0], around, _curvature(grid))
    loss = np.maximum.accumulate(loss)
    there = float(np.interp(log_vmaf_deficit(np.array([point.quality]))[0], loss, around))
    return point.quantiser - there, float(np.log2(max(point.bits, 1)) - np.interp(there, around, log_bits))


def _fit_offset_line(
    q: NDArray[np.float64], values: NDArray[np.float64], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a line through values, the flatter the less they tell of its slope, constant beyond them."""
    centre = q - q.mean()
    slope = float(centre @ values) / (float(centre @ centre) + SLOPE_SHRINKAGE)
    return values.mean() + slope * (np.clip(grid, q.min(), q.max()) - q.mean())


def _correct_residuals(
    levels: Sequence[Sequence[RatePoint]],
    grid: NDArray[np.float64],
    log_bits: NDArray[np.float64],
    loss: NDArray[np.float64],
    points: Sequence[RatePoint],
) -> Curve:
    """Bring a drawn curve through what tells more than it, level by level."""
    for level in levels:
        q = [p.quantiser for p in level]
        log_bits = log_bits + _residual(grid, q, log_bits, np.log2([max(p.bits, 1) for p in level]))
        loss = loss + _residual(grid, q, loss, log_vmaf_deficit(np.array([p.quality for p in level])))
    bits = np.exp2(np.minimum.accumulate(log_bits))
    quality = np.clip(VMAF_CEILING - np.exp(np.maximum.accumulate(loss)), 0.0, 100.0)
    ordered = sorted(points, key=lambda p: p.quantiser)
    tried = [p.quantiser for p in ordered]
    peak_to_average, worst_shot_deficit = (
        np.interp(grid, tried, column)
        for column in zip(*((p.peak_to_average, p.worst_shot_deficit) for p in ordered), strict=True)
    )
    return Curve(grid, bits, quality, peak_to_average, worst_shot_deficit)


def _residual(
    grid: NDArray[np.float64], quantisers: Sequence[float], curve: NDArray[np.float64], found: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what brings a curve through what was found at some quantisers, interpolated between them."""
    return np.interp(grid, quantisers, found - np.interp(quantisers, grid, curve))


def log_vmaf_deficit(quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the natural logarithm of distortion, which is nearly straight in the quantiser."""
    return np.log(VMAF_CEILING - np.minimum(quality, 100.0))


def pool_adjacent_violators(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average neighbours that rise until none does (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, count = float(value), 1
        while blocks and blocks[-1][0] < mean:
            left, n = blocks.pop()
            mean, count = (left * n + mean * count) / (n + count), n + count
        blocks.append((mean, count))
    return np.concatenate([np.full(count, mean) for mean, count in blocks])
