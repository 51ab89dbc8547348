"""Files that a user names: whether they are regular files, and their content within a limit."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["explain_unreadable", "open_regular", "read_regular_file"]


def explain_unreadable(name: str) -> str | None:
    """Return why a path is not that of a source, a regular file that can be read several times; None if it is one."""
    try:
        mode = Path(name).stat().st_mode
    except (OSError, ValueError) as error:
        # a name with a null character is a ValueError
        return "no such file" if isinstance(error, FileNotFoundError | ValueError) else error.strerror
    if stat.S_ISDIR(mode):
        return "cannot be opened as video (it is a directory)"
    if not stat.S_ISREG(mode):
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"
        return f"cannot be opened as video (it is {kind}; a source is read several times: save a file)"
    return None


def open_regular(path: str, flags: int) -> int:
    """Return the descriptor of a regular file; an `opener` of `open`.

    Raises
    ------
    OSError
        When it cannot be opened, or is a folder, a pipe or a device, which could block or never end.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "it is not a regular file", path)


def read_regular_file(path: str | Path, max_bytes: int) -> str:
    """Return the UTF-8 text of a regular file.

    Raises
    ------
    OSError
        When it cannot be opened, is not a regular file, or is larger than `max_bytes`.
    ValueError
        When it is not UTF-8, or its name is not valid.
    """
    with open(path, "rb", opener=open_regular) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(f"it is larger than {max_bytes} bytes")
    return content.decode("utf-8-sig")
