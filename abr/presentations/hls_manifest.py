"""Read the video and audio segments of an HLS playlist (RFC 8216): their durations and sizes.

Sizes come from byte ranges, or from the files themselves; for files at URLs, from requests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import m3u8

from abr.errors import PresentationError
from abr.fetch import Document, read_document, resolve_reference, sizes_of, stem
from abr.presentations.codec_kinds import is_without_video, video_codec, video_range
from abr.presentations.hls_variables import replace_variables
from abr.presentations.ladder_choice import VideoStream, choose_ladder, count_nouns
from abr.presentations.presentation import Presentation, Rung
from abr.presentations.segment_lists import audio_from_list, presentation_from_lists, read_lists

__all__ = ["read_hls"]

#: largest playlist, bytes; chosen by hand: 200,000 segments at 160 bytes each
MAX_PLAYLIST_BYTES = 32 << 20
#: segments of one playlist; chosen by hand: two days in segments of 1 s
MAX_SEGMENTS = 200_000
#: largest bitrate, bit/s, and size of a segment, bytes; chosen by hand, they keep sums exact
MAX_BANDWIDTH = 10**12
MAX_SEGMENT_BYTES = 1 << 50


def read_hls(path: str, document: Document, audio: bool) -> Presentation:
    """Read the ladder of the first video variant with its audio, or one media playlist as a single rung.

    Parameters
    ----------
    path : str
        Path or URL, for messages and the title.
    document : Document
        The playlist.
    audio : bool
        False to leave out the audio, whose sizes may need a request for each segment.
    """
    playlist, variables = _parse(path, document)
    if not playlist.is_variant:
        segments = _segments(path, document.address, playlist)
        seconds = sum(duration for duration, _ in segments)
        bitrate = int(8 * sum(size for _, size in segments) / seconds) if seconds else 0
        return presentation_from_lists(path, stem(path), [Rung(stem(path), bitrate)], [segments])
    streams, notes = _streams(path, playlist)
    if not streams:
        raise PresentationError(f"{path}: the playlist has no variant with video")
    chosen, left_out = choose_ladder(streams, prefer_longest=False)
    lists = read_lists(path, chosen, lambda stream: _read(document.address, stream.place, variables))
    pres = presentation_from_lists(path, stem(path), [stream.rung for stream in chosen], lists)
    pres = replace(pres, notes=notes + left_out + pres.notes)
    audio_uri = _default_audio(playlist, chosen[0].place) if audio else None
    if audio_uri is None:
        return pres
    return replace(pres, audio=audio_from_list(_read(document.address, audio_uri, variables)))


def _parse(
    path: str, document: Document, imported: Mapping[str, str] | None = None
) -> tuple[m3u8.M3U8, dict[str, str]]:
    if len(document.text) > MAX_PLAYLIST_BYTES:
        raise PresentationError(f"{path}: the playlist is larger than {MAX_PLAYLIST_BYTES} characters")
    text, variables = replace_variables(path, document.text, document.address, imported)
    try:
        return m3u8.loads(text), variables
    except Exception as error:  # the parser raises the errors of its conversions, of several types
        raise PresentationError(f"{path}: not an HLS playlist: {error or type(error).__name__}") from error


def _read(address: str, uri: str, variables: Mapping[str, str]) -> list[tuple[float, int]]:
    """Return (seconds, bytes) of every segment of a playlist that a multivariant playlist names."""
    rendition = resolve_reference(address, uri)
    document = read_document(rendition, PresentationError, MAX_PLAYLIST_BYTES)
    return _segments(rendition, document.address, _parse(rendition, document, variables)[0])


def _streams(path: str, playlist: m3u8.M3U8) -> tuple[list[VideoStream], tuple[str, ...]]:
    """Return the variants with video, and notes of those without and of trick-play playlists."""
    infos = [variant.stream_info for variant in playlist.playlists]
    # where one variant states that it has video, those that state nothing have none
    are_described = any(info.resolution or video_codec(info.codecs) for info in infos)
    streams = []
    for variant, info in zip(playlist.playlists, infos, strict=True):
        codec = video_codec(info.codecs)
        is_video = codec is not None or info.resolution or not (are_described or is_without_video(info.codecs))
        if is_without_video(info.codecs) or not is_video:
            continue
        bitrate = info.average_bandwidth or info.bandwidth
        if not variant.uri or not bitrate or not 0 < bitrate <= MAX_BANDWIDTH:
            raise PresentationError(
                f"{path}: variant {variant.uri}: BANDWIDTH is {bitrate}, expected 1 to {MAX_BANDWIDTH} bit/s"
            )
        width, height = info.resolution or (None, None)
        streams.append(
            VideoStream(
                Rung(variant.uri, int(bitrate), width, height),
                codec or "",
                _dynamic_range(info),
                "",
                variant.uri,
                str(info.frame_rate or ""),
            )
        )
    notes = []
    if len(streams) < len(infos):
        notes.append(f"left out: {count_nouns(len(infos) - len(streams), 'variant')} without video")
    if playlist.iframe_playlists:
        notes.append(f"left out: {count_nouns(len(playlist.iframe_playlists), 'trick-play playlist')}")
    return streams, tuple(notes)


def _dynamic_range(info: Any) -> str:
    stated = str(info.video_range or "").strip('"').upper()
    return stated if stated in ("PQ", "HLG") else video_range(info.codecs)


def _default_audio(playlist: m3u8.M3U8, uri: str) -> str | None:
    """Return the URI of the default audio of a variant."""
    group = next(variant.stream_info.audio for variant in playlist.playlists if variant.uri == uri)
    media = [m for m in playlist.media if m.type == "AUDIO" and m.group_id == group and m.uri]
    media.sort(key=lambda m: m.default != "YES")
    return str(media[0].uri) if media else None


def _segments(path: str, address: str, playlist: m3u8.M3U8) -> list[tuple[float, int]]:
    if playlist.is_variant:
        raise PresentationError(f"{path}: a variant is a multivariant playlist itself")
    if not playlist.is_endlist:
        raise PresentationError(f"{path}: the playlist is live; replay needs one that lists all segments")
    if not 0 < len(playlist.segments) <= MAX_SEGMENTS:
        raise PresentationError(
            f"{path}: the playlist has {len(playlist.segments)} segments, expected 1 to {MAX_SEGMENTS}"
        )
    spans = [_range_size(path, n, segment) for n, segment in enumerate(playlist.segments)]
    whole = [
        resolve_reference(address, s.uri) for s, span in zip(playlist.segments, spans, strict=True) if span is None
    ]
    sizes = iter(sizes_of(whole, PresentationError))
    return [
        (_seconds(path, n, segment), next(sizes) if span is None else span)
        for n, (segment, span) in enumerate(zip(playlist.segments, spans, strict=True))
    ]


def _seconds(path: str, n: int, segment: Any) -> float:
    seconds = segment.duration
    if not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise PresentationError(f"{path}: segment {n} ({segment.uri}): EXTINF is {seconds}, expected seconds above 0")
    return float(seconds)


def _range_size(path: str, n: int, segment: Any) -> int | None:
    """Return the bytes of an EXT-X-BYTERANGE; None when the segment is a whole file."""
    if not segment.uri:
        raise PresentationError(f"{path}: segment {n} has no address")
    if not segment.byterange:
        return None
    text = str(segment.byterange).partition("@")[0].strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 16 and 0 < int(text) < MAX_SEGMENT_BYTES):
        raise PresentationError(f"{path}: segment {n} ({segment.uri}): EXT-X-BYTERANGE is {segment.byterange!s:.40}")
    return int(text)
