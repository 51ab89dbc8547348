"""DASH and HLS from one set of CMAF segments, by Shaka Packager."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import m3u8

from encoder.encryption import Encryption, packager_flags
from encoder.errors import ProcessError
from encoder.light_boxes import carry_light_boxes
from encoder.plan import Rendition, Segment
from encoder.process import run
from encoder.source import Source
from encoder.tools import packager_path
from encoder.tracks import AudioTrack, TextTrack

__all__ = ["Packaged", "package", "playlist_segments"]

DASH_MANIFEST = "manifest.mpd"
HLS_MANIFEST = "master.m3u8"


@dataclass(frozen=True, slots=True)
class Packaged:
    """Segments of one rendition as its playlist lists them: durations (s), files relative to the folder."""

    playlist: str
    init: str
    urls: tuple[str, ...]
    durations: tuple[float, ...]


def package(
    folder: Path,
    source: Source,
    segments: Sequence[Segment],
    renditions: Sequence[tuple[Rendition, Path]],
    audio: Sequence[AudioTrack],
    text: Sequence[TextTrack],
    encryption: Encryption | None = None,
) -> tuple[Packaged, ...]:
    """Package a title.

    Parameters
    ----------
    folder : Path
        Where manifests and segments are written; it exists and is empty.
    source : Source
        Gives the times that segments must have.
    segments : sequence of Segment
        The plan; the packager's cuts are checked against it.
    renditions : sequence of (Rendition, Path)
        Stitched tracks.
    audio : sequence of AudioTrack
    text : sequence of TextTrack
    encryption : Encryption, optional
        Pictures and sound are encrypted, text is not.

    Returns
    -------
    tuple of Packaged
        One per rendition.

    Raises
    ------
    ProcessError
        If the packager fails, or cuts elsewhere than planned.
    """
    streams = [_video(rendition) for rendition, _ in renditions]
    streams += [_sound(*named) for named in zip(audio, _names(audio), _titles(audio), strict=True)]
    streams += [_words(*named) for named in zip(text, _names(text), _titles(text), strict=True)]
    tracks: list[AudioTrack | TextTrack] = [*audio, *text]
    paths = [path for _, path in renditions] + [track.path for track in tracks]
    with _inputs(folder, paths) as inputs, packager_flags(encryption) as flags:
        argv = _command(streams, inputs, source, segments, audio) + flags
        run(argv, cwd=str(folder))
    if encryption:
        _drop_identity_keys(folder)
    packaged = tuple(playlist_segments(folder, f"video_{rendition.id}.m3u8") for rendition, _ in renditions)
    for (_, path), track in zip(renditions, packaged, strict=True):
        _check_cuts(tuple(argv), track, source, segments)
        carry_light_boxes(path, folder / track.init)
    return packaged


@contextmanager
def _inputs(folder: Path, paths: Sequence[Path]) -> Iterator[list[str]]:
    """Give the tracks plain names inside the folder: a descriptor has no way to write a comma."""
    inputs = folder / ".inputs"
    inputs.mkdir()
    try:
        names = [f".inputs/{n}{path.suffix}" for n, path in enumerate(paths)]
        for name, path in zip(names, paths, strict=True):
            (folder / name).symlink_to(path.absolute())
        yield names
    finally:
        shutil.rmtree(inputs)


def _command(
    streams: Sequence[dict[str, str]],
    inputs: Sequence[str],
    source: Source,
    segments: Sequence[Segment],
    audio: Sequence[AudioTrack],
) -> list[str]:
    argv = [packager_path()]
    for fields, name in zip(streams, inputs, strict=True):
        argv.append(",".join(f"{key}={value}" for key, value in {"in": name, **fields}.items()))
    argv += ["--segment_duration", f"{_least_duration(source, segments):.6f}"]
    argv += ["--mpd_output", DASH_MANIFEST, "--hls_master_playlist_output", HLS_MANIFEST]
    # a static manifest with a timeline, rather than one SegmentBase per file
    argv += ["--generate_static_live_mpd", "--hls_playlist_type", "VOD", "--quiet"]
    if audio and audio[0].stream.language:
        argv += ["--default_language", audio[0].stream.language]
    return argv


def _least_duration(source: Source, segments: Sequence[Segment]) -> float:
    """Return a duration (s) that makes the packager cut at every key frame that is marked.

    It cuts at the first key frame in a new cell of a grid of this width: no two segments may begin in one cell.
    """
    lengths = [source.time(s.last) - source.time(s.first) for s in segments]
    return float(min(lengths[:-1] or lengths)) * 0.98


def playlist_segments(folder: Path, playlist: str) -> Packaged:
    """Read what a media playlist lists."""
    listed = m3u8.load(str(folder / playlist))
    init = listed.segment_map[0].uri if listed.segment_map else ""
    entries = listed.segments
    return Packaged(playlist, str(init), tuple(e.uri for e in entries), tuple(float(e.duration) for e in entries))


def _drop_identity_keys(folder: Path) -> None:
    """Take out the key tags that would give a key's id as the key itself (RFC 8216, 4.3.2.4: "identity")."""
    for playlist in folder.glob("*.m3u8"):
        lines = playlist.read_text().splitlines(keepends=True)
        playlist.write_text("".join(line for line in lines if 'KEYFORMAT="identity"' not in line))


