"""The description of a codec and its encoder: everything that an encoder spells in its own way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import av

__all__ = ["EFFORTS", "Codec", "EncoderOverride", "Setting", "get_bit_depth", "join_settings"]

#: An FFmpeg option and its value. An option that is a list of an encoder's own parameters is given once for each
#: parameter: ("x265-params", "scenecut=0").
Setting = tuple[str, str]

#: Efforts of a search for a ladder, cheapest first.
EFFORTS = ("fast", "balanced", "thorough")


@dataclass(frozen=True, slots=True)
class EncoderOverride:
    """Encoder settings that a single chunk may use in addition to those of its preset.

    They leave the parameter sets unchanged, so that chunks with and without an override can be stitched.

    Attributes
    ----------
    name : str
    settings : tuple of Setting
    presets : tuple of str
        Presets with which the override may be combined.
    tunes : tuple of str
        "visual" and "metric", or one of them.
    efforts : tuple of str
        Efforts of a search (`EFFORTS`) that use the override in all chunks, unless the search chooses another one.
    """

    name: str
    settings: tuple[Setting, ...]
    presets: tuple[str, ...]
    tunes: tuple[str, ...] = ("visual", "metric")
    efforts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec and the encoder that produces it.

    Attributes
    ----------
    name : str
        Name of the row, as users type it.
    encoder : str
        FFmpeg's name of the encoder.
    family : str
        Coding standard, which several encoders may produce: "h264", "hevc", "vp9", "av1".
    pixel_formats : tuple of str
        Pixel formats that the encoder accepts, by increasing bit depth.
    quantisers : tuple of float
        Min and max quantiser (CRF) for delivery; a lower quantiser gives higher quality and bitrate.
    step : float
        Smallest difference between quantisers that the encoder distinguishes.
    rate_halving : float
        Approximate difference of quantisers that halves the bitrate. Searches use it as a first guess only.
    presets : tuple of str
        Presets of the encoder, fastest first.
    preset : str
        Default preset of final encodes.
    hdr : bool
        Whether HDR is kept; otherwise an HDR source is tone-mapped.
    passes : int
        1, or 2 for an encoder that analyses the whole chunk before it encodes (FFmpeg's `-pass`).
    quantiser_setting, preset_setting : Setting
        Options of the quantiser and the preset, with {} for the value.
    devices : tuple of Setting
        Global options that open a hardware device: ("vaapi_device", "/dev/dri/renderD128").
    upload : tuple of str
        Names of the filters that transfer frames to the device: "hwupload".
    fast_preset : str or None
        Preset of fast probe encodes, whose curves are corrected by a few probe encodes of the final preset. None: all
        probe encodes use the final preset.
    vbv_settings : tuple of Setting
        Options of the VBV, with {peak_rate} (bit/s) and {buffer_size} (bits); empty if the encoder does not support a
        VBV in this mode.
    settings : tuple of Setting
        Options that make chunks fit together when they are stitched by stream copy, and that keep key frames where the
        plan places them.
    portable_settings : tuple of Setting
        Additional options on a processor with AVX-512, with which the encoder gives the same bytes as on processors
        without it; empty if it does so anyway.
    metric_settings : tuple of Setting
        Additional options of `--tune metric`: they disable psychovisual decisions that lower metrics.
    film_grain_settings : tuple of Setting
        Additional options that remove film grain and let players synthesise it, with {} for the strength (1 to 50);
        empty if the encoder cannot. The parameter sets must not depend on the strength.
    overrides : tuple of EncoderOverride
        Overrides for single chunks.
    """

    name: str
    encoder: str
    family: str
    pixel_formats: tuple[str, ...]
    quantisers: tuple[float, float]
    step: float
    rate_halving: float
    presets: tuple[str, ...]
    preset: str
    settings: tuple[Setting, ...]
    portable_settings: tuple[Setting, ...] = ()
    metric_settings: tuple[Setting, ...] = ()
    hdr: bool = False
    passes: int = 1
    quantiser_setting: Setting = ("crf", "{}")
    preset_setting: Setting = ("preset", "{}")
    fast_preset: str | None = None
    devices: tuple[Setting, ...] = ()
    upload: tuple[str, ...] = ()
    vbv_settings: tuple[Setting, ...] = (("maxrate", "{peak_rate}"), ("bufsize", "{buffer_size}"))
    film_grain_settings: tuple[Setting, ...] = ()
    overrides: tuple[EncoderOverride, ...] = ()

    def overrides_for(self, preset: str, tune: str) -> tuple[EncoderOverride, ...]:
        """Return the overrides that may be combined with a preset and a tune."""
        return tuple(each for each in self.overrides if preset in each.presets and tune in each.tunes)

    def default_override(self, effort: str, preset: str, tune: str) -> str:
        """Return the name of the override that all chunks have with an effort; empty if there is none."""
        return next((each.name for each in self.overrides_for(preset, tune) if effort in each.efforts), "")

    def settings_for(self, tune: str, override: str) -> tuple[Setting, ...]:
        """Return all settings except preset and quantiser; `override` is a name, or empty for none."""
        additional = [each.settings for each in self.overrides if each.name == override]
        return (*self.settings, *(self.metric_settings if tune == "metric" else ()), *chain.from_iterable(additional))

    def pixel_format_for(self, bit_depth: int) -> str:
        """Return the first pixel format with at least this many bits per sample, or the deepest one."""
        deep_enough = (name for name in self.pixel_formats if get_bit_depth(name) >= bit_depth)
        return next(deep_enough, self.pixel_formats[-1])

    def fast_preset_for(self, preset: str) -> str | None:
        """Return the preset of fast probe encodes; None if the final preset is as fast."""
        if self.fast_preset is None or self.presets.index(self.fast_preset) >= self.presets.index(preset):
            return None
        return self.fast_preset

    def quantiser_at(self, fraction: float) -> float:
        """Return the quantiser at a fraction of the range: 0 the lowest, 1 the highest quantiser."""
        lowest, highest = self.quantisers
        return round((lowest + fraction * (highest - lowest)) / self.step) * self.step


def get_bit_depth(pixel_format: str) -> int:
    """Return the bits of a luma sample."""
    return int(av.VideoFormat(pixel_format).components[0].bits)


def join_settings(settings: Iterable[Setting]) -> dict[str, str]:
    """Return FFmpeg options; several values of one option are join_settings by colons.

    Examples
    --------
    >>> join_settings([("crf", "23"), ("x265-params", "scenecut=0"), ("x265-params", "info=0")])
    {'crf': '23', 'x265-params': 'scenecut=0:info=0'}
    """
    options: dict[str, str] = {}
    for option, value in settings:
        options[option] = f"{options[option]}:{value}" if option in options else value
    return options
