"""Kernels of VIF: visual information fidelity of four scales, in libvmaf's integer arithmetic.

Sheikh and Bovik (2006), "Image information and visual quality". Filters, shifts and roundings are those of libvmaf's
integer VIF, which have been stable since version 2. Frames are in the layout of `vmaf.native.polyphase`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shotladder_runtime.kernels.compiler import kernel
from vmaf.native.kernels.vif_intrinsics import NOWHERE, STEPS, TAPS
from vmaf.native.polyphase import mirror_row, mirror_rows  # noqa: F401 - the generated kernels call them

__all__ = ["KERNELS", "NOWHERE", "STRIP", "TABLE", "TAPS"]

#: rows whose products are filtered together, so that they stay in the second-level cache; chosen by hand, not tuned
STRIP = 24

#: log2 of 32768 to 65535 in single precision, as libvmaf computes it
_LOG2 = np.log2(np.arange(32768, 65536).astype(np.float64)).astype(np.float32).astype(np.float64)
#: round(2048 * log2(i / 32768)) of i = 32768 to 65535; from libvmaf's integer VIF
TABLE = (np.floor(_LOG2 * 2048 + 0.5) - 30720).astype(np.uint16)


# the generated kernels call the steps by their names
globals().update(STEPS)


@kernel
def add_logarithms(indices, table):  # type: ignore[no-untyped-def]
    """Return the sum of the table entries at the indices of one row."""
    total = np.int64(0)
    for j in range(indices.shape[1]):
        total += np.int64(table[indices[0, j]])
    return total


@kernel
def multiply_shallow(a, b, first, last, out):  # type: ignore[no-untyped-def]
    """Write the products of rows [first, last) of two frames of 8 bits."""
    for i in range(first, last):
        for j in range(a.shape[1]):
            out[i - first, j] = np.uint16(a[i, j]) * np.uint16(b[i, j])


@kernel
def multiply_deep(a, b, first, last, out):  # type: ignore[no-untyped-def]
    """Write the products of rows [first, last) of two frames of up to 16 bits."""
    for i in range(first, last):
        for j in range(a.shape[1]):
            out[i - first, j] = np.float64(np.int32(a[i, j])) * np.float64(np.int32(b[i, j]))


@kernel
def mark_unused(row, width, phase_stride, count, value):  # type: ignore[no-untyped-def]
    """Write `value` to the elements of a row that hold no column."""
    for p in range(4):
        for index in range(p * phase_stride + 16 + (width - p + 3) // 4, p * phase_stride + 16 + count):
            row[index] = value


# The source of the kernels of one scale. S is the scale; POWER and MULTIPLY are the functions for the bit depth; STRIDE
# is the vector length of POWER; REACH is half the length of the filter of the scale, NEXT that of the scale after it.
_TEMPLATE = '''
@kernel
def reference_S_KIND(plane, width, height, phase_stride, count, shift, scale, table,
                     products, means, squares, indices, mean, sigma, tally, flat):
    """Write mean and variance of a reference, return the sum of the logarithms in the denominator."""
    total = 0
    for first in range(0, height, STRIP):
        last = min(first + STRIP, height)
        MULTIPLY(plane, plane, first + 8 - REACH, last + 9 + REACH, products)
        for i in range(first, last, 2):
            for j in range(0, plane.shape[1], 16):
                averageS(plane, means, i + 8 - REACH, j, shift)
            for j in range(0, plane.shape[1], STRIDE):
                POWER(products, squares, scale, i - first, j)
            for r in range(min(2, last - i)):
                mirror_row(means[r], phase_stride, width, REACH)
                mirror_row(squares[r], phase_stride, width, REACH)
                for j in range(16, 16 + count, 8):
                    referenceS(means, squares, mean, sigma, r, i + r, j, phase_stride)
                mark_unused(sigma[i + r], width, phase_stride, count, NOWHERE)
                for j in range(0, plane.shape[1], 8):
                    denominator(sigma, indices, tally, flat, i + r, j)
                total += add_logarithms(indices, table)
    return total


@kernel
def rendition_S_KIND(plane_r, plane_d, width, height, phase_stride, count, shift, scale, table, neg, limits,
                     joints, products, means, joint, squares, mean, sigma, above, below, above_neg, tally, flat):
    """Return the sums of the logarithms in the numerator: with the gain limit of the model, and of NEG."""
    total = 0
    total_neg = 0
    for first in range(0, height, STRIP):
        last = min(first + STRIP, height)
        MULTIPLY(plane_r, plane_d, first + 8 - REACH, last + 9 + REACH, joints)
        MULTIPLY(plane_d, plane_d, first + 8 - REACH, last + 9 + REACH, products)
        for i in range(first, last, 2):
            for j in range(0, plane_d.shape[1], 16):
                averageS(plane_d, means, i + 8 - REACH, j, shift)
            for j in range(0, plane_d.shape[1], STRIDE):
                POWER(joints, joint, scale, i - first, j)
            for j in range(0, plane_d.shape[1], STRIDE):
                POWER(products, squares, scale, i - first, j)
            for r in range(min(2, last - i)):
                mirror_row(means[r], phase_stride, width, REACH)
                mirror_row(joint[r], phase_stride, width, REACH)
                mirror_row(squares[r], phase_stride, width, REACH)
                if neg:
                    for j in range(16, 16 + count, 8):
                        renditionS_neg(means, joint, squares, mean, sigma, limits, above, below, above_neg,
                                       tally, flat, r, i + r, j, phase_stride)
                    total_neg += add_logarithms(above_neg, table) - add_logarithms(below, table)
                else:
                    for j in range(16, 16 + count, 8):
                        renditionS(means, joint, squares, mean, sigma, limits, above, below, above_neg,
                                   tally, flat, r, i + r, j, phase_stride)
                total += add_logarithms(above, table) - add_logarithms(below, table)
    return total, total_neg


@kernel
def shrink_S_KIND(plane, out, height, phase_stride, count, phase_stride_out, shift, row, width):
    """Write the frame of scale S + 1: filter, and keep every other row and column."""
    for i in range(height // 2):
        for j in range(0, plane.shape[1], 16):
            downS(plane, row, 2 * i + 8 - NEXT, j, shift)
        mirror_row(row[0], phase_stride, width, NEXT)
        for j in range(16, 16 + count, 16):
            alongS(row, out, i + 8, j, phase_stride, phase_stride_out)
    mirror_rows(out, height // 2)
'''


def _kernels() -> dict[tuple[str, int, str], Any]:
    """Generate the kernels: scale 0 for 8 bits and for more bits, the other scales for their 16 bits."""
    made: dict[tuple[str, int, str], Any] = {}
    for s, kind in ((0, "shallow"), (0, "deep"), (1, "deep"), (2, "deep"), (3, "deep")):
        text = _TEMPLATE.replace("_S_KIND", f"_{s}_{kind}").replace("POWER", f"power{s}_{kind}")
        text = text.replace("MULTIPLY", f"multiply_{kind}").replace("STRIDE", "16" if kind == "shallow" else "8")
        text = text.replace("REACH", str(len(TAPS[s]) - 1)).replace("NEXT", str(len(TAPS[min(s + 1, 3)]) - 1))
        for name in ("average", "reference", "rendition", "down", "along"):
            text = text.replace(f"{name}S", f"{name}{s}")
        # compiled as part of this file, so that numba caches it and compiles it again when the file changes
        exec(compile(text, __file__, "exec"), globals())  # noqa: S102
        for name in ("reference", "rendition", "shrink"):
            made[name, s, kind] = globals()[f"{name}_{s}_{kind}"]
    return made


#: the kernels by (name, scale, kind); kind is shallow for 8 bits, deep for more
KERNELS = _kernels()
