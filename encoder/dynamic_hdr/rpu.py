"""The RPU of Dolby Vision: the metadata of one frame, as a payload that HEVC and AV1 wrap differently.

The syntax is that of ETSI GS CCM 001, 5 and annex A, and of the "reference processing unit" of Dolby's patents, which
FFmpeg's decoder follows as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from encoder.dynamic_hdr.bit_reader import BitReader

__all__ = ["ActiveArea", "Rpu", "read_rpu"]

#: Left, right, top and bottom distance of the active area from the edges of the frame, pixels.
ActiveArea = tuple[int, int, int, int]

#: rpu_type of the only known kind of RPU.
_RPU_TYPE = 2
#: Last byte of a payload: one bit, then zeros.
_TERMINATOR = 0x80
#: Bytes at the end of a payload: a checksum of 4 bytes and the terminator.
_FOOTER = 5
#: Bits that can remain after the extension blocks: padding, checksum and terminator.
_MAX_REST = 48
#: Level of the extension block with the active area, its length in bytes, and the bits of a distance.
_AREA_LEVEL, _AREA_LENGTH, _AREA_BITS = 5, 7, 13
#: CRC-32/MPEG-2: polynomial and first value (ISO/IEC 13818-1, annex A).
_POLYNOMIAL, _FIRST = 0x04C11DB7, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Rpu:
    """The metadata of one frame.

    Attributes
    ----------
    payload : bytes
        From rpu_type to the terminator, without prefix and emulation prevention.
    profile : int
        Dolby Vision profile that the header shows: 0, 4, 5, 7 or 8; AV1's profile 10 has the header of 5 or 8.
    area : ActiveArea or None
        Active area of the frame; None if it is not stated.
    area_bit : int
        Position of the area in the payload, bits.
    """

    payload: bytes
    profile: int
    area: ActiveArea | None = None
    area_bit: int = 0

    def with_area(self, area: ActiveArea) -> Rpu:
        """Return the RPU with another active area; one without an area is returned unchanged."""
        if self.area is None or area == self.area:
            return self
        body = self.payload[:-_FOOTER]
        packed = 0
        for distance in area:
            packed = packed << _AREA_BITS | min(max(distance, 0), (1 << _AREA_BITS) - 1)
        shift = 8 * len(body) - self.area_bit - 4 * _AREA_BITS
        mask = (1 << 4 * _AREA_BITS) - 1 << shift
        body = (int.from_bytes(body, "big") & ~mask | packed << shift).to_bytes(len(body), "big")
        payload = body + _compute_checksum(body).to_bytes(4, "big") + bytes([_TERMINATOR])
        return replace(self, payload=payload, area=area)


def read_rpu(payload: bytes) -> Rpu:
    """Read an RPU.

    Parameters
    ----------
    payload : bytes
        From rpu_type to the terminator; zeros after it are removed.

    Raises
    ------
    ValueError
        If the checksum is wrong, or the payload has an unknown syntax.
    """
    payload = payload.rstrip(b"\0")
    if len(payload) <= _FOOTER or payload[-1] != _TERMINATOR:
        raise ValueError("an RPU does not end with its terminator")
    if _compute_checksum(payload[:-1]):
        raise ValueError("an RPU has a wrong checksum")
    reader = BitReader(payload)
    if reader.read(6) != _RPU_TYPE:
        raise ValueError("an RPU has an unknown type")
    header = _read_header(reader)
    has_display_data, uses_previous = reader.read(1), reader.read(1)
    if uses_previous:
        reader.read_golomb()
    else:
        _skip_mapping(reader, header)
    if not has_display_data:
        return Rpu(payload, header.profile)
    area, position = _find_area(reader)
    return Rpu(payload, header.profile, area, position)


@dataclass(frozen=True, slots=True)
class _Header:
    """What the rest of an RPU depends on; `denominator` is None if coefficients are floats."""

    profile: int
    denominator: int | None
    base_depth: int
    enhancement_depth: int
    has_residual: bool


def _read_header(reader: BitReader) -> _Header:
    """Read the sequence information, from rpu_format on."""
    has_depths = reader.read(11) & 0x700 == 0
    rpu_profile, _, has_sequence = reader.read(4), reader.read(4), reader.read(1)
    if not has_sequence:
        raise ValueError("an RPU has no sequence information")
    _, coefficient_type = reader.read(1), reader.read(2)
    if coefficient_type > 1:
        raise ValueError("an RPU has an unknown type of coefficients")
    denominator = None if coefficient_type else reader.read_golomb()
    _, is_full_range = reader.read(2), reader.read(1)
    depths, has_upsampling, has_residual = (8, 8, 8), 0, False
    if has_depths:
        depths = (8 + reader.read_golomb(), 8 + reader.read_golomb(), 8 + reader.read_golomb())
        _, has_upsampling, has_residual = reader.read(4), reader.read(1), not reader.read(1)
    profile = _guess_profile(rpu_profile, bool(is_full_range), bool(has_upsampling and has_residual), depths[2])
    return _Header(profile, denominator, depths[0], depths[1], has_residual)


def _guess_profile(rpu_profile: int, is_full_range: bool, has_enhancement: bool, depth: int) -> int:
    """Return the profile that a header shows, as FFmpeg and other readers conclude it."""
    if rpu_profile == 0:
        return 5 if is_full_range else 0
    if has_enhancement:
        return 7 if depth == 12 else 4
    return 8


def _skip_mapping(reader: BitReader, header: _Header) -> None:
    """Skip the curves that map the base layer."""
    for _ in range(3):
        reader.read_golomb()
    pieces = []
    for _ in range(3):
        pieces.append(reader.read_golomb() + 1)
        reader.read((pieces[-1] + 1) * header.base_depth)
    if header.has_residual:
        reader.read(3 + 2 * header.base_depth)
    reader.read_golomb()
    reader.read_golomb()
    for count in pieces:
        for _ in range(count):
            _skip_curve(reader, header)
    if header.has_residual:
        for _ in range(3):
            reader.read(header.enhancement_depth)
            for _ in range(3):
                _skip_coefficient(reader, header)


def _skip_curve(reader: BitReader, header: _Header) -> None:
    kind = reader.read_golomb()
    if kind == 0:
        order = reader.read_golomb() + 1
        if order == 1 and reader.read(1):
            raise ValueError("an RPU has a linear interpolation, whose syntax is unknown")
        count = order + 1
    elif kind == 1:
        count = 1 + 7 * (reader.read(2) + 1)
    else:
        raise ValueError("an RPU has an unknown kind of curve")
    for _ in range(count):
        _skip_coefficient(reader, header)


def _skip_coefficient(reader: BitReader, header: _Header) -> None:
    if header.denominator is None:
        reader.read(32)
    else:
        # signed and unsigned codes have the same length
        reader.read_golomb()
        reader.read(header.denominator)


def _find_area(reader: BitReader) -> tuple[ActiveArea | None, int]:
    """Skip the colour conversion; return the active area and its position in bits."""
    for _ in range(3):
        reader.read_golomb()
    # two matrices and an offset, the signal, source luminances and diagonal
    reader.read(9 * 16 + 3 * 32 + 9 * 16 + 3 * 16 + 32 + 5 + 2 + 2 + 2 + 12 + 12 + 10)
    # blocks of version 1, and after them those of version 2, if there is room for any
    for _ in range(2):
        if reader.bits_left <= _MAX_REST:
            break
        count = reader.read_golomb()
        reader.align()
        for _ in range(count):
            length, level = reader.read_golomb(), reader.read(8)
            position = reader.position
            reader.read(8 * length)
            if level == _AREA_LEVEL and length >= _AREA_LENGTH:
                reader.position = position
                left, right, top, bottom = (reader.read(_AREA_BITS) for _ in range(4))
                return (left, right, top, bottom), position
    return None, 0


@cache
def _make_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (_POLYNOMIAL if value >> 31 else 0)) & 0xFFFFFFFF
        table.append(value)
    return tuple(table)


def _compute_checksum(data: bytes) -> int:
    """Return the checksum of data; that of data with its own checksum is 0."""
    table, value = _make_table(), _FIRST
    for byte in data:
        value = (value << 8 & 0xFFFFFFFF) ^ table[value >> 24 ^ byte]
    return value
