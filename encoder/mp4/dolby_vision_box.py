"""Add the configuration box of Dolby Vision to a track."""

from __future__ import annotations

from mmap import ACCESS_READ, mmap
from pathlib import Path

from encoder.mp4.boxes import find_sample_entry

__all__ = ["add_dolby_vision_box"]

#: Bytes of the record after its fields, which are reserved.
_RESERVED = 16 + 3


def add_dolby_vision_box(track: Path, profile: int, level: int, compatibility: int) -> None:
    """Add the configuration of RPUs in a single layer to the sample entry of a track.

    Parameters
    ----------
    track : Path
        MP4 file of one video track whose samples precede the movie box, so that their positions stay.
    profile, level, compatibility : int
        Profile, level, and identification of the base layer: 1 for HDR10, 4 for HLG.
    """
    # version 1.0; an RPU and a base layer are present, an enhancement layer is not (Dolby Vision Streams within the
    # ISO Base Media File Format 2.2, 3.2)
    flags = profile << 9 | level << 3 | 0b101
    record = bytes([1, 0]) + flags.to_bytes(2, "big") + bytes([compatibility << 4]) + bytes(_RESERVED)
    box = (8 + len(record)).to_bytes(4, "big") + b"dvvC" + record
    with track.open("r+b") as file:
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            path = find_sample_entry(data)
            movie = path[0][0]
            tail = bytearray(data[movie:])
        end = path[-1][1] - movie
        tail[end:end] = box
        for start, stop in path:
            tail[start - movie : start - movie + 4] = (stop - start + len(box)).to_bytes(4, "big")
        file.seek(movie)
        file.write(tail)
