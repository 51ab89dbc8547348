"""Read the boxes of an MP4 file's first video sample entry (ISO/IEC 14496-12)."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

__all__ = ["entry_boxes", "sample_entry"]

#: From a file to its video sample entry, with the bytes of fields that come before the boxes within each.
_WAY = ((b"moov", 0), (b"trak", 0), (b"mdia", 0), (b"minf", 0), (b"stbl", 0), (b"stsd", 8))
_ENTRY_FIELDS = 78


def entry_boxes(data: bytes | mmap) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes within a file's first video sample entry: kind, and where each begins and ends."""
    begin, end = sample_entry(data)[-1]
    return _boxes(data, begin + 8 + _ENTRY_FIELDS, end)


def sample_entry(data: bytes | mmap) -> list[tuple[int, int]]:
    """Return where the boxes on the way to the first sample entry begin and end, that entry last."""
    way = []
    begin, end = 0, len(data)
    for name, fields in _WAY:
        box, end = next((a, b) for kind, a, b in _boxes(data, begin, end) if kind == name)
        way.append((box, end))
        begin = box + 8 + fields
    entry = int.from_bytes(data[begin : begin + 4], "big")
    return [*way, (begin, begin + entry)]


def _boxes(data: bytes | mmap, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while begin + 8 <= end:
        size = int.from_bytes(data[begin : begin + 4], "big")
        if size == 1:
            size = int.from_bytes(data[begin + 8 : begin + 16], "big")
        size = size or end - begin
        yield data[begin + 4 : begin + 8], begin, begin + size
        begin += size
