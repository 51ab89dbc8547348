"""PSNR and SSIM of planes, equal to those of ffmpeg's filters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from vmaf.native.kernels import psnr_ssim_kernels as kernels

__all__ = ["PSNR_SSIM", "psnr", "psnr_ssim", "ssim"]


def psnr_ssim(names: Sequence[str], reference: Sequence[Any], rendition: Sequence[Any], depth: int) -> dict[str, float]:
    """Return the requested metrics of each plane by name: `psnr_y`, `psnr_u`, and so on.

    Parameters
    ----------
    names : sequence of str
        Some of `PSNR_SSIM`.
    reference, rendition : sequence of uint8 or uint16 array
        Luma and two chroma planes.
    depth : int
        Bits of a sample.
    """
    planes = list(zip("yuv", reference, rendition, strict=True))
    return {f"{name}_{plane}": PSNR_SSIM[name](a, b, depth) for name in names for plane, a, b in planes}


def psnr(a: Any, b: Any, depth: int) -> float:
    """Return the peak signal-to-noise ratio of two planes in dB, infinite if they are equal.

    Parameters
    ----------
    a, b : uint8 or uint16 array, (height, width)
    depth : int
        Bits of a sample; the peak is 2**depth - 1.

    Examples
    --------
    >>> a = np.zeros((4, 4), np.uint8)
    >>> round(psnr(a, a + np.uint8(1), 8), 3)
    48.131
    """
    error = int(kernels.squared_error(a, b))
    if error == 0:
        return math.inf
    return 10.0 * math.log10((2**depth - 1) ** 2 * a.shape[0] * a.shape[1] / error)


def ssim(a: Any, b: Any, depth: int) -> float:
    """Return the structural similarity of two planes, at most 1.

    Parameters
    ----------
    a, b : uint8 or uint16 array, (height, width)
        At least eight rows and columns.
    depth : int
        Bits of a sample, up to 12.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli, 2004, "Image quality assessment: from error visibility to structural
    similarity", eq. 13, over 8 x 8 windows, four samples apart, as in x264 and ffmpeg.

    Examples
    --------
    >>> a = np.arange(64, dtype=np.uint8).reshape(8, 8)
    >>> ssim(a, a, 8)
    1.0
    """
    peak = 2**depth - 1
    # the kernel uses sums over 64 samples for means, and sums of 64 * 63 products for variances
    c1, c2 = int(0.01 * 0.01 * peak * peak * 64 + 0.5), int(0.03 * 0.03 * peak * peak * 64 * 63 + 0.5)
    rows, columns = a.shape[0] // 4, a.shape[1] // 4
    above, below = np.empty((4, columns), np.int64), np.empty((4, columns), np.int64)
    scratch, terms = np.empty((4, 4 * columns), np.int32), np.empty(columns, np.float32)
    total = kernels.similarity(a, b, c1, c2, scratch, above, below, terms)
    return float(total) / ((rows - 1) * (columns - 1))


#: the functions by the name of the metric
PSNR_SSIM = {"psnr": psnr, "ssim": ssim}
