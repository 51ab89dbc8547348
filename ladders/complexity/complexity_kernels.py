"""Kernels of complexity: DCT energy of blocks, gradients and differences of lines, coding cost of blocks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ladders.blocks import absolute, dct_columns, dct_energy_rows, hadamard_columns, hadamard_rows, roughness
from shotladder_runtime.kernels.compiler import kernel

__all__ = ["block_energies", "block_energies_8", "fine_blocks", "line_moments", "plane_moments", "small_energies",
           "summarise"]  # fmt: skip


@kernel(error_model="python", fastmath={"reassoc", "contract"})
def block_energies(
    plane: NDArray[Any],
    basis: NDArray[np.float32],
    weights: NDArray[np.float32],
    strip: NDArray[np.float32],
    energies: NDArray[np.float32],
    levels: NDArray[np.float32],
) -> None:
    """Compute the weighted DCT energy of every block of a plane.

    Parameters
    ----------
    plane : int16 array, shape (height, width)
        In sixteenths of a level.
    basis, weights : float32 arrays, shape (N, N)
        Orthonormal DCT-II, a row per frequency, and the weight of each coefficient.
    strip : float32 array, shape (N, at least width)
        Buffer for the lines of one row of blocks.
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
                source = plane[r * size + i]
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


@kernel
def block_energies_8(
    plane: NDArray[np.int16],
    weights: NDArray[np.float64],
    energies: NDArray[np.float32],
    levels: NDArray[np.float32],
) -> None:
    """Compute `block_energies` for N = 8 with vector code."""
    rows, columns = energies.shape
    buffer, found = np.empty((8, 8)), np.empty((2, 8))
    for r in range(rows):
        for c in range(columns):
            dct_columns(plane, buffer, r * 8, c * 8)
            dct_energy_rows(buffer, weights, found)
            levels[r, c] = found[0, 0] / 16.0
            energies[r, c] = found[1, 0] / 16.0


@kernel(error_model="python")
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


@kernel
def small_energies(
    luma: NDArray[np.int16],
    blue: NDArray[np.int16],
    red: NDArray[np.int16],
    weights: NDArray[np.float64],
    energies: NDArray[np.float32],
    levels: NDArray[np.float32],
    now: int,
    out: NDArray[np.float64],
) -> None:
    """Compute `block_energies_8` and `summarise` for all planes of a downscaled frame.

    Parameters
    ----------
    luma, blue, red : int16 arrays
        In sixteenths of a level.
    weights : float64 array, shape (8, 8)
    energies : float32 array, shape (2, 3, rows, columns)
        Of two frames, the planes of each; index `now` receives those of this frame, the other those of the one before.
    levels : float32 array, shape (rows, columns)
        Buffer for the levels of a plane.
    now : int
    out : float64 array, shape (3, 3)
        A row per plane; unchanged for a plane without a whole block.
    """
    for k, plane in enumerate((luma, blue, red)):
        rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
        if rows and columns:
            mine, before = energies[now, k, :rows, :columns], energies[1 - now, k, :rows, :columns]
            block_energies_8(plane, weights, mine, levels[:rows, :columns])
            summarise(mine, before, levels[:rows, :columns], out[k])


@kernel(error_model="python", fastmath={"reassoc"})
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
        line, other = lines[y, :width], before[y, :width]
        # differences of a line are whole numbers that single precision holds, as are gradients
        change = changes = np.float32(0)
        for x in range(width):
            d = np.float32(line[x]) - np.float32(other[x])
            change += d
            changes += d * d
        out[3] += change
        out[4] += changes
        if y == 0 or y == height - 1:
            continue
        above, below = lines[y - 1, :width], lines[y + 1, :width]
        magnitude = squares = np.float32(0)
        for x in range(width - 2):
            a, b, c = np.float32(above[x]), np.float32(above[x + 1]), np.float32(above[x + 2])
            f, g, h = np.float32(below[x]), np.float32(below[x + 1]), np.float32(below[x + 2])
            d, e = np.float32(line[x]), np.float32(line[x + 2])
            across = (c - a) + (e - d) * np.float32(2) + (h - f)
            down = (f - a) + (g - b) * np.float32(2) + (h - c)
            power = across * across + down * down
            squares += power
            magnitude += np.sqrt(power)
        out[0] += width - 2
        out[1] += magnitude
        out[2] += squares


