"""Constraints on the bits and the VMAF of single chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ladders.allocation.zone_limits import ZoneLimits, apply_zone_limits
from ladders.rd.curve_table import stack_curves
from ladders.rd.curves import Curve

__all__ = ["PEAK_MARGIN", "Constraints", "RungTarget", "feasible_mask"]

#: Fraction of the peak bitrate that allocations may use. Chosen by hand: the measured average of a rung may be lower
#: than predicted, and containers add overhead.
PEAK_MARGIN = 0.97
#: VMAF; tolerance of comparisons against rounding.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Constraints:
    """Constraints on every chunk of a rung.

    Attributes
    ----------
    floor_below_mean : float
        Maximum difference between the mean VMAF of the rung and the VMAF of a shot. A shot need not be better than it
        is with one quantiser for the whole rung.
    cap : float
        Maximum VMAF of a chunk, where a coarser quantiser exists: the VMAF scale saturates above.
    peak_ratio : float
        Maximum bitrate of a chunk in a segment, divided by the average bitrate of the rung (Apple's HLS authoring
        rules: 2 for video on demand), where the curve of the chunk allows it. It takes precedence over the floor; the
        VMAF of the rung takes precedence over it.
    vbv_seconds : float or None
        Size of the decoder (VBV) buffer in seconds at the peak bitrate; encodes must not underflow it. None: unlimited.
    max_quality_step : float or None
        Maximum VMAF difference between consecutive chunks, where their curves allow it. None: unlimited.
    zones : tuple of ZoneLimits or None
        Limits of each chunk; they take precedence over the other constraints. Empty if no chunk has limits.
    """

    floor_below_mean: float = 8.0
    cap: float = 98.5
    peak_ratio: float = 2.0
    vbv_seconds: float | None = None
    max_quality_step: float | None = None
    zones: tuple[ZoneLimits | None, ...] = ()

    def for_target(self, target: float) -> Constraints:
        """Return the constraints of a ladder with a target VMAF: the cap is at least halfway from the target to 100."""
        return replace(self, cap=max(self.cap, (target + 100) / 2))


@dataclass(frozen=True, slots=True, eq=False)
class RungTarget:
    """Target of one rung, relative to which the constraints are evaluated.

    Attributes
    ----------
    quality : float
        Mean VMAF.
    bits : float
        Bits of all chunks.
    max_bits : ndarray of float64, shape (chunks,), or float
        Maximum bits of each chunk, as measured encodes show that the decoder buffer allows.
    """

    quality: float
    bits: float
    max_bits: NDArray[np.float64] | float = np.inf


def feasible_mask(
    curves: Sequence[Curve],
    weights: NDArray[np.float64],
    constraints: Constraints,
    rung_target: RungTarget | None = None,
) -> NDArray[np.bool_]:
    """Return the quantisers of every chunk that satisfy the constraints.

    Parameters
    ----------
    curves : sequence of Curve
        One per chunk, on one grid.
    weights : ndarray of float64, shape (chunks,)
        Frames of each chunk as a fraction of all frames.
    constraints : Constraints
    rung_target : RungTarget, optional
        Reference of the floor and the peak; without it only the cap is applied.

    Returns
    -------
    ndarray of bool, shape (chunks, grid)
        True for one or more quantisers of every chunk.
    """
    table = stack_curves(curves)
    feasible = table.quality <= constraints.cap
    # a chunk whose coarsest quantiser is above the cap uses that quantiser
    feasible[:, -1] = True
    if rung_target is None:
        return _within_zones(feasible, curves, constraints, None)
    # the average bits of a chunk are its fraction of the frames
    feasible &= table.peak_bits <= PEAK_MARGIN * constraints.peak_ratio * rung_target.bits * weights[:, None]
    feasible &= (rung_target.max_bits >= table.bits.T).T
    feasible[:, -1] = True
    # a chunk of several shots is as good as the worst of them
    best = np.where(feasible, table.worst_shot_vmaf, -100.0).max(axis=1)
    # the coarsest quantiser with which the whole rung reaches its VMAF
    uniform = max(int((weights @ table.quality >= rung_target.quality - ROUNDING).sum()) - 1, 0)
    simple = np.minimum(best, table.worst_shot_vmaf[:, uniform])
    floor = np.minimum(rung_target.quality - constraints.floor_below_mean, simple)
    feasible &= table.worst_shot_vmaf >= floor[:, None]
    return _within_zones(feasible, curves, constraints, rung_target.quality)


def _within_zones(
    feasible: NDArray[np.bool_], curves: Sequence[Curve], constraints: Constraints, rung_quality: float | None
) -> NDArray[np.bool_]:
    if not constraints.zones:
        return feasible
    quality = stack_curves(curves).quality
    return apply_zone_limits(feasible, curves[0].quantisers, quality, constraints.zones, rung_quality)
