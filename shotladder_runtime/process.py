"""Start a tool and wait for it: the only module of the project that spawns processes.

No shell, standard input closed, standard error bounded and kept, CPU time of exactly this child, and no child
outlives its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from shotladder_runtime.errors import MissingToolError, ProcessError

__all__ = ["QUIET", "Completed", "run", "stop_all"]

#: FFmpeg prints errors only and reads no standard input.
QUIET = ("-v", "error", "-nostdin")

#: Bytes of standard error that are kept for the message of a failure.
STDERR_KEPT = 32_768

#: SVT-AV1 tells its whole configuration on standard error, and heeds nothing but this: errors alone.
_TALK = {"SVT_LOG": "1"}

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_running: set[int] = set()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Completed:
    """What a tool left: its output, the end of its talk, and the CPU time it took (user + system, s)."""

    stdout: bytes
    stderr: str
    cpu_seconds: float


def run(argv: Sequence[str], *, cwd: str | None = None) -> Completed:
    """Run a tool to its end.

    Parameters
    ----------
    argv : sequence of str
        The program and its arguments.
    cwd : str, optional
        Folder to run in.

    Returns
    -------
    Completed
        Output, talk and CPU seconds.

    Raises
    ------
    MissingToolError
        If the program does not exist, or is none.
    ProcessError
        If it exits with another status than 0.
    """
    try:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=_TALK | os.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_die_with_parent if _libc else None,
            # an interrupt at the terminal is for us; we then stop what runs
            process_group=0,
        )
    except OSError as error:
        if cwd is not None and error.filename == cwd:
            raise
        reason = "no such program" if isinstance(error, FileNotFoundError) else f"cannot be run ({error.strerror})"
        raise MissingToolError(f"{argv[0]}: {reason}") from error
    with _lock:
        _running.add(child.pid)
    tail: deque[bytes] = deque()
    assert child.stderr is not None
    assert child.stdout is not None
    reader = threading.Thread(target=_keep_tail, args=(child.stderr, tail), daemon=True)
    reader.start()
    try:
        with child.stdout, child.stderr:
            stdout = child.stdout.read()
            reader.join()
        # wait4 rather than wait: it gives the CPU time of this child alone
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        child.kill()
        child.wait()
        raise
    finally:
        with _lock:
            _running.discard(child.pid)
    stderr = b"".join(tail)[-STDERR_KEPT:].decode(errors="replace")
    if child.returncode:
        raise ProcessError(tuple(argv), child.returncode, stderr)
    return Completed(stdout, stderr, usage.ru_utime + usage.ru_stime)


def stop_all() -> None:
    """Kill every tool that runs now; the calls that wait for them fail."""
    with _lock:
        for pid in _running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _keep_tail(stream: IO[bytes], tail: deque[bytes]) -> None:
    kept = 0
    while block := stream.read(4096):
        tail.append(block)
        kept += len(block)
        while kept - len(tail[0]) > STDERR_KEPT:
            kept -= len(tail.popleft())


def _die_with_parent() -> None:
    """Ask the kernel to kill this child when its parent is gone, however it went."""
    assert _libc is not None
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
