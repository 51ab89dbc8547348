"""Kernels of ADM: the detail loss metric on four wavelet scales, in libvmaf's whole numbers.

Li, Zhang, Ma and Ngan (2011): a wavelet transform splits the rendition into what it kept of the reference
(restored) and what it added; a contrast sensitivity weights both, the additive part masks the restored one.
Bands are plain arrays, one row of coefficients after the other, with `SLACK` places behind each row.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from shotladder_runtime.kernels.compiler import kernel
from shotladder_runtime.kernels.vector import Grid, Index, Lanes, step, zip_up

__all__ = ["LEAD", "NUMERATORS", "SENSITIVITY", "SLACK", "WEIGHTS", "divide", "energy", "wavelet", "wavelet_first"]

#: Places behind each row that a vector may reach into.
SLACK = 40
#: Places before a row of sums, for its left border.
LEAD = 8

LOW = (15826, 27411, 7345, -4240)
HIGH = (-4240, -7345, 27411, -15826)

#: cos(1 degree) squared in single precision: directions closer than this count as equal.
COSINE = float(np.float32(math.cos(math.radians(1.0)) ** 2))

#: Contrast sensitivity of bands h and v, and of d, by scale (Watson's model at three picture heights).
SENSITIVITY = tuple(
    (hv, hv, d)
    for hv, d in (
        (0.0173815377, 0.0058906870),
        (0.0319848284, 0.0142990677),
        (0.0433726609, 0.0243969075),
        (0.0456734113, 0.0313127376),
    )
)

#: The same as libvmaf's whole numbers.
WEIGHTS = (
    (36453, 36453, 49417),
    (137373792, 137373792, 61414028),
    (186284160, 186284160, 104783920),
    (196165808, 196165808, 134487184),
)


def _weighted(samples: list[Lanes], taps: tuple[int, ...]) -> Lanes:
    total = samples[0] * taps[0]
    for sample, tap in zip(samples[1:], taps[1:], strict=True):
        total = total + sample * tap
    return total


def _down(
    plane: Grid, low: Grid, high: Grid, r0: Index, r1: Index, r2: Index, r3: Index, j: Index, depth: Index
) -> None:
    rows = [plane.load(r, j, 16).to("i32") for r in (r0, r1, r2, r3)]
    half = Index(j.builder, j.builder.shl(j._of(1), (depth + -1).value))
    # samples count from mid-grey, which only the low-pass sees: its taps sum to 46342
    low.store(0, j, ((_weighted(rows, LOW) + half * (1 - sum(LOW))) >> depth).to("i16"))
    high.store(0, j, ((_weighted(rows, HIGH) + half) >> depth).to("i16"))


def _along(low: Grid, high: Grid, a: Grid, v: Grid, h: Grid, d: Grid, i: Index, j: Index, segment: Index) -> None:
    place = (j + -16) * 2
    for row, smooth, detail in ((low, a, v), (high, h, d)):
        x = [row.load(0, segment * (c % 4) + j + c // 4, 16).to("i32") for c in range(-1, 5)]
        for taps, band in ((LOW, smooth), (HIGH, detail)):
            even, odd = (((_weighted(x[k : k + 4], taps) + 32768) >> 16).to("i16") for k in (0, 2))
            band.store(i, place, zip_up(even, odd))


_down_step = step(3, 6, _down)
_along_step = step(6, 3, _along)


@kernel
def wavelet_first(plane, width, height, depth, segment, count, low, high, a, v, h, d):  # type: ignore[no-untyped-def]
    """Transform a picture in phases; `low` and `high` are one row each."""
    for k in range((height + 1) // 2):
        r0 = 2 * k - 1 if k > 0 else 1
        r2 = 2 * k + 1 if 2 * k + 1 < height else 2 * height - 2 - 2 * k
        r3 = 2 * k + 2 if 2 * k + 2 < height else 2 * height - 3 - 2 * k
        for j in range(0, plane.shape[1], 16):
            _down_step(plane, low, high, r0 + 8, 2 * k + 8, r2 + 8, r3 + 8, j, depth)
        for row in (low[0], high[0]):
            row[3 * segment + 15] = row[segment + 16]
            for n in range(2):
                beyond, inside = width + n, width - 1 - n
                row[(beyond & 3) * segment + 16 + (beyond >> 2)] = row[(inside & 3) * segment + 16 + (inside >> 2)]
        for j in range(16, 16 + count, 16):
            _along_step(low, high, a, v, h, d, k, j, segment)


@kernel
def wavelet(band, width, height, down, along, low, high, a, v, h, d):  # type: ignore[no-untyped-def]
    """Transform the smooth band of the scale before; `down` and `along` are the shifts, 0 for none."""
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


def _divide(band: Grid, reciprocal: Grid, shift: Grid, i: Index, j: Index) -> None:
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


_divide_step = step(3, 2, _divide)


@kernel
def divide(band, width, height, reciprocal, shift):  # type: ignore[no-untyped-def]
    """Write trunc(2**30 / o) of a reference's band, and the shifts that go with it.

    A coefficient of more than 15 bits is rounded to them first. The sign stays with the reciprocal.
    """
    for i in range(height):
        for j in range(0, width, 8):
            _divide_step(band, reciprocal, shift, i, j)


@kernel
def energy(band, top, bottom, left, right, square, half_square, cube, row_shift):  # type: ignore[no-untyped-def]
    """Return the sum of cubes of a reference's band within the crop, shifted as libvmaf does.

    With square = 0, of a first scale: cubes as they are. Else the square is rounded by `half_square` and
    shifted, and the cube rounded by its half and shifted.
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


