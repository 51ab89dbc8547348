"""The codecs and their encoders: one row per codec.

Everything that an encoder spells in its own way is text of its row, so that another encoder of a user's ffmpeg needs
one more row and no code.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from encoder.codecs.codec import EFFORTS, Codec, EncoderOverride, Setting
from encoder.codecs.codec_file import read_codec_file
from encoder.errors import UnknownCodecError

__all__ = ["get_codec", "load_codecs"]

_X26_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)


def _repeat(option: str, *values: str) -> tuple[Setting, ...]:
    return tuple((option, value) for value in values)


_X264_B_FRAMES = _repeat("x264-params", "bframes=5", "b-adapt=2")
_X264_DECISIONS = _repeat("x264-params", "subme=8", "trellis=2")
_X264_THOROUGH = (*_X264_B_FRAMES, *_X264_DECISIONS, *_repeat("x264-params", "rc-lookahead=60"))

_X264_LIGHT_DEBLOCKING = _repeat("x264-params", "deblock=-2,-2")
_X264_WEAK_AQ = _repeat("x264-params", "aq-strength=0.6")

_X265_DECISIONS = _repeat("x265-params", "rd=4", "rdoq-level=2", "subme=3", "rc-lookahead=40")
_X265_THOROUGH = _repeat("x265-params", "rd=6", "rdoq-level=2", "subme=4", "max-merge=4", "rc-lookahead=40")

_BUILT_IN = (
    Codec(
        name="h264",
        encoder="libx264",
        family="h264",
        # every player decodes 8 bits; hardly any decodes H.264 with 10 bits
        pixel_formats=("yuv420p",),
        quantisers=(12.0, 46.0),
        step=0.25,
        rate_halving=6.0,
        presets=_X26_PRESETS,
        preset="medium",
        fast_preset="veryfast",
        settings=_repeat(
            "x264-params",
            # otherwise x264 writes the quantiser into the picture parameter set, which then differs between chunks
            "stitchable=1",
            # key frames only where the plan places them
            "scenecut=0",
            "keyint=infinite",
            "open-gop=0",
            # with more threads the encoded frames would depend on their number
            "threads=1",
            "lookahead-threads=1",
        ),
        # AVX-512 code of x264 gives other bytes than AVX2 and SSE4, which depend on unset memory (at 322x182 with
        # MALLOC_PERTURB_; benchmarks.determinism). AVX2 takes 5 percent more CPU time (720p, preset medium, median of
        # 4 encodes, 2026-11-30)
        portable_settings=_repeat("x264-params", "asm=avx2"),
        metric_settings=_repeat("x264-params", "aq-mode=0", "psy=0"),
        # at most five B-frames and unchanged reference frames: more would change the parameter sets
        overrides=(
            EncoderOverride("b-frames", _X264_B_FRAMES, _X26_PRESETS[2:8]),
            EncoderOverride("decisions", _X264_DECISIONS, ("fast", "medium")),
            EncoderOverride("thorough", _X264_THOROUGH, ("fast", "medium", "slow")),
            # strength 0.6 lies between two that were measured on 10 s of five videos at four CRFs (2026-11-29): 0.7 and
            # 0.5 save 7.6 and 11.1 percent of the bits at equal VMAF, and 2.4 and 2.3 percent at equal XPSNR
            EncoderOverride(
                "weak AQ, thorough",
                (*_X264_WEAK_AQ, *_X264_THOROUGH),
                ("fast", "medium", "slow"),
                ("visual",),
                efforts=("balanced", "thorough"),
            ),
            EncoderOverride("weak AQ", _X264_WEAK_AQ, _X26_PRESETS[1:], ("visual",), efforts=EFFORTS),
            EncoderOverride(
                "thorough, light deblocking",
                (*_X264_THOROUGH, *_X264_LIGHT_DEBLOCKING),
                ("fast", "medium", "slow"),
                ("metric",),
                efforts=("balanced", "thorough"),
            ),
            EncoderOverride("light deblocking", _X264_LIGHT_DEBLOCKING, _X26_PRESETS[1:], ("metric",), efforts=EFFORTS),
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
        fast_preset="superfast",
        settings=(
            # Apple's players require parameter sets in the sample entry only
            ("tag:v", "hvc1"),
            # otherwise x265 encodes forced key frames as CRA pictures, whose leading pictures refer to earlier ones
            ("forced-idr", "1"),
            # the Dolby Vision metadata of a source describes its own frames, and x265 requires a VBV with it
            ("dolbyvision", "0"),
            *_repeat(
                "x265-params",
                # both would adapt the picture parameter set to the content, which then differs between chunks
                "opt-qp-pps=0",
                "opt-ref-list-length-pps=0",
                # the SEI message with all settings, including the quantiser, would be part of the parameter sets
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
        metric_settings=_repeat("x265-params", "aq-mode=0", "psy-rd=0", "psy-rdoq=0"),
        overrides=(
            EncoderOverride("decisions", _X265_DECISIONS, _X26_PRESETS[1:6], efforts=("balanced", "thorough")),
            EncoderOverride("thorough", _X265_THOROUGH, _X26_PRESETS[1:7]),
        ),
        hdr=True,
    ),
    Codec(
        name="vp9",
        encoder="libvpx-vp9",
        family="vp9",
        # tone-mapped: the packager cannot signal HDR VP9 in HLS, and players would show it with wrong colours
        pixel_formats=("yuv420p", "yuv420p10le"),
        quantisers=(12.0, 60.0),
        step=1.0,
        rate_halving=13.0,
        presets=("5", "4", "3", "2", "1", "0"),
        preset="2",
        fast_preset="5",
        preset_setting=("cpu-used", "{}"),
        # libvpx uses alternate reference frames only in the second of two passes
        passes=2,
        # libvpx supports a target bitrate or a target quality, but no VBV in quality mode
        vbv_settings=(),
        settings=(
            # constant quality mode: the quantiser is the target only if the bitrate is 0
            ("b:v", "0"),
            ("deadline", "good"),
            # equal min and max distances disable automatic key frames
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
        fast_preset="10",
        # the `crf` option of FFmpeg accepts integers only
        quantiser_setting=("svtav1-params", "crf={}"),
        settings=(
            ("dolbyvision", "0"),
            *_repeat(
                "svtav1-params",
                "scd=0",
                "keyint=-1",
                # closed groups of pictures
                "irefresh-type=2",
                "lp=1",
                # visual quality; the default, 1, is PSNR
                "tune=0",
            ),
        ),
        metric_settings=_repeat("svtav1-params", "tune=1"),
        # otherwise the grain of the source would be encoded, and more grain added
        film_grain_settings=_repeat("svtav1-params", "film-grain={}", "film-grain-denoise=1"),
        hdr=True,
    ),
)

#: Environment variable that names a TOML file with the codecs of a user's own encoders; see `read_codec_file`.
CODECS_VARIABLE = "SHOTLADDER_CODECS"


@cache
def load_codecs() -> dict[str, Codec]:
    """Return all codecs by name: the built-in ones, and those of the file that `SHOTLADDER_CODECS` names.

    The file is read at the first call; a codec of the file replaces a built-in one of the same name.

    Raises
    ------
    CodecFileError
        If the file cannot be read or a row is invalid.
    """
    path = os.environ.get(CODECS_VARIABLE)
    return {codec.name: codec for codec in (*_BUILT_IN, *(read_codec_file(Path(path)) if path else ()))}


def get_codec(name: str) -> Codec:
    """Return the codec of this name.

    Raises
    ------
    UnknownCodecError
        If there is no codec of this name.
    """
    codecs = load_codecs()
    if name not in codecs:
        raise UnknownCodecError(f"unknown codec {name!r} (choose from {', '.join(codecs)})")
    return codecs[name]
