"""Interpolate the rate-distortion curve of a chunk from a few probe encodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from ladders.rd.curves import (
    VMAF_CEILING,
    Curve,
    RatePoint,
    Size,
    log_vmaf_deficit,
    log_vmaf_odds,
    vmaf_of_log_odds,
)
from ladders.rd.isotonic_regression import pool_adjacent_violators

__all__ = [
    "SLOPE_SHRINKAGE",
    "apply_encoder_offset",
    "correct_residuals",
    "evaluate_offset_line",
    "fidelity_levels",
    "fit_curve",
    "group_by_stride",
    "interpolate_probes",
    "quantiser_span",
    "shift_through_points",
]

#: log2(bits) per quantiser step; the steepest slope of an extrapolation. Chosen by hand: one halving in 3 steps.
STEEPEST_BITS_SLOPE = -1 / 3
#: log2(bits) per quantiser step; the flattest slope of an extrapolation. Chosen by hand: one halving in 24 steps.
FLATTEST_BITS_SLOPE = -1 / 24
#: Curvature of log2(bits): the coefficient of ((quantiser - lowest) / (highest - lowest)) squared. From the replays of
#: benchmarks.ladder_grids.
BITS_CURVATURE = 2.0
#: Curvature of the log odds of VMAF, in the same unit: with it they are predicted best between and above two
#: probes, at all sizes of both exhaustive grids.
VMAF_CURVATURE = 1.75
#: Slope of the log deficit below the finest probe, as a fraction of its slope between the two finest probes. From the
#: replays of benchmarks.ladder_grids.
FINER_SLOPE_FRACTION = 0.8
#: Sum of squared quantiser distances at which the slope of an offset line is shrunk to half of its least-squares value.
#: Chosen by hand: two probes about 8.5 steps apart.
SLOPE_SHRINKAGE = 36.0
#: VMAF; deficit whose residual in the log deficit is halved far from its encode: a small deficit shows little about the
#: deficits of coarser quantisers. From predictions of final encodes by those of the top rung.
HALVED_DEFICIT = 2.5
#: Distance at which the residual has decreased, as a fraction of the quantiser range. Chosen by hand: about one
#: halving of the bits.
RESIDUAL_REACH = 0.125


def fit_curve(points: Sequence[RatePoint], grid: NDArray[np.float64]) -> Curve:
    """Interpolate the curve of one chunk at one resolution from its probes.

    Parameters
    ----------
    points : sequence of RatePoint, length >= 2
        At two or more different quantisers.
    grid : ndarray of float64, shape (grid,)
        Increasing quantisers to evaluate the curve at.

    Returns
    -------
    Curve
        Monotone on the whole grid. It passes through the probes that were measured on most frames.

    Raises
    ------
    ValueError
        If all points have one quantiser.

    Notes
    -----
    log2(bits) and the log odds of VMAF, ln((100.5 - VMAF) / (VMAF + 3)), are interpolated separately by PCHIP, which
    keeps them monotone (Fritsch and Carlson 1980). Both have about the same curvature in all chunks; the curvature is
    subtracted before and added after the interpolation. Therefore two probes suffice. On VMAF itself the chord of two
    probes lies several points below the curve, and a resolution with few probes would lose rungs to one with many.
    Probes that are not monotone because of noise are averaged first (pool adjacent violators).
    Towards coarse quantisers both are extrapolated. Towards fine quantisers log2(bits) and the log deficit
    ln(100.5 - VMAF) are, whose slope is flatter there, where the loss by scaling remains.

    Probes that were measured on a subset of the frames give the shape of the curve. Probes measured on more frames
    then correct it by interpolated residuals in both logarithms.
    """
    levels = fidelity_levels(points)
    if not levels:
        raise ValueError("a curve needs probes at two or more quantisers")
    return correct_residuals(levels[1:], grid, *interpolate_probes(levels[0], grid, quantiser_span(grid)), points)


def shift_through_points(curve: Curve, points: Sequence[RatePoint]) -> Curve:
    """Correct a curve so that it passes through points; return it unchanged if there are none."""
    if not points:
        return curve
    return correct_residuals(
        group_by_stride(points), curve.quantisers, np.log2(curve.bits), log_vmaf_deficit(curve.quality), points
    )


def apply_encoder_offset(curves: Mapping[Size, Curve], points: Mapping[Size, Sequence[RatePoint]]) -> dict[Size, Curve]:
    """Shift the curves of one chunk to other encoder settings, of which a few encodes are known.

    Parameters
    ----------
    curves : mapping
        From every size to the curve without the other settings.
    points : mapping
        From sizes to encodes with the other settings; one or more in total.

    Returns
    -------
    dict
        From every size to the shifted curve.

    Notes
    -----
    The offsets in log2(bits) and log deficit that the encodes of one size show are applied to all sizes. The residuals
    at sizes with encodes of their own correct these sizes only.
    """
    offsets = []
    for size, encodes in points.items():
        for point in encodes:
            at = int(np.argmin(np.abs(curves[size].quantisers - point.quantiser)))
            bits, deficit = np.log2(curves[size].bits[at]), log_vmaf_deficit(curves[size].quality[at])
            offsets.append((point.quantiser, np.log2(max(point.bits, 1)) - bits, _log_deficit_of(point) - deficit))
    q, bits_offsets, deficit_offsets = (np.array(column) for column in zip(*offsets, strict=True))
    shifted = {}
    for size, curve in curves.items():
        log_bits = np.minimum.accumulate(np.log2(curve.bits) + evaluate_offset_line(q, bits_offsets, curve.quantisers))
        deficit = np.maximum.accumulate(
            log_vmaf_deficit(curve.quality) + evaluate_offset_line(q, deficit_offsets, curve.quantisers)
        )
        quality = np.clip(VMAF_CEILING - np.exp(deficit), 0.0, 100.0)
        shifted[size] = shift_through_points(
            replace(curve, bits=np.exp2(log_bits), quality=quality), points.get(size, ())
        )
    return shifted


def _log_deficit_of(point: RatePoint) -> float:
    return float(log_vmaf_deficit(np.array(point.quality)))


def group_by_stride(points: Sequence[RatePoint]) -> list[list[RatePoint]]:
    """Group points by frame stride, largest stride first; sort each group by quantiser."""
    return [
        sorted((p for p in points if p.frame_stride == stride), key=lambda p: p.quantiser)
        for stride in _frame_strides(points)
    ]


def _frame_strides(points: Sequence[RatePoint]) -> list[int]:
    """Return the frame strides that occur, largest first."""
    return sorted({p.frame_stride for p in points}, reverse=True)


def fidelity_levels(points: Sequence[RatePoint]) -> list[list[RatePoint]]:
    """Group points by frame stride, largest first; merge groups until the first has two quantisers."""
    levels: list[list[RatePoint]] = []
    pending: dict[float, RatePoint] = {}
    for stride in _frame_strides(points):
        pending |= {p.quantiser: p for p in points if p.frame_stride == stride}
        if levels or len(pending) > 1:
            levels.append([pending[q] for q in sorted(pending)])
            pending = {}
    return levels


def interpolate_probes(
    points: Sequence[RatePoint], at: NDArray[np.float64], span: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log2(bits) and the log deficit at quantisers; `span` is the quantiser range of the encoder."""
    q = np.array([p.quantiser for p in points])
    quality = pool_adjacent_violators(np.array([p.quality for p in points]))
    log_bits = pool_adjacent_violators(np.log2([max(p.bits, 1) for p in points]))
    bits = _interpolate_bits(q, log_bits, at, BITS_CURVATURE / span**2)
    return bits, _interpolate_deficit(q, quality, at, VMAF_CURVATURE / span**2)


