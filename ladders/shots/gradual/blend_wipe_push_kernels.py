"""Kernels of the blend, wipe and push models: fits of a frame inside a transition to the frames at its ends."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shotladder_runtime.kernels.compiler import kernel

__all__ = ["fit_blocks", "fit_push", "halve", "strip_means"]


@kernel(error_model="python")
def halve(plane: NDArray[np.int16], out: NDArray[np.float32]) -> None:
    """Average squares of 2 x 2 samples, in sixteenths of a level, to levels; a last odd line or column is dropped."""
    height, width = out.shape
    for y in range(height):
        upper, lower = plane[2 * y], plane[2 * y + 1]
        for x in range(width):
            left = np.int32(upper[2 * x]) + np.int32(lower[2 * x])
            out[y, x] = np.float32(left + np.int32(upper[2 * x + 1]) + np.int32(lower[2 * x + 1])) / np.float32(64)


@kernel(error_model="python")
def strip_means(plane: NDArray[np.int16], out: NDArray[np.float32]) -> None:
    """Write the means across strips of whole lines, a row of `out` a strip, in levels; some have a line more."""
    height, width = plane.shape
    count = out.shape[0]
    sums = np.empty(width, np.int32)
    y = 0
    for k in range(count):
        lines = height // count + (k < height % count)
        sums[:] = 0
        for i in range(y, y + lines):
            line = plane[i]
            for x in range(width):
                sums[x] += np.int32(line[x])
        for x in range(width):
            out[k, x] = np.float32(sums[x]) / np.float32(lines) / np.float32(16)
        y += lines


@kernel(error_model="python", fastmath={"reassoc", "contract"})
def _match(
    plane: NDArray[np.float32], other: NDArray[np.float32], y: int, x: int, position: NDArray[np.int64]
) -> tuple[Any, Any]:
    """Find the block of `other`, at most a sample away, with the highest correlation; return it and the deviation.

    Noise of one level in either block lowers the correlation.
    """
    height, width = plane.shape
    best, own = np.float32(-2), np.float32(0)
    for u in range(max(y - 1, 0), min(y + 1, height - 8) + 1):
        for v in range(max(x - 1, 0), min(x + 1, width - 8) + 1):
            a = b = aa = bb = ab = np.float32(0)
            for i in range(8):
                for j in range(8):
                    p, q = plane[y + i, x + j], other[u + i, v + j]
                    a += p
                    b += q
                    aa += p * p
                    bb += q * q
                    ab += p * q
            own = max(aa - a * a / 64, np.float32(0)) + np.float32(64)
            theirs = max(bb - b * b / 64, np.float32(0)) + np.float32(64)
            alike = (ab - a * b / 64) / np.sqrt(own * theirs)
            if alike > best:
                best = alike
                position[0], position[1] = u, v
    return best, np.sqrt(own / 64)


@kernel(error_model="python", fastmath={"reassoc", "contract"})
def fit_blocks(
    middle: NDArray[np.float32], old: NDArray[np.float32], new: NDArray[np.float32], out: NDArray[Any]
) -> None:
    """Fit the blocks of a frame by the blocks of the old and of the new frame, independent of brightness.

    Parameters
    ----------
    middle, old, new : float32 arrays, shape (height, width)
        In levels.
    out : float32 array, shape (5,)
        Means over the blocks, each weighted by its standard deviation: the higher of both correlations; the fraction
        of variance that a weighted sum of both, or the better one alone, explains; whether the block belongs to the
        old frame (its correlation is higher by 0.3), or to the new one; the smaller weight of the sum, -0.5 to 0.5.
    """
    height, width = middle.shape
    position = np.zeros((2, 2), np.int64)
    weights = 1e-6
    out[:] = 0
    for y in range(0, height - 7, 8):
        for x in range(0, width - 7, 8):
            one, deviation = _match(middle, old, y, x, position[0])
            two, _ = _match(middle, new, y, x, position[1])
            p0 = q0 = r0 = pp = qq = rr = pq = pr = qr = np.float32(0)
            for i in range(8):
                for j in range(8):
                    p = middle[y + i, x + j]
                    q = old[position[0, 0] + i, position[0, 1] + j]
                    r = new[position[1, 0] + i, position[1, 1] + j]
                    p0 += p
                    q0 += q
                    r0 += r
                    pp += p * p
                    qq += q * q
                    rr += r * r
                    pq += p * q
                    pr += p * r
                    qr += q * r
            pp += np.float32(64) - p0 * p0 / 64
            qq += np.float32(64) - q0 * q0 / 64
            rr += np.float32(64) - r0 * r0 / 64
            pq -= p0 * q0 / 64
            pr -= p0 * r0 / 64
            qr -= q0 * r0 / 64
            scale = max(qq * rr - qr * qr, np.float32(1))
            a, b = (pq * rr - pr * qr) / scale, (pr * qq - pq * qr) / scale
            likest = max(one, two)
            weights += deviation
            out[0] += deviation * likest
            out[1] += deviation * max((a * pq + b * pr) / pp, likest * abs(likest))
            if one > two + 0.3:
                out[2] += deviation
            elif two > one + 0.3:
                out[3] += deviation
            out[4] += deviation * min(max(min(a, b), -0.5), 0.5)
    for k in range(5):
        out[k] /= weights


@kernel(error_model="python", fastmath={"reassoc", "contract"})
def fit_push(
    middle: NDArray[np.float32], old: NDArray[np.float32], new: NDArray[np.float32], out: NDArray[Any]
) -> None:
    """Compute how well the new frame, pushing the old one out, explains a frame between them.

    Parameters
    ----------
    middle, old, new : float32 arrays, shape (strips, size)
        Mean profiles of strips of the frames, along the direction of the push.
    out : float32 array, shape (size + 1, 2)
        Mean absolute difference if the new frame covers 0 to `size` samples: from the end, from the start.
    """
    strips, size = middle.shape
    for d in range(size + 1):
        ahead = back = np.float32(0)
        for k in range(strips):
            for i in range(size - d):
                ahead += abs(middle[k, i] - old[k, i + d])
                back += abs(middle[k, i + d] - old[k, i])
            for i in range(d):
                ahead += abs(middle[k, size - d + i] - new[k, i])
                back += abs(middle[k, i] - new[k, size - d + i])
        out[d, 0], out[d, 1] = ahead / (strips * size), back / (strips * size)
