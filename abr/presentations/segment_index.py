"""Read the segment index box (sidx, ISO/IEC 14496-12, 8.16.3) of a single-file representation."""

from __future__ import annotations

import struct

from abr.errors import PresentationError

__all__ = ["read_sidx"]


def read_sidx(data: bytes, path: str) -> list[tuple[float, int]]:
    """Return (seconds, bytes) of every segment in the first segment index of `data`; `path` is for messages."""
    start = data.find(b"sidx")
    if start < 4:
        raise PresentationError(f"{path}: there is no segment index (sidx) at the byte range of the manifest")
    box = data[start + 4 :]
    try:
        version, _, timescale = struct.unpack_from(">B3xII", box)
        offset = 12 + (8 if version == 0 else 16)
        (count,) = struct.unpack_from(">2xH", box, offset)
        segments = []
        for i in range(count):
            size, ticks = struct.unpack_from(">II", box, offset + 4 + 12 * i)
            if size >> 31:
                raise PresentationError(f"{path}: the segment index refers to further indexes, which are not supported")
            segments.append((ticks / timescale, size & 0x7FFFFFFF))
    except (struct.error, ZeroDivisionError) as error:
        raise PresentationError(f"{path}: the segment index is damaged: {error}") from error
    return segments
