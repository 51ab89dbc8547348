"""The text of subtitle packets, which should be UTF-8."""

from __future__ import annotations

__all__ = ["TEXT_CODECS", "convert_to_utf8", "is_utf8_text"]

#: FFmpeg's names of the codecs whose packets hold text.
TEXT_CODECS = frozenset({"ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})
#: Encoding of text that is not UTF-8: Windows-1252, which has all printable characters of Latin-1.
FALLBACK = "cp1252"


def is_utf8_text(codec: str, data: bytes) -> bool:
    """Return whether the text of a packet is UTF-8."""
    _, text, _ = _split(codec, data)
    # timed text of MP4 may be UTF-16 with a byte order mark (3GPP TS 26.245, 5.17)
    if codec == "mov_text" and text[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def convert_to_utf8(codec: str, data: bytes) -> bytes:
    """Return a packet whose text is UTF-8; text that is not is taken for Windows-1252."""
    if is_utf8_text(codec, data):
        return data
    head, text, rest = _split(codec, data)
    text = text.decode(FALLBACK, errors="replace").encode()
    if head:
        head = len(text).to_bytes(2, "big")
    return head + text + rest


def _split(codec: str, data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the length field, the text and the boxes after it; only timed text of MP4 has the first and the last."""
    if codec != "mov_text":
        return b"", data, b""
    end = 2 + int.from_bytes(data[:2], "big")
    return data[:2], data[2:end], data[end:]
