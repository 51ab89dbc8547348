"""Carry the boxes that tell of a mastering display and of content light into an init segment.

The packager writes sample entries anew and keeps the colour box alone; players of HDR10 read these as well
(ISO/IEC 23001-8 code points say what the samples mean, not how bright they get).
"""

from __future__ import annotations

from mmap import ACCESS_READ, mmap
from pathlib import Path

from encoder.mp4.boxes import entry_boxes, sample_entry

__all__ = ["carry_light_boxes"]

#: Mastering display colour volume, content light level, ambient viewing environment (ISO/IEC 14496-12).
KINDS = (b"mdcv", b"clli", b"amve")


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
    way = sample_entry(data)
    end = way[-1][1]
    grown = bytearray(data[:end] + boxes + data[end:])
    for box, last in way:
        grown[box : box + 4] = (last - box + len(boxes)).to_bytes(4, "big")
    init.write_bytes(grown)
    return len(boxes)
