"""Errors of the encoder.

```
ShotladderError
├── SourceError (ValueError)     a source cannot be read, or holds no usable video
├── KeyFileError (ValueError)    a file of keys cannot be used
├── StitchError (RuntimeError)   chunks do not fit together
└── TrackError (ValueError)      an audio or subtitle track cannot be part of a presentation
```
"""

from __future__ import annotations

from shotladder_runtime.errors import ShotladderError

__all__ = ["KeyFileError", "SourceError", "StitchError", "TrackError"]


class SourceError(ShotladderError, ValueError):
    """The source cannot be read, or holds no usable video."""


class KeyFileError(ShotladderError, ValueError):
    """A file of keys cannot be read, or lacks a key."""


class StitchError(ShotladderError, RuntimeError):
    """Chunks of one rendition do not fit together."""


class TrackError(ShotladderError, ValueError):
    """A track of sound or text can be no part of a presentation."""
