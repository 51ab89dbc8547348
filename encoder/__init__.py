"""Make: sources, frames, chunks, tracks, DASH and HLS."""

from encoder.errors import MissingToolError, ProcessError, ShotladderError, SourceError, StitchError
from encoder.frames import Frame, decode
from encoder.inspection import inspect
from encoder.source import AudioStream, Colour, Source, TextStream
from encoder.tools import ffmpeg_path, packager_path

__all__ = [
    "AudioStream",
    "Colour",
    "Frame",
    "MissingToolError",
    "ProcessError",
    "ShotladderError",
    "Source",
    "SourceError",
    "StitchError",
    "TextStream",
    "decode",
    "ffmpeg_path",
    "inspect",
    "packager_path",
]
