"""Bjøntegaard delta rate: average bitrate difference of two rate-distortion curves at equal quality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

from shotladder_runtime.errors import ShotladderError

__all__ = ["BDRate", "CurveError", "NoOverlapError", "bd_rate"]

_INTERPOLANTS = {"pchip": PchipInterpolator, "akima": Akima1DInterpolator}


class NoOverlapError(ShotladderError, ValueError):
    """The quality ranges of two curves do not overlap."""


class CurveError(ShotladderError, ValueError):
    """A rate-distortion curve has a point that is not valid; the message names the curve and the index of the point."""


@dataclass(frozen=True, slots=True)
class BDRate:
    """Average bitrate change at equal quality.

    Attributes
    ----------
    percent : float
        Negative if the test curve needs fewer bits.
    low, high : float
        The quality range that both curves cover.
    overlap : float
        Length of that range divided by the length of the union of both ranges, 0 to 1.
    """

    percent: float
    low: float
    high: float
    overlap: float


def bd_rate(
    anchor: Sequence[tuple[float, float]],
    test: Sequence[tuple[float, float]],
    *,
    method: str = "pchip",
    band: tuple[float, float] | None = None,
    drop_dominated: bool = False,
) -> BDRate:
    """Return the average bitrate change of `test` against `anchor` at equal quality.

    Parameters
    ----------
    anchor, test : sequence of (float, float), length >= 2
        Bitrate in bits/s (> 0) and quality (such as VMAF), in any order; the quality rises with the bitrate.
    method : {"pchip", "akima"}
        Interpolation of log10(bitrate) over quality.
    band : (float, float), optional
        Restrict the integration to this range of quality.
    drop_dominated : bool
        Leave out points whose quality another point reaches with the same bitrate or less. By default such a point,
        where the curve goes back, is an error.

    Returns
    -------
    BDRate

    Raises
    ------
    NoOverlapError
        If the quality ranges do not overlap (within the band).
    CurveError
        If a curve has fewer than two points, goes back, or has a number that is not finite or a rate that is not
        positive; the message names the point.
    ValueError
        If the method is unknown.

    References
    ----------
    .. [1] G. Bjøntegaard, "Calculation of average PSNR differences between RD curves", VCEG-M33, 2001.
    .. [2] C. Herglotz et al., "The Bjøntegaard bible", arXiv 2304.12852, 2023.

    Examples
    --------
    >>> curve = [(1e6, 70.0), (2e6, 80.0), (4e6, 88.0), (8e6, 93.0)]
    >>> round(bd_rate(curve, [(rate / 2, quality) for rate, quality in curve]).percent, 9)
    -50.0
    """
    if method not in _INTERPOLANTS:
        raise ValueError(f"unknown method {method}: choose from {', '.join(_INTERPOLANTS)}")
    log_a, q_a = _sorted("anchor", anchor, drop_dominated)
    log_t, q_t = _sorted("test", test, drop_dominated)
    low, high = max(q_a[0], q_t[0]), min(q_a[-1], q_t[-1])
    if band is not None:
        if not band[0] < band[1]:
            raise CurveError(f"band: expected a lower and a higher quality, found {band[0]} and {band[1]}")
        low, high = max(low, band[0]), min(high, band[1])
    if low >= high:
        raise NoOverlapError(
            f"quality ranges do not overlap: {q_a[0]:.2f} to {q_a[-1]:.2f} and {q_t[0]:.2f} to {q_t[-1]:.2f}"
        )
    # points that almost coincide make infinite slopes; the result is checked instead
    with np.errstate(all="ignore"):
        means = [_integral(q, log, low, high, method) / (high - low) for q, log in ((q_a, log_a), (q_t, log_t))]
        percent = float((np.float64(10) ** (means[1] - means[0]) - 1) * 100)
    if not math.isfinite(percent):
        raise CurveError(f"the BD-rate is not finite: two points between quality {low:g} and {high:g} almost coincide")
    union = max(q_a[-1], q_t[-1]) - min(q_a[0], q_t[0])
    return BDRate(percent, float(low), float(high), float((high - low) / union))


def _sorted(
    name: str, curve: Sequence[tuple[float, float]], drop_dominated: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log10 of the bitrates and the qualities of a curve in rising order."""
    points = [_point(name, n, point) for n, point in enumerate(curve)]
    kept: list[int] = []
    for n in sorted(range(len(points)), key=lambda n: (points[n][0], -points[n][1])):
        if not kept or points[n][1] > points[kept[-1]][1]:
            kept.append(n)
        elif not drop_dominated:
            (rate, quality), (best_rate, best) = points[n], points[kept[-1]]
            problem = "the same quality" if quality == best else f"a quality of {best:g}"
            raise CurveError(
                f"{name}[{n}] ({rate:g} bit/s, {quality:g}): {name}[{kept[-1]}] has {problem} at {best_rate:g} bit/s;"
                " the curve goes back (drop_dominated=True leaves such points out)"
            )
    if len(kept) < 2:
        raise CurveError(f"{name}: a curve needs two or more points that rise, found {len(kept)}")
    return np.log10([points[n][0] for n in kept]), np.array([points[n][1] for n in kept])


def _point(name: str, index: int, point: tuple[float, float]) -> tuple[float, float]:
    try:
        rate, quality = (float(value) for value in point)
    except (TypeError, ValueError) as error:
        raise CurveError(f"{name}[{index}]: expected a bitrate and a quality, found {point!r:.60}") from error
    if not (0 < rate < math.inf and math.isfinite(quality)):
        raise CurveError(
            f"{name}[{index}] ({rate:g} bit/s, {quality:g}): expected a finite bitrate above 0 and a finite quality"
        )
    return rate, quality


def _integral(
    quality: NDArray[np.float64], log_rate: NDArray[np.float64], low: float, high: float, method: str
) -> float:
    # two points make a straight line with every method
    kind = PchipInterpolator if len(quality) == 2 else _INTERPOLANTS[method]
    return float(kind(quality, log_rate).integrate(low, high))
