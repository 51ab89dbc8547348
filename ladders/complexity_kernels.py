"""Kernels of complexity: block energies of the DCT, gradients and differences of lines, costs of blocks."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["block_energies", "block_energies_8", "fine_blocks", "line_moments", "plane_moments", "summarise"]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def block_energies(
    picture: NDArray[Any],
    basis: NDArray[np.float32],
    weights: NDArray[np.float32],
    strip: NDArray[np.float32],
    energies: NDArray[np.float32],
    levels: NDArray[np.float32],
) -> None:
    """Weigh the DCT coefficients of every block of a picture.

    Parameters
    ----------
    picture : int16 array, shape (height, width)
        In sixteenths of a level.
    basis, weights : float32 arrays, shape (N, N)
        Orthonormal DCT-II, a row a frequency, and the weight of each coefficient.
    strip : float32 array, shape (N, at least width)
        Room for the lines of one row of blocks.
    energies, levels : float32 arrays, shape (height // N, width // N)
        Sum of weight x |coefficient|, and the coefficient at frequency zero, in levels.
    """
    size = basis.shape[0]
    rows, columns = energies.shape
    used = columns * size
    coefficients = np.empty(size, np.float32)
    sixteenth = np.float32(1 / 16)
    for r in range(rows):
        for k in range(size):
            line = strip[k]
            for x in range(used):
                line[x] = np.float32(0)
            for i in range(size):
                factor = basis[k, i] * sixteenth
                source = picture[r * size + i]
                for x in range(used):
                    line[x] += factor * np.float32(source[x])
        for c in range(columns):
            total = np.float32(0)
            for k in range(size):
                for m in range(size):
                    coefficients[m] = np.float32(0)
                for j in range(size):
                    value = strip[k, c * size + j]
                    for m in range(size):
                        coefficients[m] += value * basis[m, j]
                if k == 0:
                    levels[r, c] = coefficients[0]
                for m in range(size):
                    total += weights[k, m] * abs(coefficients[m])
            energies[r, c] = total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def block_energies_8(
    picture: NDArray[Any],
    basis: NDArray[np.float32],
    weights: NDArray[np.float32],
    strip: NDArray[np.float32],
    energies: NDArray[np.float32],
    levels: NDArray[np.float32],
) -> None:
    """Do what `block_energies` does, for N = 8, whose loops the compiler can then unroll."""
    rows, columns = energies.shape
    used = columns * 8
    coefficients = np.empty(8, np.float32)
    sixteenth = np.float32(1 / 16)
    for r in range(rows):
        y = r * 8
        for k in range(8):
            line = strip[k]
            for x in range(used):
                total = np.float32(0)
                for i in range(8):
                    total += basis[k, i] * np.float32(picture[y + i, x])
                line[x] = total * sixteenth
        for c in range(columns):
            total = np.float32(0)
            for k in range(8):
                for m in range(8):
                    coefficients[m] = np.float32(0)
                for j in range(8):
                    value = strip[k, c * 8 + j]
                    for m in range(8):
                        coefficients[m] += value * basis[m, j]
                if k == 0:
                    levels[r, c] = coefficients[0]
                for m in range(8):
                    total += weights[k, m] * abs(coefficients[m])
            energies[r, c] = total


@njit(cache=True, nogil=True)
def summarise(
    energies: NDArray[np.float32], before: NDArray[np.float32], levels: NDArray[np.float32], out: NDArray[np.float64]
) -> None:
    """Write the mean energy, the mean change of energies and the mean root of levels."""
    rows, columns = energies.shape
    energy = change = level = 0.0
    for r in range(rows):
        for c in range(columns):
            energy += energies[r, c]
            change += abs(energies[r, c] - before[r, c])
            level += np.sqrt(max(levels[r, c], np.float32(0)))
    blocks = rows * columns
    out[0], out[1], out[2] = energy / blocks, change / blocks, level / blocks


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def line_moments(
    lines: NDArray[Any], before: NDArray[Any], width: int, first: int, step: int, out: NDArray[Any]
) -> None:
    """Sum gradients and differences over every `step`-th line of integer samples.

    `out` (float64, 5) receives: samples, sum and sum of squares of the Sobel magnitude over the samples
    that have all neighbours; sum and sum of squares of lines - before over the whole width of the same
    lines. Lines 0 and height - 1 have no gradient and count in the difference only.
    """
    height = lines.shape[0]
    out[:] = 0.0
    for y in range(first, height, step):
        line, other = lines[y], before[y]
        change = np.int32(0)
        changes = np.float32(0)
        for x in range(width):
            d = np.int32(line[x]) - np.int32(other[x])
            change += d
            changes += np.float32(d * d)
        out[3] += change
        out[4] += changes
        if y == 0 or y == height - 1:
            continue
        above, below = lines[y - 1], lines[y + 1]
        magnitude = np.float32(0)
        squares = np.float32(0)
        for x in range(1, width - 1):
            a, b, c = np.int32(above[x - 1]), np.int32(above[x]), np.int32(above[x + 1])
            d, e = np.int32(line[x - 1]), np.int32(line[x + 1])
            f, g, h = np.int32(below[x - 1]), np.int32(below[x]), np.int32(below[x + 1])
            across = c + 2 * e + h - a - 2 * d - f
            down = f + 2 * g + h - a - 2 * b - c
            power = np.float32(across * across + down * down)
            squares += power
            magnitude += np.sqrt(power)
        out[0] += width - 2
        out[1] += magnitude
        out[2] += squares


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def plane_moments(picture: NDArray[Any], before: NDArray[Any], out: NDArray[Any]) -> None:
    """Sum gradients and differences over a whole picture of float64 samples; `out` as of `line_moments`."""
    height, width = picture.shape
    out[:] = 0.0
    for y in range(height):
        line, other = picture[y], before[y]
        for x in range(width):
            d = line[x] - other[x]
            out[3] += d
            out[4] += d * d
        if y == 0 or y == height - 1:
            continue
        above, below = picture[y - 1], picture[y + 1]
        magnitude = squares = 0.0
        for x in range(1, width - 1):
            across = above[x + 1] + 2 * line[x + 1] + below[x + 1] - above[x - 1] - 2 * line[x - 1] - below[x - 1]
            down = below[x - 1] + 2 * below[x] + below[x + 1] - above[x - 1] - 2 * above[x] - above[x + 1]
            power = across * across + down * down
            squares += power
            magnitude += np.sqrt(power)
        out[0] += width - 2
        out[1] += magnitude
        out[2] += squares


@njit(cache=True, nogil=True, inline="always")
def _fine_sad(before: NDArray[Any], lines: NDArray[Any], y: int, x: int, u: int, v: int) -> np.int32:
    total = np.int32(0)
    for i in range(8):
        for j in range(8):
            total += abs(np.int32(lines[y + i, x + j]) - np.int32(before[u + i, v + j]))
    return total


@njit(cache=True, nogil=True)
def _hadamard_columns(block: NDArray[np.int32], out: NDArray[Any]) -> None:
    """Transform the columns of an 8x8 block; the result is transposed, so that twice does rows too."""
    for j in range(8):
        a0, a1, a2, a3 = block[0, j], block[1, j], block[2, j], block[3, j]
        a4, a5, a6, a7 = block[4, j], block[5, j], block[6, j], block[7, j]
        b0, b1, b2, b3 = a0 + a4, a1 + a5, a2 + a6, a3 + a7
        b4, b5, b6, b7 = a0 - a4, a1 - a5, a2 - a6, a3 - a7
        a0, a1, a2, a3 = b0 + b2, b1 + b3, b0 - b2, b1 - b3
        a4, a5, a6, a7 = b4 + b6, b5 + b7, b4 - b6, b5 - b7
        out[j, 0], out[j, 1], out[j, 2], out[j, 3] = a0 + a1, a0 - a1, a2 + a3, a2 - a3
        out[j, 4], out[j, 5], out[j, 6], out[j, 7] = a4 + a5, a4 - a5, a6 + a7, a6 - a7


@njit(cache=True, nogil=True)
def _hadamard_cost(
    block: NDArray[np.int32], room: NDArray[np.int32], table: NDArray[np.float32], skip_first: bool
) -> np.float32:
    """Look up what the Hadamard coefficients of a block cost."""
    _hadamard_columns(block, room)
    _hadamard_columns(room, block)
    total = np.float32(0)
    top = np.int32(table.size - 1)
    for i in range(8):
        for j in range(8):
            total += table[np.uint32(min(abs(block[i, j]), top))]
    if skip_first:
        total -= table[np.uint32(min(abs(block[0, 0]), top))]
    return total


@njit(cache=True, nogil=True)
def fine_blocks(
    lines: NDArray[Any],
    before: NDArray[Any],
    width: int,
    vectors: NDArray[np.int16],
    factor: int,
    phase: int,
    sparse: int,
    table: NDArray[np.float32],
    grain: NDArray[np.float32],
    out: NDArray[Any],
) -> None:
    """Measure some 8x8 blocks of full size, one in every `sparse`-th block that was followed on the small pictures.

    Parameters
    ----------
    lines, before : integer arrays, shape (height, at least width)
        Luma of a frame and of the one before it.
    vectors : int16 array, shape (rows, columns, 2)
        Motion on the small pictures, from where the search goes on at full size.
    factor, phase, sparse : int
        Samples that became one; which of the blocks are taken, which changes from frame to frame; one in how many.
    table : float32 array
        Cost in bits of a Hadamard coefficient by its magnitude.
    grain : float32 array, shape (rows * columns,)
        Room for each block's noise.
    out : float32 array, shape (4,)
        Receives, per sample: bits, bits without motion compensation, residual in sample values; and the
        noise of the flattest fifth of the blocks that are not perfectly flat, as a standard deviation.
    """
    height = lines.shape[0]
    rows, columns = vectors.shape[:2]
    block, room = np.empty((8, 8), np.int32), np.empty((8, 8), np.int32)
    bits = alone = residual = 0.0
    grains = taken = 0
    for r in range(rows):
        for c in range(columns):
            if (r * 3 + c + phase) % sparse:
                continue
            taken += 1
            y = r * 8 * factor + 8 * ((phase * 5 + c * 3) % factor)
            x = c * 8 * factor + 8 * ((phase * 3 + r * 5) % factor)
            u = min(max(y + vectors[r, c, 0] * factor, 0), height - 8)
            v = min(max(x + vectors[r, c, 1] * factor, 0), width - 8)
            best = _fine_sad(before, lines, y, x, u, v)
            still = _fine_sad(before, lines, y, x, y, x)
            if still <= best:
                best, u, v = still, y, x
            step = factor // 2
            while step >= 1 and best > 32:
                cy, cx = u, v
                for k in range(4):
                    ty = cy + step * ((k == 0) - (k == 1))
                    tx = cx + step * ((k == 2) - (k == 3))
                    if 0 <= ty <= height - 8 and 0 <= tx <= width - 8:
                        cost = _fine_sad(before, lines, y, x, ty, tx)
                        if cost < best:
                            best, u, v = cost, ty, tx
                if step == 1 or (u == cy and v == cx):
                    step //= 2
            residual += best
            for i in range(8):
                for j in range(8):
                    block[i, j] = np.int32(lines[y + i, x + j]) - np.int32(before[u + i, v + j])
            inter = _hadamard_cost(block, room, table, False)
            rough = np.int32(0)
            for i in range(8):
                for j in range(8):
                    block[i, j] = lines[y + i, x + j]
            for i in range(1, 7):
                for j in range(1, 7):
                    # a mask that lets no plane and no edge along an axis through (Immerkaer 1996)
                    rough += abs(
                        block[i - 1, j - 1] + block[i - 1, j + 1] + block[i + 1, j - 1] + block[i + 1, j + 1]
                        - 2 * (block[i - 1, j] + block[i + 1, j] + block[i, j - 1] + block[i, j + 1])
                        + 4 * block[i, j]
                    )  # fmt: skip
            if rough:
                grain[grains] = rough
                grains += 1
            intra = _hadamard_cost(block, room, table, True)
            alone += intra
            bits += min(inter, intra)
    samples = max(1, taken) * 64.0
    out[0] = bits / samples
    out[1] = alone / samples
    out[2] = residual / samples
    out[3] = 0.0
    if grains:
        ordered = np.sort(grain[:grains])
        # mean magnitude over 36 places, to the deviation of the noise that causes it
        out[3] = ordered[grains // 5] / 36.0 * np.sqrt(np.pi / 2) / 6.0
