"""Reading the segment index box (sidx, ISO/IEC 14496-12, 8.16.3) of a single-file representation."""

from __future__ import annotations

import struct

from abr.errors import PresentationError

__all__ = ["read_sidx"]


def read_sidx(data: bytes, place: str) -> list[tuple[float, int]]:
    """Return (seconds, bytes) of every segment that the first index in `data` lists."""
    start = data.find(b"sidx")
    if start < 4:
        raise PresentationError(f"{place}: no segment index where the manifest says")
    box = data[start + 4 :]
    try:
        version, _, timescale = struct.unpack_from(">B3xII", box)
        at = 12 + (8 if version == 0 else 16)
        (count,) = struct.unpack_from(">2xH", box, at)
        segments = []
        for i in range(count):
            size, ticks = struct.unpack_from(">II", box, at + 4 + 12 * i)
            if size >> 31:
                raise PresentationError(f"{place}: its segment index points to further indexes, which is not read")
            segments.append((ticks / timescale, size & 0x7FFFFFFF))
    except (struct.error, ZeroDivisionError) as error:
        raise PresentationError(f"{place}: a damaged segment index: {error}") from error
    return segments
