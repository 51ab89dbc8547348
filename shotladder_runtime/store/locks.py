"""Who uses a store now: runs that last, jobs that are being done, and the moment in which something is deleted.

All are locks on open files (`flock`), which the kernel gives back when a process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shotladder_runtime.errors import JobLockedError, StoreError

__all__ = ["claim", "deleting", "last_use", "lease", "oldest_run", "touch"]

#: Folders of the store for runs that last and for jobs that are being done; neither holds artefacts.
RUNS, CLAIMS = ".runs", ".claims"
#: Locked by all who look for an artefact, and alone by whoever deletes some.
GATE = ".gate"
#: Names of the files in `RUNS`, which `tempfile` chooses.
_RUN = re.compile(r"tmp[a-z0-9_]{8}")


def touch(root: Path, path: Path) -> bool:
    """Tell whether an artefact is there, and note that it is used now."""
    if not path.exists():
        return False
    with _gate(root, fcntl.LOCK_SH):
        try:
            # when it was made stays
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        except FileNotFoundError:
            return False
        except PermissionError:
            # another user's store can be read all the same
            return True
    return True


def last_use(status: os.stat_result) -> float:
    """Return when an artefact was last used or made, s since the epoch."""
    return max(status.st_atime, status.st_mtime)


@contextmanager
def lease(root: Path) -> Iterator[None]:
    """Hold a store: while this lasts, `oldest_run` is no later than now."""
    folder = _folder(root, RUNS)
    with _gate(root, fcntl.LOCK_SH):
        handle, name = tempfile.mkstemp(dir=folder)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        Path(name).unlink(missing_ok=True)
        os.close(handle)


def oldest_run(root: Path, *, forget_ended: bool) -> float | None:
    """Return since when the oldest run that lasts holds a store, s since the epoch; None if there is none.

    With `forget_ended`, the files that killed runs have left are deleted.
    """
    begun = []
    runs = root / RUNS
    for path in _folder(root, RUNS).iterdir() if runs.is_symlink() or runs.exists() else ():
        if not _RUN.fullmatch(path.name) or path.is_symlink():
            continue
        with contextlib.suppress(FileNotFoundError), path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                begun.append(path.stat().st_mtime)
            else:
                # its run was killed
                if forget_ended:
                    path.unlink(missing_ok=True)
    return min(begun, default=None)


@contextmanager
def claim(root: Path, name: str) -> Iterator[None]:
    """Claim a piece of work.

    Raises
    ------
    JobLockedError
        If somebody else is at it.
    """
    path = _folder(root, CLAIMS) / name
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # who held it may have taken the file away since we opened it
            if os.fstat(handle).st_ino == path.stat().st_ino:
                break
            os.close(handle)
        except FileNotFoundError:
            os.close(handle)
        except BlockingIOError:
            os.close(handle)
            raise JobLockedError(f"{path}: another run is at it") from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def deleting(root: Path) -> Iterator[None]:
    """Keep everybody from looking for artefacts while some are deleted."""
    with _gate(root, fcntl.LOCK_EX):
        yield


def _folder(root: Path, name: str) -> Path:
    """Return a folder of a store, made if need be; files that a link leads to are not the store's."""
    folder = root / name
    if folder.is_symlink():
        raise StoreError(f"{folder}: is a link; delete it, and the store makes a folder of its own")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _gate(root: Path, kind: int) -> Iterator[None]:
    try:
        handle = os.open(root / GATE, os.O_RDWR | os.O_CREAT, 0o644)
    except PermissionError:
        # another user's store: who prunes it will not wait for us
        yield
        return
    try:
        fcntl.flock(handle, kind)
        yield
    finally:
        os.close(handle)
