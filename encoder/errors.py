"""Errors of the encoder.

```
ShotladderError
├── SourceError (ValueError)        a film that cannot be read, or holds no usable video
├── KeyFileError (ValueError)       a file of keys that cannot be used
├── MissingToolError (FileNotFoundError)  ffmpeg or the packager, or a part of it, is not there
├── ProcessError (RuntimeError)     a tool was started and failed
├── ClusterError (RuntimeError)     a cluster that cannot be used
├── StoreError (OSError)            a folder that is not a store, or a store's server that cannot be reached
├── JobsError (RuntimeError)        jobs failed each time that they were tried
├── ClaimedError (RuntimeError)     another run is making the same artefacts now
├── StitchError (RuntimeError)      chunks that do not fit together
└── TrackError (ValueError)         a track of sound or text that can be no part of a presentation
```
"""

from __future__ import annotations

from shotladder_errors import ShotladderError

__all__ = [
    "ClaimedError",
    "ClusterError",
    "JobsError",
    "KeyFileError",
    "MissingToolError",
    "ProcessError",
    "ShotladderError",
    "SourceError",
    "StitchError",
    "StoreError",
    "TrackError",
]


class SourceError(ShotladderError, ValueError):
    """The source cannot be read, or holds no usable video."""


class KeyFileError(ShotladderError, ValueError):
    """A file of keys cannot be read, or lacks a key."""


class MissingToolError(ShotladderError, FileNotFoundError):
    """A tool, or a part of it that is needed, is not installed."""


class ProcessError(ShotladderError, RuntimeError):
    """A tool was started and failed.

    Attributes
    ----------
    argv : tuple of str
        The command.
    returncode : int
        Its exit status; negative for a signal.
    tail : str
        The last lines it wrote to standard error.
    """

    def __init__(self, argv: tuple[str, ...], returncode: int, tail: str) -> None:
        self.argv = argv
        self.returncode = returncode
        self.tail = tail
        lines = tail.strip().splitlines() or ["it said nothing"]
        # the first complaint is the cause, the last the consequence
        last = lines[0] if lines[0] == lines[-1] else f"{lines[0]} ... {lines[-1]}"
        super().__init__(f"{argv[0].rsplit('/', 1)[-1]} failed (status {returncode}): {last}")

    def __reduce__(self) -> tuple[type[ProcessError], tuple[tuple[str, ...], int, str]]:
        """Travel between processes whole."""
        return type(self), (self.argv, self.returncode, self.tail)


class StitchError(ShotladderError, RuntimeError):
    """Chunks of one rendition do not fit together."""


class StoreError(ShotladderError, OSError):
    """A folder or a URL is not a store, or its server cannot be reached or does not do what it is asked."""


class ClusterError(ShotladderError, RuntimeError):
    """A cluster does not answer, has no workers, or has some that cannot do the work."""


class JobsError(ShotladderError, RuntimeError):
    """Jobs failed each time that they were tried; the others are done."""


class ClaimedError(ShotladderError, RuntimeError):
    """Another run is making the same artefacts now."""


class TrackError(ShotladderError, ValueError):
    """A track of sound or text can be no part of a presentation."""
