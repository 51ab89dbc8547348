"""Package one set of CMAF segments for DASH and HLS with Shaka Packager."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from encoder.encode.plan import Rendition, Segment
from encoder.media.inspection import as_source
from encoder.media.source import Source
from encoder.mp4.hdr_boxes import add_brand, copy_hdr_boxes, has_dolby_vision
from encoder.packaging.byte_ranges import shift_byte_ranges
from encoder.packaging.dash_identifiers import number_identifiers
from encoder.packaging.descriptors import choose_default_playlists, describe_tracks
from encoder.packaging.dynamic_hdr_signalling import HDR10_PLUS_BRAND, state_hdr10_plus
from encoder.packaging.encryption import Encryption, inherited_descriptors, packager_flags
from encoder.packaging.hls_master_playlist import complete_master_playlist
from encoder.packaging.hls_media_playlist import PackagedTrack, read_media_playlist
from encoder.tracks.audio import AudioTrack
from encoder.tracks.subtitles import SubtitleTrack
from shotladder_runtime.errors import ProcessError
from shotladder_runtime.process import run
from shotladder_runtime.tools import packager_path

__all__ = ["PackagingRequest", "choose_segment_duration", "package"]

#: File name of the DASH manifest.
DASH_MANIFEST = "manifest.mpd"
#: File name of the HLS master playlist.
HLS_MANIFEST = "master.m3u8"
#: Option of Shaka Packager: every n-th marked key frame is part of the trick play track; 1 gives one per segment.
TRICK_PLAY_FACTOR = "1"
#: Seconds in which a title of any length must be packaged; a longer one at least at the speed of playback (chosen by
#: hand, for slow disks).
MIN_TIME_LIMIT = 600


@dataclass(frozen=True, slots=True)
class PackagingRequest:
    """Options of packaging.

    Attributes
    ----------
    encryption : Encryption or None
        Video and audio are encrypted, subtitles are not; None for no encryption.
    single_file : bool
        Whether each track is one file whose segments are byte ranges.
    hdr10_plus : frozenset of str
        Ids of the renditions whose frames have HDR10+ metadata.
    """

    encryption: Encryption | None = None
    single_file: bool = False
    hdr10_plus: frozenset[str] = frozenset()


def package(
    folder: Path,
    source: Source | str | Path,
    segments: Sequence[Segment],
    renditions: Sequence[tuple[Rendition, Path]],
    audio: Sequence[AudioTrack],
    subtitles: Sequence[SubtitleTrack],
    request: PackagingRequest | None = None,
) -> tuple[PackagedTrack, ...]:
    """Package a title.

    Parameters
    ----------
    folder : Path
        Output folder for manifests and segments; it exists and is empty.
    source : Source, str or Path
        Provides the times of the segments; a path or a URL is inspected first.
    segments : sequence of Segment
        Planned segments; the segments of the packager are checked against them.
    renditions : sequence of (Rendition, Path)
        Stitched tracks.
    audio : sequence of AudioTrack
    subtitles : sequence of SubtitleTrack
    request : PackagingRequest, optional
        By default one file per segment, without encryption.

    Returns
    -------
    tuple of PackagedTrack
        One per rendition, then one per audio track, then one per subtitle track.

    Raises
    ------
    ProcessError
        If the packager fails, or its segments differ from the planned ones.
    """
    source = as_source(source)
    request = request or PackagingRequest()
    tracks = [_describe_video(rendition) for rendition, _ in renditions] + describe_tracks(audio, subtitles)
    paths = [path for _, path in renditions] + [track.path for track in audio] + [track.path for track in subtitles]
    packed = list(tracks)
    # with a single key frame there is nothing to seek to, and the packager would list the track as another rendition
    if len(segments) > 1:
        smallest, path = min(renditions, key=lambda made: made[0].width * made[0].height)
        packed.append(_describe_trick_play(smallest))
        paths.append(path)
    streams = [_set_output_paths(fields, request.single_file) for fields in packed]
    with _link_inputs(folder, paths) as inputs, packager_flags(request.encryption) as flags:
        argv = _build_command(streams, inputs, source, segments) + flags
        if any(has_dolby_vision(path) for _, path in renditions):
            # otherwise each variant is listed twice, once with a wrong VIDEO-RANGE
            argv.append("--use_dovi_supplemental_codecs")
        time_limit = MIN_TIME_LIMIT + float(source.duration)
        run(argv, cwd=str(folder), descriptors=inherited_descriptors(flags), time_limit=time_limit)
    if request.single_file:
        _unescape_slashes(folder / DASH_MANIFEST)
    if request.encryption:
        _remove_identity_keys(folder)
    for rendition, path in renditions:
        _complete_init(folder, rendition, path, request)
    state_hdr10_plus(folder / DASH_MANIFEST, request.hdr10_plus)
    if any(track.codec == "flac" for track in audio):
        _name_flac(folder)
    _state_frame_rate(folder / DASH_MANIFEST, source.frame_rate)
    number_identifiers(folder / DASH_MANIFEST)
    described = [_describe_video(rendition) for rendition, _ in renditions if rendition.id in request.hdr10_plus]
    has_messages = {fields[name] for fields in described for name in ("playlist_name", "iframe_playlist_name")}
    defaults = choose_default_playlists(audio, subtitles)
    complete_master_playlist(folder / HLS_MANIFEST, defaults, source.frame_rate, has_messages)
    packaged = tuple(read_media_playlist(folder, fields["playlist_name"]) for fields in tracks)
    for track in packaged[: len(renditions)]:
        _check_cuts(tuple(argv), track, source, segments)
    return packaged


def _complete_init(folder: Path, rendition: Rendition, path: Path, request: PackagingRequest) -> None:
    """Add the HDR boxes of a track and the brand of HDR10+ to its init segment."""
    fields = _describe_video(rendition)
    init = _set_output_paths(fields, request.single_file)["output" if request.single_file else "init_segment"]
    added = copy_hdr_boxes(path, folder / init)
    if rendition.id in request.hdr10_plus:
        added += add_brand(folder / init, HDR10_PLUS_BRAND.encode())
    if added and request.single_file:
        playlists = [folder / fields[name] for name in ("playlist_name", "iframe_playlist_name")]
        shift_byte_ranges(folder / DASH_MANIFEST, playlists, init, added)


@contextmanager
def _link_inputs(folder: Path, paths: Sequence[Path]) -> Iterator[list[str]]:
    """Link the tracks to simple names inside the folder, because a descriptor cannot contain a comma."""
    inputs = folder / ".inputs"
    inputs.mkdir()
    try:
        names = [f".inputs/{n}{path.suffix}" for n, path in enumerate(paths)]
        for name, path in zip(names, paths, strict=True):
            (folder / name).symlink_to(path.absolute())
        yield names
    finally:
        shutil.rmtree(inputs)


def _build_command(
    streams: Sequence[dict[str, str]],
    inputs: Sequence[str],
    source: Source,
    segments: Sequence[Segment],
) -> list[str]:
    argv = [packager_path()]
    for fields, name in zip(streams, inputs, strict=True):
        argv.append(",".join(f"{key}={value}" for key, value in {"in": name, **fields}.items()))
    argv += ["--segment_duration", f"{choose_segment_duration(source, segments):.6f}"]
    argv += ["--mpd_output", DASH_MANIFEST, "--hls_master_playlist_output", HLS_MANIFEST]
    # no creation times in the boxes, so that the same input gives the same bytes
    argv.append("--use_fake_clock_for_muxer")
    # a static manifest with a segment timeline if each segment has its own file
    argv += ["--generate_static_live_mpd", "--hls_playlist_type", "VOD", "--quiet"]
    return argv


def choose_segment_duration(source: Source, segments: Sequence[Segment]) -> float:
    """Return a segment duration (s) with which the packager cuts at every marked key frame.

    The packager cuts at the first key frame in each cell of a grid with this spacing, so that no two segments may begin
    in the same cell.
    """
    lengths = [source.time(s.stop) - source.time(s.start) for s in segments]
    return float(min(lengths[:-1] or lengths)) * 0.98


def _unescape_slashes(manifest: Path) -> None:
    """Write paths with slashes: many servers do not resolve the `%2F` that the packager writes."""
    text = re.sub(r"(?<=<BaseURL>)[^<]*", lambda match: match[0].replace("%2F", "/"), manifest.read_text())
    manifest.write_text(text)


def _name_flac(folder: Path) -> None:
    """Write the codec string of FLAC as RFC 6381 requires, the name of its sample entry; the packager writes `flac`."""
    for name in (DASH_MANIFEST, HLS_MANIFEST):
        text = (folder / name).read_text()
        (folder / name).write_text(re.sub(r'(?i)\bcodecs="[^"]*"', lambda m: m[0].replace("flac", "fLaC"), text))


def _state_frame_rate(manifest: Path, rate: Fraction) -> None:
    """Write the mean frame rate, except for key frames: the packager takes the duration of the first frame."""
    stated = f"{rate.numerator}" if rate.denominator == 1 else f"{rate.numerator}/{rate.denominator}"
    sets = re.split(r"(?=<AdaptationSet )", manifest.read_text())
    for n, text in enumerate(sets):
        if "trickmode" not in text:
            sets[n] = re.sub(r'frameRate="[^"]*"', f'frameRate="{stated}"', text)
    manifest.write_text("".join(sets))


def _remove_identity_keys(folder: Path) -> None:
    """Remove the key tags that would give the id of a key as the key itself (RFC 8216, 4.3.2.4: "identity")."""
    for playlist in folder.glob("*.m3u8"):
        lines = playlist.read_text().splitlines(keepends=True)
        playlist.write_text("".join(line for line in lines if 'KEYFORMAT="identity"' not in line))


def _describe_video(rendition: Rendition) -> dict[str, str]:
    return {
        "stream": "video",
        "folder": f"video/{rendition.id}",
        "playlist_name": f"video_{rendition.id}.m3u8",
        "iframe_playlist_name": f"iframe_{rendition.id}.m3u8",
    }


def _describe_trick_play(rendition: Rendition) -> dict[str, str]:
    """Describe a track of key frames only, for seeking in DASH; HLS uses I-frame playlists instead."""
    return {
        "stream": "video",
        "folder": f"video/trick-{rendition.id}",
        "trick_play_factor": TRICK_PLAY_FACTOR,
        "dash_only": "1",
    }


def _set_output_paths(fields: Mapping[str, str], single_file: bool) -> dict[str, str]:
    """Add the output paths of a track: a folder of segments, or one file."""
    rest = {name: value for name, value in fields.items() if name != "folder"}
    folder, is_text = fields["folder"], fields["stream"] == "text"
    if single_file:
        return rest | {"output": f"{folder}.{'vtt' if is_text else 'mp4'}"}
    if is_text:
        return rest | {"segment_template": f"{folder}/$Number%05d$.vtt"}
    return rest | {"init_segment": f"{folder}/init.mp4", "segment_template": f"{folder}/$Number%05d$.m4s"}


def _check_cuts(argv: tuple[str, ...], track: PackagedTrack, source: Source, segments: Sequence[Segment]) -> None:
    """Check the segment durations against the plan; those of playlists are rounded to milliseconds."""
    planned = [float(source.time(s.stop) - source.time(s.start)) for s in segments]
    exact = len(planned) == len(track.durations) and all(
        math.isclose(a, b, abs_tol=0.002 + float(source.time_base))
        for a, b in zip(planned, track.durations, strict=True)
    )
    if not exact:
        raise ProcessError(
            argv, 0, f"segments of {track.playlist} have durations {track.durations} instead of {planned} s"
        )