def _interpolate_deficit(
    q: NDArray[np.float64], quality: NDArray[np.float64], at: NDArray[np.float64], curvature: float
) -> NDArray[np.float64]:
    """Return the log deficit between and outside probes."""
    deficit = log_vmaf_deficit(quality)
    odds = log_vmaf_odds(quality)
    within = np.clip(at, q[0], q[-1])
    coarser = np.maximum(at - q[-1], 0)
    slope = (odds[-1] - odds[-2]) / (q[-1] - q[-2])
    found = _interpolate_monotone(q, odds - curvature * q**2, within) + curvature * within**2
    # between those of the adjacent probes
    found = np.clip(found, odds[np.searchsorted(q, within, side="right") - 1], odds[np.searchsorted(q, within)])
    found += coarser * slope + curvature * coarser * (coarser + (q[-1] - q[-2]))
    inside = log_vmaf_deficit(vmaf_of_log_odds(found))
    finer_slope = FINER_SLOPE_FRACTION * (deficit[1] - deficit[0]) / (q[1] - q[0])
    return np.where(at < q[0], deficit[0] + (at - q[0]) * finer_slope, inside)


def _interpolate_bits(
    q: NDArray[np.float64], log_bits: NDArray[np.float64], at: NDArray[np.float64], curvature: float
) -> NDArray[np.float64]:
    """Return log2(bits) between and outside probes; between probes it is never below the next coarser probe."""
    within = np.clip(at, q[0], q[-1])
    curved = _interpolate_monotone(q, log_bits - curvature * q**2, within) + curvature * within**2
    slopes = np.clip(np.diff(log_bits) / np.diff(q), STEEPEST_BITS_SLOPE, FLATTEST_BITS_SLOPE)
    finer, coarser = np.minimum(at - q[0], 0), np.maximum(at - q[-1], 0)
    more = finer * slopes[0] + curvature * finer * (finer - (q[1] - q[0]))
    less = coarser * slopes[-1] + curvature * coarser * (coarser + (q[-1] - q[-2]))
    outside = np.minimum(more, finer * STEEPEST_BITS_SLOPE) + np.minimum(less, coarser * FLATTEST_BITS_SLOPE)
    return np.maximum(curved, log_bits[np.searchsorted(q, within)]) + outside


