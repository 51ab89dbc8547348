"""The polyphase layout of frames inside the native engine: every fourth column is stored together.

A row is stored as four phases: columns 0, 4, 8, ..., then 1, 5, 9, ..., and so on. A horizontal filter then computes
four adjacent outputs from whole vectors, and one load serves all four: a 17-tap filter loads 5 vectors for each output
instead of 17, most of which would straddle cache lines. To keep every other column, or to split even from odd columns,
needs no shuffle.

Beside every phase are `COLUMN_BORDER` elements for mirrored columns; the right border of a phase is also the left
border of the next. Above and below the frame are `ROW_BORDER` mirrored rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from shotladder_runtime.kernels.compiler import kernel
from shotladder_runtime.kernels.vector import Index, View2D, deinterleave, intrinsic_step

__all__ = ["COLUMN_BORDER", "ROW_BORDER", "Layout", "fill", "mirror_row", "mirror_rows"]

#: elements between two phases: one vector; the longest filter reaches 8 columns, which are 2 elements
COLUMN_BORDER = 16
#: rows above and below: the reach of the longest filter, which has 17 taps
ROW_BORDER = 8

#: further rows below: rows are filtered four at a time, so that the filter of the last ones reads three more
SPARE = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of frames of one size.

    Attributes
    ----------
    width, height : int
        Of the frame, in samples.
    count : int
        Elements of a phase, rounded up to whole vectors.
    phase_stride : int
        Elements from one phase to the next.
    row_stride : int
        Elements of a row: all phases and borders.
    """

    width: int
    height: int
    count: int
    phase_stride: int
    row_stride: int

    @classmethod
    def of(cls, width: int, height: int) -> Layout:
        """Return the layout of a frame size."""
        count = math.ceil(width / (4 * COLUMN_BORDER)) * COLUMN_BORDER
        phase_stride = count + COLUMN_BORDER
        row_stride = 4 * phase_stride + COLUMN_BORDER
        # rows whose distance is a multiple of 4 kB fall into the same cache set, which does not hold seventeen of them
        while row_stride % 512 < 32 or row_stride % 512 > 480:
            row_stride += COLUMN_BORDER
        return cls(width, height, count, phase_stride, row_stride)

    def half(self) -> Layout:
        """Return the layout of the next scale of VIF."""
        return Layout.of(self.width // 2, self.height // 2)

    def empty(self, dtype: DTypeLike) -> NDArray[np.generic]:
        """Return an array for a frame with its borders."""
        return np.zeros((self.height + 2 * ROW_BORDER + SPARE, self.row_stride), dtype)

    def rows(self, count: int, dtype: DTypeLike) -> NDArray[np.generic]:
        """Return an array for `count` rows without borders above and below."""
        return np.zeros((count, self.row_stride), dtype)


@kernel
def mirror_row(row, phase_stride, width, reach):  # type: ignore[no-untyped-def]
    """Mirror the columns of one row at both ends: column -k is column k, column width - 1 + k is width - 1 - k."""
    for k in range(1, reach + 1):
        left, right, back = -k, width - 1 + k, width - 1 - k
        row[(left & 3) * phase_stride + 16 + (left >> 2)] = row[(k & 3) * phase_stride + 16 + (k >> 2)]
        row[(right & 3) * phase_stride + 16 + (right >> 2)] = row[(back & 3) * phase_stride + 16 + (back >> 2)]


@kernel
def mirror_rows(plane, height):  # type: ignore[no-untyped-def]
    """Mirror the rows above and below the frame."""
    for k in range(1, min(9, height)):
        # an assignment of a whole row would compile numba's message about shapes that differ, for two seconds
        for j in range(plane.shape[1]):
            plane[8 - k, j] = plane[8 + k, j]
            plane[8 + height - 1 + k, j] = plane[8 + height - 1 - k, j]


def _split(samples: View2D, plane: View2D, i: Index, j: Index, phase_stride: Index) -> None:
    even, odd = deinterleave(samples.load(i, j * 4, 64))
    for p, phase in enumerate((*deinterleave(even), *deinterleave(odd))):
        plane.store(i + ROW_BORDER, phase_stride * (0, 2, 1, 3)[p] + j + COLUMN_BORDER, phase)


_split_phases = intrinsic_step(2, 3, _split)


@kernel
def fill(samples, plane, phase_stride):  # type: ignore[no-untyped-def]
    """Copy a frame into polyphase layout and mirror its rows; the filters mirror the columns."""
    height, width = samples.shape
    whole = width // 64 * 16
    for i in range(height):
        for j in range(0, whole, 16):
            _split_phases(samples, plane, i, j, phase_stride)
        row = plane[i + 8]
        for c in range(4 * whole, width):
            row[(c & 3) * phase_stride + 16 + (c >> 2)] = samples[i, c]
    mirror_rows(plane, height)
