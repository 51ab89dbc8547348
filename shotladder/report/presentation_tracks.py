"""Units of `presentation.json`, and its entries of audio, subtitles and thumbnails."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = [
    "AudioEntry",
    "AudioSegment",
    "BitsPerSecond",
    "Bytes",
    "CpuSeconds",
    "Index",
    "LoudnessEntry",
    "Part",
    "Percent",
    "Seconds",
    "SkippedTrackEntry",
    "TextEntry",
    "ThumbnailsEntry",
    "Vmaf",
    "unit",
]


def unit(name: str) -> Meta:
    """Return the annotation of a number with a unit."""
    return Meta(extra_json_schema={"unit": name})


Seconds = Annotated[float, unit("s")]
CpuSeconds = Annotated[float, unit("CPU s")]
Percent = Annotated[float, unit("%")]
Vmaf = Annotated[float, unit("VMAF")]
BitsPerSecond = Annotated[int, unit("bit/s")]
Bytes = Annotated[int, unit("bytes")]
Index = Annotated[int, unit("index")]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts: frozen, constructed by keyword."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        # through text, so that tuples become lists as in the file
        document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return document


class AudioSegment(Part, frozen=True, kw_only=True):
    """One media segment of an audio track."""

    bytes: Annotated[Bytes, Meta(description="Size.")]
    duration: Annotated[Seconds, Meta(description="Duration.")]
    url: Annotated[str, Meta(description="File, relative to the directory of the presentation.")]
    offset: Annotated[Bytes, Meta(description="Position in the file; only with one file per track.")] | UnsetType = (
        UNSET
    )


class LoudnessEntry(Part, frozen=True, kw_only=True):
    """Loudness of an audio track, by EBU R 128."""

    integrated: Annotated[float, unit("LUFS"), Meta(description="Programme loudness.")]
    range: Annotated[float, unit("LU"), Meta(description="Loudness range.")]
    true_peak: Annotated[float, unit("dBTP"), Meta(description="Maximum true peak.")]


class AudioEntry(Part, frozen=True, kw_only=True):
    """One audio track."""

    language: Annotated[str | None, Meta(description="Language tag of the source track.")]
    title: Annotated[str | None, Meta(description="Title of the source track.")]
    dispositions: Annotated[list[str], Meta(description="Dispositions of the source track, as ffmpeg names them.")]
    codec: Annotated[str, Meta(description="Codec: aac, eac3, ac3 or opus.")]
    channels: Annotated[int, Meta(description="Number of channels.")]
    loudness: Annotated[LoudnessEntry, Meta(description="Loudness; absent for silence.")] | UnsetType = UNSET
    average_bitrate: Annotated[BitsPerSecond, Meta(description="Bytes of all segments over their duration.")]
    playlist: Annotated[str, Meta(description="HLS media playlist.")]
    init: Annotated[str, Meta(description="Initialisation segment.")]
    segments: Annotated[list[AudioSegment], Meta(description="Media segments.")]


class TextEntry(Part, frozen=True, kw_only=True):
    """One subtitle track."""

    language: Annotated[str | None, Meta(description="Language tag of the source track.")]
    title: Annotated[str | None, Meta(description="Title of the source track.")]
    dispositions: Annotated[list[str], Meta(description="Dispositions of the source track, as ffmpeg names them.")]
    codec: Annotated[str, Meta(description="Codec: webvtt.")]
    playlist: Annotated[str, Meta(description="HLS media playlist.")]


class SkippedTrackEntry(Part, frozen=True, kw_only=True):
    """One track of the source that the presentation does not contain."""

    stream: Annotated[Index, Meta(description="Index of the stream in the source.")]
    codec: Annotated[str, Meta(description="Codec in the source.")]
    language: Annotated[str | None, Meta(description="Language tag in the source.")]
    reason: Annotated[str, Meta(description="Why it is skipped.")]


class ThumbnailsEntry(Part, frozen=True, kw_only=True):
    """Images of many thumbnails each, for scrubbing."""

    interval: Annotated[Seconds, Meta(description="Time between two thumbnails.")]
    width: Annotated[int, unit("pixels"), Meta(description="Width of a thumbnail.")]
    height: Annotated[int, unit("pixels"), Meta(description="Height of a thumbnail.")]
    columns: Annotated[int, Meta(description="Thumbnails in a row of an image.")]
    rows: Annotated[int, Meta(description="Rows of an image.")]
    count: Annotated[int, Meta(description="Number of thumbnails.")]
    playlist: Annotated[str, Meta(description="HLS image playlist.")]
    poster: Annotated[str, Meta(description="Poster image.")]
