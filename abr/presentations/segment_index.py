"""Read the segment index boxes (sidx, ISO/IEC 14496-12, 8.16.3) of a single-file representation.

A file has one index of all segments, or an index before every fragment, as ffmpeg writes with `-movflags +dash`.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from abr.errors import PresentationError
from abr.fetch import is_url, read_bytes, sizes_of

__all__ = ["read_segment_index"]

#: bytes that are searched for the next segment index; chosen by hand: an index of 80,000 segments
SEARCH_BYTES = 1 << 20
#: boxes before an index; chosen by hand, a file has five
MAX_HEADER_BOXES = 100
#: segment indexes of one file; chosen by hand, each may need a request
MAX_INDEXES = 20_000
#: fraction of the period that the first index may leave out before further ones are looked for; chosen by hand
MAX_UNCOVERED = 0.05


class _Box(NamedTuple):
    """Where a box is in the file."""

    kind: bytes
    start: int
    header: int
    stop: int


def read_segment_index(path: str, span: tuple[int, int] | None, total: float | None) -> list[tuple[float, int]]:
    """Return (seconds, bytes) of every segment.

    Parameters
    ----------
    path : str
        Path or URL of the media file.
    span : (int, int) or None
        First and last byte of the index; None when the manifest does not state it.
    total : float or None
        Duration of the period, s. Further indexes are looked for until they cover it, or up to the end of the file.

    Raises
    ------
    PresentationError
        When there is no index, or it is damaged; the message names the byte.
    """
    reader = _Reader(path, span)
    box = reader.find_index(span[0] if span else 0, span[1] + 1 if span else SEARCH_BYTES)
    if box is None:
        raise PresentationError(f"{path}: there is no segment index (sidx) at the byte range of the manifest")
    segments, position = reader.read_index(box)
    enough = None if total is None else total * (1 - MAX_UNCOVERED)
    indexes = 1
    while enough is None or sum(seconds for seconds, _ in segments) < enough:
        box = reader.find_index(position, position + SEARCH_BYTES) if position < reader.size else None
        if box is None:
            break
        indexes += 1
        if indexes > MAX_INDEXES:
            raise PresentationError(f"{path}: the file has more than {MAX_INDEXES} segment indexes")
        more, position = reader.read_index(box)
        segments += more
    # the size of a file at a URL needs a request of its own
    if (indexes > 1 or not is_url(path)) and position > reader.size:
        raise PresentationError(f"{path}: the file ends at byte {reader.size}, its last segment at byte {position}")
    return segments


class _Reader:
    """Reads boxes of one file; keeps the bytes that it read last, because boxes follow each other."""

    def __init__(self, path: str, span: tuple[int, int] | None) -> None:
        self.path = path
        self._start = span[0] if span else 0
        self._data = read_bytes(path, PresentationError, self._start, span[1] + 1 if span else SEARCH_BYTES)
        self._size: int | None = None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        if self._size is None:
            (self._size,) = sizes_of([self.path], PresentationError)
        return self._size

    def _bytes(self, start: int, count: int) -> bytes:
        at = start - self._start
        if at < 0 or at + count > len(self._data):
            self._start = start
            self._data = read_bytes(self.path, PresentationError, start, start + max(count, 1 << 12))
            at = 0
        return self._data[at : at + count]

    def _box(self, start: int) -> _Box | None:
        head = self._bytes(start, 16)
        if len(head) < 8:
            return None
        size, kind, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1 and len(head) == 16:
            size, header = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = self.size - start
        # anything shorter is not a box; bytes of 0 stand for padding
        return _Box(kind, start, header, start + size) if size >= header else None

    def find_index(self, start: int, stop: int) -> _Box | None:
        """Return the next segment index from `start`; the boxes of a header are skipped, up to `stop`."""
        position = start
        for _ in range(MAX_HEADER_BOXES):
            box = self._box(position) if position < stop else None
            if box is None or box.kind in (b"moof", b"mdat"):
                break
            if box.kind == b"sidx":
                return box
            position = box.stop
        # the range may start before the index, in bytes that are not boxes
        at = self._data.find(b"sidx") - 4
        if at >= 0 and self._start + at >= start:
            return self._box(self._start + at)
        return None

    def read_index(self, box: _Box) -> tuple[list[tuple[float, int]], int]:
        """Return the segments of an index, and the byte at which its last segment ends."""
        data = self._bytes(box.start, box.stop - box.start) if box.stop - box.start <= SEARCH_BYTES else b""
        body = data[box.header :]
        segments: list[tuple[float, int]] = []
        try:
            version, _, timescale = struct.unpack_from(">B3xII", body)
            form, offset = (">II", 20) if version == 0 else (">QQ", 28)
            _, first_offset = struct.unpack_from(form, body, 12)
            (count,) = struct.unpack_from(">2xH", body, offset)
            position = box.stop + first_offset
            for i in range(count):
                size, ticks = struct.unpack_from(">II", body, offset + 4 + 12 * i)
                if size >> 31:
                    raise PresentationError(
                        f"{self.path}: the segment index at byte {box.start} refers to further indexes, which are not"
                        " supported"
                    )
                segments.append((ticks / timescale, size))
                position += size
        except (struct.error, ZeroDivisionError) as error:
            raise PresentationError(
                f"{self.path}: the segment index at byte {box.start} is damaged: {error}"
            ) from error
        if not segments or position <= box.start:
            raise PresentationError(f"{self.path}: the segment index at byte {box.start} has no segments")
        return segments, position
