"""The names of damaged artefacts that were removed from a store, as runs report them."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["StoreRun", "begin_run", "log_damage"]

#: File of the store with one name per line. It is no artefact.
LOG = ".damaged"
#: Bytes (chosen by hand, about 20,000 names); a larger file is deleted before the next name is written.
MAX_SIZE = 1_000_000


@dataclass(frozen=True, slots=True)
class StoreRun:
    """A run that holds a store.

    Attributes
    ----------
    root : Path
    start : int
        Size of the log when the run began, bytes.
    deleted_count : int or None
        Unfinished files and folders of killed runs that were deleted first; None if no run was killed.
    """

    root: Path
    start: int
    deleted_count: int | None = None

    def damaged(self) -> tuple[str, ...]:
        """Return the names of the damaged artefacts that were removed since the run began, by this run or another."""
        try:
            content = (self.root / LOG).read_bytes()
        except OSError:
            return ()
        # a smaller file is a new one
        lines = content[self.start if self.start <= len(content) else 0 :].decode(errors="replace").splitlines()
        return tuple(dict.fromkeys(lines))


def begin_run(root: Path, deleted_count: int | None) -> StoreRun:
    """Return a run that begins now, after the deletion of what killed runs left."""
    return StoreRun(root, _size(root / LOG), deleted_count)


def log_damage(root: Path, name: str) -> None:
    """Add a name to the log; a store that cannot be written has no log."""
    path = root / LOG
    with contextlib.suppress(OSError):
        if _size(path) > MAX_SIZE:
            path.unlink(missing_ok=True)
        # a short line is appended as a whole, also by several processes
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            os.write(handle, f"{name}\n".encode())
        finally:
            os.close(handle)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
