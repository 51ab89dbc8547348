"""The root of all errors, and the errors of processes, tools, jobs and stores.

```
ShotladderError
├── MissingToolError (FileNotFoundError)  ffmpeg, the packager or a required part is not installed
├── ProcessError (RuntimeError)           a tool was started and failed
├── ClusterError (RuntimeError)           a cluster cannot be used
├── StoreError (OSError)                  a store cannot be used, or its server cannot be reached
├── JobsError (RuntimeError)              jobs failed in every attempt
├── JobLockedError (RuntimeError)         another run is making the same artefacts now
├── MissingPackageError (ImportError)     an optional Python package is not installed
└── DocumentError (ValueError)            a JSON document does not have the required structure
```
"""

from __future__ import annotations

from shotladder_runtime.passwords import without_password
from shotladder_runtime.printable_text import printable

__all__ = [
    "ClusterError",
    "DocumentError",
    "JobLockedError",
    "JobsError",
    "MissingPackageError",
    "MissingToolError",
    "ProcessError",
    "ShotladderError",
    "StoreError",
]


class ShotladderError(Exception):
    """Base class of all errors of shotladder; the message states what is wrong, where, and what to do."""

    def __str__(self) -> str:
        """Return the message without passwords of URLs; control codes in names and values are escaped."""
        return printable(without_password(super().__str__()))


class MissingToolError(ShotladderError, FileNotFoundError):
    """A tool or a required part of it is not installed."""


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
        lines = tail.strip().splitlines() or ["no output on stderr"]
        # the first line is usually the cause, the last one the consequence
        summary = lines[0] if lines[0] == lines[-1] else f"{lines[0]} ... {lines[-1]}"
        super().__init__(f"{argv[0].rsplit('/', 1)[-1]} failed (status {returncode}): {summary}")

    def __reduce__(self) -> tuple[type[ProcessError], tuple[tuple[str, ...], int, str]]:
        """Pickle with all attributes."""
        return type(self), (self.argv, self.returncode, self.tail)


class ClusterError(ShotladderError, RuntimeError):
    """A cluster does not respond, has no workers, or has workers that cannot run the jobs."""


class JobsError(ShotladderError, RuntimeError):
    """Jobs failed in every attempt; the other jobs are done."""


class JobLockedError(ShotladderError, RuntimeError):
    """Another run is making the same artefacts now."""


class StoreError(ShotladderError, OSError):
    """A folder or a URL is not a store, or its server cannot be reached or used."""


class MissingPackageError(ShotladderError, ImportError):
    """An optional Python package is not installed; the message names the extra that installs it."""


class DocumentError(ShotladderError, ValueError):
    """A JSON document does not have the required structure.

    Attributes
    ----------
    file : str
        Path or URL of the document.
    location : str
        Where in the document, as a JSONPath such as `$.video[0].segments[3].bytes`.
    problem : str
        What is wrong there.
    """

    def __init__(self, file: str, location: str, problem: str) -> None:
        self.file = file
        self.location = location
        self.problem = problem
        # all arguments go to Exception, so that the error can be pickled
        super().__init__(file, location, problem)

    def __str__(self) -> str:
        return printable(without_password(f"{self.file}: {self.location}: {self.problem}"))
