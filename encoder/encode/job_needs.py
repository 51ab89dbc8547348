"""Predict the CPU time and the memory of an encode job from a table that `benchmarks.scale.encode_needs` measures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from encoder.codecs.codec_table import get_codec
from encoder.encode.plan import Rendition

__all__ = ["TABLE_FILE", "CodecNeeds", "predict_memory", "predict_seconds"]

#: The table, beside this module.
TABLE_FILE = Path(__file__).with_name("job_needs.json")
#: Predicted memory over the measured one: content differs, and ffmpeg buffers frames. Chosen by hand.
MEMORY_MARGIN = 1.3


class CodecNeeds(msgspec.Struct, frozen=True):
    """Needs of one codec.

    Attributes
    ----------
    encode : dict
        CPU seconds to encode a pixel, by preset.
    memory_base, memory_per_pixel : float
        Bytes of a process with one rendition, and bytes per pixel of its frame.
    """

    encode: dict[str, float]
    memory_base: float
    memory_per_pixel: float


class _Table(msgspec.Struct, frozen=True):
    """The file: CPU seconds to decode a pixel, and the needs of each codec."""

    decode: float
    codecs: dict[str, CodecNeeds]


def predict_seconds(source_pixels: int, renditions: Sequence[Rendition], frames: int) -> float:
    """Return the approximate CPU time of decoding frames once and encoding them in all renditions, s."""
    encode = sum(_encode_time(each.codec, each.preset) * each.width * each.height for each in renditions)
    return frames * (_read_table().decode * source_pixels + encode)


def predict_memory(source_pixels: int, renditions: Sequence[Rendition]) -> int:
    """Return the approximate maximum memory of a process that encodes all renditions at once, bytes."""
    needs = [(_needs(each.codec), each.width * each.height) for each in renditions]
    base = max((need.memory_base for need, _ in needs), default=0.0)
    # the line of the table includes decoding frames of the same size
    encoders = sum(need.memory_per_pixel * pixels for need, pixels in needs)
    decoder = max((need.memory_per_pixel for need, _ in needs), default=0.0) * source_pixels / 4
    return round(MEMORY_MARGIN * (base + encoders + decoder))


@cache
def _read_table() -> _Table:
    return msgspec.json.decode(TABLE_FILE.read_bytes(), type=_Table)


def _needs(codec: str) -> CodecNeeds:
    """Return the needs of a codec; one of a user's own table counts as the most demanding one."""
    table = _read_table().codecs
    return table.get(codec) or max(table.values(), key=lambda needs: needs.memory_per_pixel)


@cache
def _encode_time(codec: str, preset: str) -> float:
    """Return the CPU seconds to encode a pixel; presets between and beyond measured ones are interpolated by rank."""
    known = _needs(codec).encode
    if preset in known:
        return known[preset]
    presets = get_codec(codec).presets
    ranks = sorted((presets.index(name), seconds) for name, seconds in known.items() if name in presets)
    if preset not in presets or not ranks:
        return max(known.values())
    if len(ranks) == 1:
        return ranks[0][1]
    (low, fast), (high, slow) = ranks[0], ranks[-1]
    return fast * (slow / fast) ** ((presets.index(preset) - low) / (high - low))
