"""Advisory locks of a store: runs that hold it, jobs in progress, and deletion.

All locks are locks on open files (`flock`). The kernel releases them when a process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shotladder_runtime.errors import JobLockedError, StoreError

__all__ = [
    "delete_unlocked_jobs",
    "find_oldest_run",
    "get_last_use",
    "has_killed_run",
    "hold_store",
    "lock_for_deletion",
    "lock_job",
    "lock_publication",
    "mark_used",
    "number_attempt",
]

#: Folder of the store with one locked file per run in progress. It holds no artefacts.
RUNS = ".runs"
#: Folder of the store with one locked file per job in progress. It holds no artefacts.
JOBS = ".jobs"
#: File that everyone who looks up an artefact locks in shared mode, and whoever deletes artefacts exclusively.
LOOKUP_LOCK = ".lookup-lock"
#: Seconds after which a suspended process no longer delays another one. Chosen by hand: renaming a file takes less.
PUBLICATION_TIMEOUT = 10.0
#: Seconds between two attempts to lock. Chosen by hand.
PUBLICATION_PAUSE = 0.01
#: Names of the files in `RUNS`, which `tempfile` chooses.
_RUN = re.compile(r"tmp[a-z0-9_]{8}")


def mark_used(root: Path, path: Path) -> bool:
    """Record that an artefact is used now; return whether it exists."""
    if not path.exists():
        return False
    with _lock_lookups(root, fcntl.LOCK_SH):
        try:
            # the modification time, when the artefact was made, is kept
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        except FileNotFoundError:
            return False
        except PermissionError:
            # a store of another user is readable, but its times cannot be set
            return True
    return True


def get_last_use(status: os.stat_result) -> float:
    """Return when an artefact was last used or made, s since the epoch."""
    return max(status.st_atime, status.st_mtime)


@contextmanager
def hold_store(root: Path) -> Iterator[None]:
    """Hold a store: inside the block, `find_oldest_run` returns a time before now."""
    folder = _make_folder(root, RUNS)
    with _lock_lookups(root, fcntl.LOCK_SH):
        handle, name = tempfile.mkstemp(dir=folder)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        Path(name).unlink(missing_ok=True)
        os.close(handle)


def find_oldest_run(root: Path, *, forget_ended: bool) -> float | None:
    """Return when the oldest run that holds a store began, s since the epoch; None if no run holds it.

    With `forget_ended`, the files that killed runs left behind are deleted.
    """
    begun = []
    for path, start in _list_runs(root):
        if start is not None:
            begun.append(start)
        elif forget_ended:
            path.unlink(missing_ok=True)
    return min(begun, default=None)


def has_killed_run(root: Path) -> bool:
    """Return whether a run that held a store was killed since ended runs were last forgotten."""
    return any(start is None for _, start in _list_runs(root))


def _list_runs(root: Path) -> Iterator[tuple[Path, float | None]]:
    """Yield the file of each run and when it began; None for a run that was killed, whose file nobody locks."""
    runs = root / RUNS
    for path in _make_folder(root, RUNS).iterdir() if runs.is_symlink() or runs.exists() else ():
        if not _RUN.fullmatch(path.name) or path.is_symlink():
            continue
        with contextlib.suppress(FileNotFoundError), path.open() as file:
            start: float | None = None
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                start = path.stat().st_mtime
            yield path, start


class _Attempt(threading.local):
    """The number of the attempt that this thread runs at a job that may still run elsewhere."""

    number = 1


_attempt = _Attempt()


@contextmanager
def number_attempt(number: int) -> Iterator[None]:
    """Let `lock_job` of this thread ignore attempts of other numbers at the same job, which may be suspended."""
    _attempt.number = number
    try:
        yield
    finally:
        _attempt.number = 1


@contextmanager
def lock_publication(root: Path, name: str) -> Iterator[None]:
    """Lock the moment in which an artefact gets its name, so that two attempts never write it at the same time.

    Notes
    -----
    After `PUBLICATION_TIMEOUT` the lock is taken from its holder, which is suspended. If that process goes on later, it
    may write its checksum while another writes the artefact. The artefact then differs from its checksum, counts as
    damaged, and is made again.
    """
    path = _make_folder(root, JOBS) / f"{name}.publication"
    holder = _find_inode(path)
    deadline = time.monotonic() + PUBLICATION_TIMEOUT
    while True:
        try:
            with _lock_exclusively(root, path.name):
                yield
                return
        except JobLockedError:
            if (found := _find_inode(path)) != holder:
                holder, deadline = found, time.monotonic() + PUBLICATION_TIMEOUT
            elif time.monotonic() > deadline:
                path.unlink(missing_ok=True)
            else:
                time.sleep(PUBLICATION_PAUSE)


def _find_inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


@contextmanager
def lock_job(root: Path, name: str) -> Iterator[None]:
    """Lock a job of this name for the duration of the block.

    Raises
    ------
    JobLockedError
        If another run has locked it.
    """
    with _lock_exclusively(root, name if _attempt.number == 1 else f"{name}.{_attempt.number}"):
        yield


@contextmanager
def _lock_exclusively(root: Path, name: str) -> Iterator[None]:
    """Lock a file in `JOBS`.

    Notes
    -----
    The lock file is deleted at the end. Between our `open` and our `flock` the previous holder may delete it, and a
    third run may create a new one: then we would hold a lock on a file that nobody else can find. The loop therefore
    checks that the path still leads to the locked file, and opens it again otherwise.
    """
    path = _make_folder(root, JOBS) / name
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_ino == path.stat().st_ino:
                break
            os.close(handle)
        except FileNotFoundError:
            os.close(handle)
        except BlockingIOError:
            os.close(handle)
            raise JobLockedError(f"{path}: another run does this job now") from None
    try:
        yield
    finally:
        # another process may have taken the lock from this one, and then has a file of its own
        if _find_inode(path) == os.fstat(handle).st_ino:
            path.unlink(missing_ok=True)
        os.close(handle)


def delete_unlocked_jobs(root: Path) -> None:
    """Delete the lock files of jobs that nobody does: a killed run, or one whose store was absent, leaves them."""
    folder = root / JOBS
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in folder.iterdir():
        with contextlib.suppress(OSError, JobLockedError), _lock_exclusively(root, path.name):
            pass


@contextmanager
def lock_for_deletion(root: Path) -> Iterator[None]:
    """Block all lookups of artefacts while some artefacts are deleted."""
    with _lock_lookups(root, fcntl.LOCK_EX):
        yield


def _make_folder(root: Path, name: str) -> Path:
    """Return a folder of a store, created if it does not exist; links to other folders are refused."""
    folder = root / name
    if folder.is_symlink():
        raise StoreError(f"{folder}: is a link; delete it, and the store creates its own folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _lock_lookups(root: Path, kind: int) -> Iterator[None]:
    try:
        handle = os.open(root / LOOKUP_LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        # a read-only store of another user: whoever prunes it cannot wait for us
        yield
        return
    try:
        fcntl.flock(handle, kind)
        yield
    finally:
        os.close(handle)
