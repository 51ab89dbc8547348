"""Temporary folders that the next command deletes if their process was killed.

Each folder contains a lock file that its process holds with `flock`. The kernel releases the lock when the process
ends, however it ends, so that an unlocked folder belongs to nobody. The process locks the folder itself as well,
because it can be killed before the lock file has its name, or after it was deleted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["abandoned_folders", "delete_abandoned", "locked_folder", "temporary_folder"]

#: Name of the lock file in a folder that is deleted with its content.
TEMPORARY = ".shotladder-temporary"
#: Start of the name of a lock file that does not have its own name yet.
UNNAMED = ".unnamed-"
#: End of a name chosen by `tempfile`.
RANDOM = r"[a-z0-9_]{8}"


@contextmanager
def temporary_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new private folder, and delete it with its content at the end of the block.

    Content that cannot be deleted then, because its disk is absent or read-only, is left to `delete_abandoned`.
    """
    with locked_folder(parent, prefix, TEMPORARY, is_rest_abandoned=True) as folder:
        try:
            yield folder
        finally:
            _delete_content(folder)


@contextmanager
def locked_folder(parent: Path, prefix: str, lock_name: str, *, is_rest_abandoned: bool = False) -> Iterator[Path]:
    """Yield a new private folder with a locked file of this name; at the end, delete the folder if it is empty.

    With `is_rest_abandoned`, a folder that is not empty keeps its lock file, so that `abandoned_folders` yields it.
    """
    with _new_folder(parent, prefix) as folder:
        lock = folder / lock_name
        # locked before it has its name: nobody finds it unlocked
        handle, name = tempfile.mkstemp(prefix=UNNAMED, dir=folder)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            Path(name).replace(lock)
            yield folder
        finally:
            with contextlib.suppress(OSError):
                if not is_rest_abandoned or list(folder.iterdir()) == [lock]:
                    lock.unlink(missing_ok=True)
            os.close(handle)


@contextmanager
def _new_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new folder that is locked itself; at the end, delete it if it is empty."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        # a file system without locks has no cleaning either
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        # another process may have taken it for abandoned before it was locked
        if folder.exists():
            break
        os.close(handle)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()
        os.close(handle)


def delete_abandoned(parent: Path, prefix: str, *, with_empty: bool = True) -> int:
    """Delete the temporary folders of killed processes of this user, and return their number.

    Parameters
    ----------
    parent : Path
    prefix : str
        Regular expression for the names before the part that `tempfile` chose.
    with_empty : bool
        See `abandoned_folders`.
    """
    count = 0
    for folder in abandoned_folders(parent, prefix, TEMPORARY, with_empty=with_empty):
        _delete_content(folder)
        with contextlib.suppress(OSError):
            if list(folder.iterdir()) == [folder / TEMPORARY]:
                shutil.rmtree(folder)
        count += 1
    return count


def _delete_content(folder: Path) -> None:
    """Delete the content of a folder except its lock file: without it, nobody would delete the rest."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != TEMPORARY:
                with contextlib.suppress(OSError):
                    path.unlink()


def abandoned_folders(parent: Path, prefix: str, lock_name: str, *, with_empty: bool = True) -> Iterator[Path]:
    """Yield the folders of killed processes of this user, each locked until the next one is requested.

    Links are ignored, and so are folders without a lock file of this name. With `with_empty`, those of them that are
    empty are deleted, for which `prefix` must match names of this project only.
    """
    pattern = re.compile(prefix + RANDOM)
    try:
        with os.scandir(parent) as entries:
            found = [entry for entry in entries if pattern.fullmatch(entry.name)]
    except OSError:
        return
    for entry in found:
        with contextlib.suppress(OSError):
            if not entry.is_dir(follow_symlinks=False) or entry.stat(follow_symlinks=False).st_uid != os.geteuid():
                continue
        folder = Path(entry.path)
        try:
            handle = os.open(folder / lock_name, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            if with_empty:
                _delete_empty(folder)
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder
        except OSError:
            continue
        finally:
            os.close(handle)


def _delete_empty(folder: Path) -> None:
    """Delete a folder whose process was killed while it made or deleted the lock file."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in folder.glob(f"{UNNAMED}*"):
                path.unlink()
            folder.rmdir()
        finally:
            os.close(handle)
