"""Raise the declared level of a track to what its samples require of the decoder buffer.

Encoders choose a level by picture size and frame rate. They do not know the bits of the samples in advance.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap
from pathlib import Path

from encoder.encode.vbv import min_vbv_size, read_track_samples
from encoder.mp4.boxes import read_entry_boxes

__all__ = ["declare_level", "find_escaped_offset"]

#: level_idc: (MaxBR, MaxCPB), 1000 bits/s and 1000 bits. ITU-T H.264, table A-1.
H264_LEVELS = {
    10: (64, 175),
    11: (192, 500),
    12: (384, 1000),
    13: (768, 2000),
    20: (2000, 2000),
    21: (4000, 4000),
    22: (4000, 4000),
    30: (10_000, 10_000),
    31: (14_000, 14_000),
    32: (20_000, 20_000),
    40: (20_000, 25_000),
    41: (50_000, 62_500),
    42: (50_000, 62_500),
    50: (135_000, 135_000),
    51: (240_000, 240_000),
    52: (240_000, 240_000),
    60: (240_000, 240_000),
    61: (480_000, 480_000),
    62: (800_000, 800_000),
}
#: general_level_idc: (MaxBR, MaxCPB), 1000 bits/s and 1000 bits. ITU-T H.265, tables A.8 and A.9, main tier.
HEVC_LEVELS = {
    30: (128, 350),
    60: (1500, 1500),
    63: (3000, 3000),
    90: (6000, 6000),
    93: (10_000, 10_000),
    120: (12_000, 12_000),
    123: (20_000, 20_000),
    150: (25_000, 25_000),
    153: (40_000, 40_000),
    156: (60_000, 60_000),
    180: (60_000, 60_000),
    183: (120_000, 120_000),
    186: (240_000, 240_000),
}
#: profile_idc of the High profile of H.264.
HIGH = 100
#: Factor of the High profile on MaxBR and MaxCPB (ITU-T H.264, table A-2: cpbBrVclFactor 1250 instead of 1000).
HIGH_FACTOR = 1.25
#: NAL unit types of HEVC with a level (VPS, SPS), and the offset of general_level_idc in each, bytes.
_HEVC_LEVEL_OFFSETS = {32: 17, 33: 14}


def declare_level(track: Path) -> None:
    """Raise the level that an H.264 or HEVC track declares to the lowest whose buffer its samples fit.

    Parameters
    ----------
    track : Path
        MP4 file of one video track, whose sample entry is changed in place. A track of another codec, or one for which
        no level is high enough, is not changed.
    """
    with track.open("r+b") as file, mmap(file.fileno(), 0) as data:
        found = {kind: start + 8 for kind, start, _ in read_entry_boxes(data)}
        if b"avcC" in found:
            offsets = list(_find_avc_levels(data, found[b"avcC"]))
            factor = HIGH_FACTOR if data[found[b"avcC"] + 1] == HIGH else 1.0
            levels = H264_LEVELS
        elif b"hvcC" in found:
            offsets, factor, levels = list(_find_hevc_levels(data, found[b"hvcC"])), 1.0, HEVC_LEVELS
        else:
            return
        bits, times = read_track_samples(track)
        for level, (rate, buffer) in levels.items():
            if level >= data[offsets[0]] and min_vbv_size(bits, times, 1000 * factor * rate) <= 1000 * factor * buffer:
                for offset in offsets:
                    data[offset] = level
                return


def _find_avc_levels(data: mmap, box: int) -> Iterator[int]:
    """Yield the offsets of the level in the configuration record (ISO/IEC 14496-15, 5.3.3) and in each SPS."""
    yield box + 3
    at = box + 6
    for _ in range(data[box + 5] & 0x1F):
        yield at + 2 + 3
        at += 2 + int.from_bytes(data[at : at + 2], "big")


def _find_hevc_levels(data: mmap, box: int) -> Iterator[int]:
    """Yield the offsets of the level in an HEVC record (ISO/IEC 14496-15, 8.3.3) and in each VPS and SPS."""
    yield box + 12
    at = box + 23
    for _ in range(data[box + 22]):
        kind, count = data[at] & 0x3F, int.from_bytes(data[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            length = int.from_bytes(data[at : at + 2], "big")
            if kind in _HEVC_LEVEL_OFFSETS:
                yield at + 2 + find_escaped_offset(data[at + 2 : at + 2 + length], _HEVC_LEVEL_OFFSETS[kind])
            at += 2 + length


def find_escaped_offset(unit: bytes, offset: int) -> int:
    """Return the offset of a byte of a NAL unit, including emulation prevention bytes before it."""
    zeros = plain = 0
    for at, byte in enumerate(unit):
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        if plain == offset:
            return at
        plain += 1
        zeros = zeros + 1 if byte == 0 else 0
    raise ValueError(f"a parameter set of {len(unit)} bytes is too short")
