"""Kernels of VIF: visual information fidelity of four scales, in libvmaf's integer arithmetic.

Sheikh and Bovik (2006), "Image information and visual quality". Filters, shifts and roundings are those of libvmaf's
integer VIF, which have been stable since version 2. Frames are in the layout of `vmaf.native.polyphase`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shotladder_runtime.kernels.compiler import define_kernels, kernel
from vmaf.native.kernels.vif_intrinsics import LANES, ROWS, STEPS, TAPS
from vmaf.native.polyphase import mirror_row, mirror_rows  # noqa: F401 - the generated kernels call them

__all__ = ["KERNELS", "LANES", "ROWS", "STRIP", "TABLE", "TAPS", "pair_rows"]

#: rows whose products are filtered together, so that they stay in the second-level cache; chosen by hand, not tuned
STRIP = 24

#: log2 of 32768 to 65535 in single precision, as libvmaf computes it
_LOG2 = np.log2(np.arange(32768, 65536).astype(np.float64)).astype(np.float32).astype(np.float64)
#: round(2048 * log2(i / 32768)) of i = 32768 to 65535, from libvmaf's integer VIF, less the part that is linear in i,
#: floor(2048 * (i / 32768 - 1)): a table of bytes fits into the first-level cache
TABLE = (np.floor(_LOG2 * 2048 + 0.5) - 30720 - (np.arange(32768) >> 4)).astype(np.uint8)[None]


def pair_rows(scale: int) -> int:
    """Return how many pairs of rows the filter of a scale needs for a strip."""
    return (STRIP + 2 * len(TAPS[scale])) // 2


# the generated kernels call the steps by their names
globals().update(STEPS)


@kernel
def collect(lanes, totals):  # type: ignore[no-untyped-def]
    """Add the sums of one row, which have 32 bits, to totals, and clear them."""
    for n in range(lanes.shape[0]):
        for k in range(lanes.shape[1]):
            totals[n] += lanes[n, k]
            lanes[n, k] = 0


@kernel
def mirror_pairs(row, phase_stride, width, reach):  # type: ignore[no-untyped-def]
    """Mirror the columns of one row of pairs at both ends, as `mirror_row` does."""
    for k in range(1, reach + 1):
        left, right, back = -k, width - 1 + k, width - 1 - k
        row[2 * (((left & 2) >> 1) * phase_stride + 16 + (left >> 2)) + (left & 1)] = row[
            2 * (((k & 2) >> 1) * phase_stride + 16 + (k >> 2)) + (k & 1)
        ]
        row[2 * (((right & 2) >> 1) * phase_stride + 16 + (right >> 2)) + (right & 1)] = row[
            2 * (((back & 2) >> 1) * phase_stride + 16 + (back >> 2)) + (back & 1)
        ]


@kernel
def mark_unused(row, width, count):  # type: ignore[no-untyped-def]
    """Write 0 to the elements of a row that hold no column."""
    for p in range(4):
        for index in range(p * count + (width - p + 3) // 4, (p + 1) * count):
            row[index] = 0


# The source of the kernels of one scale. S is the scale; PRODUCTS and JOINTS are arrays of pairs for the bit depth;
# REACH is half the length of the filter of the scale, NEXT that of the scale after it.
_TEMPLATE = '''
@kernel
def reference_S_KIND(plane, width, height, phase_stride, count, shift, product_shift, table,
                     samples, PRODUCTS, means, upper, lower, mu, squares, indices, mean, sigma, lanes, entries, totals):
    """Write mean and variance of a reference; add to totals what its denominator is made of, to entries logarithms."""
    indices[1] = 0
    for first in range(0, height, STRIP):
        last = min(first + STRIP, height)
        begin = (first + 8 - REACH) >> 1
        steps = (last - first + ROWS - 1) // ROWS
        for k in range(begin, (first + ROWS * steps + 8 + REACH + 1) >> 1):
            for p in range(4):
                for j in range(p * phase_stride + 16, p * phase_stride + 16 + count, 16):
                    pair_1_KIND(plane, plane, samples, PRODUCTS, 2 * k, j, j >> 4, 32 * (k - begin))
        for i in range(first, last, ROWS):
            k = 32 * (((i + 8 - REACH) >> 1) - begin)
            for q in range(2):
                at = q * phase_stride + 16
                for j in range(2 * q * phase_stride + 16, 2 * q * phase_stride + 16 + count, 16):
                    even, odd = j >> 4, (j + phase_stride) >> 4
                    averageS_KIND(samples, means, even, odd, k, 2 * at, shift)
                    powerS_KIND(PRODUCTS, upper, lower, even, odd, k, 2 * at, product_shift)
                    at += 16
            for r in range(min(ROWS, last - i)):
                now, before = r & 1, (r & 1) ^ 1
                for row in (means[r], upper[r], lower[r]):
                    mirror_pairs(row, phase_stride, width, REACH)
                for j in range(0, count, 16):
                    average_alongS(means, mu, r, j + 16, phase_stride, j, count)
                    look_up_1(indices, table, entries, before, 4 * j)
                    look_up_1(indices, table, entries, before, 4 * j + 16)
                    power_alongS(upper, lower, squares, r, j + 16, phase_stride, j, count)
                    look_up_1(indices, table, entries, before, 4 * j + 32)
                    look_up_1(indices, table, entries, before, 4 * j + 48)
                mark_unused(mu[0], width, count)
                mark_unused(squares[0], width, count)
                for j in range(0, 4 * count, 16):
                    reference(mu, squares, mean, sigma, indices, lanes, now, i + r, j)
                collect(lanes, totals)
    for j in range(0, 4 * count, 16):
        look_up_1(indices, table, entries, (height - 1) & 1, j)


@kernel
def rendition_S_KIND(plane_r, plane_d, width, height, phase_stride, count, shift, product_shift, table, neg, limits,
                     samples, PRODUCTS, JOINTS, means, joint_upper, joint_lower, upper, lower,
                     mu, joint, squares, mean, sigma, above, below, above_neg, lanes, entries, totals):
    """Add to totals what the numerators are made of, to entries table entries of their logarithms."""
    above[1], below[1], above_neg[1] = 0, 0, 0
    for first in range(0, height, STRIP):
        last = min(first + STRIP, height)
        begin = (first + 8 - REACH) >> 1
        steps = (last - first + ROWS - 1) // ROWS
        for k in range(begin, (first + ROWS * steps + 8 + REACH + 1) >> 1):
            for p in range(4):
                for j in range(p * phase_stride + 16, p * phase_stride + 16 + count, 16):
                    pair_2_KIND(plane_d, plane_r, samples, PRODUCTS, JOINTS, 2 * k, j, j >> 4, 32 * (k - begin))
        for i in range(first, last, ROWS):
            k = 32 * (((i + 8 - REACH) >> 1) - begin)
            for q in range(2):
                at = q * phase_stride + 16
                for j in range(2 * q * phase_stride + 16, 2 * q * phase_stride + 16 + count, 16):
                    even, odd = j >> 4, (j + phase_stride) >> 4
                    averageS_KIND(samples, means, even, odd, k, 2 * at, shift)
                    powerS_KIND(PRODUCTS, upper, lower, even, odd, k, 2 * at, product_shift)
                    powerS_KIND(JOINTS, joint_upper, joint_lower, even, odd, k, 2 * at, product_shift)
                    at += 16
            for r in range(min(ROWS, last - i)):
                now, before = r & 1, (r & 1) ^ 1
                for row in (means[r], upper[r], lower[r], joint_upper[r], joint_lower[r]):
                    mirror_pairs(row, phase_stride, width, REACH)
                # table entries of the row before are looked up here, because loads run beside multiplications
                for j in range(0, count, 16):
                    average_alongS(means, mu, r, j + 16, phase_stride, j, count)
                    look_up_2(above, below, table, entries, before, 4 * j)
                    power_alongS(joint_upper, joint_lower, joint, r, j + 16, phase_stride, j, count)
                    look_up_2(above, below, table, entries, before, 4 * j + 16)
                    look_up_2(above, below, table, entries, before, 4 * j + 32)
                    power_alongS(upper, lower, squares, r, j + 16, phase_stride, j, count)
                    look_up_2(above, below, table, entries, before, 4 * j + 48)
                mark_unused(mu[0], width, count)
                mark_unused(squares[0], width, count)
                if neg:
                    for j in range(0, 4 * count, 16):
                        rendition_neg(mu, joint, squares, mean, sigma, limits, above, below, above_neg, lanes,
                                      now, i + r, j)
                    for j in range(0, 4 * count, 16):
                        look_up_1(above_neg, table, entries[2:], now, j)
                else:
                    for j in range(0, 4 * count, 16):
                        rendition(mu, joint, squares, mean, sigma, limits, above, below, above_neg, lanes,
                                  now, i + r, j)
                collect(lanes, totals)
    for j in range(0, 4 * count, 16):
        look_up_2(above, below, table, entries, (height - 1) & 1, j)


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
        text = _TEMPLATE.replace("_S_KIND", f"_{s}_{kind}").replace("KIND", kind)
        for name in ("PRODUCTS", "JOINTS"):
            arrays = [name.lower()] if kind == "shallow" else [f"{name.lower()}_upper", f"{name.lower()}_lower"]
            text = text.replace(name, ", ".join(arrays))
        text = text.replace("REACH", str(len(TAPS[s]) - 1)).replace("NEXT", str(len(TAPS[min(s + 1, 3)]) - 1))
        for name in ("average", "power", "average_along", "power_along", "down", "along"):
            text = text.replace(f"{name}S", f"{name}{s}")
        define_kernels(text, globals())
        for name in ("reference", "rendition", "shrink"):
            made[name, s, kind] = globals()[f"{name}_{s}_{kind}"]
    return made


#: the kernels by (name, scale, kind); kind is shallow for 8 bits, deep for more
KERNELS = _kernels()
