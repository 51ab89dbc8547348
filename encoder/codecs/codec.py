"""What a codec's row holds: all there is to know of an encoder that has its own way to spell things."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import av

__all__ = ["Codec", "EncoderOverride", "Setting", "depth_of", "joined"]

#: An option of FFmpeg and its value. Options that are lists of an encoder's own parameters are given once for each
#: parameter: ("x265-params", "scenecut=0").
Setting = tuple[str, str]


@dataclass(frozen=True, slots=True)
class EncoderOverride:
    """What a chunk may be encoded with beyond its preset, where that is worth it.

    Headers stay as they are: refined chunks fit plain ones when they are stitched.

    Attributes
    ----------
    name : str
    settings : tuple of Setting
    presets : tuple of str
        To which it may be added.
    tunes : tuple of str
        "visual" and "metric", or one of them.
    """

    name: str
    settings: tuple[Setting, ...]
    presets: tuple[str, ...]
    tunes: tuple[str, ...] = ("visual", "metric")


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec and the encoder that makes it.

    Attributes
    ----------
    name : str
        What users call it.
    encoder : str
        FFmpeg's name of the encoder.
    family : str
        The codec itself, which several encoders may make: "h264", "hevc", "vp9", "av1".
    pixel_formats : tuple of str
        That the encoder takes, by growing depth.
    quantisers : tuple of float
        Lowest and highest quantiser (CRF) that makes sense for delivery; lower is better and larger.
    step : float
        The encoder tells quantisers apart to this step.
    rate_halving : float
        About so many steps of the quantiser halve the rate; where a search begins, never where it ends.
    presets : tuple of str
        The encoder's, fastest first.
    preset : str
        Default for production.
    hdr : bool
        Whether high dynamic range is kept; otherwise it is tone-mapped.
    passes : int
        1, or 2 for an encoder that looks at the whole chunk before it encodes (FFmpeg's `-pass`).
    quantiser_setting, preset_setting : Setting
        How they are told, with {} in their place.
    devices : tuple of Setting
        Options for the whole command that open what encodes: ("vaapi_device", "/dev/dri/renderD128").
    upload : tuple of str
        Names of the filters that bring pictures to where they are encoded: "hwupload".
    trial_preset : str or None
        Fast enough for many trials: it draws the curves that a few encodes of a slower preset put in their place. None:
        all trials are by the preset of the final encodes.
    bound_settings : tuple of Setting
        How a decoder's buffer is told, with {peak_rate} (bit/s) and {buffer_size} (bits) in their places; empty where
        the encoder cannot keep to one.
    settings : tuple of Setting
        What makes chunks fit together when they are stitched by stream copy, and keeps key frames where the
        plan puts them.
    metric_settings : tuple of Setting
        Added under `--tune metric`: the encoder's choices for eyes that metrics do not see are switched off.
    overrides : tuple of EncoderOverride
        What single chunks may have beside all that.
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
    metric_settings: tuple[Setting, ...] = ()
    hdr: bool = False
    passes: int = 1
    quantiser_setting: Setting = ("crf", "{}")
    preset_setting: Setting = ("preset", "{}")
    trial_preset: str | None = None
    devices: tuple[Setting, ...] = ()
    upload: tuple[str, ...] = ()
    bound_settings: tuple[Setting, ...] = (("maxrate", "{peak_rate}"), ("bufsize", "{buffer_size}"))
    overrides: tuple[EncoderOverride, ...] = ()

    def overrides_for(self, preset: str, tune: str) -> tuple[EncoderOverride, ...]:
        """Return what chunks may be refined by."""
        return tuple(each for each in self.overrides if preset in each.presets and tune in each.tunes)

    def settings_with(self, tune: str, override: str) -> tuple[Setting, ...]:
        """Return what every encode has beside preset and quantiser; the override is named, or an empty string."""
        finer = [each.settings for each in self.overrides if each.name == override]
        return (*self.settings, *(self.metric_settings if tune == "metric" else ()), *chain.from_iterable(finer))

    def pixel_format(self, bit_depth: int) -> str:
        """Return the shallowest format that holds so many bits a sample, or the deepest there is."""
        enough = (name for name in self.pixel_formats if depth_of(name) >= bit_depth)
        return next(enough, self.pixel_formats[-1])

    def trials_for(self, preset: str) -> str | None:
        """Return the preset of trials for a production preset; None if that one is as fast."""
        if self.trial_preset is None or self.presets.index(self.trial_preset) >= self.presets.index(preset):
            return None
        return self.trial_preset

    def at_share(self, share: float) -> float:
        """Return the quantiser at a share of the range, 0 the finest, 1 the coarsest."""
        lowest, highest = self.quantisers
        return round((lowest + share * (highest - lowest)) / self.step) * self.step


def depth_of(pixel_format: str) -> int:
    """Return the bits of a luma sample."""
    return int(av.VideoFormat(pixel_format).components[0].bits)


def joined(settings: Iterable[Setting]) -> dict[str, str]:
    """Return the options of settings: the values of one option joined by colons, as FFmpeg reads lists.

    Examples
    --------
    >>> joined([("crf", "23"), ("x265-params", "scenecut=0"), ("x265-params", "info=0")])
    {'crf': '23', 'x265-params': 'scenecut=0:info=0'}
    """
    options: dict[str, str] = {}
    for option, value in settings:
        options[option] = f"{options[option]}:{value}" if option in options else value
    return options
