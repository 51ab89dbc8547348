"""Run external tools; the only module of the project that starts processes.

Tools are started with closed standard input, and no shell parses their arguments. The end of standard error is kept,
the CPU time is that of the single child, and children are killed when their parent ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import IO

from shotladder_runtime.errors import MissingToolError, ProcessError

__all__ = ["QUIET", "Completed", "Usage", "pause", "record_usage", "run", "stop_all"]

#: FFmpeg prints errors only and reads no standard input.
QUIET = ("-v", "error", "-nostdin")

#: Bytes at the end of standard error that are kept for the error message (chosen by hand).
STDERR_KEPT = 32_768

#: Exit status of a tool that exceeded its time limit: that of timeout(1).
LATE_STATUS = 124

#: SVT-AV1 prints its configuration on standard error; only this variable limits its output to errors.
_LOG_LEVEL = {"SVT_LOG": "1"}

#: Statuses of a shell whose program cannot be executed, or does not exist.
_SHELL_STATUSES = (126, 127)

#: PR_SET_PDEATHSIG of prctl(2).
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_running: set[int] = set()
_lock = threading.Lock()
#: Notified by `stop_all`.
_stops = threading.Condition()


@dataclass(frozen=True, slots=True)
class Completed:
    """Result of a tool: standard output, the end of standard error, and CPU time (user + system, s)."""

    stdout: bytes
    stderr: str
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tool used: CPU time (s) and peak resident memory (bytes).

    The kernel counts the memory of this process until the tool is executed, so that the peak is not below that.
    """

    cpu_seconds: float
    peak_memory: int


class _Recorder(threading.local):
    """The usages that this thread records; None if it records none."""

    usages: list[Usage] | None = None


_recorder = _Recorder()


@contextmanager
def record_usage() -> Iterator[list[Usage]]:
    """Collect what the tools use that this thread runs in the block, also those that fail."""
    before, usages = _recorder.usages, list[Usage]()
    _recorder.usages = usages
    try:
        yield usages
    finally:
        _recorder.usages = before
        if before is not None:
            before += usages


def run(
    argv: Sequence[str],
    *,
    cwd: str | None = None,
    descriptors: Sequence[int] = (),
    time_limit: float | None = None,
    on_line: Callable[[bytes], None] | None = None,
) -> Completed:
    """Run a tool and wait until it ends.

    Parameters
    ----------
    argv : sequence of str
        The program and its arguments.
    cwd : str, optional
        Working folder.
    descriptors : sequence of int, optional
        Open files that the tool inherits under the same numbers.
    time_limit : float, optional
        Seconds after which the tool is killed. Default: none.
    on_line : callable, optional
        Receives each line of standard output as soon as the tool writes it; the result then has none of them.

    Returns
    -------
    Completed
        Output and CPU seconds.

    Raises
    ------
    MissingToolError
        If the program does not exist or cannot be executed.
    ProcessError
        If the exit status is not 0, or the time limit is exceeded.
    """
    if shutil.which(argv[0]) is None:
        reason = "cannot be run (no permission)" if Path(argv[0]).exists() else "no such program"
        raise MissingToolError(f"{argv[0]}: {reason}")
    try:
        launcher = _launcher()
        child = subprocess.Popen(
            [*launcher, str(os.getpid()), *argv] if launcher else list(argv),
            cwd=cwd,
            # temporary files of tools are in the folder that the command deletes, if it has chosen one
            env=_LOG_LEVEL | os.environ | ({"TMPDIR": tempfile.tempdir} if tempfile.tempdir else {}),
            pass_fds=tuple(descriptors),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=partial(_die_with_parent, os.getpid()) if _libc and not launcher else None,
            # an interrupt at the terminal reaches this process only, which then stops its children
            process_group=0,
        )
    except OSError as error:
        if cwd is not None and error.filename == cwd:
            raise
        raise MissingToolError(f"{argv[0]}: cannot be run ({error.strerror})") from error
    with _lock:
        _running.add(child.pid)
    tail: deque[bytes] = deque()
    assert child.stderr is not None
    assert child.stdout is not None
    reader = threading.Thread(target=_keep_tail, args=(child.stderr, tail), daemon=True)
    reader.start()
    is_late = threading.Event()
    timer = threading.Timer(min(time_limit or 0, threading.TIMEOUT_MAX), _kill_late, (child.pid, is_late))
    timer.daemon = True
    if time_limit is not None:
        timer.start()
    try:
        with child.stdout, child.stderr:
            stdout = child.stdout.read() if on_line is None else _pass_lines(child.stdout, on_line)
            reader.join()
        # wait4 returns the CPU time of this child only
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        child.kill()
        child.wait()
        raise
    finally:
        timer.cancel()
        with _lock:
            _running.discard(child.pid)
    if _recorder.usages is not None:
        # Linux counts the resident set in KiB
        _recorder.usages.append(Usage(usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss))
    if is_late.is_set():
        raise ProcessError(tuple(argv), LATE_STATUS, f"it did not end within {time_limit:g} s")
    stderr = b"".join(tail)[-STDERR_KEPT:].decode(errors="replace")
    if launcher and child.returncode in _SHELL_STATUSES:
        raise MissingToolError(f"{argv[0]}: cannot be run ({stderr.strip() or f'status {child.returncode}'})")
    if child.returncode:
        raise ProcessError(tuple(argv), child.returncode, stderr)
    return Completed(stdout, stderr, usage.ru_utime + usage.ru_stime)


def _kill_late(pid: int, is_late: threading.Event) -> None:
    """Kill a tool that still runs, and record that."""
    with _lock:
        if pid in _running:
            is_late.set()
            os.kill(pid, signal.SIGKILL)


def stop_all() -> None:
    """Kill all running tools; the calls of `run` that wait for them raise `ProcessError`. End all pauses."""
    with _stops:
        _stops.notify_all()
    with _lock:
        for pid in _running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def pause(seconds: float) -> bool:
    """Wait for some time; return False at once when `stop_all` is called meanwhile."""
    with _stops:
        return not _stops.wait(seconds)


def _pass_lines(stream: IO[bytes], on_line: Callable[[bytes], None]) -> bytes:
    for line in stream:
        on_line(line)
    return b""


def _keep_tail(stream: IO[bytes], tail: deque[bytes]) -> None:
    kept = 0
    while block := stream.read(4096):
        tail.append(block)
        kept += len(block)
        while kept - len(tail[0]) > STDERR_KEPT:
            kept -= len(tail.popleft())


@cache
def _launcher() -> tuple[str, ...]:
    """Return the words before the pid of this process and the words of a tool; empty where Python must fork.

    `setpriv` makes the kernel kill the process when its parent ends. The shell ends if the parent ended before that,
    and otherwise becomes the tool. A `preexec_fn` does the same, but then Python forks instead of using vfork: 16 ms of
    CPU time instead of 3 from a process of 274 MB (2026-11-30), most of it the copy of the page tables.
    """
    setpriv = shutil.which("setpriv")
    words = (str(setpriv), "--pdeathsig", "KILL", "--", "/bin/sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"')
    if setpriv is None or _libc is None:
        return ()
    # some versions do not have the option
    tried = subprocess.run([*words, str(os.getpid()), "true"], check=False, capture_output=True)
    return words if tried.returncode == 0 else ()


def _die_with_parent(parent: int) -> None:
    """Make the kernel kill this child when its parent ends, for whatever reason."""
    assert _libc is not None
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # a parent that ended before this call sends no signal
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
