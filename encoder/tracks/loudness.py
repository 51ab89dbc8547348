"""Loudness of an audio track (EBU R 128), and the gain with which a track reaches a target."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from encoder.errors import TrackError
from encoder.media.source import Source
from encoder.tracks.tool_notes import limit_time
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path

__all__ = ["Loudness", "choose_gain", "measure_loudness"]

#: LUFS; FFmpeg reports this for a track without a block above the absolute gate (EBU Tech 3341), which is silence.
SILENCE = -70.0
#: dBTP; maximum true peak after a gain (EBU R 128, 2.6).
MAX_TRUE_PEAK = -1.0
#: dB; a smaller gain is not applied. Chosen by hand.
MIN_GAIN = 0.1
_SUMMARY = re.compile(
    r"I:\s+(?P<integrated>\S+) LUFS.*?LRA:\s+(?P<range>\S+) LU\b.*?Peak:\s+(?P<true_peak>\S+) dBFS", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Loudness:
    """Loudness of a track.

    Attributes
    ----------
    integrated : float
        Programme loudness, LUFS.
    range : float
        Loudness range, LU (EBU Tech 3342).
    true_peak : float
        Maximum true peak of a channel, dBTP.
    """

    integrated: float
    range: float
    true_peak: float


def measure_loudness(source: Source, path: Path) -> Loudness | None:
    """Measure a track with FFmpeg's `ebur128`; None for silence.

    Parameters
    ----------
    source : Source
        Its duration limits the time that the measurement may take.
    path : Path
        File of the track.

    Raises
    ------
    TrackError
        If FFmpeg reports no loudness.
    """
    options = ["-hide_banner", "-nostats", "-v", "info", "-nostdin", "-threads", "1"]
    graph = "ebur128=peak=true:framelog=quiet"
    argv = [ffmpeg_path(), *options, "-i", str(path), "-map", "0:a:0", "-af", graph, "-f", "null", "-"]
    done = run(argv, time_limit=limit_time(source))
    found = _SUMMARY.search(done.stderr[done.stderr.rfind("Summary:") :])
    if found is None:
        raise TrackError("FFmpeg reports no loudness of the audio track")
    values = {name: float(value) for name, value in found.groupdict().items()}
    return None if values["integrated"] <= SILENCE else Loudness(**values)


def choose_gain(loudness: Loudness | None, target: float) -> tuple[float, str]:
    """Return the gain in dB with which a track reaches a target in LUFS, and a sentence about it.

    The gain is constant, so that the dynamics of the track do not change. It is limited by the true peak.
    """
    if loudness is None:
        return 0.0, "the track is silent; its loudness is not changed"
    needed = target - loudness.integrated
    gain = round(min(needed, MAX_TRUE_PEAK - loudness.true_peak), 2)
    if abs(gain) < MIN_GAIN:
        gain = 0.0
    reached = loudness.integrated + gain
    text = f"loudness changed by {gain:+.1f} dB from {loudness.integrated:.1f} to {reached:.1f} LUFS"
    if gain < needed - MIN_GAIN:
        text += f"; more would raise the true peak above {MAX_TRUE_PEAK:g} dBTP"
    return gain, text
