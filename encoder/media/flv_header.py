"""The end that the header of an FLV file states, which no packet states."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

__all__ = ["read_stated_end"]

#: Bytes at the start that hold the metadata (chosen by hand; they include lists of key frames).
HEAD_BYTES = 1 << 20
#: Longest duration that is believed, s (chosen by hand: a week).
MAX_SECONDS = 7 * 86_400
#: A number follows the name of a property (AMF 0, 2.2).
_NUMBER = b"\x00"


def read_stated_end(path: Path) -> Fraction | None:
    """Return the stated end, s; None if the file is not as large as its header states, because it may be cut off.

    The packets of FLV have no duration, so that only the header states how long the last frame is shown.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    size, end = (_find_number(head, name) for name in (b"filesize", b"duration"))
    if size is None or end is None or size != path.stat().st_size or not 0 < end < MAX_SECONDS:
        return None
    return Fraction(end).limit_denominator(1_000_000)


def _find_number(head: bytes, name: bytes) -> float | None:
    _, found, rest = head.partition(len(name).to_bytes(2, "big") + name + _NUMBER)
    return struct.unpack(">d", rest[:8])[0] if found and len(rest) >= 8 else None
