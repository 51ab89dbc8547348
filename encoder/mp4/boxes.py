"""Find the boxes of the first video sample entry of an MP4 file (ISO/IEC 14496-12)."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

__all__ = ["find_sample_entry", "read_entry_boxes"]

#: Path of boxes from the file to the sample entry, with the bytes of fields that precede the child boxes in each.
_PATH = ((b"moov", 0), (b"trak", 0), (b"mdia", 0), (b"minf", 0), (b"stbl", 0), (b"stsd", 8))
#: Bytes of fields between the header of a video sample entry and its child boxes (ISO/IEC 14496-12, 12.1.3).
_ENTRY_FIELDS = 78


def read_entry_boxes(data: bytes | mmap) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end (bytes) of each box within the first video sample entry of a file."""
    path = find_sample_entry(data)
    if not path:
        return
    start, end = path[-1]
    yield from _read_boxes(data, start + 8 + _ENTRY_FIELDS, end)


def find_sample_entry(data: bytes | mmap) -> list[tuple[int, int]]:
    """Return start and end (bytes) of the boxes on the path to the first sample entry, and of that entry last.

    The path is empty if the file has no sample entry.
    """
    path = []
    start, end = 0, len(data)
    for name, fields in _PATH:
        found = next(((a, b) for kind, a, b in _read_boxes(data, start, end) if kind == name), None)
        if found is None:
            return []
        box, end = found
        path.append(found)
        start = box + 8 + fields
    entry = int.from_bytes(data[start : start + 4], "big")
    return [*path, (start, start + entry)]


def _read_boxes(data: bytes | mmap, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        if size == 1:
            size = int.from_bytes(data[start + 8 : start + 16], "big")
        size = size or end - start
        yield data[start + 4 : start + 8], start, start + size
        start += size
