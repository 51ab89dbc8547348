"""Kernels of PSNR and SSIM of two planes, equal to ffmpeg's filters `psnr` and `ssim`."""

from __future__ import annotations

import numpy as np

from shotladder_runtime.kernels.compiler import kernel
from shotladder_runtime.kernels.vector import Index, View2D, intrinsic_step

__all__ = ["similarity", "squared_error"]

#: elements of a vector; the last columns of a row are computed one by one
WIDE = 16


@kernel
def squared_error(a, b):  # type: ignore[no-untyped-def]
    """Return the sum of squared differences of two planes."""
    total = np.int64(0)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            difference = np.int64(np.int32(a[i, j]) - np.int32(b[i, j]))
            total += difference * difference
    return total


def _columns(a: View2D, b: View2D, sums: View2D, i: Index, j: Index) -> None:
    x, y = ([plane.load(i + k, j, WIDE).to("i32") for k in range(4)] for plane in (a, b))
    squares, products = [p * p + q * q for p, q in zip(x, y, strict=True)], [p * q for p, q in zip(x, y, strict=True)]
    for row, terms in enumerate((x, y, squares, products)):
        sums.store(row, j, terms[0] + terms[1] + terms[2] + terms[3])


_columns_step = intrinsic_step(3, 2, _columns)


@kernel
def block_row(a, b, i, columns, blocks):  # type: ignore[no-untyped-def]
    """Write the sums over each 4 x 4 block of rows i to i + 3: a, b, a*a + b*b, a*b."""
    count = blocks.shape[1]
    whole = 4 * count // 16 * 16
    for j in range(0, whole, 16):
        _columns_step(a, b, columns, i, j)
    for j in range(whole, 4 * count):
        columns[:, j] = 0
        for k in range(4):
            p, q = np.int32(a[i + k, j]), np.int32(b[i + k, j])
            columns[0, j] += p
            columns[1, j] += q
            columns[2, j] += p * p + q * q
            columns[3, j] += p * q
    for n in range(4):
        row, out = columns[n], blocks[n]
        for x in range(count):
            out[x] = np.int64(row[4 * x]) + row[4 * x + 1] + row[4 * x + 2] + row[4 * x + 3]


@kernel
def similarity(a, b, c1, c2, columns, above, below, terms):  # type: ignore[no-untyped-def]
    """Return the sum of SSIM over 8 x 8 windows, four samples apart; c1 and c2 are the constants of the paper."""
    total = np.float64(0)
    block_row(a, b, 0, columns, above)
    for y in range(1, a.shape[0] // 4):
        block_row(a, b, 4 * y, columns, below)
        for x in range(below.shape[1] - 1):
            s1 = above[0, x] + above[0, x + 1] + below[0, x] + below[0, x + 1]
            s2 = above[1, x] + above[1, x + 1] + below[1, x] + below[1, x + 1]
            ss = above[2, x] + above[2, x + 1] + below[2, x] + below[2, x + 1]
            s12 = above[3, x] + above[3, x + 1] + below[3, x] + below[3, x + 1]
            variances = ss * 64 - s1 * s1 - s2 * s2
            covariance = s12 * 64 - s1 * s2
            upper = np.float32(2 * s1 * s2 + c1) * np.float32(2 * covariance + c2)
            terms[x] = upper / (np.float32(s1 * s1 + s2 * s2 + c1) * np.float32(variances + c2))
        for x in range(below.shape[1] - 1):
            total += np.float64(terms[x])
        above, below = below, above
    return total
