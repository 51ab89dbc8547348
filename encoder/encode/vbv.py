"""The decoder's buffer: how large it must be for a track that comes at a rate, and at which rate one is enough."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["min_vbv_bitrate", "min_vbv_size", "track_samples"]

Bits = Sequence[int] | NDArray[np.int64]
Times = Sequence[float] | NDArray[np.float64]


def min_vbv_size(bits: Bits, times: Times, rate: float) -> float:
    """Simulate the leaky bucket over samples and return how large it must be.

    Parameters
    ----------
    bits : sequence of int, length n
        Of every sample, in decoding order.
    times : sequence of float, length n
        When each leaves the buffer, s, never falling.
    rate : float
        At which the buffer is filled while it is not full, bits/s.

    Returns
    -------
    float
        Bits. A buffer that is full before the first sample leaves it, and is as large, never runs empty; a smaller
        one does.

    Notes
    -----
    Before sample j leaves, what left since a moment i when the buffer was full is bits[i] + ... + bits[j-1], and what
    came is at most rate * (times[j] - times[i]); the greatest of bits[i] + ... + bits[j] less that, over all i <= j, is
    what the buffer must hold (the bucket of ITU-T H.264, annex C, with variable rate). Joins of chunks are places like
    any other, so that nothing need be promised of the chunks by themselves.

    Examples
    --------
    Three samples a second apart; the second is the largest, and neither it nor the first is made up for when the third
    leaves.

    >>> min_vbv_size([100, 300, 100], [0.0, 1.0, 2.0], 50)
    400.0
    """
    if len(bits) == 0:
        return 0.0
    sizes, filled = np.asarray(bits, np.float64), rate * np.asarray(times, np.float64)
    gone = np.cumsum(sizes)
    full = np.minimum.accumulate(gone - sizes - filled)
    return float(np.max(gone - filled - full))


def min_vbv_bitrate(bits: Bits, times: Times, seconds: float) -> float:
    """Return the least rate at which a buffer that takes some seconds to fill is large enough.

    Parameters
    ----------
    bits, times : sequence, length n
        As in `min_vbv_size`.
    seconds : float, positive
        How long the rate takes to fill the buffer.

    Returns
    -------
    float
        Bits/s. A buffer of `seconds` times as many bits, full at first and filled at this rate, never runs empty.

    Notes
    -----
    It is the most that bits[i] + ... + bits[j] is of times[j] - times[i] + seconds, over all i <= j, found by
    Dinkelbach's method [1]_: the interval that lacks most at one rate tells the next rate, until none lacks anything.

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
    gone = np.cumsum(sizes)
    rate = 0.0
    while True:
        left = gone - rate * at
        before = left - sizes
        last = int(np.argmax(left - np.minimum.accumulate(before)))
        first = int(np.argmin(before[: last + 1]))
        found = float((gone[last] - gone[first] + sizes[first]) / (at[last] - at[first] + seconds))
        if found <= rate * (1 + 1e-12):
            return rate
        rate = found


def track_samples(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the bits of a video track's samples in decoding order, and when each is decoded, s from the first."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        read = [(8 * packet.size, packet.dts) for packet in container.demux(stream) if packet.size]
        base = stream.time_base or Fraction(1)
    sizes, times = zip(*read, strict=True)
    return np.array(sizes, np.int64), (np.array(times) - times[0]) * float(base)
