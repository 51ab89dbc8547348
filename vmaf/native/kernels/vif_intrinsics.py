"""The vectorised inner steps of the VIF kernels, unrolled over the taps of the filter of each scale.

Notation follows Sheikh and Bovik (2006): sigma1 of the reference, sigma2 of the rendition, sigma12 of both, gain g.
`vmaf.native.kernels.vif_kernels` calls the steps in loops over rows and columns.

Samples and products are filtered as pairs of 16-bit numbers, because processors multiply and add a pair in one
instruction. Two adjacent rows, or columns, make a pair. Numbers of 32 bits are filtered as two numbers of 16 bits. The
instruction takes signed numbers, so that numbers of 16 bits are stored less 2**15; as the taps sum to 2**16, their
sum is then less by 2**31, which the start of the sum makes up for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shotladder_runtime.kernels.vector import Index, Vector, View2D, deinterleave, intrinsic_step, symmetric_fir

__all__ = ["LANES", "ROWS", "STEPS", "TAPS"]

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
NOISE = 131072
#: 2048 times the biased exponent of NOISE in single precision
LOGARITHM_OF_NOISE = 2048 * (127 + 17)

#: rows that are filtered together, so that each row of products is loaded once for all of them
ROWS = 4
#: columns of each phase in one step: 16 numbers of 32 bits
LANES = 16
#: what makes two unsigned numbers of 16 bits signed
SIGNED = 0x80008000
#: what the sum of signed numbers lacks
MISSING = 2**31


def _filter(pair: Callable[[int], Vector], at: int, taps: tuple[int, ...], start: Vector) -> Vector:
    """Return start + the filtered value at one row or column, modulo 2**32.

    Parameters
    ----------
    pair : callable
        Returns the pairs of number k and k + 1; k is even.
    at : int
        Number of the row or column under the first tap.
    taps : tuple of int
        First half and middle tap.
    start : Vector
    """
    whole = {at + k: tap for k, tap in enumerate((*taps, *taps[-2::-1]))}
    total = start
    for k in range(at & ~1, at + len(whole), 2):
        factors = [whole.get(k + n, 0) for n in (0, 1)]
        for n in (0, 1):
            # a factor of more than 15 bits is taken less 2**16
            if factors[n] >= 2**15:
                factors[n] -= 2**16
                bits = pair(k).reinterpret("u32")
                total = total + (bits << 16 if n == 0 else bits & 0xFFFF0000)
        total = total.plus_pairs(pair(k), *factors)
    return total


def _join(first: Vector, second: Vector) -> Vector:
    """Return pairs of two vectors of unsigned numbers of 16 bits, as their bits."""
    return first | (second << 16)


def _split(first: Vector, second: Vector) -> tuple[Vector, Vector]:
    """Return the signed pairs of the upper and of the lower 16 bits of two vectors of 32 bits."""
    upper = (first >> 16) | (second & 0xFFFF0000)
    lower = (first & 0xFFFF) | (second << 16)
    return upper ^ SIGNED, lower ^ SIGNED


def _power_of_2(bits: Index) -> Index:
    return Index(bits.builder, bits.builder.shl(bits._operand(1), bits.value))


def _pair_step(products: int, shallow: bool) -> Any:
    """Return the intrinsic that stores samples and products of two rows as pairs.

    Its arguments are a frame and the frame that it is multiplied with, the pairs of the first one's samples, and the
    pairs of its products: with itself, and, if `products` is 2, with the other frame. Products of deeper samples have
    pairs of their upper bits, then pairs of their lower bits.
    """

    def body(plane: View2D, other: View2D, samples: View2D, *rest: Any) -> None:
        outs, (i, j, block, k) = rest[:-4], rest[-4:]
        own, others = ([p.load(i + n, j, LANES).to("u32") for n in (0, 1)] for p in (plane, other))
        pairs = _join(*own)
        samples.store(block, k, (pairs if shallow else pairs ^ SIGNED).reinterpret("i16"))
        for n in range(products):
            multiplied = [a * b for a, b in zip(own, (own, others)[n], strict=True)]
            halves = [_join(*multiplied) ^ SIGNED] if shallow else _split(*multiplied)
            for m, half in enumerate(halves):
                outs[len(halves) * n + m].store(block, k, half.reinterpret("i16"))

    return intrinsic_step(3 + products * (1 if shallow else 2), 4, body)


def _filter_rows(pairs: View2D, blocks: tuple[Index, Index], k: Index, taps: tuple[int, ...], start: Vector) -> Any:
    """Filter rows vertically in the blocks of two columns: a list of both columns for each of `ROWS` rows."""
    reach = len(taps) - 1
    made: dict[tuple[int, int], Vector] = {}

    def pair(column: int, row: int) -> Vector:
        if (column, row) not in made:
            made[column, row] = pairs.load(blocks[column], k + LANES * row, 2 * LANES)
        return made[column, row]

    return [
        [_filter(lambda row, c=c: pair(c, row), (reach & 1) + r, taps, start) for c in (0, 1)]  # type: ignore[misc]
        for r in range(ROWS)
    ]


def _average(taps: tuple[int, ...], shallow: bool) -> Any:
    """Return the intrinsic that filters samples vertically, to pairs of columns."""

    def body(samples: View2D, out: View2D, even: Index, odd: Index, k: Index, at: Index, shift: Index) -> None:
        start = samples.load(even, k, 2 * LANES).reinterpret("u32") * 0 + _power_of_2(shift + -1)
        rows = _filter_rows(samples, (even, odd), k, taps, start if shallow else start + MISSING)
        for r, values in enumerate(rows):
            out.store(r, at, (_join(*(value >> shift for value in values)) ^ SIGNED).reinterpret("i16"))

    return intrinsic_step(2, 5, body)


def _power(taps: tuple[int, ...], shallow: bool) -> Any:
    """Return the intrinsic that filters products vertically, to pairs of columns of upper and of lower bits.

    Sums of products of 8-bit samples stay below 2**32 and are not rounded; sums of deeper ones are rounded to 32 bits.
    """

    def body(*arguments: Any) -> None:
        products, (upper_out, lower_out), (even, odd, k, at, shift) = arguments[:-7], arguments[-7:-5], arguments[-5:]
        start = products[0].load(even, k, 2 * LANES).reinterpret("u32") * 0 + MISSING
        rows = _filter_rows(products[0], (even, odd), k, taps, start)
        if not shallow:
            lower = _filter_rows(products[1], (even, odd), k, taps, start + _power_of_2(shift + -1))
            rest = Index(shift.builder, shift.builder.sub(shift._operand(16), shift.value))
            rows = [
                [(a << rest) + (b >> shift) for a, b in zip(*both, strict=True)]
                for both in zip(rows, lower, strict=True)
            ]
        for r, values in enumerate(rows):
            for out, half in zip((upper_out, lower_out), _split(*values), strict=True):
                out.store(r, at, half.reinterpret("i16"))

    return intrinsic_step(3 if shallow else 4, 5, body)


def _filter_columns(pairs: View2D, r: Index, j: Index, phase_stride: Index, taps: tuple[int, ...], start: int) -> Any:
    """Filter pairs of columns horizontally: a list of four adjacent columns, each at `LANES` positions."""
    made: dict[int, Vector] = {}

    def pair(c: int) -> Vector:
        if c not in made:
            at = phase_stride * (c % 4 // 2) + j + c // 4
            made[c] = pairs.load(r, at * 2, 2 * LANES)
        return made[c]

    zero = pairs.load(r, j * 2, 2 * LANES).reinterpret("u32") * 0
    return [_filter(pair, p - len(taps) + 1, taps, zero + start) for p in range(4)]


def _average_along(taps: tuple[int, ...]) -> Any:
    """Return the intrinsic that filters samples horizontally, to 32 bits, and writes them to one row."""

    def body(pairs: View2D, out: View2D, r: Index, j: Index, phase_stride: Index, at: Index, count: Index) -> None:
        for p, total in enumerate(_filter_columns(pairs, r, j, phase_stride, taps, MISSING)):
            out.store(0, at + count * p, total)

    return intrinsic_step(2, 5, body)


def _power_along(taps: tuple[int, ...]) -> Any:
    """Return the intrinsic that filters products horizontally, rounds them to 32 bits, and writes them to one row."""

    def body(
        upper: View2D, lower: View2D, out: View2D, r: Index, j: Index, phase_stride: Index, at: Index, count: Index
    ) -> None:
        high = _filter_columns(upper, r, j, phase_stride, taps, MISSING)
        low = _filter_columns(lower, r, j, phase_stride, taps, MISSING + 2**15)
        for p in range(4):
            out.store(0, at + count * p, high[p] + (low[p] >> 16))

    return intrinsic_step(3, 5, body)


def _product(a: Vector, b: Vector) -> Vector:
    """Return round(a * b / 2**32) of unsigned numbers of 32 bits."""
    wide_a, wide_b = a.reinterpret("u64"), b.reinterpret("u64")
    even = (wide_a & 0xFFFFFFFF) * (wide_b & 0xFFFFFFFF) + 2**31
    odd = (wide_a >> 32) * (wide_b >> 32) + 2**31
    return ((even >> 32) | (odd & 0xFFFFFFFF00000000)).reinterpret("u32")


def _store_logarithm(indices: View2D, r: Index, at: Index, value: Vector) -> Vector:
    """Store the table index of log2 of integers above 2**16; return the number that the table entries add to.

    The index is the 15 bits after the leading one, taken from the integer in single precision. Rounding does not change
    them, because the bit below them is cleared first.
    """
    bits = (value & ((value >> 16) ^ -1)).to("f32").bits()
    indices.store(r, at, ((bits >> 8) & 0x7FFF).to("u16"))
    # 2048 times the exponent, plus the upper 11 bits of the index
    return bits >> 12


def _look_up(rows: int) -> Any:
    """Return the intrinsic that adds table entries at `LANES` indices of each row to sums.

    The loop vectoriser would move each index from a vector register to a scalar one and each entry back.
    """

    def body(*arguments: Any) -> None:
        indices, (table, sums, r, j) = arguments[:rows], arguments[rows:]
        for n, row in enumerate(indices):
            total = sums.load_index(n, 0)
            for k in range(LANES):
                total = total + table.load_index(0, row.load_index(r, j + k))
            sums.store_index(n, 0, total)

    return intrinsic_step(rows + 2, 2, body)


def _reference_step() -> Any:
    """Return the intrinsic that computes mean and variance of a reference, and adds what the denominator is made of.

    The sums are those of the logarithms without their table entries, and the number of flat positions.
    """

    def body(
        means: View2D, squares: View2D, mean: View2D, sigma: View2D, indices: View2D, sums: View2D,
        r: Index, i: Index, at: Index,
    ) -> None:  # fmt: skip
        mu = means.load(0, at, LANES)
        sigma1 = (squares.load(0, at, LANES) - _product(mu, mu)).to("i32")
        mean.store(i, at, mu)
        sigma.store(i, at, sigma1)
        is_structured = sigma1 > NOISE - 1
        logarithm = _store_logarithm(indices, r, at, is_structured.where(sigma1 + NOISE, NOISE))
        one = sigma1 * 0 + 1
        for n, term in enumerate((logarithm - LOGARITHM_OF_NOISE, is_structured.where(one * 0, one))):
            sums.store(n, 0, sums.load(n, 0, LANES) + term)

    return intrinsic_step(6, 3, body)


def _rendition_step(neg: bool) -> Any:
    """Return the intrinsic that adds what the numerator is made of.

    The sums are those of lower and upper 16 bits of the variance at flat positions, and of the logarithms without their
    table entries, for the gain limit of the model and for that of NEG.
    """

    def body(
        means: View2D, joint: View2D, squares: View2D, mean: View2D, sigma: View2D, limits: View2D,
        above: View2D, below: View2D, above_neg: View2D, sums: View2D, r: Index, i: Index, at: Index,
    ) -> None:  # fmt: skip
        mu1, mu2 = mean.load(i, at, LANES), means.load(0, at, LANES)
        sigma1 = sigma.load(i, at, LANES)
        sigma12 = (joint.load(0, at, LANES) - _product(mu1, mu2)).to("i32")
        sigma2 = (squares.load(0, at, LANES) - _product(mu2, mu2)).to("i32").at_least(0)
        is_structured = sigma1 > NOISE - 1
        flat_variance = is_structured.where(sigma2 * 0, sigma2)
        terms = [flat_variance & 0xFFFF, flat_variance >> 16]
        # elsewhere both logarithms are of the same number, so that the term is 0
        is_informative = is_structured & (sigma12 > 0) & (sigma2 > 0)
        wide1, wide2, wide12 = (each.to("f64") for each in (sigma1, sigma2, sigma12))
        gain = wide12 / (wide1 + 65536.0e-10)
        residue = (wide2 - gain * wide12).to("i32").at_least(0) + NOISE
        base = _store_logarithm(below, r, at, is_informative.where(residue, NOISE))
        bounds = (gain.at_most(limits.load(0, 0, LANES)), gain.at_most(1.0))
        for n, bound in enumerate(bounds[: 2 if neg else 1]):
            kept = (bound * bound * wide1).to("i32") + residue
            top = _store_logarithm((above, above_neg)[n], r, at, is_informative.where(kept, NOISE))
            terms.append(top - base)
        for n, term in enumerate(terms):
            sums.store(n, 0, sums.load(n, 0, LANES) + term)

    return intrinsic_step(10, 3, body)


def _shrink_steps(taps: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the intrinsics that filter one row vertically, and horizontally with every other column kept."""

    def down(plane: View2D, out: View2D, i: Index, j: Index, shift: Index) -> None:
        rows = [plane.load(i + k, j, 16).to("u32") for k in range(2 * len(taps) - 1)]
        half = _power_of_2(shift + -1)
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
    steps = {
        "reference": _reference_step(),
        "rendition": _rendition_step(neg=False),
        "rendition_neg": _rendition_step(neg=True),
        **{f"look_up_{rows}": _look_up(rows) for rows in (1, 2)},
    }
    for kind in ("shallow", "deep"):
        steps[f"pair_1_{kind}"], steps[f"pair_2_{kind}"] = (_pair_step(n, kind == "shallow") for n in (1, 2))
    for scale, taps in enumerate(TAPS):
        for kind in ("shallow", "deep"):
            steps[f"average{scale}_{kind}"] = _average(taps, kind == "shallow")
            steps[f"power{scale}_{kind}"] = _power(taps, kind == "shallow")
        steps[f"average_along{scale}"], steps[f"power_along{scale}"] = _average_along(taps), _power_along(taps)
        steps[f"down{scale}"], steps[f"along{scale}"] = _shrink_steps(TAPS[min(scale + 1, 3)])
    return steps


#: The steps by the names that the generated kernels call; a digit is the scale.
STEPS = _steps()
