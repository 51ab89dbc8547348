"""DASH and HLS from one set of CMAF segments, by Shaka Packager."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from encoder.encode.plan import Rendition, Segment
from encoder.media.source import Source
from encoder.mp4.hdr_boxes import carry_light_boxes
from encoder.packaging.byte_ranges import shift_ranges
from encoder.packaging.descriptors import default_playlists, descriptors
from encoder.packaging.encryption import Encryption, packager_flags
from encoder.packaging.hls_master_playlist import complete_master
from encoder.packaging.hls_media_playlist import Packaged, playlist_segments
from encoder.tracks.tracks import AudioTrack, TextTrack
from shotladder_runtime.errors import ProcessError
from shotladder_runtime.process import run
from shotladder_runtime.tools import packager_path

__all__ = ["PackagingRequest", "package"]

DASH_MANIFEST = "manifest.mpd"
HLS_MANIFEST = "master.m3u8"


#: A key frame of every so many, as Shaka Packager counts: the marked ones all, one a segment.
TRICK_PLAY_FACTOR = "1"


@dataclass(frozen=True, slots=True)
class PackagingRequest:
    """How a title is packaged.

    Attributes
    ----------
    encryption : Encryption or None
        Pictures and sound are encrypted, text is not; None leaves all in the clear.
    single_file : bool
        Whether each track is one file, of which segments are ranges of bytes.
    """

    encryption: Encryption | None = None
    single_file: bool = False


def package(
    folder: Path,
    source: Source,
    segments: Sequence[Segment],
    renditions: Sequence[tuple[Rendition, Path]],
    audio: Sequence[AudioTrack],
    text: Sequence[TextTrack],
    request: PackagingRequest | None = None,
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
    request : PackagingRequest, optional
        By default a file for each segment, in the clear.

    Returns
    -------
    tuple of Packaged
        One per rendition, then one per track of sound, then one per track of text.

    Raises
    ------
    ProcessError
        If the packager fails, or cuts elsewhere than planned.
    """
    request = request or PackagingRequest()
    tracks = [_video(rendition) for rendition, _ in renditions] + descriptors(audio, text)
    paths = [path for _, path in renditions] + [track.path for track in audio] + [track.path for track in text]
    packed = list(tracks)
    # a single key frame gives nothing to seek by, and the packager would take its track for one more rung
    if len(segments) > 1:
        smallest, path = min(renditions, key=lambda made: made[0].width * made[0].height)
        packed.append(_trick_play(smallest))
        paths.append(path)
    streams = [_placed(fields, request.single_file) for fields in packed]
    with _inputs(folder, paths) as inputs, packager_flags(request.encryption) as flags:
        argv = _command(streams, inputs, source, segments) + flags
        run(argv, cwd=str(folder))
    if request.single_file:
        _plain_slashes(folder / DASH_MANIFEST)
    if request.encryption:
        _drop_identity_keys(folder)
    for rendition, path in renditions:
        _carry_light(folder, rendition, path, request.single_file)
    complete_master(folder / HLS_MANIFEST, default_playlists(audio, text))
    packaged = tuple(playlist_segments(folder, fields["playlist_name"]) for fields in tracks)
    for track in packaged[: len(renditions)]:
        _check_cuts(tuple(argv), track, source, segments)
    return packaged


def _carry_light(folder: Path, rendition: Rendition, path: Path, single_file: bool) -> None:
    fields = _video(rendition)
    init = _placed(fields, single_file)["output" if single_file else "init_segment"]
    grown = carry_light_boxes(path, folder / init)
    if grown and single_file:
        playlists = [folder / fields[name] for name in ("playlist_name", "iframe_playlist_name")]
        shift_ranges(folder / DASH_MANIFEST, playlists, init, grown)


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
) -> list[str]:
    argv = [packager_path()]
    for fields, name in zip(streams, inputs, strict=True):
        argv.append(",".join(f"{key}={value}" for key, value in {"in": name, **fields}.items()))
    argv += ["--segment_duration", f"{_least_duration(source, segments):.6f}"]
    argv += ["--mpd_output", DASH_MANIFEST, "--hls_master_playlist_output", HLS_MANIFEST]
    # no time of day in the boxes: the same film makes the same bytes
    argv.append("--use_fake_clock_for_muxer")
    # a static manifest with a timeline where segments have files of their own
    argv += ["--generate_static_live_mpd", "--hls_playlist_type", "VOD", "--quiet"]
    return argv


def _least_duration(source: Source, segments: Sequence[Segment]) -> float:
    """Return a duration (s) that makes the packager cut at every key frame that is marked.

    It cuts at the first key frame in a new cell of a grid of this width: no two segments may begin in one cell.
    """
    lengths = [source.time(s.stop) - source.time(s.start) for s in segments]
    return float(min(lengths[:-1] or lengths)) * 0.98


def _plain_slashes(manifest: Path) -> None:
    """Write the paths of files with slashes: many a server finds nothing behind the packager's `%2F`."""
    text = re.sub(r"(?<=<BaseURL>)[^<]*", lambda found: found[0].replace("%2F", "/"), manifest.read_text())
    manifest.write_text(text)


def _drop_identity_keys(folder: Path) -> None:
    """Take out the key tags that would give a key's id as the key itself (RFC 8216, 4.3.2.4: "identity")."""
    for playlist in folder.glob("*.m3u8"):
        lines = playlist.read_text().splitlines(keepends=True)
        playlist.write_text("".join(line for line in lines if 'KEYFORMAT="identity"' not in line))


def _video(rendition: Rendition) -> dict[str, str]:
    return {
        "stream": "video",
        "place": f"video/{rendition.id}",
        "playlist_name": f"video_{rendition.id}.m3u8",
        "iframe_playlist_name": f"iframe_{rendition.id}.m3u8",
    }


def _trick_play(rendition: Rendition) -> dict[str, str]:
    """Describe a track of key frames alone, for seeking in DASH; HLS has its own lists of them."""
    return {
        "stream": "video",
        "place": f"video/trick-{rendition.id}",
        "trick_play_factor": TRICK_PLAY_FACTOR,
        "dash_only": "1",
    }


def _placed(fields: Mapping[str, str], single_file: bool) -> dict[str, str]:
    """Say where a track's files go: a folder of segments, or one file."""
    rest = {name: value for name, value in fields.items() if name != "place"}
    place, is_text = fields["place"], fields["stream"] == "text"
    if single_file:
        return rest | {"output": f"{place}.{'vtt' if is_text else 'mp4'}"}
    if is_text:
        return rest | {"segment_template": f"{place}/$Number%05d$.vtt"}
    return rest | {"init_segment": f"{place}/init.mp4", "segment_template": f"{place}/$Number%05d$.m4s"}


def _check_cuts(argv: tuple[str, ...], track: Packaged, source: Source, segments: Sequence[Segment]) -> None:
    """Make sure that the packager cut where the plan says; playlists tell milliseconds."""
    planned = [float(source.time(s.stop) - source.time(s.start)) for s in segments]
    exact = len(planned) == len(track.durations) and all(
        math.isclose(a, b, abs_tol=0.002 + float(source.time_base))
        for a, b in zip(planned, track.durations, strict=True)
    )
    if not exact:
        raise ProcessError(argv, 0, f"segments of {track.playlist} last {track.durations}, planned were {planned}")
