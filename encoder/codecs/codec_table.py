"""What there is to know of each video codec and its encoder: one row a codec.

Everything that an encoder spells in its own way is text of its row, so that another encoder of a user's ffmpeg is one
more row and no code.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from encoder.codecs.codec import Codec, EncoderOverride, Setting
from shotladder_runtime.errors import ShotladderError

__all__ = ["CODECS", "UnknownCodecError", "codec_named", "rows_of"]


class UnknownCodecError(ShotladderError, ValueError):
    """No row of the table has this name."""


_X26_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)


def _all(option: str, *values: str) -> tuple[Setting, ...]:
    return tuple((option, value) for value in values)


_X264_B_FRAMES = _all("x264-params", "bframes=5", "b-adapt=2")
_X264_DECISIONS = _all("x264-params", "subme=8", "trellis=2")
_X264_THOROUGH = (*_X264_B_FRAMES, *_X264_DECISIONS, *_all("x264-params", "rc-lookahead=60"))

_X265_DECISIONS = _all("x265-params", "rd=4", "rdoq-level=2", "subme=3", "rc-lookahead=40")
_X265_THOROUGH = _all("x265-params", "rd=6", "rdoq-level=2", "subme=4", "max-merge=4", "rc-lookahead=40")

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
        # five B-frames, references as they are: what is more changes the parameter sets
        overrides=(
            EncoderOverride("b-frames", _X264_B_FRAMES, _X26_PRESETS[2:8]),
            EncoderOverride("decisions", _X264_DECISIONS, ("fast", "medium")),
            EncoderOverride("thorough", _X264_THOROUGH, ("fast", "medium", "slow")),
            EncoderOverride("light deblocking", _all("x264-params", "deblock=-2,-2"), _X26_PRESETS[1:], ("metric",)),
            EncoderOverride(
                "thorough, light deblocking",
                (*_X264_THOROUGH, *_all("x264-params", "deblock=-2,-2")),
                ("fast", "medium", "slow"),
                ("metric",),
            ),
        ),
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
        overrides=(
            EncoderOverride("decisions", _X265_DECISIONS, _X26_PRESETS[1:6]),
            EncoderOverride("thorough", _X265_THOROUGH, _X26_PRESETS[1:7]),
        ),
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
        return tuple(_row(name, table) for name, table in tables.items())
    except (OSError, tomllib.TOMLDecodeError, TypeError, AttributeError) as error:
        raise UnknownCodecError(f"{path}: not rows of codecs ({error})") from error


def _row(name: str, table: dict[str, Any]) -> Codec:
    overrides = [EncoderOverride(**{k: _frozen(v) for k, v in each.items()}) for each in table.pop("overrides", ())]
    return Codec(name=name, overrides=tuple(overrides), **{k: _frozen(v) for k, v in table.items()})


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
