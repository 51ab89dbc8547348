"""The video buffering verifier (VBV): the minimum buffer size at a bitrate, and the minimum bitrate of a buffer."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["min_vbv_bitrate", "min_vbv_size", "read_track_samples"]

Bits = Sequence[int] | NDArray[np.int64]
Times = Sequence[float] | NDArray[np.float64]


def min_vbv_size(bits: Bits, times: Times, rate: float) -> float:
    """Return the minimum size of a leaky bucket for a sequence of samples.

    Parameters
    ----------
    bits : sequence of int, length n
        Size of each sample in decoding order, bits.
    times : sequence of float, length n
        Time at which each sample is removed from the buffer, s, non-decreasing.
    rate : float
        Fill rate while the buffer is not full, bits/s.

    Returns
    -------
    float
        Bits. A buffer of this size that is full before the first sample is removed never underflows; a smaller one
        does.

    Notes
    -----
    If the buffer is full at sample i, then bits[i] + ... + bits[j-1] are removed before sample j, and at most
    rate * (times[j] - times[i]) bits arrive meanwhile. The buffer size is therefore the maximum of
    bits[i] + ... + bits[j] - rate * (times[j] - times[i]) over all i <= j (the leaky bucket of ITU-T H.264, annex C,
    with variable bitrate). Boundaries of chunks need no special treatment, and chunks need no constraints of their own.

    Examples
    --------
    Three samples, one per second; the bits of the first two have not been refilled when the third is removed.

    >>> min_vbv_size([100, 300, 100], [0.0, 1.0, 2.0], 50)
    400.0
    """
    if len(bits) == 0:
        return 0.0
    sizes, filled = np.asarray(bits, np.float64), rate * np.asarray(times, np.float64)
    removed = np.cumsum(sizes)
    full = np.minimum.accumulate(removed - sizes - filled)
    return float(np.max(removed - filled - full))


def min_vbv_bitrate(bits: Bits, times: Times, seconds: float) -> float:
    """Return the minimum bitrate at which a buffer of a given duration never underflows.

    Parameters
    ----------
    bits, times : sequence, length n
        As in `min_vbv_size`.
    seconds : float, positive
        Time in which the bitrate fills the buffer.

    Returns
    -------
    float
        Bits/s. A buffer of `seconds` times this bitrate that is full at first never underflows.

    Notes
    -----
    The bitrate is the maximum of (bits[i] + ... + bits[j]) / (times[j] - times[i] + seconds) over all i <= j. It is
    found by Dinkelbach's method [1]_: the interval with the largest deficit at one bitrate gives the next bitrate,
    until no interval has a deficit.

    References
    ----------
    .. [1] W. Dinkelbach, "On nonlinear fractional programming", Management Science 13, 1967.

    Examples
    --------
    >>> min_vbv_bitrate([100, 300, 100], [0.0, 1.0, 2.0], 2)
    150.0
    """
    if len(bits) == 0:
        return 0.0
    sizes, at = np.asarray(bits, np.float64), np.asarray(times, np.float64)
    removed = np.cumsum(sizes)
    rate = 0.0
    while True:
        left = removed - rate * at
        before = left - sizes
        stop = int(np.argmax(left - np.minimum.accumulate(before)))
        start = int(np.argmin(before[: stop + 1]))
        found = float((removed[stop] - removed[start] + sizes[start]) / (at[stop] - at[start] + seconds))
        if found <= rate * (1 + 1e-12):
            return rate
        rate = found


def read_track_samples(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return size (bits) and decoding time (s from the first) of the samples of a video track, in decoding order."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        read = [(8 * packet.size, packet.dts) for packet in container.demux(stream) if packet.size]
        base = stream.time_base or Fraction(1)
    sizes, times = zip(*read, strict=True)
    return np.array(sizes, np.int64), (np.array(times) - times[0]) * float(base)
