"""The audio and subtitle streams of a source: their properties, tags and dispositions."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av

from encoder.media.languages import normalise_language
from encoder.media.source import AudioStream, SubtitleStream
from encoder.media.subtitle_text import decode_text
from encoder.media.surveys.packet_survey import PacketSurvey

__all__ = ["name_codec", "read_audio_streams", "read_subtitle_streams"]

#: PyAV's name of a layout that states only the number of channels.
_UNNAMED = re.compile(r"\d+ channels")
#: Layouts that FFmpeg takes for a number of channels if none is stated (av_channel_layout_default).
_USUAL = {3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
#: FFmpeg's name of the profile of E-AC-3 with joint object coding.
_ATMOS = "Dolby Digital Plus + Dolby Atmos"
#: Beginnings of a document of Timed Text Markup Language, for which FFmpeg has no decoder.
_TTML = (b"<?xml", b"<tt")


def read_audio_streams(container: Any, survey: PacketSurvey) -> tuple[tuple[AudioStream, ...], tuple[str, ...]]:
    """Return the audio streams of an open PyAV container, and notes on what is assumed or replaced."""
    streams, notes = [], []
    for stream in container.streams.audio:
        tags, more = _read_tags(stream)
        notes += more
        context = stream.codec_context
        # a track of an unknown codec is kept here, so that it can be reported when it is skipped
        channels, rate, layout = (0, 0, "") if context is None else _read_layout(context)
        if not layout and channels > 2:
            taken = f"taken for {_USUAL[channels]}" if channels in _USUAL else "mixed with equal weights"
            notes.append(f"audio track {stream.index} has {channels} channels without a layout, which are {taken}")
        start = (stream.start_time or 0) * Fraction(stream.time_base or Fraction(1, 48_000))
        found = AudioStream(stream.index, name_codec(stream), channels, rate, start, *tags, layout=layout)
        is_empty, has_objects = not survey.counts.get(stream.index), context is not None and context.profile == _ATMOS
        streams.append(replace(found, is_empty=is_empty, has_objects=has_objects))
    return tuple(streams), tuple(notes)


def _read_layout(context: Any) -> tuple[int, int, str]:
    name = context.layout.name
    return context.channels, context.sample_rate, "" if _UNNAMED.fullmatch(name) else name


def read_subtitle_streams(container: Any, survey: PacketSurvey) -> tuple[tuple[SubtitleStream, ...], tuple[str, ...]]:
    """Return the subtitle streams of an open PyAV container, and notes on what is replaced."""
    streams, notes = [], []
    for stream in container.streams.subtitles:
        tags, more = _read_tags(stream)
        notes += more
        codec = name_codec(stream)
        if codec == "unknown" and survey.starts.get(stream.index, b"").lstrip().startswith(_TTML):
            codec = "ttml"
        is_utf8 = stream.index not in survey.not_utf8
        if not is_utf8:
            notes.append(f"subtitle track {stream.index} is not UTF-8 throughout; other bytes are read as Windows-1252")
        streams.append(SubtitleStream(stream.index, codec, *tags, is_utf8=is_utf8))
    return tuple(streams), tuple(notes)


def name_codec(stream: Any) -> str:
    """Return FFmpeg's name of the codec of a PyAV stream, `unknown` if it has no decoder."""
    context = stream.codec_context
    return str(context.codec.canonical_name if context is not None else "unknown")


def _read_tags(stream: Any) -> tuple[tuple[str | None, str | None, tuple[str, ...]], list[str]]:
    """Return language, title and dispositions, and notes on tags that are replaced."""
    # Matroska writes its own tags in capitals
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    notes = []
    title = tags.get("title")
    if title is not None and not _is_utf8(title):
        title = decode_text(title.encode(errors="surrogateescape"))
        notes.append(f"the title of track {stream.index} is not UTF-8; it is read as Windows-1252: {title!r}")
    stated = tags.get("language", "")
    language = normalise_language(stated)
    if language is None and stated.strip("\0").lower() not in ("", "und"):
        shown = decode_text(stated.encode(errors="surrogateescape"))
        notes.append(f"the language of track {stream.index} is unknown: {shown!r} is not a language tag")
    dispositions = tuple(flag.name for flag in av.stream.Disposition if flag in stream.disposition)
    return (language, title, dispositions), notes


def _is_utf8(text: str) -> bool:
    """Return whether a tag, which is read with `surrogateescape`, was UTF-8."""
    return not any("\udc80" <= character <= "\udcff" for character in text)
