"""Kernels of VIF: visual information fidelity of four scales, in libvmaf's whole numbers.

Notation follows Sheikh and Bovik (2006): sigma1 of the reference, sigma2 of the rendition, sigma12 of both, gain g,
and residual variance v. Filters, shifts and roundings are libvmaf's integer ones, which have been stable since its
version 2. A kernel works on rows [first, last) of pictures in `vmaf.native.polyphase` layout.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shotladder_runtime.kernels.compiler import kernel
from shotladder_runtime.kernels.vector import Grid, Index, Lanes, fold, step, unzip
from vmaf.native.polyphase import mirror_row, mirror_rows  # noqa: F401 - the generated kernels call it

__all__ = ["KERNELS", "NOWHERE", "STRIP", "TABLE", "TAPS"]

#: Half of each symmetric filter and its middle, by scale; they sum to 65536.
TAPS = (
    (489, 935, 1640, 2640, 3896, 5274, 6547, 7455, 7784),
    (1244, 3663, 7925, 12590, 14692),
    (3571, 16004, 26386),
    (10904, 43728),
)

#: Rows whose products are filtered together: they stay in the second-level cache.
STRIP = 24

#: Twice the noise variance of 2 * 65536 that separates structure from flatness.
NOISE = 131072.0
#: What an unused place holds instead of a variance.
NOWHERE = -(2**31)

#: Biased exponent of a double that holds the noise.
EXPONENT = 1023 + 17

#: round(2048 * log2(i / 32768)) of i = 32768 ... 65535, from single precision as libvmaf's.
_EXACT = np.log2(np.arange(32768, 65536).astype(np.float64)).astype(np.float32).astype(np.float64)
TABLE = (np.floor(_EXACT * 2048 + 0.5) - 30720).astype(np.uint16)


def _average(taps: tuple[int, ...]) -> Any:
    """Return the step that filters two rows of samples down the columns, to 16 bits."""

    def body(plane: Grid, out: Grid, i: Index, j: Index, shift: Index) -> None:
        rows = [plane.load(i + k, j, 16).to("u32") for k in range(2 * len(taps))]
        half = Index(i.builder, i.builder.shl(i._of(1), (shift + -1).value))
        for r in (0, 1):
            total = fold(lambda k, r=r: rows[k + r], taps) + half  # type: ignore[misc]
            out.store(r, j, (total >> shift).to("u16"))

    return step(2, 3, body)


def _power(taps: tuple[int, ...], deep: bool) -> Any:
    """Return the step that filters two rows of products down the columns.

    Products of 8-bit samples stay below 2**32 in all and need no rounding; deeper ones are summed in
    doubles, which hold them exactly, and rounded to 32 bits.
    """

    def shallow_body(products: Grid, out: Grid, scale: Grid, i: Index, j: Index) -> None:
        rows = [products.load(i + k, j, 16).to("u32") for k in range(2 * len(taps))]
        for r in (0, 1):
            out.store(r, j, fold(lambda k, r=r: rows[k + r], taps).to("f64"))  # type: ignore[misc]

    def deep_body(products: Grid, out: Grid, scale: Grid, i: Index, j: Index) -> None:
        rows = [products.load(i + k, j, 8) for k in range(2 * len(taps))]
        factor = scale.load(0, 0, 8)
        for r in (0, 1):
            total = fold(lambda k, r=r: rows[k + r], taps)  # type: ignore[misc]
            out.store(r, j, (total * factor + 0.5).floor())

    return step(3, 2, deep_body if deep else shallow_body)


def _along(rows: Grid, r: Index, j: Index, segment: Index, taps: tuple[int, ...], kind: str) -> list[Lanes]:
    """Filter along a row: four neighbouring columns at each of eight places."""
    reach = len(taps) - 1
    samples = {c: rows.load(r, segment * (c % 4) + j + c // 4, 8).to(kind) for c in range(-reach, 4 + reach)}
    return [fold(lambda k, p=p: samples[p + k - reach], taps) for p in range(4)]  # type: ignore[misc]


def _rounded(total: Lanes) -> Lanes:
    return (total * (1 / 65536) + 0.5).floor()


def _product(a: Lanes, b: Lanes) -> Lanes:
    """Return round(a * b / 2**32) of two unsigned 32-bit numbers, as doubles."""
    return ((a.to("u64") * b.to("u64") + 2**31) >> 32).to("i64").to("f64")


def _place(row: Grid, at: Index, value: Lanes) -> Lanes:
    """Store the table place of log2 of whole doubles: 15 bits after the leading one; return their bits."""
    bits = value.bits()
    row.store(0, at, ((bits >> 37) & 0x7FFF).to("u16"))
    return bits


def _reference_step(taps: tuple[int, ...]) -> Any:
    def body(means: Grid, squares: Grid, mean: Grid, sigma: Grid, r: Index, i: Index, j: Index, segment: Index) -> None:
        mu = _along(means, r, j, segment, taps, "u32")
        xx = _along(squares, r, j, segment, taps, "f64")
        for p in range(4):
            mean.store(i, segment * p + j, mu[p])
            sigma.store(i, segment * p + j, (_rounded(xx[p]) - _product(mu[p], mu[p])).to("i32"))

    return step(4, 4, body)


def _denominator_step() -> Any:
    def body(sigma: Grid, places: Grid, tally: Grid, flat: Grid, i: Index, j: Index) -> None:
        sigma1 = sigma.load(i, j, 8).to("f64")
        lively, here = sigma1 >= NOISE, sigma1 > float(NOWHERE)
        bits = _place(places, j, lively.where(sigma1 + NOISE, NOISE))
        tally.store(0, 0, tally.load(0, 0, 8) + (bits >> 52) - EXPONENT)
        one = sigma1 * 0.0 + 1.0
        flat.store(0, 0, flat.load(0, 0, 8) + here.where(lively.where(one * 0.0, one), 0.0))

    return step(4, 2, body)


def _rendition_step(taps: tuple[int, ...], neg: bool) -> Any:
    def body(
        means: Grid, joint: Grid, squares: Grid, mean: Grid, sigma: Grid, limits: Grid,
        above: Grid, below: Grid, above_neg: Grid, tally: Grid, flat: Grid,
        r: Index, i: Index, j: Index, segment: Index,
    ) -> None:  # fmt: skip
        mu2s = _along(means, r, j, segment, taps, "u32")
        xys = _along(joint, r, j, segment, taps, "f64")
        yys = _along(squares, r, j, segment, taps, "f64")
        exponents, exponents_neg, flatness = tally.load(0, 0, 8), tally.load(1, 0, 8), flat.load(0, 0, 8)
        limit = limits.load(0, 0, 8)
        for p in range(4):
            at = segment * p + j
            mu1, mu2 = mean.load(i, at, 8), mu2s[p]
            sigma1 = sigma.load(i, at, 8).to("f64")
            sigma12 = _rounded(xys[p]) - _product(mu1, mu2)
            sigma2 = (_rounded(yys[p]) - _product(mu2, mu2)).at_least(0.0)
            lively, here = sigma1 >= NOISE, sigma1 > float(NOWHERE)
            flatness = flatness + (here & (sigma1 < NOISE)).where(sigma2, 0.0)
            gain = sigma12 / (sigma1 + 65536.0e-10)
            residue = (sigma2 - gain * sigma12).floor().at_least(0.0) + NOISE
            # where there is nothing to tell, both logarithms are of the same number
            told = lively & (sigma12 > 0.0) & (sigma2 > 0.0)
            base = _place(below, at, told.where(residue, NOISE)) >> 52
            bound = gain.at_most(limit)
            top = _place(above, at, told.where((bound * bound * sigma1).floor() + residue, NOISE))
            exponents = exponents + ((top >> 52) - base)
            if neg:
                bound = gain.at_most(1.0)
                top = _place(above_neg, at, told.where((bound * bound * sigma1).floor() + residue, NOISE))
                exponents_neg = exponents_neg + ((top >> 52) - base)
        tally.store(0, 0, exponents)
        tally.store(1, 0, exponents_neg)
        flat.store(0, 0, flatness)

    return step(11, 4, body)


def _shrink_steps(taps: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the steps that filter one row down the columns, and along it with every other column kept."""

    def down(plane: Grid, out: Grid, i: Index, j: Index, shift: Index) -> None:
        rows = [plane.load(i + k, j, 16).to("u32") for k in range(2 * len(taps) - 1)]
        half = Index(i.builder, i.builder.shl(i._of(1), (shift + -1).value))
        out.store(0, j, ((fold(lambda k: rows[k], taps) + half) >> shift).to("u16"))

    def along(row: Grid, out: Grid, i: Index, j: Index, segment: Index, segment_out: Index) -> None:
        reach = len(taps) - 1
        samples = {c: row.load(0, segment * (c % 4) + j + c // 4, 16).to("u32") for c in range(-reach, 3 + reach)}
        place = (j + -16).half() + 16
        for p in (0, 2):
            total = fold(lambda k, p=p: samples[p + k - reach], taps) + 32768  # type: ignore[misc]
            even, odd = unzip((total >> 16).to("u16"))
            out.store(i, segment_out * (p // 2) + place, even)
            out.store(i, segment_out * (p // 2 + 2) + place, odd)

    return step(2, 3, down), step(2, 4, along)


for _s, _taps in enumerate(TAPS):
    globals()[f"average{_s}"] = _average(_taps)
    globals()[f"power{_s}_deep"] = _power(_taps, deep=True)
    globals()[f"power{_s}_shallow"] = _power(_taps, deep=False)
    globals()[f"reference{_s}"] = _reference_step(_taps)
    globals()[f"rendition{_s}"] = _rendition_step(_taps, neg=False)
    globals()[f"rendition{_s}_neg"] = _rendition_step(_taps, neg=True)
    globals()[f"down{_s}"], globals()[f"along{_s}"] = _shrink_steps(TAPS[min(_s + 1, 3)])
denominator = _denominator_step()


@kernel
def add_logarithms(places, table):  # type: ignore[no-untyped-def]
    """Return the sum of the table at these places."""
    total = np.int64(0)
    for j in range(places.shape[1]):
        total += np.int64(table[places[0, j]])
    return total


@kernel
def multiply_shallow(a, b, first, last, out):  # type: ignore[no-untyped-def]
    """Write the products of rows [first, last) of two pictures of 8 bits."""
    for i in range(first, last):
        for j in range(a.shape[1]):
            out[i - first, j] = np.uint16(a[i, j]) * np.uint16(b[i, j])


@kernel
def multiply_deep(a, b, first, last, out):  # type: ignore[no-untyped-def]
    """Write the products of rows [first, last) of two pictures of up to 16 bits."""
    for i in range(first, last):
        for j in range(a.shape[1]):
            out[i - first, j] = np.float64(np.int32(a[i, j])) * np.float64(np.int32(b[i, j]))


@kernel
def forget(row, width, segment, count, value):  # type: ignore[no-untyped-def]
    """Mark the places of a row that hold no column."""
    for p in range(4):
        for place in range(p * segment + 16 + (width - p + 3) // 4, p * segment + 16 + count):
            row[place] = value


#: The kernels of one scale: S is the scale, POWER and MULTIPLY know the depth, STRIDE is POWER's vector.
_TEMPLATE = '''
@kernel
def reference_S_KIND(plane, width, height, segment, count, shift, scale, table,
                     products, means, squares, places, mean, sigma, tally, flat):
    """Write mean and variance of a reference, return the logarithms of the denominator."""
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
                mirror_row(means[r], segment, width, REACH)
                mirror_row(squares[r], segment, width, REACH)
                for j in range(16, 16 + count, 8):
                    referenceS(means, squares, mean, sigma, r, i + r, j, segment)
                forget(sigma[i + r], width, segment, count, NOWHERE)
                for j in range(0, plane.shape[1], 8):
                    denominator(sigma, places, tally, flat, i + r, j)
                total += add_logarithms(places, table)
    return total


@kernel
def rendition_S_KIND(plane_r, plane_d, width, height, segment, count, shift, scale, table, neg, limits,
                     joints, products, means, joint, squares, mean, sigma, above, below, above_neg, tally, flat):
    """Return the logarithms of the numerator, with and without enhancement."""
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
                mirror_row(means[r], segment, width, REACH)
                mirror_row(joint[r], segment, width, REACH)
                mirror_row(squares[r], segment, width, REACH)
                if neg:
                    for j in range(16, 16 + count, 8):
                        renditionS_neg(means, joint, squares, mean, sigma, limits, above, below, above_neg,
                                       tally, flat, r, i + r, j, segment)
                    total_neg += add_logarithms(above_neg, table) - add_logarithms(below, table)
                else:
                    for j in range(16, 16 + count, 8):
                        renditionS(means, joint, squares, mean, sigma, limits, above, below, above_neg,
                                   tally, flat, r, i + r, j, segment)
                total += add_logarithms(above, table) - add_logarithms(below, table)
    return total, total_neg


@kernel
def shrink_S_KIND(plane, out, height, segment, count, segment_out, shift, row, width):
    """Write the picture of scale S + 1."""
    for i in range(height // 2):
        for j in range(0, plane.shape[1], 16):
            downS(plane, row, 2 * i + 8 - NEXT, j, shift)
        mirror_row(row[0], segment, width, NEXT)
        for j in range(16, 16 + count, 16):
            alongS(row, out, i + 8, j, segment, segment_out)
    mirror_rows(out, height // 2)
'''


def _kernels() -> dict[tuple[str, int, str], Any]:
    """Make the kernels: of scale 0 for 8 bits and for more, of the others for the 16 bits they hold."""
    made: dict[tuple[str, int, str], Any] = {}
    for s, kind in ((0, "shallow"), (0, "deep"), (1, "deep"), (2, "deep"), (3, "deep")):
        text = _TEMPLATE.replace("_S_KIND", f"_{s}_{kind}").replace("POWER", f"power{s}_{kind}")
        text = text.replace("MULTIPLY", f"multiply_{kind}").replace("STRIDE", "16" if kind == "shallow" else "8")
        text = text.replace("REACH", str(len(TAPS[s]) - 1)).replace("NEXT", str(len(TAPS[min(s + 1, 3)]) - 1))
        for name in ("average", "reference", "rendition", "down", "along"):
            text = text.replace(f"{name}S", f"{name}{s}")
        # compiled as part of this file, so that numba caches it and forgets it when the file changes
        exec(compile(text, __file__, "exec"), globals())  # noqa: S102
        for name in ("reference", "rendition", "shrink"):
            made[name, s, kind] = globals()[f"{name}_{s}_{kind}"]
    return made


KERNELS = _kernels()
