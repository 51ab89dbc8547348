"""The vectorised inner steps of the VIF kernels, unrolled over the taps of the filter of each scale.

Notation follows Sheikh and Bovik (2006): sigma1 of the reference, sigma2 of the rendition, sigma12 of both, gain g.
`vmaf.native.kernels.vif_kernels` calls the steps in loops over rows and columns.
"""

from __future__ import annotations

from typing import Any

from shotladder_runtime.kernels.vector import Index, Vector, View2D, deinterleave, intrinsic_step, symmetric_fir

__all__ = ["NOWHERE", "STEPS", "TAPS"]

#: first half and middle tap of each symmetric filter, by scale; all taps of a filter sum to 65536; from
#: libvmaf's integer VIF
TAPS = (
    (489, 935, 1640, 2640, 3896, 5274, 6547, 7455, 7784),
    (1244, 3663, 7925, 12590, 14692),
    (3571, 16004, 26386),
    (10904, 43728),
)

#: variance below which a position counts as flat, and which is added to every variance: sigma_nsq = 2 of the paper,
#: times 65536; from libvmaf's integer VIF
NOISE = 131072.0
#: value of the elements that hold no variance, because their row has fewer columns
NOWHERE = -(2**31)

#: biased exponent of the double NOISE, whose logarithm is 17
EXPONENT = 1023 + 17


def _average(taps: tuple[int, ...]) -> Any:
    """Return the intrinsic that filters two rows of samples vertically, to 16 bits."""

    def body(plane: View2D, out: View2D, i: Index, j: Index, shift: Index) -> None:
        rows = [plane.load(i + k, j, 16).to("u32") for k in range(2 * len(taps))]
        half = Index(i.builder, i.builder.shl(i._operand(1), (shift + -1).value))
        for r in (0, 1):
            total = symmetric_fir(lambda k, r=r: rows[k + r], taps) + half  # type: ignore[misc]
            out.store(r, j, (total >> shift).to("u16"))

    return intrinsic_step(2, 3, body)


def _power(taps: tuple[int, ...], deep: bool) -> Any:
    """Return the intrinsic that filters two rows of products vertically.

    Sums of products of 8-bit samples stay below 2**32 and need no rounding. Sums of deeper ones are computed in
    doubles, which hold them exactly, and rounded to 32 bits.
    """

    def shallow_body(products: View2D, out: View2D, scale: View2D, i: Index, j: Index) -> None:
        rows = [products.load(i + k, j, 16).to("u32") for k in range(2 * len(taps))]
        for r in (0, 1):
            out.store(r, j, symmetric_fir(lambda k, r=r: rows[k + r], taps).to("f64"))  # type: ignore[misc]

    def deep_body(products: View2D, out: View2D, scale: View2D, i: Index, j: Index) -> None:
        rows = [products.load(i + k, j, 8) for k in range(2 * len(taps))]
        factor = scale.load(0, 0, 8)
        for r in (0, 1):
            total = symmetric_fir(lambda k, r=r: rows[k + r], taps)  # type: ignore[misc]
            out.store(r, j, (total * factor + 0.5).floor())

    return intrinsic_step(3, 2, deep_body if deep else shallow_body)


