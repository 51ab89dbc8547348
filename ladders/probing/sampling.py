"""Which chunks of a title are sampled, and which frames of a chunk are encoded and measured."""

from __future__ import annotations

from itertools import pairwise

from encoder import Chunk

__all__ = ["evenly_spaced", "extrapolate_parts", "fast_probe_frames", "frame_stride_for"]

#: Minimum number of measured frames of a chunk, if it has as many. Chosen by hand.
MIN_MEASURED_FRAMES = 6
#: Number of frames of a fast-preset probe of a long chunk: such probes give the shape of a curve only. Chosen by hand:
#: 2.7 s at 24 frames/s.
FAST_PROBE_FRAMES = 64
#: Frame count from which a chunk is long, as a multiple of FAST_PROBE_FRAMES. Chosen by hand: an encode of its own for
#: fewer frames costs as much in decoding as it saves.
LONG_CHUNK = 1.5


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


def fast_probe_frames(chunk: Chunk) -> Chunk:
    """Return the frames of a chunk that fast-preset probes encode: the middle of a long chunk without cuts, or all.

    Examples
    --------
    >>> fast_probe_frames(Chunk(100, 300, (100, 196), (0,))).keyframes
    (168,)
    """
    if chunk.cuts or chunk.frame_count < LONG_CHUNK * FAST_PROBE_FRAMES:
        return chunk
    start = chunk.start + (chunk.frame_count - FAST_PROBE_FRAMES) // 2
    return Chunk(start, start + FAST_PROBE_FRAMES, (start,), chunk.shots)


def extrapolate_parts(first: int, rest: int, frames: int, chunk: Chunk) -> list[int]:
    """Return the bits of a chunk from each key frame to the next by those of some of its frames.

    Parameters
    ----------
    first : int
        Bits of a key frame.
    rest : int
        Bits of the other frames.
    frames : int
        Number of all these frames, 2 or more.
    chunk : Chunk

    Examples
    --------
    >>> extrapolate_parts(1000, 900, 10, Chunk(0, 40, (0, 30), (0,)))
    [3900, 1900]
    """
    lengths = [stop - start for start, stop in pairwise((*chunk.keyframes, chunk.stop))]
    return [round(first + rest * (length - 1) / (frames - 1)) for length in lengths]
