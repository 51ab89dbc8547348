"""Join the segment lists of the rungs of a manifest into a presentation."""

from __future__ import annotations

import numpy as np

from abr.errors import PresentationError
from abr.presentations.presentation import Audio, Presentation, Rung

__all__ = ["audio_from_list", "presentation_from_lists"]

#: largest difference between the durations of a segment in two rungs, s; chosen by hand
MAX_DURATION_DIFFERENCE = 0.1
#: range of the bitrate of the segments, relative to the bitrate in the manifest, without a note; chosen by hand
MIN_BITRATE_RATIO = 0.1
MAX_BITRATE_RATIO = 3.0


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
