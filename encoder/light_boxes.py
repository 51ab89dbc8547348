"""Carry the boxes that tell of a mastering display and of content light into an init segment.

The packager writes sample entries anew and keeps the colour box alone; players of HDR10 read these as well
(ISO/IEC 23001-8 code points say what the samples mean, not how bright they get).
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

__all__ = ["carry_light_boxes", "entry_boxes"]

#: Mastering display colour volume, content light level, ambient viewing environment (ISO/IEC 14496-12).
KINDS = (b"mdcv", b"clli", b"amve")
#: From a file to its video sample entry, with the bytes of fields that come before the boxes within each.
_WAY = ((b"moov", 0), (b"trak", 0), (b"mdia", 0), (b"minf", 0), (b"stbl", 0), (b"stsd", 8))
_ENTRY_FIELDS = 78


def carry_light_boxes(track: Path, init: Path) -> int:
    """Add to an init segment the boxes of light that the sample entry of a track has.

    Parameters
    ----------
    track : Path
        MP4 file of one video track.
    init : Path
        Its init segment, or the whole file that begins with it, with one track as well; rewritten where there is
        something to add.

    Returns
    -------
    int
        Bytes that it has grown by.
    """
    with track.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as source:
        boxes = b"".join(source[a:b] for kind, a, b in entry_boxes(source) if kind in KINDS)
    if not boxes:
        return 0
    data = init.read_bytes()
    way = _sample_entry(data)
    end = way[-1][1]
    grown = bytearray(data[:end] + boxes + data[end:])
    for box, last in way:
        grown[box : box + 4] = (last - box + len(boxes)).to_bytes(4, "big")
    init.write_bytes(grown)
    return len(boxes)


def entry_boxes(data: bytes | mmap) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes within a file's first video sample entry: kind, and where each begins and ends."""
    begin, end = _sample_entry(data)[-1]
    return _boxes(data, begin + 8 + _ENTRY_FIELDS, end)


def _sample_entry(data: bytes | mmap) -> list[tuple[int, int]]:
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
