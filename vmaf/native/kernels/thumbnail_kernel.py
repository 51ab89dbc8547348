"""The kernel of thumbnails: sums of blocks of a frame in the layout of `vmaf.native.polyphase`."""

from __future__ import annotations

import numpy as np

from shotladder_runtime.kernels.compiler import kernel

__all__ = ["block_sums"]


@kernel
def block_sums(plane, phase_stride, lines, sums):  # type: ignore[no-untyped-def]
    """Write the sums of blocks of four columns and `lines` rows."""
    rows, columns = sums.shape
    for i in range(rows):
        for j in range(columns):
            total = np.int64(0)
            for k in range(lines):
                for p in range(4):
                    total += plane[8 + i * lines + k, p * phase_stride + 16 + j]
            sums[i, j] = total
