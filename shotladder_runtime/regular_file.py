"""Read a file that a user names, within a limit, and only if it is a regular file."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["open_regular", "read_regular_file"]


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
