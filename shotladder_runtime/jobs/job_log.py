"""Record every attempt of a job: a log file of JSON lines, and numbers for a metrics server."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from shotladder_runtime.errors import JobLockedError, ShotladderError
from shotladder_runtime.process import record_usage

__all__ = ["JobEntry", "JobLog", "JobObserver", "LogError", "Measured", "make_entry", "run_measured"]

R = TypeVar("R")


class LogError(ShotladderError, OSError):
    """A log file cannot be written."""


@dataclass(frozen=True, slots=True)
class JobEntry:
    """One attempt of a job, as a line of the log.

    Attributes
    ----------
    job : str
        Function of the job.
    host : str
        Machine and process that ran it.
    start, end : str
        Times in UTC, ISO 8601.
    cpu_seconds : float
        CPU time of its tools and of its thread, s.
    peak_memory : int
        Maximum resident memory of one of its tools, bytes; 0 if it ran none.
    predicted_memory : int
        Memory that it was scheduled with, bytes; 0 if unknown.
    attempt : int
        From 1 in the order in which the attempts ended.
    status : {"done", "locked", "failed"}
        "locked" if another run made the same artefacts.
    error : str or None
    """

    job: str
    host: str
    start: str
    end: str
    cpu_seconds: float
    peak_memory: int
    predicted_memory: int
    attempt: int
    status: str
    error: str | None = None


#: Takes every attempt of a job that has ended; called by several threads.
JobObserver = Callable[[JobEntry], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of a job, with where and when it ran and what it used; an exception takes the place of its result."""

    value: Any
    error: BaseException | None
    host: str
    start: float
    end: float
    cpu_seconds: float
    peak_memory: int


def run_measured(function: Callable[[], R]) -> Measured:
    """Run a job on its worker and return its result with its usage."""
    start, thread_start = time.time(), time.thread_time()
    value, error = None, None
    with record_usage() as usages:
        try:
            value = function()
        except Exception as caught:  # it is raised again by the coordinator
            error = caught
    cpu = time.thread_time() - thread_start + sum(usage.cpu_seconds for usage in usages)
    memory = max((usage.peak_memory for usage in usages), default=0)
    return Measured(value, error, f"{socket.gethostname()}/{os.getpid()}", start, time.time(), cpu, memory)


def make_entry(function: Callable[[], Any], measured: Measured, memory: int, attempt: int) -> JobEntry:
    """Return the line of an attempt."""
    while isinstance(function, partial) and not hasattr(function, "__qualname__"):
        function = function.func
    status = "done" if measured.error is None else "locked" if isinstance(measured.error, JobLockedError) else "failed"
    return JobEntry(
        f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', function)}",
        measured.host,
        _format(measured.start),
        _format(measured.end),
        round(measured.cpu_seconds, 3),
        measured.peak_memory,
        memory,
        attempt,
        status,
        None if measured.error is None else str(measured.error),
    )


class JobLog:
    """Appends one JSON line to a file for each attempt of a job.

    Parameters
    ----------
    path : Path

    Raises
    ------
    LogError
        If the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._file = path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise LogError(f"{path}: the log cannot be written ({error.strerror})") from error

    def __call__(self, entry: JobEntry) -> None:
        """Write a line; a full disk costs the log, not the run."""
        with self._lock:
            if self._file.closed:
                return
            try:
                self._file.write(json.dumps(asdict(entry)) + "\n")
            except OSError:
                self._file.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _format(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
