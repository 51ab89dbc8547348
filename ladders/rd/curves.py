"""Rate and quality of one chunk at one resolution, as functions of the quantiser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

__all__ = [
    "CEILING",
    "Curve",
    "RatePoint",
    "Size",
    "fit_chunk",
    "fit_curve",
    "log_distortion",
    "moved_along",
    "moved_through",
    "quantiser_grid",
]

#: Slopes of log2(bits) per quantiser step that any encoder stays within; used beyond the last trial only.
STEEPEST, FLATTEST = -1 / 3, -1 / 24
#: How far bits bend: their binary logarithm is about a straight line in the quantiser, and so many times the square of
#: the quantiser's share of the encoder's range.
BEND = 2.0
#: Beyond the finest trial the logarithm of distortion falls at such a share of the slope between the trials.
FINER_SLOPE = 0.8
#: VMAF above which its scale saturates: distortion is counted from a little above the top, so that it has a logarithm.
CEILING = 100.5
#: How much the quantisers of a few encodes have to spread (sum of squares) before half of their slope is believed.
SLOPE_DOUBT = 36.0

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RatePoint:
    """One trial: what a quantiser cost and gave.

    Attributes
    ----------
    quantiser : float
    bits : int
        Of the chunk's video samples.
    quality : float
        Mean VMAF of the frames that were measured.
    every : int
        Every so many frames were measured; 1 in a final measurement.
    burst : float
        How many times the chunk's rate its heaviest segment has; 1 where a segment holds all of it.
    dip : float
        How much lower than the chunk's quality that of its worst shot is; 0 where it holds but one.
    """

    quantiser: float
    bits: int
    quality: float
    every: int = 1
    burst: float = 1.0
    dip: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Bits and quality on a grid of quantisers.

    Attributes
    ----------
    quantisers, bits, quality : ndarray of float64, shape (grid,)
        Quantisers increase, bits and quality never do.
    burst : ndarray of float64, shape (grid,), or float
        How many times the chunk's rate its heaviest segment has.
    dip : ndarray of float64, shape (grid,), or float
        How much lower than the chunk's quality that of its worst shot is.
    """

    quantisers: NDArray[np.float64]
    bits: NDArray[np.float64]
    quality: NDArray[np.float64]
    burst: NDArray[np.float64] | float = 1.0
    dip: NDArray[np.float64] | float = 0.0


def quantiser_grid(lowest: float, highest: float, step: float) -> NDArray[np.float64]:
    """Return the quantisers that an encoder tells apart.

    Examples
    --------
    >>> quantiser_grid(20, 21, 0.25).tolist()
    [20.0, 20.25, 20.5, 20.75, 21.0]
    """
    count = round((highest - lowest) / step) + 1
    return np.linspace(lowest, lowest + (count - 1) * step, count, dtype=np.float64)


def fit_curve(points: Sequence[RatePoint], grid: NDArray[np.float64]) -> Curve:
    """Interpolate trials of one chunk at one resolution.

    Parameters
    ----------
    points : sequence of RatePoint, length >= 2
        At least two different quantisers.
    grid : ndarray of float64, shape (grid,)
        Increasing quantisers to evaluate at.

    Returns
    -------
    Curve
        Monotone between the trials and beyond them; it goes through those that tell most.

    Notes
    -----
    Logarithm of bits and logarithm of distortion (100.5 - VMAF) are interpolated apart, each by PCHIP, which keeps
    them monotone (Fritsch and Carlson 1980). Distortion's is nearly straight in the quantiser, and that of bits bends
    much alike in all chunks, so that what is left of it is interpolated: two trials serve. On VMAF itself the chord of
    two trials lies points below the curve, and a size that was tried less densely then loses rungs that it should have.
    Where noise made a trial worse than its dearer neighbour, the two are averaged first.
    Beyond the trials both logarithms go on so, distortion's the flatter towards fine quantisers, where what the size
    itself loses is left; towards coarser ones quality goes on in a straight line.

    Trials that were measured on some frames only give the curve its shape; those that tell more then shift it by what
    they differ from it, in both logarithms.
    """
    levels = _levels(points)
    if not levels:
        raise ValueError("a curve needs trials at two quantisers")
    return _through(levels[1:], grid, *_shape(levels[0], grid, _bend(grid)), points)


