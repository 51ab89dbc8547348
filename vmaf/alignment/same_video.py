"""Detect within seconds, by a few frames, that a rendition does not show the video of the reference."""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from encoder import Source, SourceError, decode
from encoder.media.geometry import turn_upright
from vmaf.errors import PairingError

__all__ = ["reject_other_videos"]

#: Number of frames that are compared. All values here are chosen by hand.
COMPARED_FRAMES = 7
#: Rows and columns of a thumbnail: too few for detail that encoders remove, and no more than the smallest frames have.
THUMBNAIL = (9, 16)
#: Minimum number of frames with content, without which nothing is decided.
MIN_FRAMES = 3
#: Standard deviation of the luma of a frame with content, as a fraction of full scale; black frames and titles on flat
#: backgrounds have less.
MIN_CONTRAST = 0.02
#: Median correlation below which the frames are of different videos; encodes of one video have more than 0.9.
MIN_CORRELATION = 0.5


def reject_other_videos(
    reference: Source,
    renditions: Sequence[Source],
    *,
    offset: int = 0,
    frames: tuple[int, int] | None = None,
    crop: tuple[int, int] | None = None,
) -> None:
    """Raise if a rendition shows another video than the reference.

    A few frames of both are compared as thumbnails, at key frames of the rendition.

    Parameters
    ----------
    reference : Source
    renditions : sequence of Source
    offset : int
        Number of the reference frame that each rendition begins with.
    frames : (int, int), optional
        Frames [start, stop) of the reference that are measured. Default: all.
    crop : (int, int), optional
        Width and height of the middle part of the upright reference that the renditions show, pixels.

    Raises
    ------
    PairingError
        Names the rendition and how to compare it nevertheless.
    """
    start, stop = frames or (0, reference.frame_count)
    for rendition in renditions:
        stop_here = min(stop, reference.frame_count, offset + rendition.frame_count)
        found = []
        for number in _choose_frames(rendition, max(start, offset) - offset, stop_here - offset):
            # what cannot be decoded is reported when it is measured
            with contextlib.suppress(SourceError):
                one = _thumbnail(reference, number + offset, crop)
                found.append(_correlate(one, _thumbnail(rendition, number, None)))
        known = [value for value in found if value is not None]
        if len(known) >= MIN_FRAMES and float(np.median(known)) < MIN_CORRELATION:
            raise PairingError(
                f"{rendition.path} shows another video than {reference.path}: {len(known)} frames were compared, and"
                " most do not match; to measure it nevertheless, add --different-videos"
            )


def _choose_frames(rendition: Source, start: int, stop: int) -> list[int]:
    """Return evenly spaced frames of [start, stop), each moved back to a key frame where one is near."""
    if stop <= start:
        return []
    step = (stop - start) / COMPARED_FRAMES
    chosen = []
    for n in range(COMPARED_FRAMES):
        number = start + int(step * (n + 0.5))
        key = rendition.keyframes[max(bisect_right(rendition.keyframes, number) - 1, 0)]
        chosen.append(key if number - step < key <= number and key >= start else number)
    return list(dict.fromkeys(chosen))


def _thumbnail(source: Source, number: int, crop: tuple[int, int] | None) -> NDArray[np.float64]:
    """Return the luma of a frame, upright, 0 to 1."""
    frame = next(iter(decode(source, number, number + 1)))
    luma = turn_upright(np.asarray(frame.luma), is_mirrored=source.is_mirrored, rotation=source.rotation)
    if crop is not None:
        width, height = (min(part, whole) for part, whole in zip(crop, luma.shape[::-1], strict=True))
        top, left = (luma.shape[0] - height) // 2, (luma.shape[1] - width) // 2
        luma = luma[top : top + height, left : left + width]
    edges = [np.linspace(0, side, count + 1).astype(int) for side, count in zip(luma.shape, THUMBNAIL, strict=True)]
    sums = np.add.reduceat(np.add.reduceat(luma.astype(np.float64), edges[0][:-1], axis=0), edges[1][:-1], axis=1)
    return sums / np.outer(*map(np.diff, edges)) / ((1 << frame.bit_depth) - 1)


def _correlate(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """Return the correlation of two thumbnails; None if neither has content, 0 if only one has."""
    contrasts = one.std(), other.std()
    if min(contrasts) < MIN_CONTRAST:
        return None if max(contrasts) < MIN_CONTRAST else 0.0
    return float(np.mean((one - one.mean()) * (other - other.mean())) / (contrasts[0] * contrasts[1]))
