"""The level that a track declares: raised to what its samples need of a decoder's buffer.

Encoders choose a level by size and rate of pictures; of bits they know nothing before they have made them.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap
from pathlib import Path

from encoder.encode.vbv import min_vbv_size, track_samples
from encoder.mp4.boxes import entry_boxes

__all__ = ["declare_level"]

#: level_idc: most bits/s and bits of buffer, in thousands. ITU-T H.264, table A-1.
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
#: ITU-T H.265, tables A.8 and A.9, main tier.
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
#: H.264's High profile may have a quarter more (table A-2).
HIGH, HIGH_FACTOR = 100, 1.25
#: HEVC's NAL unit types, and where general_level_idc stands in each: bytes after the unit's start.
_HEVC_PLACES = {32: 17, 33: 14}


def declare_level(track: Path) -> None:
    """Raise the level that an H.264 or HEVC track declares to the lowest whose buffer its samples fit.

    Parameters
    ----------
    track : Path
        MP4 file of one video track; its sample entry is changed in place. Of other codecs nothing is changed, nor
        where no level is high enough.
    """
    with track.open("r+b") as file, mmap(file.fileno(), 0) as data:
        found = {kind: begin + 8 for kind, begin, _ in entry_boxes(data)}
        if b"avcC" in found:
            places = list(_avc_places(data, found[b"avcC"]))
            factor = HIGH_FACTOR if data[found[b"avcC"] + 1] == HIGH else 1.0
            levels = H264_LEVELS
        elif b"hvcC" in found:
            places, factor, levels = list(_hevc_places(data, found[b"hvcC"])), 1.0, HEVC_LEVELS
        else:
            return
        bits, times = track_samples(track)
        for level, (rate, buffer) in levels.items():
            if level >= data[places[0]] and min_vbv_size(bits, times, 1000 * factor * rate) <= 1000 * factor * buffer:
                for place in places:
                    data[place] = level
                return


def _avc_places(data: mmap, box: int) -> Iterator[int]:
    """Yield where the level stands in the record (ISO/IEC 14496-15, 5.3.3) and in each sequence parameter set."""
    yield box + 3
    at = box + 6
    for _ in range(data[box + 5] & 0x1F):
        yield at + 2 + 3
        at += 2 + int.from_bytes(data[at : at + 2], "big")


def _hevc_places(data: mmap, box: int) -> Iterator[int]:
    """Yield the same of HEVC (8.3.3), whose video parameter sets tell it too."""
    yield box + 12
    at = box + 23
    for _ in range(data[box + 22]):
        kind, count = data[at] & 0x3F, int.from_bytes(data[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            length = int.from_bytes(data[at : at + 2], "big")
            if kind in _HEVC_PLACES:
                yield at + 2 + _escaped(data[at + 2 : at + 2 + length], _HEVC_PLACES[kind])
            at += 2 + length


def _escaped(unit: bytes, place: int) -> int:
    """Return where a byte stands when those that prevent start codes are counted too."""
    zeros = plain = 0
    for at, byte in enumerate(unit):
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        if plain == place:
            return at
        plain += 1
        zeros = zeros + 1 if byte == 0 else 0
    raise ValueError(f"a parameter set of {len(unit)} bytes is too short")
