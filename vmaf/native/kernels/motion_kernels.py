"""The kernel of motion, as in libvmaf 3.2: absolute difference of the blurred reference from its previous frame."""

from __future__ import annotations

import numpy as np

from shotladder_runtime.kernels.compiler import kernel
from shotladder_runtime.kernels.vector import Index, View2D, intrinsic_step, symmetric_fir
from vmaf.native.polyphase import mirror_row

__all__ = ["motion"]

#: first half and middle tap of the blur, which sums to 65536; from libvmaf's integer motion
TAPS = (3571, 16004, 26386)


def _down(before: View2D, after: View2D, out: View2D, i: Index, j: Index, depth: Index) -> None:
    rows = [before.load(i + k, j, 16).to("i32") - after.load(i + k, j, 16).to("i32") for k in range(5)]
    half = Index(j.builder, j.builder.shl(j._operand(1), (depth + -1).value))
    out.store(0, j, (symmetric_fir(lambda k: rows[k], TAPS) + half) >> depth)


def _along(row: View2D, total: View2D, j: Index, phase_stride: Index) -> None:
    samples = {c: row.load(0, phase_stride * (c % 4) + j + c // 4, 8).to("f64") for c in range(-2, 6)}
    for p in range(4):
        blurred = (symmetric_fir(lambda k, p=p: samples[p + k - 2], TAPS) * (1 / 65536) + 0.5).floor()  # type: ignore[misc]
        size = (blurred >= 0.0).where(blurred, blurred * -1.0)
        total.store(p, j, size)


_down_step = intrinsic_step(3, 3, _down)
_along_step = intrinsic_step(2, 2, _along)


@kernel
def motion(before, after, width, height, phase_stride, count, depth, row, sizes):  # type: ignore[no-untyped-def]
    """Return the sum of absolute differences of the blurred frames."""
    total = 0.0
    for i in range(height):
        for j in range(0, before.shape[1], 16):
            _down_step(before, after, row, i + 6, j, depth)
        mirror_row(row[0], phase_stride, width, 2)
        for j in range(16, 16 + count, 8):
            _along_step(row, sizes, j, phase_stride)
        line = np.int64(0)
        for p in range(4):
            for j in range(16, 16 + (width - p + 3) // 4):
                line += np.int64(sizes[p, j])
        total += line
    return total
