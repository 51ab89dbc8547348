"""What Shaka Packager is told of tracks of sound and text: names, languages and what they are for."""

from __future__ import annotations

from collections.abc import Sequence

from encoder.media.source import AudioStream, TextStream
from encoder.tracks.tracks import AudioTrack, TextTrack

__all__ = ["default_playlists", "descriptors"]

Stream = AudioStream | TextStream

#: DASH's roles (ISO/IEC 23009-1, 5.8.5.5) by FFmpeg's dispositions.
AUDIO_ROLES = {
    "dub": "dub",
    "comment": "commentary",
    "karaoke": "karaoke",
    "visual_impaired": "description",
    "descriptions": "description",
    "hearing_impaired": "enhanced-audio-intelligibility",
}
TEXT_ROLES = {
    "forced": "forced-subtitle",
    "comment": "commentary",
    "karaoke": "karaoke",
    "hearing_impaired": "caption",
    "captions": "caption",
    "visual_impaired": "easyreader",
}
#: Who a track is for: HLS's characteristics (RFC 8216, 4.3.4.1), DASH's purposes (ETSI TS 102 822-3-1, A.2.12).
DESCRIBES_VIDEO = "public.accessibility.describes-video"
TRANSCRIBES = "public.accessibility.transcribes-spoken-dialog;public.accessibility.describes-music-and-sound"
PURPOSE = "urn:tva:metadata:cs:AudioPurposeCS:2007"


def descriptors(audio: Sequence[AudioTrack], text: Sequence[TextTrack]) -> list[dict[str, str]]:
    """Return the fields of every track's descriptor, sound first; `place` is where its files go.

    An encode of a track shares its name with the others, in a group of its own. A second track of a language gets a
    number.
    """
    sound = _distinct(audio)
    words = [track.stream for track in text]
    named = dict(zip(sound, zip(_names(sound), _titles(sound), strict=True), strict=True))
    main = _default(sound)
    fields = [_sound(track, *named[track.stream], is_main=track.stream == main) for track in audio]
    return fields + [_words(track.stream, *n) for track, *n in zip(text, _names(words), _titles(words), strict=True)]


def default_playlists(audio: Sequence[AudioTrack], text: Sequence[TextTrack]) -> frozenset[str]:
    """Return the playlists that play when nobody chooses: one track of sound; of text only what the source says."""
    main = _default(_distinct(audio))
    shown = next((track.stream for track in text if "default" in track.stream.dispositions), None)
    streams: list[Stream] = [track.stream for track in audio]
    streams += [track.stream for track in text]
    return frozenset(
        fields["playlist_name"]
        for fields, stream in zip(descriptors(audio, text), streams, strict=True)
        if stream in (main, shown)
    )


def _distinct(audio: Sequence[AudioTrack]) -> list[AudioStream]:
    """Return the streams of which tracks are encodes, each once."""
    return list(dict.fromkeys(track.stream for track in audio))


def _default(sound: Sequence[AudioStream]) -> AudioStream | None:
    """Return the first track that the source calls its default, or the first of all."""
    return next((stream for stream in sound if "default" in stream.dispositions), sound[0] if sound else None)


def _sound(track: AudioTrack, name: str, title: str, *, is_main: bool) -> dict[str, str]:
    stream = track.stream
    roles = [AUDIO_ROLES[d] for d in stream.dispositions if d in AUDIO_ROLES]
    fields = {
        "stream": "audio",
        "place": f"audio/{name}-{track.codec}",
        "playlist_name": f"audio_{name}-{track.codec}.m3u8",
        "hls_group_id": f"audio-{track.codec}",
        "hls_name": title,
        "dash_roles": ";".join(dict.fromkeys(["main" if is_main else "alternate", *roles])),
    }
    if "description" in roles:
        fields |= {"hls_characteristics": DESCRIBES_VIDEO, "dash_accessibilities": f"{PURPOSE}=1"}
    elif "hearing_impaired" in stream.dispositions:
        fields |= {"dash_accessibilities": f"{PURPOSE}=2"}
    return fields | _language(stream)


def _words(stream: TextStream, name: str, title: str) -> dict[str, str]:
    roles = [TEXT_ROLES[d] for d in stream.dispositions if d in TEXT_ROLES] or ["subtitle"]
    fields = {
        "stream": "text",
        "place": f"text/{name}",
        "playlist_name": f"text_{name}.m3u8",
        "hls_group_id": "text",
        "hls_name": title,
        "dash_roles": ";".join(dict.fromkeys(roles)),
    }
    if "forced" in stream.dispositions:
        fields["forced_subtitle"] = "1"
    if "caption" in roles:
        fields["hls_characteristics"] = TRANSCRIBES
    return fields | _language(stream)


def _language(stream: Stream) -> dict[str, str]:
    language = _printable(stream.language)
    return {"language": language} if language else {}


def _names(streams: Sequence[Stream]) -> list[str]:
    """Name folders after languages; a second track of a language gets a number."""
    names: list[str] = []
    for stream in streams:
        base = "".join(c for c in (stream.language or "und") if c.isalnum() or c == "-") or "und"
        taken = sum(name == base or name.startswith(f"{base}-") for name in names)
        names.append(f"{base}-{taken + 1}" if taken else base)
    return names


def _titles(streams: Sequence[Stream]) -> list[str]:
    """Name tracks for people, each differently, as RFC 8216 (4.3.4.1.1) demands within a group."""
    titles: list[str] = []
    for stream, name in zip(streams, _names(streams), strict=True):
        title = _printable(stream.title) or name
        titles.append(title if title not in titles else f"{title} ({name})")
    return titles


def _printable(title: str | None) -> str:
    # the descriptor's separators and a playlist's quotes cannot be escaped
    return "".join(c for c in title or "" if c.isprintable() and c not in ',="\\').strip()
