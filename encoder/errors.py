"""Errors of the encoder package.

```
ShotladderError
├── SourceError (ValueError)        a source cannot be read, or holds no usable video
├── UnknownCodecError (ValueError)  there is no codec of this name
├── CodecFileError (ValueError)     a file of codecs cannot be read, or a row of it is invalid
├── KeyFileError (ValueError)       a file of keys cannot be read, or a key is missing or invalid
├── StitchError (RuntimeError)      chunks of one rendition do not fit together
└── TrackError (ValueError)         an audio or subtitle track cannot be part of a presentation
```
"""

from __future__ import annotations

from shotladder_runtime.errors import ShotladderError

__all__ = ["CodecFileError", "KeyFileError", "SourceError", "StitchError", "TrackError", "UnknownCodecError"]


class SourceError(ShotladderError, ValueError):
    """A source cannot be read, or holds no usable video."""


class UnknownCodecError(ShotladderError, ValueError):
    """There is no codec of this name."""


class CodecFileError(ShotladderError, ValueError):
    """A file of codecs cannot be read, or a row of it is invalid."""


class KeyFileError(ShotladderError, ValueError):
    """A file of keys cannot be read, or a key is missing or invalid."""


class StitchError(ShotladderError, RuntimeError):
    """Chunks of one rendition do not fit together."""


class TrackError(ShotladderError, ValueError):
    """An audio or subtitle track cannot be part of a presentation."""
