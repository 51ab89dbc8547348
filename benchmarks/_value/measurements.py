"""Measurements of every frame of encodes, and the BD-rates and savings that follow from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
from scipy.interpolate import PchipInterpolator

import vmaf
from encoder import Source
from ladders import NoOverlapError, bd_rate
from shotladder_runtime import process
from shotladder_runtime.tools import ffmpeg_path

#: Range of VMAF over which BD-rates are integrated: below nobody watches by choice, above nobody sees a difference.
BAND = (60.0, 95.0)
#: Metrics of a rendition, as columns of the tables.
METRICS = ("mean", "harmonic", "p5", "neg", "psnr_y", "xpsnr_y")

Point = dict[str, Any]


def measure(source: Source, files: Sequence[str]) -> list[Point]:
    """Measure every frame of each file."""
    scores = vmaf.score(source, files, metrics=("neg", "psnr"), match_times=False)
    points = []
    for path, score in zip(files, scores, strict=True):
        with av.open(path) as container:
            size = sum(packet.size for packet in container.demux(video=0))
        points.append(
            {
                "bitrate": 8 * size / float(source.duration),
                "mean": score.mean,
                "harmonic": score.harmonic_mean,
                "p5": score.p5,
                "neg": float(np.mean(score.vmaf_neg)),
                "psnr_y": float(np.mean(np.minimum(score.psnr_y, 60.0))),
                "xpsnr_y": xpsnr(source, path),
                "frames": np.round(score.vmaf, 3).tolist(),
            }
        )
    return points


def xpsnr(source: Source, path: str) -> float | None:
    """Return ffmpeg's XPSNR of luma, dB; None for sources that need more than scaling before a comparison."""
    if source.display_size != (source.width, source.height) or source.interlaced or source.bit_depth != 8:
        return None
    width, height = source.display_size
    graph = f"[1:v]setpts=N/25/TB,scale={width}:{height}:flags=bicubic,format=yuv420p[d];"
    graph += f"[0:{source.stream_index}]setpts=N/25/TB,format=yuv420p[r];[d][r]xpsnr"
    argv = [ffmpeg_path(), "-nostdin", "-v", "info", "-i", source.path, "-i", path, "-lavfi", graph]
    tail = process.run([*argv, "-fps_mode", "passthrough", "-f", "null", "-"]).stderr
    found = re.search(r"XPSNR\s+y: *([\d.]+)", tail)
    return float(found[1]) if found else None


def rising(points: Sequence[Point], metric: str) -> list[tuple[float, float]]:
    """Return (bitrate, quality) of the points that no cheaper point equals or beats."""
    kept: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda each: each["bitrate"]):
        quality = point[metric]
        if quality is not None and (not kept or quality > kept[-1][1]):
            kept.append((point["bitrate"], quality))
    return kept


def saving_at(anchor: Sequence[Point], point: Point, metric: str = "mean") -> float | None:
    """Return the change of bits in percent against the anchor at equal quality; None beyond the range of the anchor."""
    curve = rising(anchor, metric)
    qualities = [quality for _, quality in curve]
    if len(curve) < 2 or not qualities[0] <= point[metric] <= qualities[-1]:
        return None
    logs = PchipInterpolator(qualities, np.log([bitrate for bitrate, _ in curve]))
    return float(100 * (point["bitrate"] / np.exp(logs(point[metric])) - 1))


def bd_rates(anchor: Sequence[Point], test: Sequence[Point]) -> dict[str, float | None]:
    """Return BD-rates in percent by metric; None where the curves have too little in common."""
    found: dict[str, float | None] = {}
    for metric in METRICS:
        band = None if metric in ("psnr_y", "xpsnr_y") else BAND
        try:
            found[metric] = bd_rate(rising(anchor, metric), rising(test, metric), band=band).percent
        except (NoOverlapError, ValueError):
            found[metric] = None
    return found


def at_equal_cpu(percent: float | None, cpu: float, fixed: Sequence[dict[str, Any]]) -> float | None:
    """Return the BD-rate against the fixed ladder at the preset that costs as much CPU time, in percent.

    The BD-rate of the fixed ladder is interpolated linearly in the logarithm of the CPU time between its presets; it is
    not extrapolated. None with a single preset.
    """
    if percent is None or len(fixed) < 2:
        return None
    known = sorted((np.log(each["cpu"]), each["bd_rate"]) for each in fixed)
    saved = float(np.interp(np.log(cpu), *zip(*known, strict=True)))
    return 100 * ((1 + percent / 100) / (1 + saved / 100) - 1)
