"""Reading video and audio of an HLS playlist (RFC 8216): durations, sizes from byte ranges or the files themselves."""

from __future__ import annotations

from dataclasses import replace

import m3u8

from abr.errors import PresentationError
from abr.fetch import read_text, resolve_reference, sizes_of, stem
from abr.presentations.presentation import Presentation, Rung
from abr.presentations.segment_lists import audio_of, from_lists

__all__ = ["read_hls"]


def read_hls(place: str, text: str, audio: bool) -> Presentation:
    """Read a multivariant playlist, or one media playlist as a single rung; the audio of the first variant."""
    playlist = _parse(place, text)
    if not playlist.is_variant:
        segments = _segments(place, playlist)
        seconds = sum(duration for duration, _ in segments)
        bitrate = int(8 * sum(size for _, size in segments) / seconds) if seconds else 0
        return from_lists(place, stem(place), [Rung(stem(place), bitrate)], [segments])
    rungs, lists = [], []
    seen = set()
    codec = ""
    for variant in playlist.playlists:
        info = variant.stream_info
        if variant.uri in seen or (info.codecs and not info.resolution and "mp4a" in info.codecs.split(",")[0]):
            continue  # the same video with another sound, or sound alone
        codec = codec or _family(info.codecs)
        if _family(info.codecs) != codec:
            continue  # a player keeps to the ladder of one codec
        seen.add(variant.uri)
        rendition = resolve_reference(place, variant.uri)
        media = _parse(rendition, read_text(rendition, PresentationError))
        width, height = info.resolution or (None, None)
        rate = info.average_bandwidth or info.bandwidth
        rungs.append(Rung(variant.uri, int(rate), width, height))
        lists.append(_segments(rendition, media))
    pres = from_lists(place, stem(place), rungs, lists)
    heard = _heard(playlist) if audio else None
    if heard is None:
        return pres
    rendition = resolve_reference(place, heard)
    return replace(
        pres, audio=audio_of(_segments(rendition, _parse(rendition, read_text(rendition, PresentationError))))
    )


def _parse(place: str, text: str) -> m3u8.M3U8:
    try:
        return m3u8.loads(text)
    except (ValueError, m3u8.ParseError, AttributeError) as error:
        raise PresentationError(f"{place}: not a playlist: {error}") from error


def _heard(playlist: m3u8.M3U8) -> str | None:
    """Return where the audio of the first variant is that plays unless another is chosen."""
    group = playlist.playlists[0].stream_info.audio
    media = [m for m in playlist.media if m.type == "AUDIO" and m.group_id == group and m.uri]
    media.sort(key=lambda m: m.default != "YES")
    return str(media[0].uri) if media else None


def _family(codecs: str | None) -> str:
    """Return the name that a video codec has in MP4, without its profile."""
    return (codecs or "").partition(",")[0].partition(".")[0]


def _segments(place: str, playlist: m3u8.M3U8) -> list[tuple[float, int]]:
    if not playlist.is_endlist:
        raise PresentationError(f"{place}: a live playlist; replay needs one whose segments are all known")
    spans = [str(segment.byterange or "").partition("@")[0] for segment in playlist.segments]
    whole = [resolve_reference(place, s.uri) for s, span in zip(playlist.segments, spans, strict=True) if not span]
    sizes = iter(sizes_of(whole, PresentationError))
    return [
        (float(segment.duration), int(span) if span else next(sizes))
        for segment, span in zip(playlist.segments, spans, strict=True)
    ]