def _ratio(o: Lanes, t: Lanes, reciprocal: Lanes, places: Lanes) -> Lanes:
    """Return how much of the reference the rendition kept, 0 to 32768."""
    one = places * 0 + 1
    kept = (reciprocal.to("i64") * t.to("i64") + (one << (places - 1))) >> places
    return (o.magnitude() > 0).where(kept.at_most(32768).at_least(0), 32768)


def _enhanced(k: Lanes, plain: Lanes, o: Lanes, t: Lanes, close: tuple[Lanes, Lanes], limit: Lanes) -> Lanes:
    """Return the restored coefficient: up to `limit` times the plain one where the direction is the reference's."""
    more = (plain.to("i64") * limit).to("i64")
    wide = t.to("i64")
    upward, downward = more.at_most(wide).to("i32"), more.at_least(wide).to("i32")
    moved = (o > 0).where(upward, (o * 0 - o > 0).where(downward, plain))
    kept = (k > 0).where(moved, plain)
    for condition in close:
        kept = condition.where(kept, plain)
    return kept


def _decouple(fine: bool, neg: bool) -> Any:
    """Return the step that splits eight coefficients of each band and weights both parts.

    It takes three bands of the reference and three of the rendition, reciprocals and shifts, gain limits and weights,
    then for each gain limit two arrays of sums (neighbours, centre) and three of the weighted restored part.
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
        plain = [((k * x.to("i64") + 16384) >> 15).to("i32") for k, x in zip(kept, o, strict=True)]
        for n in range(2 if neg else 1):
            limit = limits.load(n, 0, 8)
            around = centre = o[0] * 0
            for b in range(3):
                restored = _enhanced(kept[b], plain[b], o[b], t[b], close, limit)
                weight = weights.load(b, 0, 8)
                far, near, seen = (_weigh_fine if fine else _weigh_coarse)(restored, t[b] - restored, weight, b)
                around, centre = around + far, centre + near
                outs[5 * n + 2 + b].store(slot, j, seen)
            outs[5 * n].store(slot, j + LEAD, around)
            outs[5 * n + 1].store(slot, j + LEAD, centre)

    return step(14 + (10 if neg else 5), 3, body)


def _weigh_fine(restored: Lanes, added: Lanes, weight: Lanes, band: int) -> tuple[Lanes, Lanes, Lanes]:
    """Weight both parts of a first scale: masking for neighbours and centre, and the visible restored part."""
    narrow = weight.to("i32")
    bits, half = ((15, 16384), (15, 16384), (17, 65535))[band]
    mask = ((added * narrow + half) >> bits).to("i16").to("i32").magnitude()
    return (mask * 4369 + 2048) >> 12, (mask * 8738 + 2048) >> 12, (restored * narrow).magnitude()


def _weigh_coarse(restored: Lanes, added: Lanes, weight: Lanes, band: int) -> tuple[Lanes, Lanes, Lanes]:
    """Weight both parts of the other scales.

    The minus is an overflow in libvmaf (its issue 955) that every score since 2021 has in it.
    """
    mask = ((added.to("i64") * weight + 2**27) >> 28).magnitude()
    seen = ((restored.to("i64") * weight + 2**27) >> 28).magnitude()
    far, near = ((mask * factor - 2**31) >> 32 for factor in (143165577, 286331153))
    return far.to("i32"), near.to("i32"), seen.to("i32")


def _mask(fine: bool) -> Any:
    """Return the step that masks eight restored coefficients of each band and adds their cubes to a row's sums."""

    def body(
        around: Grid, centre: Grid, h: Grid, v: Grid, d: Grid, shifts: Grid, line: Grid,
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
            x = Lanes(left.builder, left.value, False).to("u64")
            square_bits = (29, 29, 30)[b] if fine else 30
            square = (x * x + 2 ** (square_bits - 1)) >> square_bits
            bits = shifts.load(b, 0, 8)
            one = bits * 0 + 1
            cube = (square * x + (one << (bits - 1))) >> bits
            line.store(b, 0, line.load(b, 0, 8) + inside.where(cube, cube * 0))

    return step(7, 5, body)


for _name, _fine in (("fine", True), ("coarse", False)):
    globals()[f"_decouple_{_name}"] = _decouple(_fine, neg=False)
    globals()[f"_decouple_{_name}_neg"] = _decouple(_fine, neg=True)
    globals()[f"_mask_{_name}"] = _mask(_fine)

#: The kernel of a scale; KIND is fine for the first, coarse for the others.
_TEMPLATE = '''
@kernel
def numerator_KIND(oh, ov, od, th, tv, td, rh, rv, rd, sh, sv, sd, limits, weights, shifts, neg,
                   width, height, left, top, row_shift, sums, centres, h, v, d, sums_neg, centres_neg,
                   h_neg, v_neg, d_neg, line, total):
    """Add the masked cubes of the restored part within the crop, by band, plain and without enhancement."""
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
    exec(compile(_TEMPLATE.replace("KIND", _name), __file__, "exec"), globals())  # noqa: S102

NUMERATORS = {True: globals()["numerator_fine"], False: globals()["numerator_coarse"]}
