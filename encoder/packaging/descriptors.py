"""Stream descriptors of Shaka Packager for audio and subtitle tracks: names, languages and roles."""

from __future__ import annotations

from collections.abc import Sequence

from encoder.media.source import AudioStream, SubtitleStream
from encoder.tracks.audio import AudioTrack
from encoder.tracks.subtitles import SubtitleTrack

__all__ = ["MACHINE_GENERATED", "choose_default_playlists", "describe_tracks"]

Stream = AudioStream | SubtitleStream

#: DASH roles of audio tracks (ISO/IEC 23009-1, 5.8.5.5) by FFmpeg's dispositions.
AUDIO_ROLES = {
    "dub": "dub",
    "comment": "commentary",
    "karaoke": "karaoke",
    "visual_impaired": "description",
    "descriptions": "description",
    "hearing_impaired": "enhanced-audio-intelligibility",
}
#: DASH roles of subtitle tracks by FFmpeg's dispositions.
TEXT_ROLES = {
    "forced": "forced-subtitle",
    "comment": "commentary",
    "karaoke": "karaoke",
    "hearing_impaired": "caption",
    "captions": "caption",
    "visual_impaired": "easyreader",
}
#: HLS characteristic of audio description (RFC 8216, 4.3.4.1).
DESCRIBES_VIDEO = "public.accessibility.describes-video"
#: HLS characteristics of captions (RFC 8216, 4.3.4.1).
TRANSCRIBES = "public.accessibility.transcribes-spoken-dialog;public.accessibility.describes-music-and-sound"
#: Disposition of subtitles that a machine made; FFmpeg has none.
MACHINE_GENERATED = "machine-generated"
#: HLS characteristics of captions of speech that a machine made (Apple's HLS authoring specification).
TRANSCRIBED = "public.accessibility.transcribes-spoken-dialog;public.machine-generated"
#: Scheme of the purposes of audio tracks in DASH (ETSI TS 102 822-3-1, A.2.12).
PURPOSE = "urn:tva:metadata:cs:AudioPurposeCS:2007"


def describe_tracks(audio: Sequence[AudioTrack], subtitles: Sequence[SubtitleTrack]) -> list[dict[str, str]]:
    """Return the fields of the descriptor of every track, audio first; `folder` is the path of its files.

    All encodes of an audio stream have the same name, in one group per codec. A second stream of a language gets a
    number.
    """
    audio_streams = _list_streams(audio)
    subtitle_streams = [track.stream for track in subtitles]
    names = dict(zip(audio_streams, _name_folders(audio_streams), strict=True))
    titles = dict(zip(audio_streams, _title_streams(audio_streams), strict=True))
    main = _choose_default(audio_streams)
    fields = [
        _describe_audio(track, names[track.stream], titles[track.stream], is_main=track.stream == main)
        for track in audio
    ]
    named = zip(subtitle_streams, _name_folders(subtitle_streams), _title_streams(subtitle_streams), strict=True)
    return fields + [_describe_subtitles(stream, name, title) for stream, name, title in named]


def choose_default_playlists(audio: Sequence[AudioTrack], subtitles: Sequence[SubtitleTrack]) -> frozenset[str]:
    """Return the playlists that play by default: one audio stream, and the subtitles that are default in the source."""
    main = _choose_default(_list_streams(audio))
    shown = next((track.stream for track in subtitles if "default" in track.stream.dispositions), None)
    streams: list[Stream] = [track.stream for track in audio]
    streams += [track.stream for track in subtitles]
    return frozenset(
        fields["playlist_name"]
        for fields, stream in zip(describe_tracks(audio, subtitles), streams, strict=True)
        if stream in (main, shown)
    )


def _list_streams(audio: Sequence[AudioTrack]) -> list[AudioStream]:
    """Return the streams of the tracks, each once."""
    return list(dict.fromkeys(track.stream for track in audio))


def _choose_default(audio_streams: Sequence[AudioStream]) -> AudioStream | None:
    """Return the first stream that is default in the source, or the first of all."""
    return next(
        (stream for stream in audio_streams if "default" in stream.dispositions),
        audio_streams[0] if audio_streams else None,
    )


def _describe_audio(track: AudioTrack, name: str, title: str, *, is_main: bool) -> dict[str, str]:
    stream = track.stream
    roles = [AUDIO_ROLES[d] for d in stream.dispositions if d in AUDIO_ROLES]
    fields = {
        "stream": "audio",
        "folder": f"audio/{name}-{track.codec}",
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


def _describe_subtitles(stream: SubtitleStream, name: str, title: str) -> dict[str, str]:
    roles = [TEXT_ROLES[d] for d in stream.dispositions if d in TEXT_ROLES] or ["subtitle"]
    fields = {
        "stream": "text",
        "folder": f"text/{name}",
        "playlist_name": f"text_{name}.m3u8",
        "hls_group_id": "text",
        "hls_name": title,
        "dash_roles": ";".join(dict.fromkeys(roles)),
    }
    if "forced" in stream.dispositions:
        fields["forced_subtitle"] = "1"
    if MACHINE_GENERATED in stream.dispositions:
        fields["hls_characteristics"] = TRANSCRIBED
        # DASH has no role for it
        fields["dash_label"] = title
    elif "caption" in roles:
        fields["hls_characteristics"] = TRANSCRIBES
    return fields | _language(stream)


def _language(stream: Stream) -> dict[str, str]:
    language = _keep_printable(stream.language)
    return {"language": language} if language else {}


def _name_folders(streams: Sequence[Stream]) -> list[str]:
    """Name folders after languages; a second stream of a language gets a number."""
    names: list[str] = []
    for stream in streams:
        base = "".join(c for c in (stream.language or "und") if c.isalnum() or c == "-") or "und"
        taken = sum(name == base or name.startswith(f"{base}-") for name in names)
        names.append(f"{base}-{taken + 1}" if taken else base)
    return names


def _title_streams(streams: Sequence[Stream]) -> list[str]:
    """Return a displayed name for each stream, all different, as RFC 8216 (4.3.4.1.1) requires within a group."""
    titles: list[str] = []
    for stream, name in zip(streams, _name_folders(streams), strict=True):
        title = _keep_printable(stream.title) or name
        titles.append(title if title not in titles else f"{title} ({name})")
    return titles


def _keep_printable(title: str | None) -> str:
    # the separators of descriptors and the quotes of playlists cannot be escaped; a line break separates words
    words = (title or "").split()
    kept = ("".join(c for c in word if c.isprintable() and c not in ',="\\') for word in words)
    return " ".join(filter(None, kept))