def fit_chunk(
    rough: Mapping[Size, Sequence[RatePoint]], sure: Mapping[Size, Sequence[RatePoint]], grid: NDArray[np.float64]
) -> dict[Size, Curve]:
    """Draw the curves of one chunk by trials of a fast preset, put in their place by a few of the final one.

    Parameters
    ----------
    rough : mapping
        From every size to trials of a fast preset: at least two different quantisers each.
    sure : mapping
        From some sizes to encodes of the final preset; at least one in all.
    grid : ndarray of float64, shape (grid,)
        Increasing quantisers to evaluate at.

    Returns
    -------
    dict
        A curve of every size of `rough`.

    Notes
    -----
    At one quantiser a slow preset loses less than a fast one and may take more bits; but its curve is nearly the fast
    one's, moved along the quantiser until distortion agrees, and then in bits by what the slow preset is better. Both
    amounts are much alike at all sizes of a chunk, so that one encode tells them; several make them straight lines in
    the quantiser. What is left at a size that has encodes of its own shifts its curve as in `fit_curve`.
    """
    moves = [(point.quantiser, *_move(rough[size], point, grid)) for size, points in sure.items() for point in points]
    q, along, bits = (np.array(column) for column in zip(*moves, strict=True))
    shift, lift = _line(q, along, grid), _line(q, bits, grid)
    curves = {}
    for size, trials in rough.items():
        log_bits, loss = _shape(_levels(trials)[0], grid - shift, _bend(grid))
        mine = sure.get(size, ())
        curves[size] = _through(_by_trust(mine), grid, log_bits + lift, loss, [*trials, *mine])
    return curves


def moved_through(curve: Curve, points: Sequence[RatePoint]) -> Curve:
    """Move a curve through points, those that tell most last; without points it stays."""
    if not points:
        return curve
    return _through(_by_trust(points), curve.quantisers, np.log2(curve.bits), log_distortion(curve.quality), points)


def moved_along(curves: Mapping[Size, Curve], points: Mapping[Size, Sequence[RatePoint]]) -> dict[Size, Curve]:
    """Move the curves of one chunk by what encodes of another kind, at some of its sizes, differ in both logarithms.

    What one size shows holds for all; what is left at those that have points of their own shifts them alone.
    """
    moves = []
    for size, found in points.items():
        for point in found:
            at = int(np.argmin(np.abs(curves[size].quantisers - point.quantiser)))
            bits, loss = np.log2(curves[size].bits[at]), log_distortion(curves[size].quality[at])
            moves.append((point.quantiser, np.log2(max(point.bits, 1)) - bits, _loss_of(point) - loss))
    q, lift, fall = (np.array(column) for column in zip(*moves, strict=True))
    moved = {}
    for size, curve in curves.items():
        log_bits = np.minimum.accumulate(np.log2(curve.bits) + _line(q, lift, curve.quantisers))
        loss = np.maximum.accumulate(log_distortion(curve.quality) + _line(q, fall, curve.quantisers))
        quality = np.clip(CEILING - np.exp(loss), 0.0, 100.0)
        moved[size] = moved_through(replace(curve, bits=np.exp2(log_bits), quality=quality), points.get(size, ()))
    return moved


def _loss_of(point: RatePoint) -> float:
    return float(log_distortion(np.array(point.quality)))


def _by_trust(points: Sequence[RatePoint]) -> list[list[RatePoint]]:
    """Group points by how much they tell, least first; within a group by quantiser."""
    return [sorted((p for p in points if p.every == every), key=lambda p: p.quantiser) for every in _every(points)]


def _every(points: Sequence[RatePoint]) -> list[int]:
    """Return the strides of measurement that occur, those that tell least first."""
    return sorted({p.every for p in points}, reverse=True)


def _levels(points: Sequence[RatePoint]) -> list[list[RatePoint]]:
    """Group trials by how much they tell, least first; the first group has two quantisers at least."""
    levels: list[list[RatePoint]] = []
    held: dict[float, RatePoint] = {}
    for every in _every(points):
        held |= {p.quantiser: p for p in points if p.every == every}
        if levels or len(held) > 1:
            levels.append([held[q] for q in sorted(held)])
            held = {}
    return levels


