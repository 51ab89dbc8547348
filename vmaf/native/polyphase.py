"""The layout of pictures inside the native engine: every fourth column together.

A row of a picture of width w is kept as four phases: columns 0, 4, 8, ..., then 1, 5, 9, ..., and so on. A filter along
the row then gives four neighbouring outputs from whole vectors, and one read serves four of them: a 17-tap filter
reads 5 vectors an output instead of 17, most of which would straddle cache lines. Halving the picture and the
wavelet's even and odd columns fall out without shuffling.

Around every phase are `GAP` places for the mirrored border, which the left border of one and the right border of
the one before share; above and below the picture are `RIM` mirrored rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from shotladder_runtime.kernels.compiler import kernel
from shotladder_runtime.kernels.vector import Grid, Index, step, unzip

__all__ = ["GAP", "RIM", "Layout", "fill", "mirror_row", "mirror_rows"]

GAP = 16
RIM = 8

#: Rows are worked on in pairs, so one more may be read below the rim.
SPARE = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """How a picture of a size is laid out.

    Attributes
    ----------
    width, height : int
        Of the picture, in samples.
    count : int
        Places of a phase, rounded up to whole vectors.
    segment : int
        Distance from one phase to the next.
    line : int
        Places of a row, all phases and gaps.
    """

    width: int
    height: int
    count: int
    segment: int
    line: int

    @classmethod
    def of(cls, width: int, height: int) -> Layout:
        """Lay out a picture."""
        count = math.ceil(width / (4 * GAP)) * GAP
        segment = count + GAP
        line = 4 * segment + GAP
        # rows a multiple of 4 kB apart fall into the same cache set; seventeen of them do not fit there
        while line % 512 < 32 or line % 512 > 480:
            line += GAP
        return cls(width, height, count, segment, line)

    def half(self) -> Layout:
        """Return the layout of the next scale of VIF."""
        return Layout.of(self.width // 2, self.height // 2)

    def empty(self, dtype: DTypeLike) -> NDArray[np.generic]:
        """Return an array for a picture with its rims."""
        return np.zeros((self.height + 2 * RIM + SPARE, self.line), dtype)

    def rows(self, count: int, dtype: DTypeLike) -> NDArray[np.generic]:
        """Return an array for so many rows without rims."""
        return np.zeros((count, self.line), dtype)


@kernel
def mirror_row(row, segment, width, reach):  # type: ignore[no-untyped-def]
    """Fill the border of one row: column -k is column k, column width - 1 + k is width - 1 - k."""
    for k in range(1, reach + 1):
        left, right, back = -k, width - 1 + k, width - 1 - k
        row[(left & 3) * segment + 16 + (left >> 2)] = row[(k & 3) * segment + 16 + (k >> 2)]
        row[(right & 3) * segment + 16 + (right >> 2)] = row[(back & 3) * segment + 16 + (back >> 2)]


@kernel
def mirror_rows(plane, height):  # type: ignore[no-untyped-def]
    """Fill the rims above and below."""
    for k in range(1, 9):
        if k < height:
            plane[8 - k] = plane[8 + k]
            plane[8 + height - 1 + k] = plane[8 + height - 1 - k]


def _split(samples: Grid, plane: Grid, i: Index, j: Index, segment: Index) -> None:
    even, odd = unzip(samples.load(i, j * 4, 64))
    for p, phase in enumerate((*unzip(even), *unzip(odd))):
        plane.store(i + RIM, segment * (0, 2, 1, 3)[p] + j + GAP, phase)


_split_step = step(2, 3, _split)


@kernel
def fill(samples, plane, segment):  # type: ignore[no-untyped-def]
    """Lay out a picture, with its rims above and below; borders of rows are left to the filters."""
    height, width = samples.shape
    whole = width // 64 * 16
    for i in range(height):
        for j in range(0, whole, 16):
            _split_step(samples, plane, i, j, segment)
        row = plane[i + 8]
        for c in range(4 * whole, width):
            row[(c & 3) * segment + 16 + (c >> 2)] = samples[i, c]
    mirror_rows(plane, height)
