"""CPU time of encodes and measurements, by their pixels and their bits.

An encoder spends time on every pixel and on every bit. Two constants therefore fit all titles and quantisers, while the
time of a pixel alone varies by a factor of five between titles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from encoder import Source, get_codec
from encoder.media.file_stamp import FileStamp
from ladders import RungRules, candidate_sizes
from shotladder.pipeline.encode_request import EncodeRequest

__all__ = [
    "ProbeEncode",
    "codec_factor",
    "encode_seconds",
    "expect_probe_bits",
    "expect_rungs",
    "measure_seconds",
    "probe_seconds",
]

#: CPU s per encoded megapixel and per encoded megabit, H.264 by its default preset. Measured in November 2026 by
#: benchmarks.value on ten clips of 2 to 60 s, 480p to 1080p: the sum of both is within 25 % of most runs.
PIXEL_SECONDS = 0.022
BIT_SECONDS = 0.6
#: CPU time of an encode by the fast preset of the probes, relative to the target preset. Same runs: 0.32.
FAST_FACTOR = 1 / 3
#: CPU s per measured megapixel at the size of the source. Same runs: 0.016 to 0.019.
MEASURE_SECONDS = 0.018
#: CPU s of a frame that is decoded and not measured, relative to a measured frame. From benchmarks.farm.
SKIPPED_FRAME_FACTOR = 0.1
#: Time of the final measurement with effort "fast", which decodes all frames and measures one in three, relative to the
#: others. Measured on one video (11 for 23 CPU s).
FAST_MEASURE_FACTOR = 0.5
#: CPU time of a codec by its default preset, relative to H.264. Chosen by hand from benchmarks.encode_cost.
CODEC_FACTORS = {"h264": 1.0, "hevc": 2.5, "av1": 2.0, "vp9": 3.0}
#: CPU time of one preset, relative to the next faster one. Chosen by hand.
PRESET_FACTOR = 1.5

#: Bits per pixel of the top rung. Same runs: 0.01 to 0.12.
TOP_BITS_PER_PIXEL = 0.05
#: Maximum bitrate of the top rung, as a fraction of the bitrate of the source file. Same runs: 0.13 to 0.43.
TOP_SOURCE_FRACTION = 0.4
#: Bits per pixel of probe encodes. The mean of a store with the probes of several titles.
PROBE_BITS_PER_PIXEL = 0.08
#: Their maximum, as a fraction of the bits per pixel of the source file. Measured on three titles: 0.3 to 0.6.
PROBE_SOURCE_FRACTION = 0.45
#: Mean pixels of the rungs, as a fraction of the pixels of the largest size. Same runs: 0.37 to 1.0.
MEAN_RUNG_PIXELS = 0.7


class ProbeEncode(NamedTuple):
    """A probe encode.

    Attributes
    ----------
    pixels : float
        Of a frame.
    bits : float
        Of all frames.
    frames, measured : int
        Number of encoded frames, and of those that are measured.
    is_fast : bool
        Whether the fast preset encodes it.
    """

    pixels: float
    bits: float
    frames: int
    measured: int
    is_fast: bool


def encode_seconds(factor: float, megapixels: float, megabits: float) -> float:
    """Return the CPU time of encodes, s.

    Parameters
    ----------
    factor : float
        CPU time of codec and preset, relative to H.264 by its default preset: see `codec_factor`.
    megapixels, megabits : float
        Of all encoded frames.
    """
    return factor * (PIXEL_SECONDS * megapixels + BIT_SECONDS * megabits)


def probe_seconds(source: Source, probe: ProbeEncode, factor: float) -> float:
    """Return the CPU time to encode and to measure a probe, s; `factor` is that of `encode_seconds`."""
    width, height = source.display_size
    skipped = SKIPPED_FRAME_FACTOR * (probe.frames - probe.measured)
    measure = MEASURE_SECONDS * (probe.measured + skipped) * width * height / 1e6
    encode = encode_seconds(factor, probe.frames * probe.pixels / 1e6, probe.bits / 1e6)
    return encode * (FAST_FACTOR if probe.is_fast else 1.0) + measure


def measure_seconds(request: EncodeRequest, megapixels: float) -> float:
    """Return the CPU time of the final measurement of frames, s, by their megapixels at the size of the source."""
    return MEASURE_SECONDS * (FAST_MEASURE_FACTOR if request.effort == "fast" else 1.0) * megapixels


def codec_factor(name: str, preset: str) -> float:
    """Return the CPU time of a codec and preset, relative to H.264 by its default preset.

    Parameters
    ----------
    name : str
    preset : str
        A name that the codec does not have stands for its default preset.
    """
    codec = get_codec(name)
    factor = CODEC_FACTORS.get(name, 1.0)
    if preset in codec.presets and codec.preset in codec.presets:
        # presets are ordered from fast to slow
        factor *= PRESET_FACTOR ** (codec.presets.index(preset) - codec.presets.index(codec.preset))
    return float(factor)


def expect_rungs(request: EncodeRequest, source: Source) -> Sequence[tuple[float, float]]:
    """Return pixels and bitrate (bits/s) of each rung that a ladder may have, before it is found; lowest first.

    The bitrate of the top rung is guessed from the source, and the number of rungs follows by the rules of ladders.
    """
    rules = RungRules()
    width, height = next(iter(candidate_sizes(source.display_size, request.max_height).values()))
    seconds = max(float(source.duration), 1e-3)
    limits = [TOP_BITS_PER_PIXEL * width * height * source.frame_count / seconds, request.max_bitrate or math.inf]
    if (bitrate := _source_bitrate(source)) is not None:
        limits.append(TOP_SOURCE_FRACTION * bitrate)
    top = min(limits)
    bottom = min(rules.bottom_rate, top / rules.typical_ratio)
    count = request.rungs or 1 + round(math.log(top / bottom) / math.log(rules.typical_ratio))
    step = (top / bottom) ** (1 / max(count - 1, 1))
    return [(MEAN_RUNG_PIXELS * width * height, top / step**n) for n in reversed(range(count))]


def expect_probe_bits(source: Source) -> float:
    """Return the bits per pixel of probe encodes that are expected before one is known."""
    bitrate = _source_bitrate(source)
    if bitrate is None:
        return PROBE_BITS_PER_PIXEL
    width, height = source.display_size
    pixels = source.frame_count * width * height / max(float(source.duration), 1e-3)
    return min(PROBE_BITS_PER_PIXEL, PROBE_SOURCE_FRACTION * bitrate / pixels)


def _source_bitrate(source: Source) -> float | None:
    """Return the bitrate of the file of a source, bits/s; None for a playlist, whose size is not that of its segments.

    That of a source at a URL is not used either: it may be a playlist.
    """
    if not isinstance(source.stamp, FileStamp) or source.stamp.segments or not source.stamp.size:
        return None
    return 8 * source.stamp.size / max(float(source.duration), 1e-3)
