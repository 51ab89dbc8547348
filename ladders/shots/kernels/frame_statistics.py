"""Kernels that downscale one frame and compute its statistics: thumbnail, projections, histograms, block activity.

Downscaled planes are int16 in sixteenths of an 8-bit level, for every bit depth of the source.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ladders.blocks import deviation, difference
from shotladder_runtime.kernels.compiler import kernel

__all__ = ["box_downscale", "compute_projections", "histogram", "measure_frame", "thumbnail"]

_BYTES = np.uint64(0x00FF00FF00FF00FF)
_SHORTS = np.uint64(0x0000FFFF0000FFFF)
_INT = np.uint64(0xFFFFFFFF)
_8, _16, _32 = np.uint64(8), np.uint64(16), np.uint64(32)


@kernel(error_model="python")
def box_downscale(
    words: NDArray[np.uint64],
    factor: int,
    step: int,
    narrow: bool,
    scale: np.float32,
    sums: NDArray[np.uint64],
    out: NDArray[Any],
) -> None:
    """Average squares of `factor` x `factor` samples (a power of two), every `step`-th line of them.

    `words` are the lines as uint64, eight samples a word if `narrow`, otherwise four. Sums of samples are kept in
    16-bit lanes of a word, so that one addition adds four of them. `sums` is a buffer for one line.
    """
    height, width = out.shape
    size = factor if narrow else 2 * factor
    used = (width * size + 7) // 8
    lanes = sums.view(np.uint16)
    half = np.float32(0.5)
    for i in range(height):
        if size == 1:
            # a 16-bit lane contains at least two samples, so bytes are read one by one
            samples = words[i].view(np.uint8)
            for j in range(width):
                out[i, j] = np.int16(np.float32(samples[j]) * scale + half)
            continue
        for k in range(used):
            sums[k] = np.uint64(0)
        for y in range(i * factor + step // 2, (i + 1) * factor, step):
            line = words[y]
            if narrow:
                for k in range(used):
                    sums[k] += (line[k] & _BYTES) + ((line[k] >> _8) & _BYTES)
            else:
                for k in range(used):
                    sums[k] += line[k]
        if size >= 8:
            per = size // 8
            for k in range(used):
                pairs = (sums[k] & _SHORTS) + ((sums[k] >> _16) & _SHORTS)
                sums[k] = (pairs & _INT) + (pairs >> _32)
            if per == 1:
                for j in range(width):
                    out[i, j] = np.int16(np.float32(sums[j]) * scale + half)
            else:
                for j in range(width):
                    total = sums[j * per]
                    for q in range(1, per):
                        total += sums[j * per + q]
                    out[i, j] = np.int16(np.float32(total) * scale + half)
        else:
            per = size // 2
            for j in range(width):
                total = np.uint32(0)
                for q in range(per):
                    total += lanes[j * per + q]
                out[i, j] = np.int16(np.float32(total) * scale + half)


@kernel(error_model="python")
def thumbnail(plane: NDArray[np.int16], out: NDArray[np.float32]) -> None:
    """Average a plane to the cells of a coarse grid, in levels; cells may differ by a sample in size."""
    height, width = plane.shape
    rows, columns = out.shape
    sums = np.empty(width, np.int32)
    for r in range(rows):
        y0, y1 = r * height // rows, max((r + 1) * height // rows, r * height // rows + 1)
        sums[:] = 0
        for y in range(y0, y1):
            line = plane[y]
            for x in range(width):
                sums[x] += np.int32(line[x])
        for c in range(columns):
            x0, x1 = c * width // columns, max((c + 1) * width // columns, c * width // columns + 1)
            total = np.int32(0)
            for x in range(x0, x1):
                total += sums[x]
            out[r, c] = total / ((y1 - y0) * (x1 - x0) * 16.0)


@kernel(error_model="python", fastmath={"reassoc"})
def compute_projections(plane: NDArray[np.int16], out: NDArray[np.float32]) -> tuple[float, float]:
    """Write the mean of each column, then of each line; return the mean and the standard deviation, in levels."""
    height, width = plane.shape
    across, down = out[:width], out[width:]
    across[:] = np.float32(0)
    squares = level = np.float64(0)
    for y in range(height):
        line = plane[y]
        # sums of a line are whole numbers that single precision holds
        total = power = np.float32(0)
        for x in range(width):
            value = np.float32(line[x])
            across[x] += value
            total += value
            power += value * value
        down[y] = total / np.float32(width)
        level += total
        squares += power
    across /= np.float32(height)
    mean = level / (height * width)
    return mean / 16.0, np.sqrt(max(0.0, squares / (height * width) - mean * mean)) / 16.0


@kernel(error_model="python")
def histogram(plane: NDArray[np.int16], counts: NDArray[np.int16]) -> None:
    """Count the samples of every other line in 16 bins, in each of 4 x 4 regions."""
    height, width = plane.shape
    counts[:] = 0
    for y in range(0, height, 2):
        region = 4 * (4 * y // height)
        line = plane[y]
        for q in range(4):
            bins = counts[16 * (region + q) : 16 * (region + q + 1)]
            for x in range(q * width // 4, (q + 1) * width // 4):
                bins[line[x] >> 8] += 1


@kernel
def measure_frame(
    luma: NDArray[np.int16],
    blue: NDArray[np.int16],
    red: NDArray[np.int16],
    shape: tuple[int, int],
    before: NDArray[np.float32],
    cells: NDArray[np.float32],
    lines: NDArray[np.float32],
    counts: NDArray[np.int16],
    activity: NDArray[np.int32],
    out: NDArray[np.float32],
) -> None:
    """Compute the statistics of a frame that frames are compared by.

    Parameters
    ----------
    luma, blue, red : int16 arrays
        Downscaled planes.
    shape : tuple of int
        Rows and columns of the thumbnail of luma; those of chroma have half of each.
    before : float32 array
        `cells` of the frame before.
    cells : float32 array
        Receives the thumbnails of three planes, in levels.
    lines : float32 array, shape (width + height,)
        Receives `compute_projections`.
    counts : int16 array, shape (256,)
        Receives `histogram`.
    activity : int32 array, shape (height // 8, width // 8)
        Receives the sum of absolute differences of every block from its mean.
    out : float32 array, shape (3,)
        Receives the mean and the standard deviation of luma, in levels, and the mean absolute difference of `cells`
        from `before`.
    """
    grid, colours = shape[0] * shape[1], (shape[0] // 2) * (shape[1] // 2)
    thumbnail(luma, cells[:grid].reshape(shape))
    thumbnail(blue, cells[grid : grid + colours].reshape((shape[0] // 2, shape[1] // 2)))
    thumbnail(red, cells[grid + colours :].reshape((shape[0] // 2, shape[1] // 2)))
    step = 0.0
    for i in range(cells.size):
        step += abs(cells[i] - before[i])
    out[0], out[1] = compute_projections(luma, lines)
    out[2] = step / cells.size
    histogram(luma, counts)
    nothing = np.zeros((8, 8), np.int16)
    found = np.zeros((1, 1), np.int32)
    for r in range(activity.shape[0]):
        for c in range(activity.shape[1]):
            difference(luma, nothing, found, r * 8, c * 8, 0, 0)
            deviation(luma, found, r * 8, c * 8, found[0, 0] >> 6)
            activity[r, c] = found[0, 0]
