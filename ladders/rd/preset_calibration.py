"""Fit the curves of a chunk by fast-preset probes that target-preset probes calibrate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ladders.rd.curve_interpolation import (
    SLOPE_SHRINKAGE,
    correct_residuals,
    evaluate_offset_line,
    fidelity_levels,
    group_by_stride,
    interpolate_probes,
    quantiser_span,
)
from ladders.rd.curves import Curve, RatePoint, Size, log_vmaf_deficit

__all__ = ["OffsetLine", "PresetOffset", "fit_chunk_curves", "fit_offset_line", "preset_offsets"]

#: VMAF from which an encode does not show how far its quantiser is from the one at which VMAF starts to decrease.
#: Chosen by hand.
SATURATED_VMAF = 99.0


@dataclass(frozen=True, slots=True)
class PresetOffset:
    """Offset of a target-preset probe from the curve of the fast preset.

    Attributes
    ----------
    quantiser : float
        Of the probe.
    along : float
        Along the quantiser, to where the curve has the VMAF of the probe.
    bits : float
        From there in log2(bits).
    """

    quantiser: float
    along: float
    bits: float


@dataclass(frozen=True, slots=True)
class OffsetLine:
    """Mean offset of the target preset in a title, and how it changes with the quantiser."""

    mean: PresetOffset
    along_slope: float
    bits_slope: float


def preset_offsets(
    fast: Mapping[Size, Sequence[RatePoint]], exact: Mapping[Size, Sequence[RatePoint]], grid: NDArray[np.float64]
) -> list[PresetOffset]:
    """Return the offset of each target-preset probe of a chunk at a size with fast-preset probes."""
    return [
        PresetOffset(point.quantiser, *_preset_offset(fast[size], point, grid))
        for size, points in exact.items()
        if fast.get(size)
        for point in points
    ]


def fit_offset_line(by_chunk: Sequence[Sequence[PresetOffset]]) -> OffsetLine | None:
    """Return the offset line of a title from the offsets of its chunks; None without any.

    The mean is that of the means of the chunks. The slopes are those within the chunks, shrunk towards zero (ridge).
    """
    tables = [np.array([(o.quantiser, o.along, o.bits) for o in offsets]) for offsets in by_chunk if offsets]
    if not tables:
        return None
    within = np.concatenate([table - table.mean(axis=0) for table in tables])
    slopes = within[:, 0] @ within[:, 1:] / (within[:, 0] @ within[:, 0] + SLOPE_SHRINKAGE)
    mean = np.mean([table.mean(axis=0) for table in tables], axis=0)
    return OffsetLine(PresetOffset(*map(float, mean)), *map(float, slopes))


def fit_chunk_curves(
    fast: Mapping[Size, Sequence[RatePoint]],
    exact: Mapping[Size, Sequence[RatePoint]],
    grid: NDArray[np.float64],
    of_title: OffsetLine,
) -> dict[Size, Curve]:
    """Fit the curves of one chunk by fast-preset probes that a few target-preset probes calibrate.

    Parameters
    ----------
    fast : mapping
        From every size to the fast-preset probes: two or more different quantisers each.
    exact : mapping
        From some sizes to the target-preset probes.
    grid : ndarray of float64, shape (grid,)
        Increasing quantisers to evaluate the curves at.
    of_title : OffsetLine
        Its mean calibrates a chunk without a target-preset probe, its slopes all chunks.

    Returns
    -------
    dict
        One curve for every size of `fast`.

    Notes
    -----
    At one quantiser a slow preset has a smaller deficit than a fast one, and may use more bits. Its curve is nearly the
    curve of the fast preset, shifted along the quantiser until the deficits agree, and then in log2(bits). Both shifts
    are similar at all sizes of a chunk, so one target-preset probe calibrates all of them. They change linearly with
    the quantiser, about equally in all chunks. The residuals at sizes with target-preset probes are corrected as in
    `fit_curve`.
    """
    offsets = preset_offsets(fast, exact, grid) or [of_title.mean]
    q, along, bits = np.array([(o.quantiser, o.along, o.bits) for o in offsets]).T
    quantiser_offset = evaluate_offset_line(q, along, grid, of_title.along_slope)
    bits_offset = evaluate_offset_line(q, bits, grid, of_title.bits_slope)
    curves = {}
    for size, probes in fast.items():
        log_bits, deficit = interpolate_probes(
            fidelity_levels(probes)[0], grid - quantiser_offset, quantiser_span(grid)
        )
        own = exact.get(size, ())
        curves[size] = correct_residuals(group_by_stride(own), grid, log_bits + bits_offset, deficit, [*probes, *own])
    return curves


def _preset_offset(probes: Sequence[RatePoint], point: RatePoint, grid: NDArray[np.float64]) -> tuple[float, float]:
    """Return the offset from a fitted fast-preset curve to a point: along the quantiser, then in log2(bits).

    The offset along the quantiser is zero if the point is saturated.
    """
    window = (grid[-1] - grid[0]) / 4
    around = np.linspace(point.quantiser - window, point.quantiser + window, 4 * len(grid))
    log_bits, deficit = interpolate_probes(fidelity_levels(probes)[0], around, quantiser_span(grid))
    deficit = np.maximum.accumulate(deficit)
    there = point.quantiser
    if point.quality < SATURATED_VMAF:
        there = float(np.interp(log_vmaf_deficit(np.array([point.quality]))[0], deficit, around))
    return point.quantiser - there, float(np.log2(max(point.bits, 1)) - np.interp(there, around, log_bits))
