"""Steps of kernels over 8 x 8 blocks: a line of a block is a vector, a step is straight-line code.

`shotladder_runtime.kernels.vector` generates that code.

Each step takes two-dimensional arrays, then whole numbers: the row and column where a block begins. What it finds it
writes to its last array.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.fft import dct

from shotladder_runtime.kernels.vector import Index, Vector, View2D, deinterleave, interleave, intrinsic_step

__all__ = ["SIDE", "absolute", "dct_columns", "dct_energy_rows", "deviation", "difference", "hadamard_columns",
           "hadamard_rows", "offset", "roughness"]  # fmt: skip

SIDE = 8
_BASIS = dct(np.eye(SIDE), axis=0, norm="ortho")


def _differences(after: View2D, before: View2D, y: Index, x: Index, u: Index, v: Index) -> list[Vector]:
    """Return the lines of one block less those of another, in 16 bits where they fit."""
    kind = "i32" if after.element.width == 16 and not after.signed else "i16"
    return [after.load(y + i, x, SIDE).to(kind) - before.load(u + i, v, SIDE).to(kind) for i in range(SIDE)]


def _sum(rows: Sequence[Vector]) -> Vector:
    total = rows[0]
    for row in rows[1:]:
        total = total + row
    return total


def _total(rows: Sequence[Vector]) -> Vector:
    """Add up all that lines hold, four lines in their own width, which must bear that; one 32-bit lane."""
    total = _sum([_sum(rows[k : k + 4]).to("i32") for k in range(0, len(rows), 4)])
    while total.value.type.count > 1:
        even, odd = deinterleave(total)
        total = even + odd
    return total


def _absolute(after: View2D, before: View2D, out: View2D, y: Index, x: Index, u: Index, v: Index) -> None:
    """Write the sum of absolute differences of the block at (y, x) and that at (u, v)."""
    out.store(0, 0, _total([row.magnitude() for row in _differences(after, before, y, x, u, v)]))


def _difference(after: View2D, before: View2D, out: View2D, y: Index, x: Index, u: Index, v: Index) -> None:
    """Write the sum of the differences of two blocks."""
    out.store(0, 0, _total(_differences(after, before, y, x, u, v)))


def _offset(after: View2D, before: View2D, out: View2D, y: Index, x: Index, u: Index, v: Index, mean: Index) -> None:
    """Write the sum of absolute differences of two blocks, a number taken off each first."""
    rows = _differences(after, before, y, x, u, v)
    out.store(0, 0, _total([(row - mean).magnitude() for row in rows]))


def _deviation(picture: View2D, out: View2D, y: Index, x: Index, mean: Index) -> None:
    """Write the sum of absolute differences of a block from a number."""
    rows = [picture.load(y + i, x, SIDE) - mean for i in range(SIDE)]
    out.store(0, 0, _total([row.magnitude() for row in rows]))


def _roughness(picture: View2D, out: View2D, y: Index, x: Index) -> None:
    """Write, for each of the six inner columns of a block, how much it bends across and down at once."""
    inner = SIDE - 2

    def bent(i: int, j: int) -> Vector:
        above, here, below = (picture.load(y + (i + d), x + j, inner).to("i32") for d in (-1, 0, 1))
        return above + below - here * 2

    rows = [bent(i, 0) + bent(i, 2) - bent(i, 1) * 2 for i in range(1, SIDE - 1)]
    total = _sum([row.magnitude() for row in rows])
    # six lanes do not halve to one
    out.store(0, 0, total)


def _transposed(rows: Sequence[Vector]) -> Vector:
    """Return the lines of a block, transposed, in one vector."""
    while len(rows) > 1:
        half = len(rows) // 2
        rows = [interleave(rows[k], rows[k + half]) for k in range(half)]
    return rows[0]


def _butterflies(rows: Sequence[Vector]) -> list[Vector]:
    """Return the Walsh-Hadamard transform across lines, in some order but for the first."""
    out = list(rows)
    apart = SIDE // 2
    while apart:
        for k in range(SIDE):
            if not k & apart:
                out[k], out[k + apart] = out[k] + out[k + apart], out[k] - out[k + apart]
        apart //= 2
    return out


def _hadamard_columns(after: View2D, before: View2D, out: View2D, y: Index, x: Index, u: Index, v: Index) -> None:
    """Transform the columns of the difference of two blocks; transposed, so that twice does rows too."""
    rows = [row.to("i32") for row in _differences(after, before, y, x, u, v)]
    out.store(0, 0, _transposed(_butterflies(rows)))


def _hadamard_rows(room: View2D, out: View2D) -> None:
    """Transform once more, and write magnitudes."""
    for i, row in enumerate(_butterflies([room.load(i, 0, SIDE) for i in range(SIDE)])):
        out.store(i, 0, row.magnitude())


def _dct(rows: Sequence[Vector]) -> list[Vector]:
    """Return the orthonormal DCT-II across lines of reals."""
    half = SIDE // 2
    folded = (
        [rows[i] + rows[SIDE - 1 - i] for i in range(half)],
        [rows[i] - rows[SIDE - 1 - i] for i in range(half)],
    )

    def frequency(k: int) -> Vector:
        samples = folded[k % 2]
        total = samples[0] * float(_BASIS[k, 0])
        for i in range(1, half):
            total = total.plus_product(samples[i], float(_BASIS[k, i]))
        return total

    return [frequency(k) for k in range(SIDE)]


def _dct_columns(picture: View2D, room: View2D, y: Index, x: Index) -> None:
    """Transform the columns of a block; transposed."""
    rows = [picture.load(y + i, x, SIDE).to("f64") for i in range(SIDE)]
    room.store(0, 0, _transposed(_dct(rows)))


def _dct_energy_rows(room: View2D, weights: View2D, out: View2D) -> None:
    """Transform once more; write the line of frequency zero and, below it, the weighted sum of magnitudes."""
    rows = _dct([room.load(i, 0, SIDE) for i in range(SIDE)])
    weighed = [row.at_least(row * -1.0) * weights.load(i, 0, SIDE) for i, row in enumerate(rows)]
    total = _sum(weighed)
    while total.value.type.count > 1:
        even, odd = deinterleave(total)
        total = even + odd
    out.store(0, 0, rows[0])
    out.store(1, 0, total)


absolute = intrinsic_step(3, 4, _absolute)
difference = intrinsic_step(3, 4, _difference)
offset = intrinsic_step(3, 5, _offset)
deviation = intrinsic_step(2, 3, _deviation)
roughness = intrinsic_step(2, 2, _roughness)
hadamard_columns = intrinsic_step(3, 4, _hadamard_columns)
hadamard_rows = intrinsic_step(2, 0, _hadamard_rows)
dct_columns = intrinsic_step(2, 2, _dct_columns)
dct_energy_rows = intrinsic_step(3, 0, _dct_energy_rows)
