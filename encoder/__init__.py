"""Make: sources, frames, chunks, tracks, DASH and HLS."""

from encoder.errors import MissingToolError, ProcessError, ShotladderError, SourceError, StitchError
from encoder.source import AudioStream, Colour, Source, TextStream

__all__ = [
    "AudioStream",
    "Colour",
    "MissingToolError",
    "ProcessError",
    "ShotladderError",
    "Source",
    "SourceError",
    "StitchError",
    "TextStream",
]
