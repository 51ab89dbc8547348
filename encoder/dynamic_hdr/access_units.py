"""Find and insert dynamic metadata in the coded frames of HEVC and AV1.

A message is the body of a "user data registered by ITU-T T.35", from the country code on. It stands in an SEI message
of HEVC and in a metadata OBU of AV1. HEVC carries an RPU in a NAL unit of its own, AV1 in such a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from encoder.dynamic_hdr.bit_reader import BitReader

__all__ = ["find_messages", "insert_av1", "insert_hevc", "is_hdr10_plus", "list_hevc_units", "read_length_size"]

#: Start of HDR10+ messages: United States, Samsung, SMPTE ST 2094-40, application 4 (CTA-861-H, annex S).
_HDR10_PLUS = b"\xb5\x00\x3c\x00\x01\x04"
#: Start of the messages with an RPU in AV1: United States, Dolby, and its code of the container.
_AV1_RPU = b"\xb5\x00\x3b\x00\x00\x08\x00"
#: Constant fields of the container of an RPU in AV1 (27 bits) and after the RPU (17 bits), of ETSI TS 103 572.
_CONTAINER, _PROTECTION = 0x01BE6841, 0x400
#: NAL unit types of HEVC (ITU-T H.265, table 7-1): prefix SEI, and the one that carries an RPU. Lower ones than 32 are
#: slices.
_PREFIX_SEI, _RPU_UNIT, _FIRST_OTHER_UNIT = 39, 62, 32
#: First byte of an RPU in a NAL unit.
_RPU_PREFIX = 25
#: SEI payload type of T.35 messages (ITU-T H.265, D.2.1).
_T35_SEI = 4
#: OBU types of AV1 (AV1 specification, 6.2.2) and the metadata type of T.35 messages (6.7.1).
_FRAME_HEADER, _METADATA, _FRAME = 3, 5, 6
_T35_METADATA = 4


def is_hdr10_plus(message: bytes) -> bool:
    """Return whether a message is HDR10+ metadata."""
    return message.startswith(_HDR10_PLUS)


def read_length_size(family: str, header: bytes) -> int:
    """Return the bytes of the length before each NAL unit in a track with this codec header; 0 for start codes."""
    return (header[21] & 3) + 1 if family == "hevc" and len(header) > 22 and header[0] == 1 else 0


def find_messages(family: str, data: bytes, length_size: int = 4) -> tuple[bytes, list[bytes]]:
    """Return the payload of the RPU of a coded frame, empty without an RPU, and its HDR10+ messages.

    Parameters
    ----------
    family : {"hevc", "av1"}
        Coding standard.
    data : bytes
        One coded frame.
    length_size : int
        Bytes of the length before each NAL unit of HEVC; 0 if start codes separate them.

    Raises
    ------
    ValueError
        If a unit with metadata is damaged.
    """
    rpu, messages = b"", []
    if family == "av1":
        for kind, body, _ in _list_av1_units(data):
            if kind == _METADATA and body[:1] == bytes([_T35_METADATA]):
                message = body[1:].rstrip(b"\0")[:-1]
                if message.startswith(_AV1_RPU):
                    rpu = _unwrap_rpu(message[len(_AV1_RPU) :] + b"\x80")
                elif is_hdr10_plus(message):
                    messages.append(message)
        return rpu, messages
    for kind, unit in list_hevc_units(data, length_size):
        if kind == _RPU_UNIT and len(unit) > 3 and unit[2] == _RPU_PREFIX:
            rpu = _unescape(unit[3:]).rstrip(b"\0")
        elif kind == _PREFIX_SEI:
            messages += [body for body in _list_t35_messages(_unescape(unit[2:])) if is_hdr10_plus(body)]
    return rpu, messages


def insert_hevc(data: bytes, rpu: bytes, message: bytes) -> bytes:
    """Return a coded frame of HEVC, with lengths of 4 bytes, with metadata; empty metadata is not inserted."""
    parts, is_before_slices = [], True
    for kind, unit in list_hevc_units(data, 4):
        if message and is_before_slices and kind < _FIRST_OTHER_UNIT:
            parts.append(_make_sei(message))
        is_before_slices = is_before_slices and kind >= _FIRST_OTHER_UNIT
        parts.append(unit)
    if rpu:
        # after all other units of the frame; layer 0, temporal layer 0
        parts.append(bytes([_RPU_UNIT << 1, 1]) + _escape(bytes([_RPU_PREFIX]) + rpu))
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def insert_av1(data: bytes, rpu: bytes, message: bytes) -> bytes:
    """Return a temporal unit of AV1 with metadata before its last frame, which is the one that is shown."""
    at = max((at for kind, _, at in _list_av1_units(data) if kind in (_FRAME_HEADER, _FRAME)), default=None)
    if at is None:
        raise ValueError("a coded frame has no frame header")
    messages = ([_AV1_RPU + _wrap_rpu(rpu)] if rpu else []) + ([message] if message else [])
    return data[:at] + b"".join(map(_make_metadata_unit, messages)) + data[at:]


def list_hevc_units(data: bytes, length_size: int) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the bytes of each NAL unit."""
    if length_size:
        at = 0
        while at + length_size < len(data):
            size = int.from_bytes(data[at : at + length_size], "big")
            at += length_size
            yield data[at] >> 1 & 0x3F, data[at : at + size]
            at += size
    else:
        for unit in re.split(rb"\x00\x00\x01", data)[1:]:
            if unit:
                yield unit[0] >> 1 & 0x3F, unit.rstrip(b"\0")


