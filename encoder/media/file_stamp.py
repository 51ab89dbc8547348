"""Identify the state of a source's file, so that a later exchange or change of the file is noticed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["FileStamp", "read_stamp"]


@dataclass(frozen=True, slots=True)
class FileStamp:
    """State of a file.

    Attributes
    ----------
    size : int
        Bytes.
    modified, changed : int
        Times of the last change of the content and of the last change of the content, name or attributes, ns. A
        program can set the first one, but not the second one.
    inode : int
        Number of the file in its file system.
    """

    size: int
    modified: int
    changed: int
    inode: int


def read_stamp(path: str) -> FileStamp | None:
    """Return the state of a file, None for a URL and for a file that does not exist."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
