"""Which chunks of a title and which frames of a chunk are sampled."""

from __future__ import annotations

from encoder import Chunk

__all__ = ["evenly_spaced", "frame_stride_for"]

#: Minimum number of measured frames of a chunk, if it has as many. Chosen by hand.
MIN_MEASURED_FRAMES = 6


def evenly_spaced(count: int, total: int) -> list[int]:
    """Return up to `count` indices that are evenly spaced among `total`.

    Examples
    --------
    >>> evenly_spaced(3, 20), evenly_spaced(3, 2)
    ([3, 10, 16], [0, 1])
    """
    count = min(count, total)
    return [total * (2 * n + 1) // (2 * count) for n in range(count)]


def frame_stride_for(chunk: Chunk, max_stride: int) -> int:
    """Return the largest odd frame stride up to a maximum that measures enough frames of a chunk.

    An even stride would always meet the same position in the pyramid of B-frames, and bias the mean.
    """
    return max(n for n in range(1, max_stride + 1, 2) if n == 1 or chunk.frame_count >= MIN_MEASURED_FRAMES * n)
