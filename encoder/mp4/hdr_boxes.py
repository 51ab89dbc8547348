"""HDR metadata in the boxes of a track: copy it into the init segment, and state its kind as a brand.

The packager writes new sample entries and keeps the colour box only. HDR10 players also read mastering display and
content light level (the code points of ISO/IEC 23091-2 define what samples mean, not which luminances occur).
"""

from __future__ import annotations

from mmap import ACCESS_READ, mmap
from pathlib import Path

from encoder.mp4.boxes import find_sample_entry, read_entry_boxes

__all__ = ["add_brand", "copy_hdr_boxes", "has_dolby_vision"]

#: Mastering display colour volume, content light level, ambient viewing environment (ISO/IEC 14496-12).
KINDS = (b"mdcv", b"clli", b"amve")


def copy_hdr_boxes(track: Path, init: Path) -> int:
    """Add the HDR boxes in the sample entry of a track to an init segment.

    Parameters
    ----------
    track : Path
        MP4 file of one video track.
    init : Path
        Its init segment, or the whole packaged file that begins with the init segment, also with one track. The file
        is rewritten if there are boxes to add.

    Returns
    -------
    int
        Number of bytes added.
    """
    with track.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as source:
        boxes = b"".join(source[start:end] for kind, start, end in read_entry_boxes(source) if kind in KINDS)
    if not boxes:
        return 0
    data = init.read_bytes()
    path = find_sample_entry(data)
    entry_end = path[-1][1]
    extended = bytearray(data[:entry_end] + boxes + data[entry_end:])
    for start, end in path:
        extended[start : start + 4] = (end - start + len(boxes)).to_bytes(4, "big")
    init.write_bytes(extended)
    return len(boxes)


def has_dolby_vision(track: Path) -> bool:
    """Return whether the sample entry of a track has a configuration of Dolby Vision."""
    with track.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        return any(kind in (b"dvcC", b"dvvC") for kind, _, _ in read_entry_boxes(data))


def add_brand(init: Path, brand: bytes) -> int:
    """Add a compatible brand to an init segment, or to a file that begins with one; return the bytes added."""
    data = init.read_bytes()
    size = int.from_bytes(data[:4], "big")
    init.write_bytes((size + len(brand)).to_bytes(4, "big") + data[4:size] + brand + data[size:])
    return len(brand)
