"""Spatial and temporal information of whole pictures, by ITU-T P.910 of 2008 ("legacy") and of July 2022."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ladders.complexity.complexity_kernels import line_moments, plane_moments

__all__ = ["SITI_MODES", "si_ti"]

#: "legacy" measures samples; the others what a display of SDR, PQ or HLG shows, in the PQ domain.
SITI_MODES = ("legacy", "sdr", "pq", "hlg")
# SMPTE ST 2084
_N, _M, _C1, _C2, _C3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
# ITU-R BT.2100, table 5
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.02372241, 1.00429347
#: Darkest and brightest that the modelled display shows, in cd/m2.
_SDR_DISPLAY, _HLG_DISPLAY = (0.1, 300.0), (0.01, 1000.0)


def si_ti(
    picture: NDArray[Any],
    before: NDArray[Any] | None,
    *,
    mode: str = "legacy",
    bit_depth: int = 8,
    full_range: bool = False,
) -> tuple[float, float | None]:
    """Measure a picture, and how it differs from the one before it.

    Parameters
    ----------
    picture, before : ndarray of unsigned integers, shape (height, width)
        Luma of a frame and of the one before it, if there is one; at least 3 x 3 samples.
    mode : str
        One of `SITI_MODES`.
    bit_depth : int
        Bits of a sample: 8, 10 or 12.
    full_range : bool
        Whether black is 0 and white all ones. Otherwise samples beyond black and white are clamped, but in
        legacy mode, which has no display to leave the range of.

    Returns
    -------
    si, ti : float, float or None
        On the scale of 0 to 255; None without `before`.

    Raises
    ------
    ValueError
        If the mode is unknown or the pictures differ in size.

    Notes
    -----
    Equal to siti-tools 0.6 to 1e-3 wherever that accepts the input.

    Examples
    --------
    >>> ramp = np.tile(np.arange(16, 80, dtype=np.uint8), (32, 1))
    >>> si, ti = si_ti(ramp, ramp)
    >>> round(abs(si), 3), ti
    (0.0, 0.0)
    """
    if mode not in SITI_MODES:
        raise ValueError(f"{mode!r} is none of {', '.join(SITI_MODES)}")
    if before is not None and before.shape != picture.shape:
        raise ValueError(f"pictures of {picture.shape} and {before.shape} samples have no difference")
    sums = np.zeros(5)
    other = picture if before is None else before
    if mode == "legacy":
        lines, others = np.ascontiguousarray(picture), np.ascontiguousarray(other)
        line_moments(lines, others, picture.shape[1], 0, 1, sums)
        scale = 255.0 / ((255 if full_range else 219) << (bit_depth - 8))
        if full_range:
            scale = 255.0 / ((1 << bit_depth) - 1)
    else:
        shown = _shown(mode, bit_depth, full_range)
        plane_moments(shown[picture], shown[other], sums)
        scale = 255.0
    samples, magnitude, squares, change, changes = sums
    si = scale * np.sqrt(max(0.0, squares / samples - (magnitude / samples) ** 2))
    ti = scale * np.sqrt(max(0.0, changes / picture.size - (change / picture.size) ** 2))
    return float(si), None if before is None else float(ti)


def _shown(mode: str, bit_depth: int, full_range: bool) -> NDArray[np.float64]:
    """Return what a display shows of every sample value, PQ-coded, 0 to 1."""
    values = np.arange(1 << bit_depth, dtype=np.float64)
    limited = np.clip((values / (1 << (bit_depth - 8)) - 16) / 219, 0, 1)
    signal = values / values[-1] if full_range else limited
    if mode == "pq":
        return signal
    if mode == "sdr":
        low, high = _SDR_DISPLAY
        return _pq((high - low) * signal**2.4 + low)
    low, high = _HLG_DISPLAY
    scene = np.where(signal <= 0.5, signal**2 / 3, np.exp((signal - _HLG_C) / _HLG_A) - _HLG_B)
    return _pq((high - low) * scene**1.2 + low)


def _pq(luminance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Code absolute luminance, in cd/m2."""
    bright, shown = 10_000.0**_N, luminance**_N
    coded: NDArray[np.float64] = ((_C1 * bright + _C2 * shown) / (bright + _C3 * shown)) ** _M
    return coded