def _video(rendition: Rendition) -> dict[str, str]:
    place = f"video/{rendition.id}"
    return {
        "stream": "video",
        "init_segment": f"{place}/init.mp4",
        "segment_template": f"{place}/$Number%05d$.m4s",
        "playlist_name": f"video_{rendition.id}.m3u8",
        "iframe_playlist_name": f"iframe_{rendition.id}.m3u8",
    }


def _sound(track: AudioTrack, name: str, title: str) -> dict[str, str]:
    place = f"audio/{name}-aac"
    fields = {
        "stream": "audio",
        "init_segment": f"{place}/init.mp4",
        "segment_template": f"{place}/$Number%05d$.m4s",
        "playlist_name": f"audio_{name}.m3u8",
        "hls_group_id": "audio",
        "hls_name": title,
    }
    return fields | _language(track)


def _words(track: TextTrack, name: str, title: str) -> dict[str, str]:
    fields = {
        "stream": "text",
        "segment_template": f"text/{name}/$Number%05d$.vtt",
        "playlist_name": f"text_{name}.m3u8",
        "hls_group_id": "text",
        "hls_name": title,
    }
    return fields | _language(track)


def _language(track: AudioTrack | TextTrack) -> dict[str, str]:
    language = _printable(track.stream.language)
    return {"language": language} if language else {}


def _names(tracks: Sequence[AudioTrack | TextTrack]) -> list[str]:
    """Name folders after languages; a second track of a language gets a number."""
    names: list[str] = []
    for track in tracks:
        base = "".join(c for c in (track.stream.language or "und") if c.isalnum() or c == "-") or "und"
        taken = sum(name == base or name.startswith(f"{base}-") for name in names)
        names.append(f"{base}-{taken + 1}" if taken else base)
    return names


def _titles(tracks: Sequence[AudioTrack | TextTrack]) -> list[str]:
    """Name tracks for people, each differently, as RFC 8216 (4.3.4.1.1) demands within a group."""
    titles: list[str] = []
    for track, name in zip(tracks, _names(tracks), strict=True):
        title = _printable(track.stream.title) or name
        titles.append(title if title not in titles else f"{title} ({name})")
    return titles


def _printable(title: str | None) -> str:
    # the descriptor's separators and a playlist's quotes cannot be escaped
    return "".join(c for c in title or "" if c.isprintable() and c not in ',="\\').strip()


def _check_cuts(argv: tuple[str, ...], track: Packaged, source: Source, segments: Sequence[Segment]) -> None:
    """Make sure that the packager cut where the plan says; playlists tell milliseconds."""
    planned = [float(source.time(s.last) - source.time(s.first)) for s in segments]
    exact = len(planned) == len(track.durations) and all(
        math.isclose(a, b, abs_tol=0.002 + float(source.time_base))
        for a, b in zip(planned, track.durations, strict=True)
    )
    if not exact:
        raise ProcessError(argv, 0, f"segments of {track.playlist} last {track.durations}, planned were {planned}")