def _along(rows: View2D, r: Index, j: Index, phase_stride: Index, taps: tuple[int, ...], kind: str) -> list[Vector]:
    """Filter a row horizontally: four adjacent columns at each of eight positions."""
    reach = len(taps) - 1
    samples = {c: rows.load(r, phase_stride * (c % 4) + j + c // 4, 8).to(kind) for c in range(-reach, 4 + reach)}
    return [symmetric_fir(lambda k, p=p: samples[p + k - reach], taps) for p in range(4)]  # type: ignore[misc]


def _rounded(total: Vector) -> Vector:
    return (total * (1 / 65536) + 0.5).floor()


def _product(a: Vector, b: Vector) -> Vector:
    """Return round(a * b / 2**32) of two unsigned 32-bit numbers, as doubles."""
    return ((a.to("u64") * b.to("u64") + 2**31) >> 32).to("i64").to("f64")


def _table_index(row: View2D, at: Index, value: Vector) -> Vector:
    """Store the table index of log2 of doubles: the 15 bits after the leading one. Return the bits of the doubles."""
    bits = value.bits()
    row.store(0, at, ((bits >> 37) & 0x7FFF).to("u16"))
    return bits


def _reference_step(taps: tuple[int, ...]) -> Any:
    def body(
        means: View2D, squares: View2D, mean: View2D, sigma: View2D, r: Index, i: Index, j: Index, phase_stride: Index
    ) -> None:
        mu = _along(means, r, j, phase_stride, taps, "u32")
        xx = _along(squares, r, j, phase_stride, taps, "f64")
        for p in range(4):
            mean.store(i, phase_stride * p + j, mu[p])
            sigma.store(i, phase_stride * p + j, (_rounded(xx[p]) - _product(mu[p], mu[p])).to("i32"))

    return intrinsic_step(4, 4, body)


def _denominator_step() -> Any:
    def body(sigma: View2D, indices: View2D, tally: View2D, flat: View2D, i: Index, j: Index) -> None:
        sigma1 = sigma.load(i, j, 8).to("f64")
        is_structured, is_used = sigma1 >= NOISE, sigma1 > float(NOWHERE)
        bits = _table_index(indices, j, is_structured.where(sigma1 + NOISE, NOISE))
        tally.store(0, 0, tally.load(0, 0, 8) + (bits >> 52) - EXPONENT)
        one = sigma1 * 0.0 + 1.0
        flat.store(0, 0, flat.load(0, 0, 8) + is_used.where(is_structured.where(one * 0.0, one), 0.0))

    return intrinsic_step(4, 2, body)


def _rendition_step(taps: tuple[int, ...], neg: bool) -> Any:
    def body(
        means: View2D, joint: View2D, squares: View2D, mean: View2D, sigma: View2D, limits: View2D,
        above: View2D, below: View2D, above_neg: View2D, tally: View2D, flat: View2D,
        r: Index, i: Index, j: Index, phase_stride: Index,
    ) -> None:  # fmt: skip
        mu2s = _along(means, r, j, phase_stride, taps, "u32")
        xys = _along(joint, r, j, phase_stride, taps, "f64")
        yys = _along(squares, r, j, phase_stride, taps, "f64")
        exponents, exponents_neg, flat_variance = tally.load(0, 0, 8), tally.load(1, 0, 8), flat.load(0, 0, 8)
        limit = limits.load(0, 0, 8)
        for p in range(4):
            at = phase_stride * p + j
            mu1, mu2 = mean.load(i, at, 8), mu2s[p]
            sigma1 = sigma.load(i, at, 8).to("f64")
            sigma12 = _rounded(xys[p]) - _product(mu1, mu2)
            sigma2 = (_rounded(yys[p]) - _product(mu2, mu2)).at_least(0.0)
            is_structured, is_used = sigma1 >= NOISE, sigma1 > float(NOWHERE)
            flat_variance = flat_variance + (is_used & (sigma1 < NOISE)).where(sigma2, 0.0)
            gain = sigma12 / (sigma1 + 65536.0e-10)
            residue = (sigma2 - gain * sigma12).floor().at_least(0.0) + NOISE
            # elsewhere both logarithms are of the same number, so that the term is 0
            is_informative = is_structured & (sigma12 > 0.0) & (sigma2 > 0.0)
            base = _table_index(below, at, is_informative.where(residue, NOISE)) >> 52
            bound = gain.at_most(limit)
            top = _table_index(above, at, is_informative.where((bound * bound * sigma1).floor() + residue, NOISE))
            exponents = exponents + ((top >> 52) - base)
            if neg:
                bound = gain.at_most(1.0)
                top = _table_index(
                    above_neg, at, is_informative.where((bound * bound * sigma1).floor() + residue, NOISE)
                )
                exponents_neg = exponents_neg + ((top >> 52) - base)
        tally.store(0, 0, exponents)
        tally.store(1, 0, exponents_neg)
        flat.store(0, 0, flat_variance)

    return intrinsic_step(11, 4, body)


def _shrink_steps(taps: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the intrinsics that filter one row vertically, and horizontally with every other column kept."""

    def down(plane: View2D, out: View2D, i: Index, j: Index, shift: Index) -> None:
        rows = [plane.load(i + k, j, 16).to("u32") for k in range(2 * len(taps) - 1)]
        half = Index(i.builder, i.builder.shl(i._operand(1), (shift + -1).value))
        out.store(0, j, ((symmetric_fir(lambda k: rows[k], taps) + half) >> shift).to("u16"))

    def along(row: View2D, out: View2D, i: Index, j: Index, phase_stride: Index, phase_stride_out: Index) -> None:
        reach = len(taps) - 1
        samples = {c: row.load(0, phase_stride * (c % 4) + j + c // 4, 16).to("u32") for c in range(-reach, 3 + reach)}
        column = (j + -16).half() + 16
        for p in (0, 2):
            total = symmetric_fir(lambda k, p=p: samples[p + k - reach], taps) + 32768  # type: ignore[misc]
            even, odd = deinterleave((total >> 16).to("u16"))
            out.store(i, phase_stride_out * (p // 2) + column, even)
            out.store(i, phase_stride_out * (p // 2 + 2) + column, odd)

    return intrinsic_step(2, 3, down), intrinsic_step(2, 4, along)


def _steps() -> dict[str, Any]:
    steps = {"denominator": _denominator_step()}
    for scale, taps in enumerate(TAPS):
        steps[f"average{scale}"] = _average(taps)
        steps[f"power{scale}_deep"] = _power(taps, deep=True)
        steps[f"power{scale}_shallow"] = _power(taps, deep=False)
        steps[f"reference{scale}"] = _reference_step(taps)
        steps[f"rendition{scale}"] = _rendition_step(taps, neg=False)
        steps[f"rendition{scale}_neg"] = _rendition_step(taps, neg=True)
        steps[f"down{scale}"], steps[f"along{scale}"] = _shrink_steps(TAPS[min(scale + 1, 3)])
    return steps


#: The steps by the names that the generated kernels call; a digit is the scale.
STEPS = _steps()
