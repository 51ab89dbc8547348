"""The curves of all chunks of a title at one size, stacked to arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ladders.rd.curves import Curve

__all__ = ["CurveTable", "stack_curves"]

#: Sizes whose tables are cached. A ladder visits all of its sizes (at most 8) for every rung.
MAX_CACHED_SIZES = 8


@dataclass(frozen=True, slots=True, eq=False)
class CurveTable:
    """Curves, one per row.

    Attributes
    ----------
    bits, quality : ndarray of float64, shape (chunks, grid)
    peak_bits : ndarray of float64, shape (chunks, grid)
        Bits that the chunk would have if all of it had the bitrate of its peak segment part.
    worst_shot_vmaf : ndarray of float64, shape (chunks, grid)
        VMAF of the worst shot of the chunk.
    """

    bits: NDArray[np.float64]
    quality: NDArray[np.float64]
    peak_bits: NDArray[np.float64]
    worst_shot_vmaf: NDArray[np.float64]


def stack_curves(curves: Sequence[Curve]) -> CurveTable:
    """Return curves as arrays.

    The arrays are cached, because stacking takes as long as an allocation; callers must not write to them.
    """
    return _stack_curves(tuple(curves))


@lru_cache(maxsize=MAX_CACHED_SIZES)
def _stack_curves(curves: tuple[Curve, ...]) -> CurveTable:
    return CurveTable(
        np.array([curve.bits for curve in curves]),
        np.array([curve.quality for curve in curves]),
        np.array([curve.bits * curve.peak_to_average for curve in curves]),
        np.array([curve.quality - curve.worst_shot_deficit for curve in curves]),
    )
