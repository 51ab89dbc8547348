"""Rate-distortion points and curves of one chunk at one resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "VMAF_CEILING",
    "Curve",
    "RatePoint",
    "Size",
    "log_vmaf_deficit",
    "log_vmaf_odds",
    "quantiser_grid",
    "vmaf_of_log_odds",
]

#: VMAF from which the deficit is counted. Chosen by hand: half a point above the top of the scale, so that the
#: logarithm of the deficit exists at VMAF 100.
VMAF_CEILING = 100.5
#: VMAF below which the odds are not defined. Chosen on the exhaustive grids, between 0 and -5: below the scale, so that
#: the logarithm of the odds exists at VMAF 0.
VMAF_FLOOR = -3.0

#: Width and height in pixels.
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RatePoint:
    """Bits and VMAF of one encode of a chunk.

    Attributes
    ----------
    quantiser : float
    bits : int
        Of the video samples of the chunk.
    quality : float
        Pooled VMAF of the measured frames.
    frame_stride : int
        Every `frame_stride`-th frame was measured; 1 in a final measurement.
    peak_to_average : float
        Bitrate of the segment part with the highest bitrate, divided by the bitrate of the chunk; 1 if the chunk lies
        in one segment.
    worst_shot_deficit : float
        VMAF of the chunk minus VMAF of its worst shot; 0 if the chunk has one shot.
    """

    quantiser: float
    bits: int
    quality: float
    frame_stride: int = 1
    peak_to_average: float = 1.0
    worst_shot_deficit: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Bits and VMAF of one chunk on a grid of quantisers.

    Attributes
    ----------
    quantisers, bits, quality : ndarray of float64, shape (grid,)
        Quantisers increase; bits and VMAF do not increase.
    peak_to_average : ndarray of float64, shape (grid,), or float
        As in `RatePoint`.
    worst_shot_deficit : ndarray of float64, shape (grid,), or float
        As in `RatePoint`.
    """

    quantisers: NDArray[np.float64]
    bits: NDArray[np.float64]
    quality: NDArray[np.float64]
    peak_to_average: NDArray[np.float64] | float = 1.0
    worst_shot_deficit: NDArray[np.float64] | float = 0.0


def quantiser_grid(lowest: float, highest: float, step: float) -> NDArray[np.float64]:
    """Return the quantisers from `lowest` to `highest`, both included, in equal steps.

    Examples
    --------
    >>> quantiser_grid(20, 21, 0.25).tolist()
    [20.0, 20.25, 20.5, 20.75, 21.0]
    """
    count = round((highest - lowest) / step) + 1
    return np.linspace(lowest, lowest + (count - 1) * step, count, dtype=np.float64)


def log_vmaf_deficit(quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ln(100.5 - VMAF), which is nearly linear in the quantiser."""
    return np.log(VMAF_CEILING - np.minimum(quality, 100.0))


def log_vmaf_odds(quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ln((100.5 - VMAF) / (VMAF + 3)), whose distance between two sizes is nearly the same at all quantisers."""
    within = np.clip(quality, 0.0, 100.0)
    return np.asarray(np.log((VMAF_CEILING - within) / (within - VMAF_FLOOR)))


def vmaf_of_log_odds(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the VMAF of which `log_vmaf_odds` is given, between 0 and 100.

    Examples
    --------
    >>> vmaf_of_log_odds(log_vmaf_odds(np.array([0.0, 93.0, 100.0]))).round(6).tolist()
    [0.0, 93.0, 100.0]
    """
    return np.clip(VMAF_FLOOR + (VMAF_CEILING - VMAF_FLOOR) / (1.0 + np.exp(log_odds)), 0.0, 100.0)
