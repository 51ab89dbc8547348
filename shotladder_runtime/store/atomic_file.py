"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["atomic_write", "delete_if_abandoned"]


def atomic_write(path: Path, make: Callable[[Path], None], *, is_durable: bool = True) -> None:
    """Make a file so that it appears under its name only when it is complete and on the disk.

    Parameters
    ----------
    path : Path
        The final name.
    make : callable
        Writes the file to the path that it is given: a temporary file in the same folder with the same suffix.
    is_durable : bool
        Whether to wait until the content is on the disk.

    Notes
    -----
    The temporary file is locked meanwhile (see `delete_if_abandoned`). The permissions of a new file follow the umask.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        with _open_locked(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL):
            make(temporary)
        # `make` may have moved another file to this name
        with _open_locked(temporary, os.O_RDWR) as handle:
            if is_durable:
                os.fsync(handle)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _open_locked(path: Path, flags: int) -> Iterator[int]:
    handle = os.open(path, flags, 0o666)
    try:
        # a file system without locks has no cleaning either
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def delete_if_abandoned(path: Path) -> bool:
    """Delete a temporary file of `atomic_write` unless a process is writing it, and return whether it was deleted."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(handle)
