"""The text of tags and subtitle packets, which should be UTF-8."""

from __future__ import annotations

import codecs
import re

__all__ = ["TEXT_CODECS", "convert_to_utf8", "decode_text", "is_utf8_text"]

#: FFmpeg's names of the codecs whose packets hold text.
TEXT_CODECS = frozenset({"ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})
#: Encoding of text that is not UTF-8: Windows-1252, which has all printable characters of Latin-1.
FALLBACK = "cp1252"
#: Bytes that are not UTF-8, as Python decodes them with `surrogateescape`.
_ESCAPED = re.compile("[\udc80-\udcff]+")
#: Byte order marks of UTF-16.
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode_text(data: bytes) -> str:
    r"""Return text that should be UTF-8; bytes that are not are taken for Windows-1252.

    Examples
    --------
    >>> decode_text("déjà ".encode() + b"vu \xe9t\xe9")
    'déjà vu été'
    """
    if data.startswith(_UTF16):
        return data.decode("utf-16", errors="replace")
    text = data.decode(errors="surrogateescape")
    return _ESCAPED.sub(lambda match: match[0].encode(errors="surrogateescape").decode(FALLBACK, "replace"), text)


def is_utf8_text(codec: str, data: bytes) -> bool:
    """Return whether the text of a packet is UTF-8."""
    _, text, _ = _split(codec, data)
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def convert_to_utf8(codec: str, data: bytes) -> bytes:
    """Return a packet whose text is UTF-8; see `decode_text`."""
    if is_utf8_text(codec, data):
        return data
    head, text, rest = _split(codec, data)
    text = decode_text(text).encode()
    if head:
        head = len(text).to_bytes(2, "big")
    return head + text + rest


def _split(codec: str, data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the length field, the text and the boxes after it; only timed text of MP4 has the first and the last."""
    if codec != "mov_text":
        return b"", data, b""
    end = 2 + int.from_bytes(data[:2], "big")
    return data[:2], data[2:end], data[end:]
