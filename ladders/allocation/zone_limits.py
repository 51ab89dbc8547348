"""Limits of single chunks that a user sets, in addition to the constraints of all chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ZoneLimits", "apply_zone_limits"]


@dataclass(frozen=True, slots=True)
class ZoneLimits:
    """Limits of one chunk.

    Attributes
    ----------
    min_offset, max_offset : float or None
        Minimum and maximum VMAF of the chunk minus the mean VMAF of the rung; None for no limit.
    min_quantiser, max_quantiser : float or None
        None for no limit.
    """

    min_offset: float | None = None
    max_offset: float | None = None
    min_quantiser: float | None = None
    max_quantiser: float | None = None


def apply_zone_limits(
    feasible: NDArray[np.bool_],
    quantisers: NDArray[np.float64],
    quality: NDArray[np.float64],
    limits: Sequence[ZoneLimits | None],
    rung_quality: float | None,
) -> NDArray[np.bool_]:
    """Return a mask of feasible quantisers within the limits of each chunk.

    Parameters
    ----------
    feasible : ndarray of bool, shape (chunks, grid)
        By the constraints of all chunks.
    quantisers : ndarray of float64, shape (grid,)
        Increasing.
    quality : ndarray of float64, shape (chunks, grid)
        VMAF, not increasing along the grid.
    limits : sequence of ZoneLimits or None
        One per chunk.
    rung_quality : float or None
        Mean VMAF of the rung; None ignores the limits of the VMAF.

    Returns
    -------
    ndarray of bool, shape (chunks, grid)
        True for one or more quantisers of each chunk. Limits of the quantiser take precedence over those of the VMAF,
        and both take precedence over `feasible` where they exclude each other.
    """
    mask = feasible.copy()
    for n, zone in enumerate(limits):
        if zone is None:
            continue
        allowed = _limit_quantisers(quantisers, zone)
        if rung_quality is not None:
            for limited in (_limit_below(quality[n], zone, rung_quality), _limit_above(quality[n], zone, rung_quality)):
                allowed = allowed & limited if (allowed & limited).any() else allowed
        mask[n] = mask[n] & allowed if (mask[n] & allowed).any() else allowed
    return mask


def _limit_quantisers(quantisers: NDArray[np.float64], zone: ZoneLimits) -> NDArray[np.bool_]:
    low = -np.inf if zone.min_quantiser is None else zone.min_quantiser
    high = np.inf if zone.max_quantiser is None else zone.max_quantiser
    allowed = (quantisers >= low) & (quantisers <= high)
    if not allowed.any():
        # between two quantisers of the grid
        allowed[np.argmin(np.abs(quantisers - (low + high) / 2))] = True
    return allowed


def _limit_below(quality: NDArray[np.float64], zone: ZoneLimits, rung_quality: float) -> NDArray[np.bool_]:
    """Return the quantisers that reach the minimum VMAF; the best one if none does."""
    if zone.min_offset is None:
        return np.ones(len(quality), bool)
    return quality >= min(rung_quality + zone.min_offset, quality.max())


def _limit_above(quality: NDArray[np.float64], zone: ZoneLimits, rung_quality: float) -> NDArray[np.bool_]:
    """Return the quantisers that do not exceed the maximum VMAF; the worst one if all do."""
    if zone.max_offset is None:
        return np.ones(len(quality), bool)
    return quality <= max(rung_quality + zone.max_offset, quality.min())
