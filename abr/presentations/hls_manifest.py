"""Read the video and audio segments of an HLS playlist (RFC 8216): their durations and sizes.

Sizes come from byte ranges, or from the files themselves; for files at URLs, from HEAD requests.
"""

from __future__ import annotations

from dataclasses import replace

import m3u8

from abr.errors import PresentationError
from abr.fetch import read_text, resolve_reference, sizes_of, stem
from abr.presentations.presentation import Presentation, Rung
from abr.presentations.segment_lists import audio_from_list, presentation_from_lists

__all__ = ["read_hls"]


def read_hls(path: str, text: str, audio: bool) -> Presentation:
    """Read a multivariant playlist with the audio of its first variant, or one media playlist as a single rung.

    `audio` is False to leave out the audio, whose sizes may need a request for each segment.
    """
    playlist = _parse(path, text)
    if not playlist.is_variant:
        segments = _segments(path, playlist)
        seconds = sum(duration for duration, _ in segments)
        bitrate = int(8 * sum(size for _, size in segments) / seconds) if seconds else 0
        return presentation_from_lists(path, stem(path), [Rung(stem(path), bitrate)], [segments])
    rungs, lists = [], []
    seen = set()
    codec = ""
    for variant in playlist.playlists:
        info = variant.stream_info
        if variant.uri in seen or (info.codecs and not info.resolution and "mp4a" in info.codecs.split(",")[0]):
            continue  # the same video with other audio, or audio only
        codec = codec or _codec_name(info.codecs)
        if _codec_name(info.codecs) != codec:
            continue  # a player stays within the ladder of one codec
        seen.add(variant.uri)
        rendition = resolve_reference(path, variant.uri)
        media = _parse(rendition, read_text(rendition, PresentationError))
        width, height = info.resolution or (None, None)
        rate = info.average_bandwidth or info.bandwidth
        rungs.append(Rung(variant.uri, int(rate), width, height))
        lists.append(_segments(rendition, media))
    pres = presentation_from_lists(path, stem(path), rungs, lists)
    audio_uri = _default_audio(playlist) if audio else None
    if audio_uri is None:
        return pres
    rendition = resolve_reference(path, audio_uri)
    return replace(
        pres, audio=audio_from_list(_segments(rendition, _parse(rendition, read_text(rendition, PresentationError))))
    )


def _parse(path: str, text: str) -> m3u8.M3U8:
    try:
        return m3u8.loads(text)
    except (ValueError, m3u8.ParseError, AttributeError) as error:
        raise PresentationError(f"{path}: not an HLS playlist: {error}") from error


def _default_audio(playlist: m3u8.M3U8) -> str | None:
    """Return the URI of the default audio of the first variant."""
    group = playlist.playlists[0].stream_info.audio
    media = [m for m in playlist.media if m.type == "AUDIO" and m.group_id == group and m.uri]
    media.sort(key=lambda m: m.default != "YES")
    return str(media[0].uri) if media else None


def _codec_name(codecs: str | None) -> str:
    """Return the four-character code of the first codec, such as `avc1`."""
    return (codecs or "").partition(",")[0].partition(".")[0]


def _segments(path: str, playlist: m3u8.M3U8) -> list[tuple[float, int]]:
    if not playlist.is_endlist:
        raise PresentationError(f"{path}: the playlist is live; replay needs one that lists all segments")
    spans = [str(segment.byterange or "").partition("@")[0] for segment in playlist.segments]
    whole = [resolve_reference(path, s.uri) for s, span in zip(playlist.segments, spans, strict=True) if not span]
    sizes = iter(sizes_of(whole, PresentationError))
    return [
        (float(segment.duration), int(span) if span else next(sizes))
        for segment, span in zip(playlist.segments, spans, strict=True)
    ]
