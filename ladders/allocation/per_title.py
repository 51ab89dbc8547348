"""Allocations other than equal slope: one quantiser for all chunks, and one VMAF for all chunks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ladders.allocation.title_curve import TabulatedCurve
from ladders.rd.curves import Curve
from ladders.rd.pooling import POOLINGS, Pooling

__all__ = ["QUALITY_STEP", "one_quantiser", "same_quality", "uniform_quantiser_curve"]

#: VMAF between consecutive allocations of constant quality. Chosen by hand, below what any target resolves.
QUALITY_STEP = 0.1


def one_quantiser(
    curves: Sequence[Curve], frames: Sequence[int], pooling: Pooling = POOLINGS["mean"]
) -> TabulatedCurve:
    """Return the allocations in which all chunks have one quantiser, as in per-title encoding.

    Parameters
    ----------
    curves : sequence of Curve
        One per chunk, on one grid.
    frames : sequence of int
        Frame count of each chunk.
    pooling : Pooling
    """
    bits = np.sum([curve.bits for curve in curves], axis=0)
    return uniform_quantiser_curve(bits, pooling.pool([curve.quality for curve in curves], frames), len(curves))


def uniform_quantiser_curve(bits: NDArray[np.float64], quality: NDArray[np.float64], chunks: int) -> TabulatedCurve:
    """Return the allocations in which all chunks have one quantiser.

    Parameters
    ----------
    bits, quality : ndarray of float64, shape (grid,)
        Bits and pooled VMAF of the title at every quantiser, finest first.
    chunks : int
        Number of chunks.
    """
    # steps that do not increase the VMAF only cost bits
    useful = np.concatenate([[True], np.diff(np.maximum.accumulate(quality[::-1])) > 0])
    indices = np.arange(len(bits))[::-1][useful]
    return TabulatedCurve(bits[indices], quality[indices], np.broadcast_to(indices[:, None], (len(indices), chunks)))


def same_quality(curves: Sequence[Curve], frames: Sequence[int], pooling: Pooling = POOLINGS["mean"]) -> TabulatedCurve:
    """Return the allocations in which all chunks reach one VMAF, as a search per scene gives.

    Parameters
    ----------
    curves, frames, pooling
        As in `one_quantiser`.
    """
    quality = np.array([curve.quality for curve in curves])
    bits = np.array([curve.bits for curve in curves])
    levels = np.arange(max(quality.min(axis=1).max(), 1.0), quality.max(axis=1).max() + QUALITY_STEP, QUALITY_STEP)
    # the coarsest quantiser that reaches a level, or the finest if none does
    indices = np.maximum((quality[None] >= levels[:, None, None]).sum(axis=2) - 1, 0)
    each = np.arange(len(curves))
    total = bits[each, indices].sum(axis=1)
    mean = pooling.pool(quality[each, indices].T, frames)
    useful = np.concatenate([[True], np.diff(np.maximum.accumulate(mean)) > 0])
    return TabulatedCurve(total[useful], mean[useful], indices[useful])
