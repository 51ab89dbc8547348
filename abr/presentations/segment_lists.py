"""Joining the segment lists of several rungs, as manifests hold them, into a presentation."""

from __future__ import annotations

import numpy as np

from abr.errors import PresentationError
from abr.presentations.presentation import Audio, Presentation, Rung

__all__ = ["audio_of", "from_lists"]

#: seconds by which the same segment may differ between rungs
_SLACK = 0.1


def from_lists(place: str, title: str, rungs: list[Rung], lists: list[list[tuple[float, int]]]) -> Presentation:
    """Make a presentation of (seconds, bytes) lists; the rungs must share their segments.

    One segment too many at the end of some rungs, as rounding leaves it, is cut off, and noted.
    """
    if not rungs:
        raise PresentationError(f"{place}: no video rungs in it")
    counts = [len(segments) for segments in lists]
    shortest = min(counts)
    if max(counts) - shortest > 1 or shortest == 0:
        odd = counts.index(shortest)
        raise PresentationError(f"{place}: rung {rungs[odd].id} has {shortest} segments, another has {max(counts)}")
    notes: tuple[str, ...] = ()
    if max(counts) != shortest:
        notes = (f"some rungs have {max(counts)} segments, others {shortest}; the last is left out",)
    order = sorted(range(len(rungs)), key=lambda i: rungs[i].bitrate)
    durations = np.array([[lists[i][n][0] for i in order] for n in range(shortest)])
    spread = np.ptp(durations, axis=1)
    if spread[:-1].max(initial=0.0) > _SLACK:
        n = int(np.argmax(spread[:-1]))
        raise PresentationError(
            f"{place}: segment {n} lasts {durations[n].min():.3f} to {durations[n].max():.3f} s in different rungs"
        )
    sizes = np.array([[lists[i][n][1] for i in order] for n in range(shortest)])
    for rung, size in zip((rungs[i] for i in order), sizes.sum(axis=0), strict=True):
        ratio = 8 * size / durations[:, 0].sum() / max(rung.bitrate, 1)
        if not 0.1 < ratio < 3:
            notes += (f"the segments of rung {rung.id} have {ratio:.3g} times the bitrate that it states",)
    return Presentation(title, tuple(rungs[i] for i in order), durations[:, 0], sizes, notes=notes)


def audio_of(segments: list[tuple[float, int]]) -> Audio:
    """Make an audio track of its (seconds, bytes)."""
    return Audio(np.array([seconds for seconds, _ in segments]), np.array([size for _, size in segments]))
