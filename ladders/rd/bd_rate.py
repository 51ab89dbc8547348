"""Bjøntegaard delta rate: average bitrate difference of two rate-distortion curves at equal quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

from shotladder_runtime.errors import ShotladderError

__all__ = ["BDRate", "NoOverlapError", "bd_rate"]

_INTERPOLANTS = {"pchip": PchipInterpolator, "akima": Akima1DInterpolator}


class NoOverlapError(ShotladderError, ValueError):
    """The quality ranges of two curves do not overlap."""


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
) -> BDRate:
    """Return the average bitrate change of `test` against `anchor` at equal quality.

    Parameters
    ----------
    anchor, test : sequence of (float, float), length >= 2
        Bitrate in bits/s (> 0) and quality (such as VMAF), with distinct qualities.
    method : {"pchip", "akima"}
        Interpolation of log10(bitrate) over quality.
    band : (float, float), optional
        Restrict the integration to this range of quality.

    Returns
    -------
    BDRate

    Raises
    ------
    NoOverlapError
        If the quality ranges do not overlap (within the band).
    ValueError
        If a curve has fewer than two points, equal qualities, or a rate that is not positive.

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
    log_a, q_a = _sorted(anchor)
    log_t, q_t = _sorted(test)
    low, high = max(q_a[0], q_t[0]), min(q_a[-1], q_t[-1])
    if band is not None:
        low, high = max(low, band[0]), min(high, band[1])
    if low >= high:
        raise NoOverlapError(
            f"quality ranges do not overlap: {q_a[0]:.2f} to {q_a[-1]:.2f} and {q_t[0]:.2f} to {q_t[-1]:.2f}"
        )
    means = [_integral(q, log, low, high, method) / (high - low) for q, log in ((q_a, log_a), (q_t, log_t))]
    union = max(q_a[-1], q_t[-1]) - min(q_a[0], q_t[0])
    return BDRate(float((10 ** (means[1] - means[0]) - 1) * 100), float(low), float(high), float((high - low) / union))


def _sorted(curve: Sequence[tuple[float, float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(curve) < 2:
        raise ValueError("a curve needs two or more points")
    ordered = sorted(curve, key=lambda point: point[1])
    quality = np.array([q for _, q in ordered])
    if np.any(np.diff(quality) <= 0):
        raise ValueError("two points of a curve have the same quality")
    if min(rate for rate, _ in ordered) <= 0:
        raise ValueError("a bitrate is not positive")
    return np.log10([rate for rate, _ in ordered]), quality


def _integral(
    quality: NDArray[np.float64], log_rate: NDArray[np.float64], low: float, high: float, method: str
) -> float:
    # two points make a straight line with every method
    kind = PchipInterpolator if len(quality) == 2 else _INTERPOLANTS[method]
    return float(kind(quality, log_rate).integrate(low, high))
