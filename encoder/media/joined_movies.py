"""Count the movies in an MP4 or IVF file: FFmpeg reads the first one only."""

from __future__ import annotations

from pathlib import Path

__all__ = ["count_ivf_movies", "count_movies"]

#: Max number of boxes that are examined (chosen by hand: hours of fragments of a second).
MAX_BOXES = 100_000
#: Max number of frames of IVF files that are examined (chosen by hand: hours).
MAX_FRAMES = 1_000_000
#: Bytes of the header of a frame of IVF: size and time.
_IVF_FRAME = 12


def count_movies(path: Path) -> int:
    """Return the number of `moov` boxes at the top level of a file (ISO/IEC 14496-12, 8.2.1: exactly one)."""
    count, position, size = 0, 0, path.stat().st_size
    with path.open("rb") as file:
        for _ in range(MAX_BOXES):
            file.seek(position)
            header = file.read(16)
            length = int.from_bytes(header[:4], "big")
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            # a length of 0 stands for the rest of the file
            if length < 8 or position + length > size:
                break
            count += header[4:8] == b"moov"
            position += length
    return count


def count_ivf_movies(path: Path) -> int:
    """Return the number of IVF files that were joined to this one."""
    count, position = 0, 0
    with path.open("rb") as file:
        for _ in range(MAX_FRAMES):
            file.seek(position)
            header = file.read(_IVF_FRAME)
            if len(header) < _IVF_FRAME:
                break
            if header.startswith(b"DKIF"):
                count += 1
                position += int.from_bytes(header[6:8], "little")
            else:
                position += _IVF_FRAME + int.from_bytes(header[:4], "little")
    return count
