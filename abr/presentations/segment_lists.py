"""Join the segment lists of the rungs of a manifest into a presentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from abr.errors import PresentationError
from abr.presentations.presentation import Audio, Presentation, Rung

__all__ = ["audio_from_list", "check_total", "keep_aligned", "presentation_from_lists", "read_lists"]

T = TypeVar("T")

#: shortest and longest segment, s; chosen by hand, they keep rates and sums finite
MIN_SEGMENT_SECONDS = 1e-6
MAX_SEGMENT_SECONDS = 1e7
#: largest difference between the durations of a segment in two rungs, s; chosen by hand
MAX_DURATION_DIFFERENCE = 0.1
#: range of the bitrate of the segments, relative to the bitrate in the manifest, without a note; chosen by hand
MIN_BITRATE_RATIO = 0.1
MAX_BITRATE_RATIO = 3.0
#: largest difference between the segments and the period together, as a fraction of the period; chosen by hand: audio
#: is often a few seconds longer than the video
MAX_TOTAL_DIFFERENCE = 0.1
#: the same as a fraction of the longest segment, without a note; chosen by hand
MAX_SEGMENT_DIFFERENCE = 0.5
#: segments of all rungs together; chosen by hand: a day in segments of 1 s with 20 rungs
MAX_TOTAL_SEGMENTS = 2_000_000


def read_lists(
    path: str, streams: Sequence[T], read: Callable[[T], list[tuple[float, int]]]
) -> list[list[tuple[float, int]]]:
    """Return the list of (seconds, bytes) of every stream; stop when they have too many segments together."""
    lists = []
    count = 0
    for stream in streams:
        lists.append(read(stream))
        count += len(lists[-1])
        if count > MAX_TOTAL_SEGMENTS:
            raise PresentationError(f"{path}: the rungs have more than {MAX_TOTAL_SEGMENTS} segments together")
    return lists


def check_total(path: str, segments: Sequence[tuple[float, int]], total: float | None) -> tuple[str, ...]:
    """Compare the durations of the segments with that of the period, s; return a note when they differ.

    Raises
    ------
    PresentationError
        When they differ by more than a segment and `MAX_TOTAL_DIFFERENCE`.
    """
    if total is None:
        return ()
    seconds, longest = sum(s for s, _ in segments), max(s for s, _ in segments)
    difference = abs(seconds - total)
    text = f"the {len(segments)} segments last {seconds:.3f} s, the period {total:.3f} s"
    if difference > max(longest, MAX_TOTAL_DIFFERENCE * total):
        raise PresentationError(f"{path}: {text}")
    return (text,) if difference > MAX_SEGMENT_DIFFERENCE * longest else ()


def keep_aligned(
    streams: Sequence[tuple[Rung, list[tuple[float, int]], bool]],
) -> tuple[list[tuple[Rung, list[tuple[float, int]]]], tuple[str, ...]]:
    """Leave out streams of other sets whose segments are not those of the main set, with a note of each.

    Parameters
    ----------
    streams : sequence of (Rung, list of (seconds, bytes), bool)
        The flag is True for streams of the main set.
    """
    reference = next(segments for _, segments, is_main in streams if is_main)
    kept, notes = [], []
    for rung, segments, is_main in streams:
        if is_main or _is_aligned(reference, segments):
            kept.append((rung, segments))
        else:
            notes.append(
                f"left out: rung {rung.id}, whose {len(segments)} segments do not align with those of the other rungs"
            )
    return kept, tuple(notes)


def _is_aligned(one: list[tuple[float, int]], other: list[tuple[float, int]]) -> bool:
    count = min(len(one), len(other))
    if max(len(one), len(other)) - count > 1:
        return False
    pairs = zip(one[: count - 1], other[: count - 1], strict=True)
    return all(abs(a[0] - b[0]) <= MAX_DURATION_DIFFERENCE for a, b in pairs)


def presentation_from_lists(
    path: str, title: str, rungs: list[Rung], lists: list[list[tuple[float, int]]]
) -> Presentation:
    """Make a presentation from a list of (seconds, bytes) for each rung; all rungs must have the same segments.

    Rounding can give some rungs one more segment at the end. It is left out, and a note says so.
    """
    if not rungs:
        raise PresentationError(f"{path}: the manifest has no video")
    counts = [len(segments) for segments in lists]
    shortest = min(counts)
    if max(counts) - shortest > 1 or shortest == 0:
        index = counts.index(shortest)
        raise PresentationError(f"{path}: rung {rungs[index].id} has {shortest} segments, another has {max(counts)}")
    notes: tuple[str, ...] = ()
    if max(counts) != shortest:
        notes = (f"some rungs have {max(counts)} segments, others {shortest}; the last segment is left out",)
    order = sorted(range(len(rungs)), key=lambda i: rungs[i].bitrate)
    durations = np.array([[lists[i][n][0] for i in order] for n in range(shortest)])
    low, high = durations.min(), durations.max()
    if not (low >= MIN_SEGMENT_SECONDS and high <= MAX_SEGMENT_SECONDS):
        limits = f"{MIN_SEGMENT_SECONDS:g} to {MAX_SEGMENT_SECONDS:g} s"
        raise PresentationError(f"{path}: segments last {low:g} to {high:g} s, expected {limits}")
    spread = np.ptp(durations, axis=1)
    if spread[:-1].max(initial=0.0) > MAX_DURATION_DIFFERENCE:
        n = int(np.argmax(spread[:-1]))
        raise PresentationError(
            f"{path}: segment {n} lasts {durations[n].min():.3f} to {durations[n].max():.3f} s in different rungs"
        )
    sizes = np.array([[lists[i][n][1] for i in order] for n in range(shortest)])
    for rung, size in zip((rungs[i] for i in order), sizes.sum(axis=0), strict=True):
        ratio = 8 * size / durations[:, 0].sum() / max(rung.bitrate, 1)
        if not MIN_BITRATE_RATIO < ratio < MAX_BITRATE_RATIO:
            notes += (f"the segments of rung {rung.id} have {ratio:.3g} times the bitrate in the manifest",)
    return Presentation(title, tuple(rungs[i] for i in order), durations[:, 0], sizes, notes=notes)


def audio_from_list(segments: list[tuple[float, int]]) -> Audio:
    """Make an audio track from a list of (seconds, bytes)."""
    return Audio(np.array([seconds for seconds, _ in segments]), np.array([size for _, size in segments]))
