"""Kernels of the wavelet transform that ADM starts with: Daubechies filters of four taps, in libvmaf's integers.

The bands of a scale are a (smooth), v and h (vertical and horizontal detail) and d (diagonal detail).
"""

from __future__ import annotations

import numpy as np

from shotladder_runtime.kernels.compiler import kernel
from shotladder_runtime.kernels.vector import Index, Vector, View2D, interleave, intrinsic_step

__all__ = ["wavelet", "wavelet_first"]

#: low-pass taps times 32768; from libvmaf's integer ADM
LOW = (15826, 27411, 7345, -4240)
#: high-pass taps times 32768; from libvmaf's integer ADM
HIGH = (-4240, -7345, 27411, -15826)


def _weighted(samples: list[Vector], taps: tuple[int, ...]) -> Vector:
    total = samples[0] * taps[0]
    for sample, tap in zip(samples[1:], taps[1:], strict=True):
        total = total + sample * tap
    return total


def _down(
    plane: View2D, low: View2D, high: View2D, r0: Index, r1: Index, r2: Index, r3: Index, j: Index, depth: Index
) -> None:
    rows = [plane.load(r, j, 16).to("i32") for r in (r0, r1, r2, r3)]
    half = Index(j.builder, j.builder.shl(j._operand(1), (depth + -1).value))
    # libvmaf subtracts mid-grey from the samples; only the low-pass filter has a sum other than 0, 46342
    low.store(0, j, ((_weighted(rows, LOW) + half * (1 - sum(LOW))) >> depth).to("i16"))
    high.store(0, j, ((_weighted(rows, HIGH) + half) >> depth).to("i16"))


def _along(
    low: View2D, high: View2D, a: View2D, v: View2D, h: View2D, d: View2D, i: Index, j: Index, phase_stride: Index
) -> None:
    column = (j + -16) * 2
    for row, smooth, detail in ((low, a, v), (high, h, d)):
        x = [row.load(0, phase_stride * (c % 4) + j + c // 4, 16).to("i32") for c in range(-1, 5)]
        for taps, band in ((LOW, smooth), (HIGH, detail)):
            even, odd = (((_weighted(x[k : k + 4], taps) + 32768) >> 16).to("i16") for k in (0, 2))
            band.store(i, column, interleave(even, odd))


_down_step = intrinsic_step(3, 6, _down)
_along_step = intrinsic_step(6, 3, _along)


@kernel
def wavelet_first(plane, width, height, depth, phase_stride, count, low, high, a, v, h, d):  # type: ignore[no-untyped-def]
    """Transform a frame in polyphase layout; `low` and `high` are scratch rows."""
    for k in range((height + 1) // 2):
        r0 = 2 * k - 1 if k > 0 else 1
        r2 = 2 * k + 1 if 2 * k + 1 < height else 2 * height - 2 - 2 * k
        r3 = 2 * k + 2 if 2 * k + 2 < height else 2 * height - 3 - 2 * k
        for j in range(0, plane.shape[1], 16):
            _down_step(plane, low, high, r0 + 8, 2 * k + 8, r2 + 8, r3 + 8, j, depth)
        for row in (low[0], high[0]):
            row[3 * phase_stride + 15] = row[phase_stride + 16]
            for n in range(2):
                beyond, inside = width + n, width - 1 - n
                row[(beyond & 3) * phase_stride + 16 + (beyond >> 2)] = row[
                    (inside & 3) * phase_stride + 16 + (inside >> 2)
                ]
        for j in range(16, 16 + count, 16):
            _along_step(low, high, a, v, h, d, k, j, phase_stride)


@kernel
def wavelet(band, width, height, down, along, low, high, a, v, h, d):  # type: ignore[no-untyped-def]
    """Transform the smooth band of the previous scale; `down` and `along` are the vertical and horizontal shifts."""
    half_down = (np.int64(1) << down) >> 1
    half_along = np.int64(1) << (along - 1)
    for k in range((height + 1) // 2):
        x0 = band[2 * k - 1 if k > 0 else 1]
        x1 = band[2 * k]
        x2 = band[2 * k + 1 if 2 * k + 1 < height else 2 * height - 2 - 2 * k]
        x3 = band[2 * k + 2 if 2 * k + 2 < height else 2 * height - 3 - 2 * k]
        for j in range(width):
            s = np.int64(x0[j]) * 15826 + np.int64(x1[j]) * 27411 + np.int64(x2[j]) * 7345 - np.int64(x3[j]) * 4240
            low[j + 1] = (s + half_down) >> down
        for j in range(width):
            s = np.int64(x2[j]) * 27411 - np.int64(x0[j]) * 4240 - np.int64(x1[j]) * 7345 - np.int64(x3[j]) * 15826
            high[j + 1] = (s + half_down) >> down
        for row, smooth, detail in ((low, a, v), (high, h, d)):
            row[0], row[width + 1], row[width + 2] = row[2], row[width], row[width - 1]
            out = smooth[k]
            for j in range((width + 1) // 2):
                s = np.int64(row[2 * j]) * 15826 + np.int64(row[2 * j + 1]) * 27411
                s += np.int64(row[2 * j + 2]) * 7345 - np.int64(row[2 * j + 3]) * 4240
                out[j] = (s + half_along) >> along
            out = detail[k]
            for j in range((width + 1) // 2):
                s = np.int64(row[2 * j + 2]) * 27411 - np.int64(row[2 * j]) * 4240
                s -= np.int64(row[2 * j + 1]) * 7345 + np.int64(row[2 * j + 3]) * 15826
                out[j] = (s + half_along) >> along