def quantiser_span(grid: NDArray[np.float64]) -> float:
    """Return the quantiser range of the encoder."""
    return float(grid[-1] - grid[0])


def _interpolate_monotone(
    q: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate by PCHIP; two points, which most curves have, make a straight line."""
    return np.interp(at, q, values) if len(q) == 2 else PchipInterpolator(q, values)(at)


def evaluate_offset_line(
    q: NDArray[np.float64], values: NDArray[np.float64], grid: NDArray[np.float64], slope: float = 0.0
) -> NDArray[np.float64]:
    """Return a line through values whose slope is shrunk towards a given one (ridge), and has that one outside."""
    centre = q - q.mean()
    more = float(centre @ (values - slope * centre)) / (float(centre @ centre) + SLOPE_SHRINKAGE)
    return values.mean() + slope * (grid - q.mean()) + more * (np.clip(grid, q.min(), q.max()) - q.mean())


def correct_residuals(
    levels: Sequence[Sequence[RatePoint]],
    grid: NDArray[np.float64],
    log_bits: NDArray[np.float64],
    deficit: NDArray[np.float64],
    points: Sequence[RatePoint],
) -> Curve:
    """Make a curve pass through points, level by level, so that the last level is met exactly."""
    for level in levels:
        q = [p.quantiser for p in level]
        log_bits = log_bits + _residual(grid, q, log_bits, np.log2([max(p.bits, 1) for p in level]))
        deficit = deficit + _deficit_residual(grid, level, deficit)
    bits = np.exp2(np.minimum.accumulate(log_bits))
    quality = np.clip(VMAF_CEILING - np.exp(np.maximum.accumulate(deficit)), 0.0, 100.0)
    ordered = sorted(points, key=lambda p: p.quantiser)
    probed = [p.quantiser for p in ordered]
    peaks, deficits = (
        np.interp(grid, probed, column)
        for column in zip(*((p.peak_to_average, p.worst_shot_deficit) for p in ordered), strict=True)
    )
    return Curve(grid, bits, quality, peaks, deficits)


def _deficit_residual(
    grid: NDArray[np.float64], points: Sequence[RatePoint], deficit: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return measured log deficits minus the curve, interpolated on the grid.

    Towards coarser quantisers without an encode, the residual of a small deficit decreases.
    """
    q = np.array([p.quantiser for p in points])
    measured = log_vmaf_deficit(np.array([p.quality for p in points]))
    residual = measured - np.interp(q, grid, deficit)
    ends = q + RESIDUAL_REACH * (grid[-1] - grid[0])
    is_alone = ends < np.append(q[1:], np.inf)
    far = residual * np.exp(measured) / (np.exp(measured) + HALVED_DEFICIT)
    knots, values = np.append(q, ends[is_alone]), np.append(residual, far[is_alone])
    order = np.argsort(knots)
    return np.interp(grid, knots[order], values[order])


def _residual(
    grid: NDArray[np.float64], quantisers: Sequence[float], curve: NDArray[np.float64], measured: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return measured values minus the curve at some quantisers, interpolated on the grid."""
    return np.interp(grid, quantisers, measured - np.interp(quantisers, grid, curve))
