"""What there is to know of each video codec and its encoder: one row a codec.

Everything that an encoder spells in its own way is text of its row, so that another encoder of a user's ffmpeg is one
more row and no code.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from shotladder_errors import ShotladderError

__all__ = ["CODECS", "Codec", "Setting", "UnknownCodecError", "codec_named", "joined", "rows_of"]

#: An option of FFmpeg and its value. Options that are lists of an encoder's own parameters are given once for each
#: parameter: ("x265-params", "scenecut=0").
Setting = tuple[str, str]


class UnknownCodecError(ShotladderError, ValueError):
    """No row of the table has this name."""


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


_X26_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)


def _all(option: str, *values: str) -> tuple[Setting, ...]:
    return tuple((option, value) for value in values)


_ROWS = (
    Codec(
        name="h264",
        encoder="libx264",
        family="h264",
        # what every player has; 10 bits of H.264 hardly any has
        pixel_formats=("yuv420p",),
        quantisers=(12.0, 46.0),
        step=0.25,
        rate_halving=6.0,
        presets=_X26_PRESETS,
        preset="medium",
        trial_preset="veryfast",
        settings=_all(
            "x264-params",
            # without it x264 writes the quantiser into the picture parameter set, and chunks differ
            "stitchable=1",
            # key frames stand where the plan puts them and nowhere else
            "scenecut=0",
            "keyint=infinite",
            "open-gop=0",
            # more than one thread would make the frames depend on how many
            "threads=1",
            "lookahead-threads=1",
        ),
        metric_settings=_all("x264-params", "aq-mode=0", "psy=0"),
    ),
    Codec(
        name="hevc",
        encoder="libx265",
        family="hevc",
        pixel_formats=("yuv420p", "yuv420p10le"),
        quantisers=(12.0, 48.0),
        step=0.25,
        rate_halving=6.0,
        presets=_X26_PRESETS,
        preset="medium",
        trial_preset="superfast",
        settings=(
            # what Apple's players ask for: parameter sets in the sample entry alone
            ("tag:v", "hvc1"),
            # x265 otherwise makes forced key frames ones that earlier pictures may be needed for
            ("forced-idr", "1"),
            # the per-frame metadata of a source speaks of its own pictures and needs a bounded rate
            ("dolbyvision", "0"),
            *_all(
                "x265-params",
                # both would let the picture parameter set follow what was encoded, and chunks differ
                "opt-qp-pps=0",
                "opt-ref-list-length-pps=0",
                # a message with all settings, the quantiser among them, would stand among the parameter sets
                "info=0",
                "scenecut=0",
                "keyint=-1",
                "min-keyint=1",
                "open-gop=0",
                "pools=none",
                "frame-threads=1",
                "log-level=error",
            ),
        ),
        metric_settings=_all("x265-params", "aq-mode=0", "psy-rd=0", "psy-rdoq=0"),
        hdr=True,
    ),
    Codec(
        name="vp9",
        encoder="libvpx-vp9",
        family="vp9",
        # the packager cannot tell HLS players that VP9 is HDR: they would show it washed out; so it is tone-mapped
        pixel_formats=("yuv420p", "yuv420p10le"),
        quantisers=(12.0, 60.0),
        step=1.0,
        rate_halving=13.0,
        presets=("5", "4", "3", "2", "1", "0"),
        preset="2",
        trial_preset="5",
        preset_setting=("cpu-used", "{}"),
        # libvpx has its hidden reference frames in the second of two passes alone
        passes=2,
        # libvpx knows a rate or a quality, not a quality within a buffer
        bound_settings=(),
        settings=(
            # a rate of 0 is what makes the quantiser the aim
            ("b:v", "0"),
            ("deadline", "good"),
            # equal distances switch its own key frames off
            ("g", "100000"),
            ("keyint_min", "100000"),
            ("lag-in-frames", "25"),
            ("auto-alt-ref", "1"),
            ("row-mt", "0"),
        ),
    ),
    Codec(
        name="av1",
        encoder="libsvtav1",
        family="av1",
        pixel_formats=("yuv420p", "yuv420p10le"),
        quantisers=(14.0, 60.0),
        step=0.25,
        rate_halving=14.0,
        presets=tuple(str(speed) for speed in range(12, -1, -1)),
        preset="6",
        trial_preset="10",
        # FFmpeg's own option knows whole numbers only
        quantiser_setting=("svtav1-params", "crf={}"),
        settings=(
            ("dolbyvision", "0"),
            *_all(
                "svtav1-params",
                "scd=0",
                "keyint=-1",
                # key frames are closed to what came before
                "irefresh-type=2",
                "lp=1",
                # for eyes; its default is for a metric
                "tune=0",
            ),
        ),
        metric_settings=_all("svtav1-params", "tune=1"),
        hdr=True,
    ),
)

#: A user's own rows, in a file of TOML; see `rows_of`.
CODECS_VARIABLE = "SHOTLADDER_CODECS"

CODECS = {row.name: row for row in _ROWS}


def rows_of(path: Path) -> tuple[Codec, ...]:
    """Read rows of further encoders from a file of TOML: a table a row, named as users will call it.

    Raises
    ------
    UnknownCodecError
        If the file cannot be read, or a row lacks a field or has one that is unknown.

    Notes
    -----
    Keys are the fields of `Codec`; a list of settings is a list of pairs::

        [h264_nvenc]
        encoder = "h264_nvenc"
        family = "h264"
        pixel_formats = ["yuv420p"]
        quantisers = [14, 46]
        step = 0.25
        rate_halving = 6
        presets = ["p1", "p4", "p7"]
        preset = "p4"
        trial_preset = "p1"
        quantiser_setting = ["cq", "{}"]
        settings = [["rc", "vbr"], ["b:v", "0"], ["g", "100000"], ["no-scenecut", "1"], ["forced-idr", "1"]]
    """
    try:
        tables = tomllib.loads(path.read_text())
        return tuple(Codec(name=name, **{k: _frozen(v) for k, v in row.items()}) for name, row in tables.items())
    except (OSError, tomllib.TOMLDecodeError, TypeError, AttributeError) as error:
        raise UnknownCodecError(f"{path}: not rows of codecs ({error})") from error


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


if os.environ.get(CODECS_VARIABLE):
    CODECS |= {row.name: row for row in rows_of(Path(os.environ[CODECS_VARIABLE]))}


def codec_named(name: str) -> Codec:
    """Return the row of a codec.

    Raises
    ------
    UnknownCodecError
        If there is none of this name.
    """
    try:
        return CODECS[name]
    except KeyError:
        raise UnknownCodecError(f"{name}: no such codec (there are {', '.join(CODECS)})") from None
