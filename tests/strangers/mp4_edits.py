"""Change statements of MP4 files that FFmpeg has no option for."""

import struct
from pathlib import Path

#: Path of boxes to the sample entries of the first track, with the bytes of fields before the child boxes of each.
_PATH = ((b"moov", 8), (b"trak", 8), (b"mdia", 8), (b"minf", 8), (b"stbl", 8), (b"stsd", 16))


def _find(data: bytes, start: int, end: int, kind: bytes | None) -> int:
    while start < end:
        size = struct.unpack(">I", data[start : start + 4])[0]
        if kind is None or data[start + 4 : start + 8] == kind:
            return start
        start += size
    raise LookupError(kind)


def insert_in_sample_entry(path: Path, kind: bytes, content: bytes) -> Path:
    """Append a box to the sample entry of the first track; the index has to follow the media data."""
    data = bytearray(path.read_bytes())
    start, end, boxes = 0, len(data), []
    for name, fields in _PATH:
        boxes.append(_find(data, start, end, name))
        end = boxes[-1] + struct.unpack(">I", data[boxes[-1] : boxes[-1] + 4])[0]
        start = boxes[-1] + fields
    boxes.append(start)
    entry_size = struct.unpack(">I", data[start : start + 4])[0]
    box = struct.pack(">I4s", 8 + len(content), kind) + content
    data[start + entry_size : start + entry_size] = box
    for place in boxes:
        size = struct.unpack(">I", data[place : place + 4])[0]
        data[place : place + 4] = struct.pack(">I", size + len(box))
    path.write_bytes(data)
    return path


def crop_in_container(path: Path, width: int, height: int, right: int = 0, down: int = 0) -> Path:
    """Add a clean aperture of a size, moved from the centre by numbers of samples."""
    return insert_in_sample_entry(path, b"clap", struct.pack(">8i", width, 1, height, 1, right, 1, down, 1))


def set_display_matrix(path: Path, a: float, b: float, c: float, d: float) -> Path:
    """Set the display matrix of the first track."""
    data = bytearray(path.read_bytes())
    # version 0 of tkhd: the matrix follows 40 bytes of other fields
    place = data.index(b"tkhd") + 4 + 40
    fixed = [round(x * 65536) for x in (a, b)], [round(x * 65536) for x in (c, d)]
    data[place : place + 36] = struct.pack(">9i", *fixed[0], 0, *fixed[1], 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path
