"""Kernels of ADM, the detail loss metric on four wavelet scales, in libvmaf's integer arithmetic.

Li, Zhang, Ma and Ngan (2011), "Image quality assessment by separately evaluating detail losses and additive
impairments": the coefficients of the rendition are split into the restored image (what it kept of the reference) and
the additive impairment. A contrast sensitivity function weights both, and the impairment masks the restored image.
Bands are plain arrays, one row of coefficients after the other, with `SLACK` unused elements behind each row. Letters
are libvmaf's: o is the reference, t the rendition, h, v and d are the bands.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from shotladder_runtime.kernels.compiler import define_kernels, kernel
from shotladder_runtime.kernels.vector import Index, Vector, View2D, intrinsic_step

__all__ = ["LEAD", "NUMERATORS", "SENSITIVITY", "SLACK", "WEIGHTS", "divide", "energy"]

#: elements behind each row that a vector may reach into
SLACK = 40
#: elements before a row of sums, for its left border
LEAD = 8

#: cos(1 degree) squared in single precision; vectors with a smaller angle count as parallel; from libvmaf's integer ADM
COSINE = float(np.float32(math.cos(math.radians(1.0)) ** 2))

#: contrast sensitivity of (h, v, d), by scale: Watson's model at three picture heights; from libvmaf's integer ADM
SENSITIVITY = tuple(
    (hv, hv, d)
    for hv, d in (
        (0.0173815377, 0.0058906870),
        (0.0319848284, 0.0142990677),
        (0.0433726609, 0.0243969075),
        (0.0456734113, 0.0313127376),
    )
)

#: contrast sensitivity as integers, by scale; from libvmaf's integer ADM
WEIGHTS = (
    (36453, 36453, 49417),
    (137373792, 137373792, 61414028),
    (186284160, 186284160, 104783920),
    (196165808, 196165808, 134487184),
)


def _divide(band: View2D, reciprocal: View2D, shift: View2D, i: Index, j: Index) -> None:
    value = band.load(i, j, 8).to("i32").to("i64")
    size = value.magnitude()
    # bits beyond 15: from the exponent of the number as a double
    n = ((size.to("f64").bits() >> 52) - (1023 + 14)).at_least(0)
    one = n * 0 + 1
    rounded = (n > 0).where((size + (one << (n - 1).at_least(0))) >> n, size)
    quotient = (rounded.at_least(1).to("f64") * 0.0 + 2.0**30) / rounded.at_least(1).to("f64")
    whole = quotient.floor().to("i64")
    reciprocal.store(i, j, (value > -1).where(whole, n * 0 - whole).to("i32"))
    shift.store(i, j, (n + 15).to("i32"))


_divide_step = intrinsic_step(3, 2, _divide)


@kernel
def divide(band, width, height, reciprocal, shift):  # type: ignore[no-untyped-def]
    """Write trunc(2**30 / o) of a reference's band, and the shifts that go with it.

    A coefficient of more than 15 bits is rounded to 15 bits first. The reciprocal keeps the sign.
    """
    for i in range(height):
        for j in range(0, width, 8):
            _divide_step(band, reciprocal, shift, i, j)


@kernel
def energy(band, top, bottom, left, right, square, half_square, cube, row_shift):  # type: ignore[no-untyped-def]
    """Return the sum of cubes of a reference's band within the crop, shifted as libvmaf does.

    At the first scale `square` is 0: the cube is not shifted. At the others the square is rounded by `half_square` and
    shifted, and the cube is rounded by its half and shifted.
    """
    total = np.int64(0)
    half_cube = (np.int64(1) << cube) >> 1
    for i in range(top, bottom):
        line = np.int64(0)
        row = band[i]
        for j in range(left, right):
            m = np.int64(abs(row[j]))
            line += ((((m * m + half_square) >> square) * m) + half_cube) >> cube
        total += (line + ((np.int64(1) << row_shift) >> 1)) >> row_shift
    return total


def _ratio(o: Vector, t: Vector, reciprocal: Vector, shift: Vector) -> Vector:
    """Return the fraction of the reference that the rendition kept, 0 to 32768."""
    one = shift * 0 + 1
    kept = (reciprocal.to("i64") * t.to("i64") + (one << (shift - 1))) >> shift
    return (o.magnitude() > 0).where(kept.at_most(32768).at_least(0), 32768)


def _enhanced(k: Vector, plain: Vector, o: Vector, t: Vector, close: tuple[Vector, Vector], limit: Vector) -> Vector:
    """Return the restored coefficient: up to `limit` times the plain one where rendition and reference are parallel.

    The products are computed in the type of `limit`.
    """
    kind = f"i{limit.value.type.element.width}"
    more = plain.to(kind) * limit
    wide = t.to(kind)
    upward, downward = more.at_most(wide).to("i32"), more.at_least(wide).to("i32")
    moved = (o > 0).where(upward, (o * 0 - o > 0).where(downward, plain))
    kept = (k > 0).where(moved, plain)
    for condition in close:
        kept = condition.where(kept, plain)
    return kept


def _decouple(fine: bool, neg: bool) -> Any:
    """Return the intrinsic that splits eight coefficients of each band and weights both parts.

    Its arguments are three bands of the reference and three of the rendition, reciprocals and shifts, gain limits and
    weights, and for each gain limit two arrays of sums (neighbours, centre) and three of the weighted restored part.
    """

    def body(*arguments: Any) -> None:
        bands, (limits, weights, *outs), (i, slot, j) = arguments[:12], arguments[12:-3], arguments[-3:]
        o, t = ([band.load(i, j, 8).to("i32") for band in side] for side in (bands[0:3], bands[3:6]))
        wide_o, wide_t = ([x.to("i32" if fine else "i64") for x in side] for side in (o, t))
        dot, of_o, of_t = (
            (a[0] * b[0] + a[1] * b[1]).single() for a, b in ((wide_o, wide_t), (wide_o, wide_o), (wide_t, wide_t))
        )
        close = (dot >= 0.0, dot * dot >= of_o * COSINE * of_t)
        rows = zip(o, t, bands[6:9], bands[9:12], strict=True)
        kept = [_ratio(x, y, r.load(i, j, 8), s.load(i, j, 8).to("i64")) for x, y, r, s in rows]
        # the fraction has 16 bits and a coefficient of the first scale as well, so that 32 bits hold their product
        kind = "i32" if fine else "i64"
        plain = [((k.to(kind) * x.to(kind) + 16384) >> 15).to("i32") for k, x in zip(kept, o, strict=True)]
        for n in range(2 if neg else 1):
            limit = limits.load(n, 0, 8)
            # a larger limit has the same effect on coefficients of 16 bits
            limit = limit.at_most(32768).to("i32") if fine else limit
            around = centre = o[0] * 0
            for b in range(3):
                restored = _enhanced(kept[b], plain[b], o[b], t[b], close, limit)
                weight = weights.load(b, 0, 8)
                far, near, seen = (_weigh_fine if fine else _weigh_coarse)(restored, t[b] - restored, weight, b)
                around, centre = around + far, centre + near
                outs[5 * n + 2 + b].store(slot, j, seen)
            outs[5 * n].store(slot, j + LEAD, around)
            outs[5 * n + 1].store(slot, j + LEAD, centre)

    return intrinsic_step(14 + (10 if neg else 5), 3, body)


def _weigh_fine(restored: Vector, added: Vector, weight: Vector, band: int) -> tuple[Vector, Vector, Vector]:
    """Weight both parts of the first scale: masking by neighbours and centre, and the visible restored part."""
    narrow = weight.to("i32")
    bits, half = ((15, 16384), (15, 16384), (17, 65535))[band]
    mask = ((added * narrow + half) >> bits).to("i16").to("i32").magnitude()
    return (mask * 4369 + 2048) >> 12, (mask * 8738 + 2048) >> 12, (restored * narrow).magnitude()


def _weigh_coarse(restored: Vector, added: Vector, weight: Vector, band: int) -> tuple[Vector, Vector, Vector]:
    """Weight both parts of the other scales.

    Adding -2**31 is an integer overflow in libvmaf (issue 955 there) that is part of every score since 2021.
    """
    mask = ((added.to("i64") * weight + 2**27) >> 28).magnitude()
    seen = ((restored.to("i64") * weight + 2**27) >> 28).magnitude()
    far, near = ((mask * factor - 2**31) >> 32 for factor in (143165577, 286331153))
    return far.to("i32"), near.to("i32"), seen.to("i32")


def _mask(fine: bool) -> Any:
    """Return the intrinsic that masks eight restored coefficients of each band and adds their cubes to row sums."""

    def body(
        around: View2D, centre: View2D, h: View2D, v: View2D, d: View2D, shifts: View2D, line: View2D,
        up: Index, here: Index, down: Index, j: Index, end: Index,
    ) -> None:  # fmt: skip
        total = centre.load(here, j + LEAD, 8) - around.load(here, j + LEAD, 8)
        for row in (up, here, down):
            for c in (-1, 0, 1):
                total = total + around.load(row, j + (LEAD + c), 8)
        inside = total.before(j, end)
        for b, band in enumerate((h, v, d)):
            threshold = total << (10, 10, 12)[b] if fine else total
            left = (band.load(here, j, 8) - threshold).at_least(0)
            x = Vector(left.builder, left.value, False).to("u64")
            square_bits = (29, 29, 30)[b] if fine else 30
            square = (x * x + 2 ** (square_bits - 1)) >> square_bits
            bits = shifts.load(b, 0, 8)
            one = bits * 0 + 1
            cube = (square * x + (one << (bits - 1))) >> bits
            line.store(b, 0, line.load(b, 0, 8) + inside.where(cube, cube * 0))

    return intrinsic_step(7, 5, body)


for _name, _fine in (("fine", True), ("coarse", False)):
    globals()[f"_decouple_{_name}"] = _decouple(_fine, neg=False)
    globals()[f"_decouple_{_name}_neg"] = _decouple(_fine, neg=True)
    globals()[f"_mask_{_name}"] = _mask(_fine)

# The source of the kernel of a scale; KIND is fine for the first scale, coarse for the others.
_TEMPLATE = '''
@kernel
def numerator_KIND(oh, ov, od, th, tv, td, rh, rv, rd, sh, sv, sd, limits, weights, shifts, neg,
                   width, height, left, top, row_shift, sums, centres, h, v, d, sums_neg, centres_neg,
                   h_neg, v_neg, d_neg, line, total):
    """Add the masked cubes of the restored part within the crop, by band: with the limit of the model, and of NEG."""
    right, bottom = width - left, height - top
    first, last = max(top - 1, 0), min(bottom + 1, height)
    begin, end = max(left - 1, 0), min(right + 1, width)
    half = (np.int64(1) << row_shift) >> 1
    for i in range(first, last + 1):
        if i < last:
            slot = i & 3
            if neg:
                for j in range(begin, end, 8):
                    _decouple_KIND_neg(oh, ov, od, th, tv, td, rh, rv, rd, sh, sv, sd, limits, weights,
                                       sums, centres, h, v, d, sums_neg, centres_neg, h_neg, v_neg, d_neg, i, slot, j)
                if left == 0:
                    sums_neg[slot, 7], sums_neg[slot, 8 + width] = sums_neg[slot, 9], sums_neg[slot, 7 + width]
            else:
                for j in range(begin, end, 8):
                    _decouple_KIND(oh, ov, od, th, tv, td, rh, rv, rd, sh, sv, sd, limits, weights,
                                   sums, centres, h, v, d, i, slot, j)
            if left == 0:
                sums[slot, 7], sums[slot, 8 + width] = sums[slot, 9], sums[slot, 7 + width]
        m = i - 1
        if m < top or m >= bottom:
            continue
        up, down = (m - 1 if m > 0 else 1) & 3, (m + 1 if m < height - 1 else height - 1) & 3
        for n in range(2 if neg else 1):
            line[:] = 0
            if n == 0:
                for j in range(left, right, 8):
                    _mask_KIND(sums, centres, h, v, d, shifts, line, up, m & 3, down, j, right)
            else:
                for j in range(left, right, 8):
                    _mask_KIND(sums_neg, centres_neg, h_neg, v_neg, d_neg, shifts, line, up, m & 3, down, j, right)
            for b in range(3):
                row = np.int64(0)
                for k in range(8):
                    row += line[b, k]
                total[n, b] += (row + half) >> row_shift
'''
for _name in ("fine", "coarse"):
    define_kernels(_TEMPLATE.replace("KIND", _name), globals())

#: the kernel by whether the scale is the first
NUMERATORS = {True: globals()["numerator_fine"], False: globals()["numerator_coarse"]}