def _list_av1_units(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield the type, the body and the position of each OBU (AV1 specification, 5.3)."""
    at = 0
    while at < len(data):
        start, flags = at, data[at]
        at += 2 if flags & 4 else 1
        size = len(data) - at
        if flags & 2:
            size, at = _read_leb128(data, at)
        yield flags >> 3 & 15, data[at : at + size], start
        at += size


def _read_leb128(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return value, at
    raise ValueError("a coded frame ends within the size of a unit")


def _write_leb128(value: int) -> bytes:
    groups = []
    while True:
        groups.append(value & 0x7F | (0x80 if value >> 7 else 0))
        value >>= 7
        if not value:
            return bytes(groups)


def _make_metadata_unit(message: bytes) -> bytes:
    body = bytes([_T35_METADATA]) + message + b"\x80"
    return bytes([_METADATA << 3 | 2]) + _write_leb128(len(body)) + body


def _list_t35_messages(data: bytes) -> Iterator[bytes]:
    """Yield the bodies of the T.35 messages of an SEI unit (ITU-T H.265, 7.3.5)."""
    at = 0
    while at + 2 < len(data):
        fields = []
        for _ in range(2):
            value = 0
            while at < len(data) - 1 and data[at] == 0xFF:
                value, at = value + 0xFF, at + 1
            fields.append(value + data[at])
            at += 1
        kind, size = fields
        if kind == _T35_SEI:
            yield data[at : at + size]
        at += size


def _make_sei(message: bytes) -> bytes:
    size = b"\xff" * (len(message) // 255) + bytes([len(message) % 255])
    return bytes([_PREFIX_SEI << 1, 1]) + _escape(bytes([_T35_SEI]) + size + message + b"\x80")


def _unescape(data: bytes) -> bytes:
    """Remove the emulation prevention bytes of a NAL unit (ITU-T H.265, 7.3.1.1)."""
    return data.replace(b"\x00\x00\x03", b"\x00\x00")


def _escape(data: bytes) -> bytes:
    """Insert emulation prevention bytes."""
    escaped, zeros = bytearray(), 0
    for byte in data:
        if zeros == 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(escaped)


def _unwrap_rpu(data: bytes) -> bytes:
    reader = BitReader(data)
    if reader.read(27) != _CONTAINER:
        raise ValueError("an RPU has an unknown container")
    size = reader.read_variable(8)
    return reader.read(8 * size).to_bytes(size, "big")


def _wrap_rpu(rpu: bytes) -> bytes:
    """Return the container of an RPU with its size in groups of 8 bits."""
    value, bits = _CONTAINER, 27
    size = len(rpu)
    if size > 0xFF:
        value, bits = value << 9 | ((size >> 8) - 1 << 1 | 1), bits + 9
    value, bits = value << 9 | (size & 0xFF) << 1, bits + 9
    value, bits = value << 8 * size | int.from_bytes(rpu, "big"), bits + 8 * size
    value, bits = value << 17 | _PROTECTION, bits + 17
    padding = -bits % 8
    # padded with ones, as FFmpeg does
    return (value << padding | (1 << padding) - 1).to_bytes((bits + padding) // 8, "big")
