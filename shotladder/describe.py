"""What `presentation.json` says; every number in it was measured on the files beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import m3u8
import numpy as np
from numpy.typing import NDArray

import encoder
import vmaf
from encoder import AudioTrack, Encryption, Packaged, Rendition, Source, TextTrack
from encoder.packaging import HLS_MANIFEST, playlist_segments
from ladders import Finals, Ladder, Shot, bd_rate
from shotladder import __version__

__all__ = ["Parts", "describe", "shot_document"]

FORMAT_VERSION = 1
#: VMAF from which its scale ends: more bits no longer show.
SATURATED = 99.0


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """All that a finished run knows."""

    source: Source
    shots: Sequence[Shot]
    ladder: Ladder
    finals: Finals
    renditions: Sequence[Rendition]
    packaged: Sequence[Packaged]
    audio: Sequence[AudioTrack]
    text: Sequence[TextTrack]
    encryption: Encryption | None
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
    source, ladder, finals = parts.source, parts.ladder, parts.finals
    shot_starts = [shot.first for shot in parts.shots]
    return {
        "version": FORMAT_VERSION,
        # a name that is no UTF-8 is told as far as it is
        "title": Path(source.path).stem.encode(errors="replace").decode(),
        "duration": float(source.duration),
        "frame_rate": f"{source.frame_rate.numerator}/{source.frame_rate.denominator}",
        "segments": [
            {
                "start": float(source.time(s.first)),
                "duration": float(source.time(s.last) - source.time(s.first)),
                "shots": _shots_within(shot_starts, s.first, s.last),
            }
            for s in ladder.segments
        ],
        "shots": [shot_document(source, shot) for shot in parts.shots],
        "video": [_video(folder, parts, n) for n in range(len(parts.renditions))],
        "audio": _audio(folder, parts.audio),
        "text": _text(folder, parts.text),
        "encryption": _encryption(parts.encryption),
        "ladder": {
            "mode": ladder.mode,
            "preset": ladder.preset,
            "tune": ladder.tune,
            "target_vmaf": ladder.target,
        },
        **_comparison(parts),
        "cost": {
            "analysis_cpu_seconds": round(parts.analysis_cpu_seconds, 3),
            "probe_cpu_seconds": round(ladder.cost.cpu_seconds, 3),
            "encode_cpu_seconds": round(finals.encode_cpu_seconds, 3),
            "measure_cpu_seconds": round(finals.measure_cpu_seconds, 3),
            "probes": ladder.cost.probes,
        },
        "made_with": {
            "shotladder": __version__,
            "ffmpeg": encoder.ffmpeg_version(),
            "x264": _x264(finals.chunks[0][0].path),
            "vmaf_model": finals.chunks[0][0].model,
            "vmaf_engine": finals.chunks[0][0].engine,
            "packager": encoder.packager_version(),
        },
        "request": fingerprint,
    }


def shot_document(film: Source, shot: Shot) -> dict[str, Any]:
    """Return a shot as the JSON that `shots` and `presentation.json` hold."""
    return {
        "first_frame": shot.first,
        "frame_count": shot.frame_count,
        "start": float(film.time(shot.first)),
        "end": float(film.time(shot.last)),
        "transition": shot.transition,
        "mixed_frames": None if shot.mixed is None else list(shot.mixed),
        "complexity": asdict(shot.complexity),
    }


def _comparison(parts: Parts) -> dict[str, Any]:
    """Compare the measured rungs with the fixed ladder as the trials predict it; nothing where that cannot be."""
    ladder, finals = parts.ladder, parts.finals
    duration = float(parts.source.duration)
    measured = [
        (sum(chunk.bits for chunk in row) / duration, float(finals.vmaf(n).mean()))
        for n, row in enumerate(finals.chunks)
    ]
    # quality at the end of its scale says nothing of rates
    anchor = [(rate, quality) for rate, quality in ladder.anchor if quality < SATURATED]
    if ladder.mode == "fixed" or len(anchor) < 2:
        return {}
    try:
        result = bd_rate(anchor, measured)
    except ValueError:
        return {}
    return {
        "comparison": {
            "anchor": f"Apple's fixed {ladder.codec} ladder",
            "points": [list(point) for point in ladder.anchor],
            "bd_rate_percent": round(result.percent, 2),
            "vmaf_low": round(result.low, 2),
            "vmaf_high": round(result.high, 2),
        }
    }


def _shots_within(starts: Sequence[int], first: int, last: int) -> list[int]:
    """Return the numbers of the shots that have frames in [first, last)."""
    ends = [*starts[1:], last]
    return [n for n, (begin, end) in enumerate(zip(starts, ends, strict=True)) if begin < last and end > first]


def _video(folder: Path, parts: Parts, number: int) -> dict[str, Any]:
    rendition, packaged = parts.renditions[number], parts.packaged[number]
    sizes = [(folder / url).stat().st_size for url in packaged.urls]
    spans = [(s.first, s.last) for s in parts.ladder.segments]
    durations = [float(parts.source.time(b) - parts.source.time(a)) for a, b in spans]
    scores = parts.finals.vmaf(number)
    return {
        "id": rendition.id,
        "codec": rendition.codec,
        "codecs": _codecs(folder, packaged.playlist),
        "width": rendition.width,
        "height": rendition.height,
        "average_bitrate": round(8 * sum(sizes) / float(parts.source.duration)),
        "peak_bitrate": round(max(8 * size / time for size, time in zip(sizes, durations, strict=True))),
        "vmaf": pooled(scores),
        "quantisers": _per_shot(parts, number),
        "playlist": packaged.playlist,
        "init": packaged.init,
        "segments": [
            {"bytes": size, "vmaf": round(float(scores[a:b].mean()), 4), "url": url}
            for size, (a, b), url in zip(sizes, spans, packaged.urls, strict=True)
        ],
    }


def pooled(scores: NDArray[np.float64]) -> dict[str, float]:
    """Return the pools of per-frame scores that a presentation tells."""
    return {key: round(value, 4) for key, value in asdict(vmaf.Pool.of(scores)).items()}


def _per_shot(parts: Parts, number: int) -> list[float]:
    """Return the quantiser of each shot: that of the chunk in which it begins."""
    chunks = parts.ladder.chunks
    quantisers = parts.ladder.rungs[number].quantisers
    ends = np.array([chunk.last for chunk in chunks])
    return [quantisers[int(np.searchsorted(ends, shot.first, side="right"))] for shot in parts.shots]


def _audio(folder: Path, tracks: Sequence[AudioTrack]) -> list[dict[str, Any]]:
    described = []
    for track, media in zip(tracks, _media(folder, "AUDIO"), strict=True):
        listed = playlist_segments(folder, media.uri)
        sizes = [(folder / url).stat().st_size for url in listed.urls]
        described.append(
            {
                "language": track.stream.language,
                "title": track.stream.title,
                "codec": "aac",
                "channels": int(media.channels),
                "average_bitrate": round(8 * sum(sizes) / sum(listed.durations)),
                "playlist": media.uri,
                "init": listed.init,
                "segments": [
                    {"bytes": size, "duration": duration, "url": url}
                    for size, duration, url in zip(sizes, listed.durations, listed.urls, strict=True)
                ],
            }
        )
    return described


def _text(folder: Path, tracks: Sequence[TextTrack]) -> list[dict[str, Any]]:
    return [
        {"language": t.stream.language, "title": t.stream.title, "codec": "webvtt", "playlist": media.uri}
        for t, media in zip(tracks, _media(folder, "SUBTITLES"), strict=True)
    ]


def _encryption(encryption: Encryption | None) -> dict[str, Any] | None:
    """Tell the scheme and which keys; never a key."""
    if encryption is None:
        return None
    keys = {key.label: key.key_id for key in encryption.keys}
    return {"scheme": encryption.scheme, "key_ids": keys, "clear_lead": encryption.clear_lead}


def _media(folder: Path, kind: str) -> list[Any]:
    """Return the master playlist's tracks of a kind, which stand in the order they were given."""
    return [media for media in m3u8.load(str(folder / HLS_MANIFEST)).media if media.type == kind]


def _codecs(folder: Path, playlist: str) -> str:
    """Return the video's part of CODECS as the master playlist tells it."""
    for variant in m3u8.load(str(folder / HLS_MANIFEST)).playlists:
        if variant.uri == playlist:
            codecs: str = variant.stream_info.codecs or ""
            return codecs.split(",")[0]
    return ""


def _x264(chunk: Path) -> str | None:
    """Return the encoder's version as it wrote it into the stream."""
    found = re.search(rb"x264 - core (\d+(?: r\d+)?)", chunk.read_bytes())
    return found[1].decode() if found else None