@kernel(error_model="python", fastmath={"reassoc"})
def plane_moments(plane: NDArray[Any], before: NDArray[Any], out: NDArray[Any]) -> None:
    """Sum gradients and differences over a whole plane of float64 samples; `out` as of `line_moments`."""
    height, width = plane.shape
    out[:] = 0.0
    for y in range(height):
        line, other = plane[y], before[y]
        for x in range(width):
            d = line[x] - other[x]
            out[3] += d
            out[4] += d * d
        if y == 0 or y == height - 1:
            continue
        above, below = plane[y - 1], plane[y + 1]
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


@kernel(error_model="python")
def _cost(coefficients: NDArray[np.int32], table: NDArray[np.float32]) -> np.float32:
    """Return the cost of the coefficients of a block in bits."""
    total = np.float32(0)
    top = np.int32(table.size - 1)
    for i in range(8):
        for j in range(8):
            total += table[np.uint32(min(coefficients[i, j], top))]
    return total


@kernel
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
    """Measure 8 x 8 blocks at full size: one within every `sparse`-th block of the downscaled frame.

    Parameters
    ----------
    lines, before : integer arrays, shape (height, at least width)
        Luma of a frame and of the one before it.
    vectors : int16 array, shape (rows, columns, 2)
        Motion vectors of the downscaled blocks, at which the search at full size starts.
    factor, phase, sparse : int
        Ratio of full size to downscaled size; which blocks are measured, a number that changes from frame to frame; one
        in how many blocks is measured.
    table : float32 array
        Cost in bits of a Hadamard coefficient by its magnitude.
    grain : float32 array, shape (rows * columns,)
        Buffer for the noise of each block.
    out : float32 array, shape (4,)
        Receives, per sample: bits, bits without motion compensation, residual in sample values; and the
        standard deviation of the noise: the 20th percentile of the blocks that are not perfectly flat.
    """
    height = lines.shape[0]
    rows, columns = vectors.shape[:2]
    buffer, found = np.empty((8, 8), np.int32), np.empty((8, 8), np.int32)
    nothing, cost = np.zeros((8, 8), lines.dtype), np.zeros((1, 1), np.int32)
    inter_bits = intra_bits = residual = 0.0
    noisy = taken = 0
    for r in range(rows):
        for c in range(columns):
            if (r * 3 + c + phase) % sparse:
                continue
            taken += 1
            y = r * 8 * factor + 8 * ((phase * 5 + c * 3) % factor)
            x = c * 8 * factor + 8 * ((phase * 3 + r * 5) % factor)
            u = min(max(y + vectors[r, c, 0] * factor, 0), height - 8)
            v = min(max(x + vectors[r, c, 1] * factor, 0), width - 8)
            absolute(lines, before, cost, y, x, y, x)
            best = cost[0, 0]
            if u != y or v != x:
                absolute(lines, before, cost, y, x, u, v)
                if cost[0, 0] < best:
                    best = cost[0, 0]
                else:
                    u, v = y, x
            step = factor // 2
            while step >= 1 and best > 32:
                cy, cx = u, v
                for k in range(4):
                    ty = cy + step * ((k == 0) - (k == 1))
                    tx = cx + step * ((k == 2) - (k == 3))
                    if 0 <= ty <= height - 8 and 0 <= tx <= width - 8:
                        absolute(lines, before, cost, y, x, ty, tx)
                        if cost[0, 0] < best:
                            best, u, v = cost[0, 0], ty, tx
                if step == 1 or (u == cy and v == cx):
                    step //= 2
            residual += best
            hadamard_columns(lines, before, buffer, y, x, u, v)
            hadamard_rows(buffer, found)
            inter = _cost(found, table)
            hadamard_columns(lines, nothing, buffer, y, x, 0, 0)
            hadamard_rows(buffer, found)
            # an encoder predicts the mean
            found[0, 0] = 0
            intra = _cost(found, table)
            # a mask that removes gradients and edges along an axis (Immerkaer, Fast noise variance estimation, 1996)
            roughness(lines, found, y, x)
            rough = np.int32(0)
            for j in range(6):
                rough += found[0, j]
            if rough:
                grain[noisy] = rough
                noisy += 1
            intra_bits += intra
            inter_bits += min(inter, intra)
    samples = max(1, taken) * 64.0
    out[0] = inter_bits / samples
    out[1] = intra_bits / samples
    out[2] = residual / samples
    out[3] = 0.0
    if noisy:
        ordered = np.sort(grain[:noisy])
        # mean magnitude of the mask over 36 positions, to the standard deviation of the noise (Immerkaer 1996)
        out[3] = ordered[noisy // 5] / 36.0 * np.sqrt(np.pi / 2) / 6.0
