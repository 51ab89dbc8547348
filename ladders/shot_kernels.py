"""Kernels of the shot detector: shrink a plane, follow its blocks, compare two pictures.

Shrunk pictures are int16 in sixteenths of an 8-bit level, whatever the bit depth of the film.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["compare", "follow", "pair_evidence", "projection_shift", "shrink", "thumbnail", "thumbnails"]

_BYTES = np.uint64(0x00FF00FF00FF00FF)
_SHORTS = np.uint64(0x0000FFFF0000FFFF)
_INT = np.uint64(0xFFFFFFFF)
_8, _16, _32 = np.uint64(8), np.uint64(16), np.uint64(32)


@njit(cache=True, nogil=True)
def shrink(
    words: NDArray[np.uint64],
    factor: int,
    step: int,
    narrow: bool,
    scale: np.float32,
    sums: NDArray[np.uint64],
    out: NDArray[Any],
) -> None:
    """Average squares of `factor` x `factor` samples (a power of two), every `step`-th line of them.

    `words` are the lines as uint64, eight samples a word when `narrow`, else four; sums of samples ride in
    16-bit lanes, so that one addition serves four of them. `sums` is room for one line.
    """
    height, width = out.shape
    size = factor if narrow else 2 * factor
    used = (width * size + 7) // 8
    lanes = sums.view(np.uint16)
    half = np.float32(0.5)
    for i in range(height):
        if size == 1:
            # a lane holds two samples at least
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


@njit(cache=True, nogil=True)
def thumbnail(picture: NDArray[Any], out: NDArray[Any]) -> None:
    """Average cells of a picture into a coarse grid; cells differ by a sample in size where it does not divide."""
    height, width = picture.shape
    rows, columns = out.shape
    for r in range(rows):
        y0, y1 = r * height // rows, max((r + 1) * height // rows, r * height // rows + 1)
        for c in range(columns):
            x0, x1 = c * width // columns, max((c + 1) * width // columns, c * width // columns + 1)
            total = np.int64(0)
            for y in range(y0, y1):
                for x in range(x0, x1):
                    total += picture[y, x]
            out[r, c] = total / ((y1 - y0) * (x1 - x0))


@njit(cache=True, nogil=True)
def thumbnails(
    luma: NDArray[np.int16],
    blue: NDArray[np.int16],
    red: NDArray[np.int16],
    shape: tuple[int, int],
    before: NDArray[np.float32],
    out: NDArray[np.float32],
) -> float:
    """Write the thumbnails of three planes in levels, chroma with half the rows and columns, into one line.

    Returns its mean absolute difference from the line of the frame before.
    """
    cells, colours = shape[0] * shape[1], (shape[0] // 2) * (shape[1] // 2)
    thumbnail(luma, out[:cells].reshape(shape))
    thumbnail(blue, out[cells : cells + colours].reshape((shape[0] // 2, shape[1] // 2)))
    thumbnail(red, out[cells + colours :].reshape((shape[0] // 2, shape[1] // 2)))
    step = 0.0
    for i in range(out.size):
        out[i] /= np.float32(16)
        step += abs(out[i] - before[i])
    return step / out.size


@njit(cache=True, nogil=True)
def projection_shift(before: NDArray[Any], after: NDArray[Any], reach: int) -> int:
    """Return the shift of one profile against the other with the least mean difference, means removed."""
    size = before.size
    offset = np.float32(0.0)
    for k in range(size):
        offset += after[k] - before[k]
    offset /= size
    best, shift = np.float32(np.inf), 0
    for s in range(-reach, reach + 1):
        low, high = max(0, s), min(size, size + s)
        total = np.float32(0.0)
        for k in range(low, high):
            total += abs(after[k] - before[k - s] - offset)
        total /= high - low
        # a shift has to earn its place: flat profiles stay where they are
        total *= np.float32(1.0) + np.float32(0.02) * abs(s) / size * 4
        if total < best or (total == best and abs(s) < abs(shift)):
            best, shift = total, s
    return shift


@njit(cache=True, nogil=True, inline="always")
def _sad(before: NDArray[Any], after: NDArray[Any], y: int, x: int, u: int, v: int) -> np.int32:
    total = np.int32(0)
    for i in range(8):
        for j in range(8):
            total += abs(np.int32(after[y + i, x + j]) - np.int32(before[u + i, v + j]))
    return total


@njit(cache=True, nogil=True)
def follow(
    before: NDArray[Any],
    after: NDArray[Any],
    around: NDArray[np.int16],
    noise: int,
    found: NDArray[np.int16],
    out: NDArray[Any],
) -> None:
    """Find where each 8x8 block of a picture came from, and what that leaves unexplained.

    Parameters
    ----------
    before, after : int16 arrays, shape (height, width)
    around : int16 array, shape (2,)
        Vector of the whole picture, one of the starts. What other pairs found is not: a pair's numbers
        must not depend on where the analysis began.
    noise : int
        Difference in a block, sixteenths of a level, at which the search stops.
    found : int16 array, shape (rows, columns, 2)
        The vectors (dy, dx) into `before`.
    out : float32 array, shape (5,)
        Per sample, in levels: residual, residual with each block's mean removed, activity of the blocks of
        `after`; the mean share residual / (residual + activity) of a block; share of blocks better
        explained by themselves than by `before`.
    """
    height, width = after.shape
    rows, columns = found.shape[:2]
    inter = flat = intra = 0.0
    shares = 0.0
    fresh = 0
    starts = np.empty((4, 2), np.int32)
    for r in range(rows):
        y = r * 8
        for c in range(columns):
            x = c * 8
            starts[:] = 0
            starts[1, 0], starts[1, 1] = around[0], around[1]
            if c:
                starts[2, 0], starts[2, 1] = found[r, c - 1, 0], found[r, c - 1, 1]
            if r:
                starts[3, 0], starts[3, 1] = found[r - 1, c, 0], found[r - 1, c, 1]
            best = np.int32(2**30)
            u, v = y, x
            for k in range(4):
                if k and starts[k, 0] == starts[k - 1, 0] and starts[k, 1] == starts[k - 1, 1]:
                    continue
                cy = min(max(y + starts[k, 0], 0), height - 8)
                cx = min(max(x + starts[k, 1], 0), width - 8)
                cost = _sad(before, after, y, x, cy, cx)
                if cost < best:
                    best, u, v = cost, cy, cx
                if best <= noise:
                    break
            for _ in range(6):
                if best <= noise:
                    break
                cy, cx = u, v
                for k in range(4):
                    ty = cy + (k == 0) - (k == 1)
                    tx = cx + (k == 2) - (k == 3)
                    if 0 <= ty <= height - 8 and 0 <= tx <= width - 8:
                        cost = _sad(before, after, y, x, ty, tx)
                        if cost < best:
                            best, u, v = cost, ty, tx
                if u == cy and v == cx:
                    break
            found[r, c, 0], found[r, c, 1] = u - y, v - x
            own = shift = np.int32(0)
            for i in range(8):
                for j in range(8):
                    own += after[y + i, x + j]
                    shift += after[y + i, x + j] - before[u + i, v + j]
            own //= 64
            shift //= 64
            activity = even = np.int32(0)
            for i in range(8):
                for j in range(8):
                    here = np.int32(after[y + i, x + j])
                    activity += abs(here - own)
                    even += abs(here - np.int32(before[u + i, v + j]) - shift)
            inter += best
            flat += even
            intra += activity
            shares += best / (best + activity + 512.0)
            if best > activity:
                fresh += 1
    blocks = max(1, rows * columns)
    out[0] = inter / (blocks * 1024.0)
    out[1] = flat / (blocks * 1024.0)
    out[2] = intra / (blocks * 1024.0)
    out[3] = shares / blocks
    out[4] = fresh / blocks


@njit(cache=True, nogil=True)
def compare(before: NDArray[Any], after: NDArray[Any], out: NDArray[Any]) -> None:
    """Return the mean absolute difference of two pictures, in levels, and of their histograms by region.

    Histograms have 16 bins in each of 4 x 4 regions; `out` receives (difference, share of samples that
    moved to another bin, mean level, standard deviation).
    """
    height, width = after.shape
    counts = np.zeros((16, 16), np.int32)
    difference = np.int64(0)
    total = np.int64(0)
    squares = np.int64(0)
    for y in range(height):
        line, other = after[y], before[y]
        part = np.int32(0)
        level = np.int32(0)
        power = np.int64(0)
        for x in range(width):
            part += abs(np.int32(line[x]) - np.int32(other[x]))
            level += line[x]
            power += np.int32(line[x]) * np.int32(line[x])
        difference += part
        total += level
        squares += power
    seen = 0
    for y in range(0, height, 2):
        region = 4 * (4 * y // height)
        for q in range(4):
            bins = counts[region + q]
            for x in range(q * width // 4, (q + 1) * width // 4):
                bins[after[y, x] >> 8] += 1
                bins[before[y, x] >> 8] -= 1
                seen += 1
    moved = np.int64(0)
    for region in range(16):
        for k in range(16):
            moved += abs(counts[region, k])
    size = height * width
    mean = total / size
    out[0] = difference / (size * 16.0)
    out[1] = moved / (2.0 * seen)
    out[2] = mean / 16.0
    out[3] = np.sqrt(max(0.0, squares / size - mean * mean)) / 16.0


@njit(cache=True, nogil=True)
def pair_evidence(
    before: NDArray[Any],
    after: NDArray[Any],
    blue: NDArray[np.int16],
    bluer: NDArray[np.int16],
    red: NDArray[np.int16],
    redder: NDArray[np.int16],
    vectors: NDArray[np.int16],
    out: NDArray[Any],
) -> None:
    """Compare a picture with one before it: `follow`, `compare`, chroma and the shift of the whole.

    Parameters
    ----------
    before, after : int16 arrays
        Luma.
    blue, bluer, red, redder : int16 arrays
        Chroma of the one before and of the picture.
    vectors : int16 array, shape (height // 8, width // 8, 2)
        Receives the motion of blocks.
    out : float32 array, shape (12,)
        `CHANGE_COLUMNS` of `ladders.pictures`.
    """
    height, width = after.shape
    compare(before, after, out[5:9])
    colour = np.int64(0)
    for y in range(bluer.shape[0]):
        for x in range(bluer.shape[1]):
            colour += abs(np.int32(bluer[y, x]) - blue[y, x]) + abs(np.int32(redder[y, x]) - red[y, x])
    out[9] = colour / (bluer.size * 16.0)
    around = np.zeros(2, np.int16)
    # what barely changed did not move as a whole
    if out[5] > 0.5:
        across, down = np.zeros((2, width), np.float32), np.zeros((2, height), np.float32)
        for y in range(height):
            total = other = np.int32(0)
            for x in range(width):
                total += after[y, x]
                other += before[y, x]
                across[0, x] += before[y, x]
                across[1, x] += after[y, x]
            down[0, y], down[1, y] = other / width, total / width
        across /= np.float32(height)
        # a vector points back to where the picture came from
        around[0] = -projection_shift(down[0], down[1], height // 3)
        around[1] = -projection_shift(across[0], across[1], width // 3)
    out[10], out[11] = around[0], around[1]
    follow(before, after, around, 192, vectors, out[:5])
