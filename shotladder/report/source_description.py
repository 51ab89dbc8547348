"""Describe the source of a presentation."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from msgspec import UNSET

from encoder import Source
from encoder.media.file_stamp import FileStamp
from shotladder.report.presentation_format import SourceEntry

__all__ = ["describe_source"]


def describe_source(source: Source) -> SourceEntry:
    """Return the description of a source: without its directory, which is not for the readers of a presentation."""
    width, height = source.display_size
    is_url = "://" in source.path
    name = PurePosixPath(urlsplit(source.path).path).name if is_url else Path(source.path).name
    return SourceEntry(
        # JSON is UTF-8, a file name need not be
        name=name.encode(errors="replace").decode(),
        # of the inspected file, which somebody may have exchanged since then
        bytes=source.stamp.size if isinstance(source.stamp, FileStamp) else None,
        codec=source.codec,
        pixel_format=source.pixel_format,
        width=width,
        height=height,
        transfer=source.colour.transfer,
        crop=[source.crop.left, source.crop.top, source.crop.right, source.crop.bottom] if source.crop else UNSET,
        frame_count=source.frame_count,
        audio_tracks=len(source.audio),
        subtitle_tracks=len(source.subtitles),
    )
