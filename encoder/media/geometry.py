"""The geometry that a container states: crop, mirroring and rotation of decoded frames."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_CROP", "Crop", "Orientation", "read_crop", "read_orientation", "turn_upright"]

#: Degrees. A stated angle that differs by more from a quarter turn is reported (rounding of 16.16 fixed-point numbers).
ANGLE_TOLERANCE = 0.01

#: Matroska elements that contain the crop: Segment, Tracks, TrackEntry, Video (RFC 9559, section 5.1.4).
_VIDEO_PATH = (0x18538067, 0x1654AE6B, 0xAE, 0xE0)
#: PixelCropLeft, PixelCropTop, PixelCropRight, PixelCropBottom.
_CROP_IDS = (0x54CC, 0x54BB, 0x54DD, 0x54AA)


@dataclass(frozen=True, slots=True)
class Crop:
    """Samples to remove at each side of a decoded frame, before mirroring and rotation."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __str__(self) -> str:
        """Return the numbers of samples."""
        return f"{self.left} at the left, {self.top} at the top, {self.right} at the right, {self.bottom} at the bottom"

    def __bool__(self) -> bool:
        """Whether any samples are removed."""
        return any((self.left, self.top, self.right, self.bottom))


#: The crop of a source whose container states none.
NO_CROP = Crop()


@dataclass(frozen=True, slots=True)
class Orientation:
    """What makes a decoded frame upright: mirroring, then a rotation.

    Attributes
    ----------
    is_mirrored : bool
        Whether left and right are exchanged.
    rotation : int
        Clockwise, degrees: 0, 90, 180 or 270.
    note : str or None
        How the stated geometry was rounded; None if it was not.
    """

    is_mirrored: bool = False
    rotation: int = 0
    note: str | None = None


def turn_upright(samples: NDArray[Any], *, is_mirrored: bool, rotation: int) -> NDArray[Any]:
    """Return a view of a plane, mirrored and then rotated clockwise by a multiple of 90 degrees."""
    return np.rot90(samples[:, ::-1] if is_mirrored else samples, -rotation // 90)


def read_orientation(matrix: bytes | None) -> Orientation:
    """Return the orientation that a display matrix states, rounded to quarter turns.

    Parameters
    ----------
    matrix : bytes or None
        Nine native 32-bit integers as in libavutil/display.h: a point (x, y) is shown at (a x + c y, b x + d y) with
        the elements a, b, u, c, d, v.

    Examples
    --------
    >>> read_orientation(struct.pack("=9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30))
    Orientation(is_mirrored=False, rotation=90, note=None)
    """
    if matrix is None or len(matrix) < 36:
        return Orientation()
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    # vertical mirroring is horizontal mirroring and half a turn
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a, b = -a, -b
    # the angle between both pairs of elements, so that a sheared matrix is rounded evenly
    angle = math.degrees(math.atan2(b - c, a + d)) if (a + d, b - c) != (0, 0) else 0.0
    quarters = round(angle / 90)
    rotation = quarters % 4 * 90
    note = None
    if abs(angle - 90 * quarters) > ANGLE_TOLERANCE:
        note = f"the container states a rotation of {angle % 360:.1f} degrees; it is rounded to {rotation} degrees"
    return Orientation(is_mirrored, rotation, note)


def read_crop(stream: Any) -> Crop:
    """Return the crop that the container of an open PyAV video stream states: MP4 `clap`, Matroska PixelCrop.

    Notes
    -----
    Decoders apply the crop of the bitstream; PyAV does not expose that of the container. FFmpeg writes it to the header
    of a Matroska file with the same stream, which is then read.
    """
    header = io.BytesIO()
    try:
        with av.open(header, "w", format="matroska") as container:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
    except (av.FFmpegError, ValueError, OSError):
        # Matroska does not take the codec; neither MP4 nor Matroska holds such a stream
        return NO_CROP
    found = _find_elements(header.getvalue(), _VIDEO_PATH)
    return Crop(*(found.get(element, 0) for element in _CROP_IDS))


def _find_elements(data: bytes, path: tuple[int, ...]) -> dict[int, int]:
    """Return the unsigned integers within the first element at a path of EBML elements."""
    start, end = 0, len(data)
    for wanted in path:
        bounds = next(((a, b) for element, a, b in _read_elements(data, start, end) if element == wanted), None)
        if bounds is None:
            return {}
        start, end = bounds
    return {element: int.from_bytes(data[a:b], "big") for element, a, b in _read_elements(data, start, end)}


def _read_elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield identifier, start and end of the content of each EBML element (RFC 8794, section 4)."""
    while start < end:
        length = 9 - data[start].bit_length()
        element = int.from_bytes(data[start : start + length], "big")
        start += length
        if start >= end or length > 8:
            return
        length = 9 - data[start].bit_length()
        size = int.from_bytes(data[start : start + length], "big") & ((1 << 7 * length) - 1)
        start += length
        # all bits set: the size is unknown, the element extends to the end
        stop = end if size == (1 << 7 * length) - 1 else min(end, start + size)
        yield element, start, stop
        start = stop
