"""The decoder's buffer: how large it must be to play a track that arrives at a constant rate."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["needed_buffer", "track_samples"]


def needed_buffer(
    bits: Sequence[int] | NDArray[np.int64], times: Sequence[float] | NDArray[np.float64], rate: float
) -> float:
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

    >>> needed_buffer([100, 300, 100], [0.0, 1.0, 2.0], 50)
    400.0
    """
    if len(bits) == 0:
        return 0.0
    sizes, filled = np.asarray(bits, np.float64), rate * np.asarray(times, np.float64)
    gone = np.cumsum(sizes)
    full = np.minimum.accumulate(gone - sizes - filled)
    return float(np.max(gone - filled - full))


def track_samples(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the bits of a video track's samples in decoding order, and when each is decoded, s from the first."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        read = [(8 * packet.size, packet.dts) for packet in container.demux(stream) if packet.size]
        base = stream.time_base or Fraction(1)
    sizes, times = zip(*read, strict=True)
    return np.array(sizes, np.int64), (np.array(times) - times[0]) * float(base)
