"""What `presentation.json` says; every number in it was measured on the files beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import m3u8
import numpy as np
from numpy.typing import NDArray

import encoder
import vmaf
from encoder import AudioStream, AudioTrack, Encryption, Packaged, Rendition, Source, TextStream, TextTrack
from encoder.packaging.packager import HLS_MANIFEST
from ladders import Anchor, Constraints, EncodeSettings, FinalEncodes, Ladder, Shot, active_constraints
from shotladder import __version__
from shotladder.report.baseline_comparison import against_fixed
from shotladder_runtime.tools import ffmpeg_version, packager_version

__all__ = ["Made", "Parts", "describe", "shot_document"]

Value = TypeVar("Value")

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class SkippedTrack:
    """A track of the source that is no part of the presentation, and why."""

    stream: AudioStream | TextStream
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """One codec's ladder as it was made; `samples` are the bits and decoding times of each rendition's track.

    `anchor` is what it is compared with, if it was asked for.
    """

    ladder: Ladder
    finals: FinalEncodes
    renditions: Sequence[Rendition]
    packaged: Sequence[Packaged]
    samples: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]]
    anchor: Anchor | None


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """All that a finished run knows; the ladders of all codecs have the same segments."""

    source: Source
    shots: Sequence[Shot]
    made: Sequence[Made]
    audio: Sequence[tuple[AudioTrack, Packaged]]
    text: Sequence[tuple[TextTrack, Packaged]]
    left_out: Sequence[SkippedTrack]
    encryption: Encryption | None
    limits: Constraints
    analysis_cpu_seconds: float


def describe(folder: Path, parts: Parts, fingerprint: str) -> dict[str, Any]:
    """Return the content of `presentation.json`.

    Parameters
    ----------
    folder : Path
        Holds the packaged files.
    parts : Parts
        What the run knows.
    fingerprint : str
        Of the request, so that a second run can tell that it has been done.
    """
    source, ladder = parts.source, parts.made[0].ladder
    costs = [made.ladder.cost for made in parts.made]
    first = parts.made[0].finals.chunks[0][0]
    shot_starts = [shot.start for shot in parts.shots]
    return {
        "version": FORMAT_VERSION,
        # a name that is no UTF-8 is told as far as it is
        "title": Path(source.path).stem.encode(errors="replace").decode(),
        "duration": float(source.duration),
        "frame_rate": f"{source.frame_rate.numerator}/{source.frame_rate.denominator}",
        "segments": [
            {
                "start": float(source.time(s.start)),
                "duration": float(source.time(s.stop) - source.time(s.start)),
                "shots": _shots_within(shot_starts, s.start, s.stop),
            }
            for s in ladder.segments
        ],
        "shots": [shot_document(source, shot) for shot in parts.shots],
        "video": [_video(folder, parts, made, n) for made in parts.made for n in range(len(made.renditions))],
        "audio": [_audio(track, packaged) for track, packaged in parts.audio],
        "text": [
            {**_tags(track.stream), "codec": "webvtt", "playlist": packaged.playlist} for track, packaged in parts.text
        ],
        "left_out": [
            {"stream": t.stream.index, "codec": t.stream.codec, "language": t.stream.language, "why": t.why}
            for t in parts.left_out
        ],
        "encryption": _encryption(parts.encryption),
        "ladder": {
            "mode": ladder.mode,
            "preset": _presets(parts.made),
            "tune": ladder.tune,
            "pooling": ladder.pooling,
            "buffer_seconds": parts.limits.buffer,
            "max_jump": parts.limits.jump,
            "target_vmaf": ladder.target,
            # what each shot has beyond the preset, if any has anything
            "overrides": {made.ladder.codec: _refinements(parts.shots, made.ladder) for made in parts.made},
            "remaining_loss_percent": {
                made.ladder.codec: _rounded(made.ladder.expected_excess_rate) for made in parts.made
            },
        },
        "comparisons": [
            against_fixed(source, made.ladder, made.finals, made.anchor) for made in parts.made if made.anchor
        ],
        "cost": {
            "analysis_cpu_seconds": round(parts.analysis_cpu_seconds, 3),
            "probe_cpu_seconds": round(sum(cost.cpu_seconds for cost in costs), 3),
            "encode_cpu_seconds": round(sum(made.finals.encode_cpu_seconds for made in parts.made), 3),
            "measure_cpu_seconds": round(sum(made.finals.measure_cpu_seconds for made in parts.made), 3),
            "comparison_cpu_seconds": round(sum(made.anchor.cost.cpu_seconds for made in parts.made if made.anchor), 3),
            "probes": sum(cost.probes for cost in costs),
        },
        "made_with": {
            "shotladder": __version__,
            "ffmpeg": ffmpeg_version(),
            **_x264(parts.made),
            "vmaf_model": first.model,
            "vmaf_engine": first.engine,
            "packager": packager_version(),
        },
        "request": fingerprint,
    }


def shot_document(film: Source, shot: Shot) -> dict[str, Any]:
    """Return a shot as the JSON that `shots` and `presentation.json` hold."""
    return {
        "first_frame": shot.start,
        "frame_count": shot.frame_count,
        "start": float(film.time(shot.start)),
        "end": float(film.time(shot.stop)),
        "transition": shot.transition,
        "mixed_frames": None if shot.transition_frames is None else list(shot.transition_frames),
        "complexity": asdict(shot.complexity),
    }


def _rounded(percent: float | None) -> float | None:
    return None if percent is None else round(percent, 2)


def _presets(made: Sequence[Made]) -> str:
    """Return the presets as `--preset` takes them."""
    if len(made) == 1:
        return made[0].ladder.preset
    return ",".join(f"{each.ladder.codec}={each.ladder.preset}" for each in made)


def _shots_within(starts: Sequence[int], first: int, last: int) -> list[int]:
    """Return the numbers of the shots that have frames in [first, last)."""
    ends = [*starts[1:], last]
    return [n for n, (begin, end) in enumerate(zip(starts, ends, strict=True)) if begin < last and end > first]


def _video(folder: Path, parts: Parts, made: Made, number: int) -> dict[str, Any]:
    rendition, packaged = made.renditions[number], made.packaged[number]
    sizes = packaged.sizes
    spans = [(s.start, s.stop) for s in made.ladder.segments]
    durations = [float(parts.source.time(b) - parts.source.time(a)) for a, b in spans]
    peak = round(max(8 * size / time for size, time in zip(sizes, durations, strict=True)))
    scores = made.finals.vmaf(number)
    filled = peak
    if parts.limits.buffer is not None:
        filled = max(peak, math.ceil(encoder.min_vbv_bitrate(*made.samples[number], parts.limits.buffer)))
    return {
        "id": rendition.id,
        "codec": rendition.codec,
        **_told(folder, packaged.playlist),
        "width": rendition.width,
        "height": rendition.height,
        "average_bitrate": round(8 * sum(sizes) / float(parts.source.duration)),
        "peak_bitrate": peak,
        # what a decoder must hold when the track comes at such a rate: its peak, or what the buffer asked for needs
        "buffer_rate": filled,
        "buffer_bits": math.ceil(encoder.min_vbv_size(*made.samples[number], filled)),
        "vmaf": pooled(scores),
        "quantisers": _per_shot(parts.shots, made.ladder, made.ladder.rungs[number].quantisers),
        "held": _held(parts, made, number),
        "playlist": packaged.playlist,
        "init": packaged.init,
        "segments": [
            {"bytes": size, "vmaf": round(float(scores[a:b].mean()), 4), **where}
            for size, (a, b), where in zip(sizes, spans, _places(packaged), strict=True)
        ],
    }


def _held(parts: Parts, made: Made, number: int) -> dict[str, list[int]]:
    """Return the numbers of the shots that stand at each limit on a rung, which only per-shot ladders have."""
    ladder, row = made.ladder, made.finals.chunks[number]
    held = active_constraints(
        parts.source,
        ladder.chunks,
        ladder.rungs[number].quantisers,
        row,
        parts.limits.for_target(ladder.target),
        EncodeSettings(pooling=ladder.pooling),
    )
    bound = ladder.mode == "per-shot"
    return {
        name: sorted({shot for n in chunks for shot in ladder.chunks[n].shots}) if bound else []
        for name, chunks in held.items()
    }


def pooled(scores: NDArray[np.float64]) -> dict[str, float]:
    """Return the pools of per-frame scores that a presentation tells."""
    return {key: round(value, 4) for key, value in asdict(vmaf.Pool.of(scores)).items()}


def _refinements(shots: Sequence[Shot], ladder: Ladder) -> list[str]:
    return _per_shot(shots, ladder, ladder.overrides) if ladder.overrides else []


def _per_shot(shots: Sequence[Shot], ladder: Ladder, values: Sequence[Value]) -> list[Value]:
    """Return the value of each shot: that of the chunk in which it begins."""
    ends = np.array([chunk.stop for chunk in ladder.chunks])
    return [values[int(np.searchsorted(ends, shot.start, side="right"))] for shot in shots]


def _audio(track: AudioTrack, packaged: Packaged) -> dict[str, Any]:
    return {
        **_tags(track.stream),
        "codec": track.codec,
        "channels": track.channels,
        "average_bitrate": round(8 * sum(packaged.sizes) / sum(packaged.durations)),
        "playlist": packaged.playlist,
        "init": packaged.init,
        "segments": [
            {"bytes": size, "duration": duration, **where}
            for size, duration, where in zip(packaged.sizes, packaged.durations, _places(packaged), strict=True)
        ],
    }


def _places(packaged: Packaged) -> list[dict[str, Any]]:
    """Return where each segment is: its file, and where in it when it has none of its own."""
    if packaged.offsets is None:
        return [{"url": url} for url in packaged.urls]
    return [{"url": url, "offset": offset} for url, offset in zip(packaged.urls, packaged.offsets, strict=True)]


def _tags(stream: AudioStream | TextStream) -> dict[str, Any]:
    return {"language": stream.language, "title": stream.title, "dispositions": list(stream.dispositions)}


def _encryption(encryption: Encryption | None) -> dict[str, Any] | None:
    """Tell the scheme and which keys; never a key."""
    if encryption is None:
        return None
    keys = {key.label: key.key_id for key in encryption.keys}
    return {"scheme": encryption.scheme, "key_ids": keys, "clear_lead": encryption.clear_lead}


def _told(folder: Path, playlist: str) -> dict[str, str]:
    """Return the video's part of CODECS and its dynamic range as the master playlist tells them."""
    for variant in m3u8.load(str(folder / HLS_MANIFEST)).playlists:
        if variant.uri == playlist:
            info = variant.stream_info
            # RFC 8216bis: what says nothing is SDR
            return {"codecs": (info.codecs or "").split(",")[0], "video_range": info.video_range or "SDR"}
    return {"codecs": "", "video_range": "SDR"}


def _x264(made: Sequence[Made]) -> dict[str, str]:
    """Return x264's version as it wrote it into the stream, if it made any; other encoders are known by ffmpeg's."""
    for each in made:
        found = re.search(rb"x264 - core (\d+(?: r\d+)?)", each.finals.chunks[0][0].path.read_bytes())
        if found:
            return {"x264": found[1].decode()}
    return {}
