"""Spatial and temporal information of whole frames, by ITU-T P.910 of 2008 ("legacy") and of July 2022."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ladders.complexity.complexity_kernels import line_moments, plane_moments

__all__ = ["SITI_MODES", "si_ti"]

#: "legacy" measures sample values; the others measure the light of an SDR, PQ or HLG display, in the PQ domain.
SITI_MODES = ("legacy", "sdr", "pq", "hlg")
#: Constants m1, m2, c1, c2 and c3 of the PQ curve, no unit (SMPTE ST 2084).
_N = 0.1593017578125
_M = 78.84375
_C1 = 0.8359375
_C2 = 18.8515625
_C3 = 18.6875
#: Constants a, b and c of HLG, no unit (ITU-R BT.2100, table 5), in the form for a scene light up to 1.
_HLG_A = 0.17883277
_HLG_B = 0.02372241
_HLG_C = 1.00429347
#: Minimum and maximum luminance of the modelled displays, in cd/m2 (as in siti-tools 0.6).
_SDR_DISPLAY = (0.1, 300.0)
_HLG_DISPLAY = (0.01, 1000.0)


def si_ti(
    frame: NDArray[Any],
    before: NDArray[Any] | None,
    *,
    mode: str = "legacy",
    bit_depth: int = 8,
    full_range: bool = False,
) -> tuple[float, float | None]:
    """Measure a frame, and its difference from the one before it.

    Parameters
    ----------
    frame, before : ndarray of unsigned integers, shape (height, width)
        Luma of a frame and of the one before it, if there is one; at least 3 x 3 samples.
    mode : str
        One of `SITI_MODES`.
    bit_depth : int
        Bits of a sample: 8, 10 or 12.
    full_range : bool
        Whether black is 0 and white all ones. Otherwise samples below black or above white are clamped, except in
        legacy mode, which models no display.

    Returns
    -------
    si, ti : float, float or None
        On the scale of 0 to 255; None without `before`.

    Raises
    ------
    ValueError
        If the mode is unknown or the frames differ in size.

    Notes
    -----
    Equal to siti-tools 0.6 within 1e-3 for every input that siti-tools accepts.

    Examples
    --------
    >>> ramp = np.tile(np.arange(16, 80, dtype=np.uint8), (32, 1))
    >>> si, ti = si_ti(ramp, ramp)
    >>> round(abs(si), 3), ti
    (0.0, 0.0)
    """
    if mode not in SITI_MODES:
        raise ValueError(f"unknown mode {mode!r}; modes are {', '.join(SITI_MODES)}")
    if before is not None and before.shape != frame.shape:
        raise ValueError(f"frames of different size: {frame.shape} and {before.shape}")
    sums = np.zeros(5)
    other = frame if before is None else before
    if mode == "legacy":
        lines, others = np.ascontiguousarray(frame), np.ascontiguousarray(other)
        line_moments(lines, others, frame.shape[1], 0, 1, sums)
        scale = 255.0 / ((255 if full_range else 219) << (bit_depth - 8))
        if full_range:
            scale = 255.0 / ((1 << bit_depth) - 1)
    else:
        shown = _shown(mode, bit_depth, full_range)
        plane_moments(shown[frame], shown[other], sums)
        scale = 255.0
    samples, magnitude, squares, change, changes = sums
    si = scale * np.sqrt(max(0.0, squares / samples - (magnitude / samples) ** 2))
    ti = scale * np.sqrt(max(0.0, changes / frame.size - (change / frame.size) ** 2))
    return float(si), None if before is None else float(ti)


def _shown(mode: str, bit_depth: int, full_range: bool) -> NDArray[np.float64]:
    """Return the light of the display for every sample value, PQ-coded, 0 to 1."""
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
    """Return the PQ signal, 0 to 1, of a luminance in cd/m2."""
    bright, shown = 10_000.0**_N, luminance**_N
    coded: NDArray[np.float64] = ((_C1 * bright + _C2 * shown) / (bright + _C3 * shown)) ** _M
    return coded
