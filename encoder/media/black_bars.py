"""Find the black bars around the picture of a source, and crop a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import SourceError
from encoder.media.frames import decode
from encoder.media.geometry import NO_CROP, Crop
from encoder.media.source import Source

__all__ = [
    "BarScan",
    "crop_source",
    "join_scans",
    "parse_crop",
    "place_crop",
    "restore_content_id",
    "scan_bars",
    "subtract_crop",
]

#: Luma levels (of 8 bits) above black that a line of a bar may have at most, in every frame. FFmpeg's cropdetect allows
#: 8; a picture line whose maximum is below that in the whole source is not visible. Chosen by hand.
LUMA_TOLERANCE = 5
#: Levels by which chroma of a bar may differ from grey. Chosen by hand.
CHROMA_TOLERANCE = 6
#: Luma level of black by range (ITU-T H.273): limited, full.
_BLACK = {"tv": 16, "pc": 0}
#: Bars are removed in steps of this many lines: two lines of chroma of each field of interlaced 4:2:0 video.
ALIGNMENT, INTERLACED_ALIGNMENT = 2, 4
#: Smallest fraction of width or height that a crop may leave; with less, the source has no picture. Chosen by hand.
MIN_PICTURE = 0.25


@dataclass(frozen=True, slots=True)
class BarScan:
    """The bars of a range of frames.

    Attributes
    ----------
    common : tuple of int or None
        Left, top, right and bottom lines that are black in every frame; None if all frames are black.
    largest : tuple of int or None
        Maximum of the bars of single frames, at each side, without black frames.
    has_other_sizes : bool
        Whether a frame has another size than the first one of the source.
    """

    common: tuple[int, int, int, int] | None = None
    largest: tuple[int, int, int, int] | None = None
    has_other_sizes: bool = False

    def crop_for(self, source: Source) -> tuple[Crop, tuple[str, ...]]:
        """Return the crop that loses no line of any frame, and what a user should know about it."""
        if self.has_other_sizes:
            return NO_CROP, ("black bars are not cropped, because the size of the frames changes",)
        if self.common is None or self.largest is None:
            return NO_CROP, ("black bars are not cropped, because all frames are black",)
        step = INTERLACED_ALIGNMENT if source.interlaced else ALIGNMENT
        left, top, right, bottom = (lines - lines % step for lines in self.common)
        if source.width - left - right < MIN_PICTURE * source.width:
            return NO_CROP, ("black bars are not cropped, because hardly any column is never black",)
        if source.height - top - bottom < MIN_PICTURE * source.height:
            return NO_CROP, ("black bars are not cropped, because hardly any row is never black",)
        crop = Crop(left, top, right, bottom)
        notes = [f"black bars are cropped: {crop}"] if crop else ["no black bars are in all frames; nothing is cropped"]
        if any(most - least >= 2 * step for most, least in zip(self.largest, self.common, strict=True)):
            most = Crop(*self.largest)
            notes.append(f"the black bars change: some frames have more ({most}); the crop keeps every frame whole")
        return crop, tuple(notes)


def scan_bars(source: Source, start: int, stop: int) -> BarScan:
    """Find the black bars of the frames [start, stop), each of which is decoded."""
    scans = []
    size = source.height, source.width
    frames = decode(source, start, stop, on_undecodable=lambda first, last: None)
    for frame in frames:
        if frame.luma.shape != size:
            return BarScan(has_other_sizes=True)
        bars = _measure_frame(frame.planes, frame.bit_depth, _BLACK.get(source.colour.range or "tv", 16))
        scans.append(BarScan(bars, bars))
    return join_scans(scans)


def join_scans(scans: Sequence[BarScan]) -> BarScan:
    """Return the bars of several ranges together."""
    common = [scan.common for scan in scans if scan.common is not None]
    largest = [scan.largest for scan in scans if scan.largest is not None]
    if not common or not largest:
        return BarScan(has_other_sizes=any(scan.has_other_sizes for scan in scans))
    left, top, right, bottom = (min(lines) for lines in zip(*common, strict=True))
    most = tuple(max(lines) for lines in zip(*largest, strict=True))
    return BarScan(
        (left, top, right, bottom),
        (most[0], most[1], most[2], most[3]),
        any(scan.has_other_sizes for scan in scans),
    )


def _measure_frame(planes: Sequence[NDArray[Any]], depth: int, black: int) -> tuple[int, int, int, int] | None:
    """Return the black lines at the left, top, right and bottom of a frame; None if all lines are black."""
    unit = 1 << (depth - 8)
    limit = (black + LUMA_TOLERANCE) * unit
    rows, columns = planes[0].max(axis=1) > limit, planes[0].max(axis=0) > limit
    grey, tolerance = 128 * unit, CHROMA_TOLERANCE * unit
    for plane in planes[1:]:
        for axis, lines in ((1, rows), (0, columns)):
            extremes = plane.max(axis=axis) > grey + tolerance
            extremes |= plane.min(axis=axis) < grey - tolerance
            lines |= np.repeat(extremes, -(-len(lines) // len(extremes)))[: len(lines)]
    if not rows.any() or not columns.any():
        return None
    top, bottom = int(rows.argmax()), int(rows[::-1].argmax())
    left, right = int(columns.argmax()), int(columns[::-1].argmax())
    return left, top, right, bottom


def parse_crop(text: str) -> tuple[int, int, int, int]:
    """Return width, height, x and y of a crop in the syntax of FFmpeg.

    Raises
    ------
    ValueError
        If the text has another syntax, or a number is odd.

    Examples
    --------
    >>> parse_crop("1920:800:0:140")
    (1920, 800, 0, 140)
    """
    parts = text.split(":")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"{text!r} is not a crop (use auto, none or WIDTH:HEIGHT:X:Y)")
    width, height, x, y = map(int, parts)
    if any(number % 2 for number in (width, height, x, y)) or not width or not height:
        raise ValueError(f"{text!r} has an odd number or no size; chroma is subsampled by two")
    return width, height, x, y


def crop_source(source: Source, crop: Crop) -> Source:
    """Return a source without the samples of a crop, before mirroring and rotation, in addition to its own crop.

    Its `content_id` states the crop, so that results of the source with and without the crop are kept apart.
    """
    if not crop:
        return source
    own = source.crop
    total = Crop(own.left + crop.left, own.top + crop.top, own.right + crop.right, own.bottom + crop.bottom)
    return replace(
        source,
        crop=total,
        width=source.width - crop.left - crop.right,
        height=source.height - crop.top - crop.bottom,
        content_id=f"{source.content_id}+crop {crop.left} {crop.top} {crop.right} {crop.bottom}",
    )


def restore_content_id(source: Source) -> Source:
    """Return a cropped source with the hash of its content, for tracks that a crop does not change."""
    return replace(source, content_id=source.content_id.partition("+")[0])


def subtract_crop(total: Crop, own: Crop) -> Crop:
    """Return what a crop removes in addition to another one."""
    return Crop(total.left - own.left, total.top - own.top, total.right - own.right, total.bottom - own.bottom)


def place_crop(source: Source, width: int, height: int, x: int, y: int) -> Crop:
    """Return the crop of decoded frames that leaves a rectangle of upright frames, in samples.

    Raises
    ------
    SourceError
        If the rectangle is not within the frame.
    """
    across, down = source.width, source.height
    if source.rotation % 180:
        across, down = down, across
    if x + width > across or y + height > down:
        raise SourceError(
            f"{source.path}: the crop {width}:{height}:{x}:{y} is not within the frame of {across}x{down}"
        )
    left, top, right, bottom = x, y, across - x - width, down - y - height
    for _ in range(source.rotation // 90):
        # a quarter turn counterclockwise, back to the decoded frame: the left side becomes the bottom
        left, top, right, bottom = top, right, bottom, left
    if source.is_mirrored:
        left, right = right, left
    return Crop(left, top, right, bottom)
