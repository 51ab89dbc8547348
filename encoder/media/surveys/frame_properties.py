"""Read what a decoded frame states about itself: colour, HDR metadata, orientation, fields."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from encoder.media.geometry import Orientation, read_orientation
from encoder.media.source import Colour, HDRMetadata
from encoder.media.surveys.side_data import read_side_data

__all__ = ["FrameProperties", "read_properties"]

# FFmpeg's names of the code points of ITU-T H.273; 2 means unspecified, 0 and 3 are reserved
_PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020", 10: "smpte428",
    11: "smpte431", 12: "smpte432", 22: "jedec-p22",
}  # fmt: skip
_TRANSFER = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 11: "iec61966-2-4",
    12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 17: "smpte428",
    18: "arib-std-b67",
}  # fmt: skip
_MATRIX = {
    1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc", 10: "bt2020c",
    14: "ictcp",
}  # fmt: skip
_RANGE = {1: "tv", 2: "pc"}


@dataclass(frozen=True, slots=True)
class FrameProperties:
    """What one frame states.

    Attributes
    ----------
    time : Fraction
        Presentation time in the file, s.
    size : (int, int)
        Decoded width and height.
    sample_aspect_ratio : Fraction or None
        Stated by the bitstream.
    is_interlaced : bool
        Whether the frame is flagged as interlaced.
    has_captions : bool
        Whether closed captions are a part of the frame.
    orientation : Orientation
    colour : Colour
    hdr : HDRMetadata
    """

    time: Fraction
    size: tuple[int, int]
    sample_aspect_ratio: Fraction | None
    is_interlaced: bool
    has_captions: bool
    orientation: Orientation
    colour: Colour
    hdr: HDRMetadata


def read_properties(frame: Any, time: Fraction, sample_aspect_ratio: Fraction | None) -> FrameProperties:
    """Return the properties of a frame of PyAV."""
    side_data = read_side_data(frame)
    return FrameProperties(
        time=time,
        size=(frame.width, frame.height),
        sample_aspect_ratio=sample_aspect_ratio,
        is_interlaced=bool(frame.interlaced_frame),
        has_captions="A53_CC" in side_data,
        orientation=read_orientation(side_data.get("DISPLAYMATRIX")),
        colour=_read_colour(frame),
        hdr=_read_hdr(side_data),
    )


def _read_colour(frame: Any) -> Colour:
    return Colour(
        primaries=_PRIMARIES.get(int(frame.color_primaries)),
        transfer=_TRANSFER.get(int(frame.color_trc)),
        matrix=_MATRIX.get(int(frame.colorspace)),
        range=_RANGE.get(int(frame.color_range)),
    )


def _read_hdr(carried: dict[str, bytes]) -> HDRMetadata:
    """Read the HDR side data of a frame: native integers (libavutil/mastering_display_metadata.h)."""
    mastering, light = carried.get("MASTERING_DISPLAY_METADATA"), carried.get("CONTENT_LIGHT_LEVEL")
    max_luminance = None
    if mastering:
        # rationals: x and y of three primaries and of the white point, min and max luminance; then two flags
        *_, numerator, denominator, _, has_luminance = struct.unpack("=22i", mastering[:88])
        max_luminance = numerator / denominator if has_luminance and denominator else None
    max_cll, max_fall = struct.unpack("=2I", light[:8]) if light else (None, None)
    kinds = (("DOVI_METADATA", "Dolby Vision"), ("DOVI_RPU_BUFFER", "Dolby Vision"), ("DYNAMIC_HDR_PLUS", "HDR10+"))
    dynamic = tuple(dict.fromkeys(kind for name, kind in kinds if name in carried))
    return HDRMetadata(mastering is not None, max_luminance, max_cll, max_fall, dynamic)
