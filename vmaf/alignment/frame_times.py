"""Which of the reference's frames a rendition holds, as counts and times tell it."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from encoder import Source
from vmaf.errors import PairingError

__all__ = ["absent", "runs"]


def absent(
    reference: Source, rendition: Source, frames: tuple[int, int], offset: int, *, match_times: bool, partial: bool
) -> frozenset[int]:
    """Return the reference's frames that a rendition does not hold.

    Parameters
    ----------
    reference, rendition : Source
    frames : (int, int)
        Frames [first, last) of the reference that are to be compared.
    offset : int
        Number of the reference frame that the rendition begins with.
    match_times : bool
        Whether times have to agree, and tell which frame is which.
    partial : bool
        Whether frames may be missing.

    Raises
    ------
    PairingError
        The rendition is not the reference's frames one for one, but for missing ones if that is allowed.
    """
    if frames[0] < offset:
        raise PairingError(f"{rendition.path} starts at frame {offset}, after the first to measure ({frames[0]})")
    fault = _fault(reference, rendition, frames, offset, match_times=match_times)
    if fault is None:
        return frozenset()
    held = None
    if partial and match_times:
        held = _held(reference, rendition, offset)
    elif partial and rendition.frame_count < frames[1] - offset:
        held = frozenset(range(offset, offset + rendition.frame_count))
    if held is None:
        raise PairingError(fault)
    return frozenset(range(offset, reference.frame_count)) - held


def runs(frames: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return ascending numbers as ranges [first, last).

    Examples
    --------
    >>> runs([3, 4, 5, 9])
    ((3, 6), (9, 10))
    """
    found: list[tuple[int, int]] = []
    for n in frames:
        if found and found[-1][1] == n:
            found[-1] = found[-1][0], n + 1
        else:
            found.append((n, n + 1))
    return tuple(found)


def _fault(
    reference: Source, rendition: Source, frames: tuple[int, int], offset: int, *, match_times: bool
) -> str | None:
    """Return why a rendition's frames are not the reference's, and where they part."""
    first, last = frames
    end, has = last - offset, rendition.frame_count
    whole = (first, last, offset) == (0, reference.frame_count, 0)
    parted = _first_divergence(reference, rendition, offset)
    if end > has or (whole and end != has):
        where = "" if parted is None else f"; they part at reference frame {parted}"
        return f"{rendition.path} has {has} frames where {reference.path} has {min(end, reference.frame_count)}{where}"
    if match_times and parted is not None and parted < last:
        return (
            f"{rendition.path}: from frame {parted - offset} on its times are not the reference's"
            f" (frame {parted}, {float(reference.time(parted)):.3f} s); a frame is missing, doubled or"
            " shifted there, or the frame rates differ"
        )
    return None


def _first_divergence(reference: Source, rendition: Source, offset: int) -> int | None:
    """Return the first reference frame whose time the rendition does not have, to half a frame."""
    count = min(rendition.frame_count, reference.frame_count - offset)
    start = reference.time(offset)
    for n in range(offset + 1, offset + count):
        if 2 * abs(rendition.time(n - offset) - (reference.time(n) - start)) > _gap(reference, n):
            return n
    return offset + count if count < max(rendition.frame_count, reference.frame_count - offset) else None


def _held(reference: Source, rendition: Source, offset: int) -> frozenset[int] | None:
    """Return the reference frames whose times the rendition has; `None` if it has others too.

    An eighth of a frame is what containers round by; frames of another rate are soon further off.
    """
    start, n = reference.time(offset), offset
    held = set()
    for m in range(rendition.frame_count):
        time = start + rendition.time(m)
        while n < reference.frame_count and 8 * (time - reference.time(n)) > _gap(reference, n):
            n += 1
        if n == reference.frame_count or 8 * abs(time - reference.time(n)) > _gap(reference, n):
            return None
        held.add(n)
        n += 1
    return frozenset(held)


def _gap(reference: Source, n: int) -> Fraction:
    """Return the time between a frame and the nearer of its neighbours."""
    after = reference.time(n + 1) - reference.time(n)
    return min(after, reference.time(n) - reference.time(n - 1)) if n > 0 else after