def _shape(
    points: Sequence[RatePoint], grid: NDArray[np.float64], bend: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log2 of the bits, which are expected to bend so, and the logarithm of distortion on a grid."""
    q = np.array([p.quantiser for p in points])
    log_bits = _decreasing(np.log2([max(p.bits, 1) for p in points]))
    quality = _decreasing(np.array([p.quality for p in points]))
    loss = log_distortion(quality)
    inside = np.clip(grid, q[0], q[-1])
    finer, coarser = np.minimum(grid - q[0], 0), np.maximum(grid - q[-1], 0)
    slope = FINER_SLOPE * (loss[1] - loss[0]) / (q[1] - q[0])
    fitted = CEILING - np.exp(_monotone(q, loss, inside) + finer * slope)
    fitted = fitted + coarser * min((quality[-1] - quality[-2]) / (q[-1] - q[-2]), -0.25)
    bits = _bits_between(q, log_bits, inside, bend) + _bits_beyond(q, log_bits, finer, coarser, bend)
    return bits, log_distortion(np.clip(fitted, 0.0, 100.0))


def _bits_between(
    q: NDArray[np.float64], log_bits: NDArray[np.float64], at: NDArray[np.float64], bend: float
) -> NDArray[np.float64]:
    """Interpolate what bits differ from the bend that is expected; they never fall below the next coarser trial."""
    bent = _monotone(q, log_bits - bend * q**2, at) + bend * at**2
    return np.maximum(bent, log_bits[np.searchsorted(q, at)])


def _bits_beyond(
    q: NDArray[np.float64],
    log_bits: NDArray[np.float64],
    finer: NDArray[np.float64],
    coarser: NDArray[np.float64],
    bend: float,
) -> NDArray[np.float64]:
    """Return how far bits go on, from the outermost trials, at distances beyond them."""
    slopes = np.clip(np.diff(log_bits) / np.diff(q), STEEPEST, FLATTEST)
    more = finer * slopes[0] + bend * finer * (finer - (q[1] - q[0]))
    less = coarser * slopes[-1] + bend * coarser * (coarser + (q[-1] - q[-2]))
    return np.minimum(more, finer * STEEPEST) + np.minimum(less, coarser * FLATTEST)


def _bend(grid: NDArray[np.float64]) -> float:
    """Return the bend of the logarithm of bits in square quantisers."""
    return float(BEND / (grid[-1] - grid[0]) ** 2)


def _monotone(q: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate by PCHIP, which between two points, as most curves have, is a straight line."""
    return np.interp(at, q, values) if len(q) == 2 else PchipInterpolator(q, values)(at)


def _move(trials: Sequence[RatePoint], point: RatePoint, grid: NDArray[np.float64]) -> tuple[float, float]:
    """Return how far along the quantiser a drawn curve has to move for a point's distortion, and then in log2 bits."""
    reach = (grid[-1] - grid[0]) / 4
    around = np.linspace(point.quantiser - reach, point.quantiser + reach, 4 * len(grid))
    log_bits, loss = _shape(_levels(trials)[0], around, _bend(grid))
    loss = np.maximum.accumulate(loss)
    there = float(np.interp(log_distortion(np.array([point.quality]))[0], loss, around))
    return point.quantiser - there, float(np.log2(max(point.bits, 1)) - np.interp(there, around, log_bits))


def _line(q: NDArray[np.float64], values: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a line through values, the flatter the less they tell of its slope, constant beyond them."""
    centre = q - q.mean()
    slope = float(centre @ values) / (float(centre @ centre) + SLOPE_DOUBT)
    return values.mean() + slope * (np.clip(grid, q.min(), q.max()) - q.mean())


def _through(
    levels: Sequence[Sequence[RatePoint]],
    grid: NDArray[np.float64],
    log_bits: NDArray[np.float64],
    loss: NDArray[np.float64],
    points: Sequence[RatePoint],
) -> Curve:
    """Bring a drawn curve through what tells more than it, level by level."""
    for level in levels:
        q = [p.quantiser for p in level]
        log_bits = log_bits + _shift(grid, q, log_bits, np.log2([max(p.bits, 1) for p in level]))
        loss = loss + _shift(grid, q, loss, log_distortion(np.array([p.quality for p in level])))
    bits = np.exp2(np.minimum.accumulate(log_bits))
    quality = np.clip(CEILING - np.exp(np.maximum.accumulate(loss)), 0.0, 100.0)
    ordered = sorted(points, key=lambda p: p.quantiser)
    tried = [p.quantiser for p in ordered]
    burst, dip = (np.interp(grid, tried, column) for column in zip(*((p.burst, p.dip) for p in ordered), strict=True))
    return Curve(grid, bits, quality, burst, dip)


def _shift(
    grid: NDArray[np.float64], quantisers: Sequence[float], curve: NDArray[np.float64], found: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what brings a curve through what was found at some quantisers, interpolated between them."""
    return np.interp(grid, quantisers, found - np.interp(quantisers, grid, curve))


def log_distortion(quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the natural logarithm of distortion, which is nearly straight in the quantiser."""
    return np.log(CEILING - np.minimum(quality, 100.0))


def _decreasing(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average neighbours that rise until none does (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, count = float(value), 1
        while blocks and blocks[-1][0] < mean:
            left, n = blocks.pop()
            mean, count = (left * n + mean * count) / (n + count), n + count
        blocks.append((mean, count))
    return np.concatenate([np.full(count, mean) for mean, count in blocks])
