"""Detect, by frame counts and frame times, which frames of the reference a rendition does not hold."""

from __future__ import annotations

import math
from collections.abc import Iterable

from encoder import Source
from vmaf.errors import PairingError

__all__ = ["frame_ranges", "missing_frames"]


def missing_frames(
    reference: Source, rendition: Source, frames: tuple[int, int], offset: int, *, match_times: bool, partial: bool
) -> frozenset[int]:
    """Return the frames of the reference that a rendition does not hold.

    Parameters
    ----------
    reference, rendition : Source
    frames : (int, int)
        Frames [start, stop) of the reference that are to be compared.
    offset : int
        Number of the reference frame that the rendition begins with.
    match_times : bool
        Whether frame times must agree; they then identify the frames.
    partial : bool
        Whether frames may be missing.

    Raises
    ------
    PairingError
        The frames of the rendition are not those of the reference, apart from missing ones if `partial` allows them.
    """
    if frames[0] < offset:
        raise PairingError(f"{rendition.path} starts at frame {offset}, after the first frame to measure ({frames[0]})")
    mismatch = _mismatch(reference, rendition, frames, offset, match_times=match_times)
    if mismatch is None:
        return frozenset()
    matched = None
    if partial and match_times:
        matched = _matched_by_time(reference, rendition, offset)
    elif partial and rendition.frame_count < frames[1] - offset:
        matched = frozenset(range(offset, offset + rendition.frame_count))
    if matched is None:
        raise PairingError(mismatch)
    return frozenset(range(offset, reference.frame_count)) - matched


def frame_ranges(frames: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return ascending frame numbers as half-open ranges.

    Examples
    --------
    >>> frame_ranges([3, 4, 5, 9])
    ((3, 6), (9, 10))
    """
    found: list[tuple[int, int]] = []
    for n in frames:
        if found and found[-1][1] == n:
            found[-1] = found[-1][0], n + 1
        else:
            found.append((n, n + 1))
    return tuple(found)


def _mismatch(
    reference: Source, rendition: Source, frames: tuple[int, int], offset: int, *, match_times: bool
) -> str | None:
    """Return how a rendition's frames differ from the reference's, and from which frame on; None if they do not."""
    start, stop = frames
    needed, count = stop - offset, rendition.frame_count
    is_whole = (start, stop, offset) == (0, reference.frame_count, 0)
    if needed > count or (is_whole and needed != count):
        diverges_at = _first_divergence(reference, rendition, offset)
        where = "" if diverges_at is None else f"; they diverge at reference frame {diverges_at}"
        expected = min(needed, reference.frame_count)
        return f"{rendition.path} has {count} frames where {reference.path} has {expected}{where}"
    diverges_at = _first_divergence(reference, rendition, offset) if match_times else None
    if diverges_at is not None and diverges_at < stop:
        return (
            f"{rendition.path}: from frame {diverges_at - offset} on its times are not those of the reference"
            f" (frame {diverges_at}, {float(reference.time(diverges_at)):.3f} s); a frame is missing, duplicated or"
            " shifted there, or the frame rates differ"
        )
    return None


def _first_divergence(reference: Source, rendition: Source, offset: int) -> int | None:
    """Return the first reference frame whose time the rendition does not have, within half a frame duration."""
    count = min(rendition.frame_count, reference.frame_count - offset)
    times, others = _times_in_common_unit(reference, rendition)
    for n in range(offset + 1, offset + count):
        if 2 * abs(others[n - offset] - (times[n] - times[offset])) > _frame_duration(times, n):
            return n
    return offset + count if count < max(rendition.frame_count, reference.frame_count - offset) else None


def _matched_by_time(reference: Source, rendition: Source, offset: int) -> frozenset[int] | None:
    """Return the reference frames whose times the rendition has; None if it has other times too.

    Times may differ by an eighth of a frame duration, because containers round them. The times of another frame rate
    differ by more after a few frames.
    """
    times, others = _times_in_common_unit(reference, rendition)
    n = offset
    matched = set()
    for m in range(rendition.frame_count):
        time = times[offset] + others[m]
        while n < reference.frame_count and 8 * (time - times[n]) > _frame_duration(times, n):
            n += 1
        if n == reference.frame_count or 8 * abs(time - times[n]) > _frame_duration(times, n):
            return None
        matched.add(n)
        n += 1
    return frozenset(matched)


def _times_in_common_unit(*sources: Source) -> list[list[int]]:
    """Return the times of the frames of each source, and its end, from its first frame, in a unit that makes all whole.

    Whole numbers are compared in a tenth of the time that fractions take.
    """
    unit = math.lcm(*(each.time_base.denominator for each in sources))
    times = []
    for each in sources:
        factor = int(each.time_base * unit)
        times.append([(pts - each.pts[0]) * factor for pts in (*each.pts, each.end_pts)])
    return times


def _frame_duration(times: list[int], n: int) -> int:
    """Return the time between a frame and the nearer of the frames before and after it."""
    after = times[n + 1] - times[n]
    return min(after, times[n] - times[n - 1]) if n > 0 else after
