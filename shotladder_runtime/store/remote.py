"""Artefacts at a URL: sftp, S3, GCS and every other protocol of fsspec.

This is the only module that connects to the server of a store. A file is uploaded under a temporary name and then
renamed, so that nobody reads an incomplete file.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import fsspec

from shotladder_runtime.errors import MissingToolError, StoreError
from shotladder_runtime.passwords import without_password
from shotladder_runtime.process import pause

__all__ = [
    "RemoteFile",
    "delete",
    "download",
    "get_size",
    "list_files",
    "list_names",
    "read",
    "upload",
    "write",
]

T = TypeVar("T")

#: Attempts per request (chosen by hand): connections break, and servers refuse many connections at once.
ATTEMPTS = 3
#: Attempts per request at a server that has answered before: about a minute, in which a server restarts (chosen by
#: hand).
ATTEMPTS_AFTER_ANSWER = 8
#: Seconds before the second attempt; twice as many before each further one (chosen by hand).
PAUSE = 0.5
#: Servers that have answered this process.
_answered: set[str] = set()
#: Keys under which fsspec file systems report when a file was written.
_TIMES = ("mtime", "LastModified", "updated", "last_modified", "created")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at a URL: its name below the URL, its bytes, and when it was written (s since the epoch) if known."""

    name: str
    size: int
    made: float | None


def get_size(url: str) -> int | None:
    """Return the size of a file, bytes; None if it does not exist."""
    try:
        return _request(url, lambda files, path: int(files.info(path)["size"]))
    except FileNotFoundError:
        return None


def download(url: str, path: Path) -> None:
    """Download a file.

    Raises
    ------
    FileNotFoundError
        If it does not exist.
    StoreError
        If the server cannot be reached, like every function of this module.
    """
    _request(url, lambda files, remote_path: files.get_file(remote_path, str(path)))


def read(url: str) -> bytes:
    """Return the content of a small file.

    Raises
    ------
    FileNotFoundError
        If it does not exist.
    """
    return _request(url, lambda files, path: bytes(files.cat_file(path)))


def list_names(url: str) -> list[str]:
    """Return the names of the files and folders directly below a URL; an empty list if the URL does not exist."""

    def look(files: Any, root: str) -> list[str]:
        found = (name.rstrip("/") for name in files.ls(root, detail=False)) if files.exists(root) else ()
        # some servers list a folder as an entry of itself
        return [name.rsplit("/", 1)[-1] for name in found if name != root.rstrip("/")]

    return _request(url, look)


def upload(path: Path, url: str) -> None:
    """Upload a file so that it appears only when it is complete."""
    _put(url, lambda files, part: files.put_file(str(path), part))


def write(content: bytes, url: str) -> None:
    """Write a small file so that it appears only when it is complete."""
    _put(url, lambda files, part: files.pipe_file(part, content))


def _put(url: str, send: Callable[[Any, str], object]) -> None:
    """Send a file under a temporary name, and rename it."""

    def put(files: Any, remote_path: str) -> None:
        folder, name = remote_path.rsplit("/", 1)
        part = f"{folder}/.{name}.{secrets.token_hex(4)}"
        send(files, part)
        files.mv(part, remote_path)

    _request(url, put)


def list_files(url: str) -> list[RemoteFile]:
    """Return all files below a URL, unfinished uploads included and links excluded."""

    def find(files: Any, root: str) -> list[RemoteFile]:
        # a folder that does not exist yet holds no files
        found = files.find(root, detail=True) if files.exists(root) else {}
        below = len(root.rstrip("/")) + 1
        return [
            RemoteFile(name[below:], int(info["size"]), _made(info)) for name, info in found.items() if _is_file(info)
        ]

    return _request(url, find)


def delete(url: str) -> None:
    """Delete a file if it exists."""
    with contextlib.suppress(FileNotFoundError):
        _request(url, lambda files, path: files.rm_file(path))


def _request(url: str, action: Callable[[Any, str], T]) -> T:
    """Call an action on a server's file system; repeat it over a new connection if it fails."""
    try:
        protocol = fsspec.get_filesystem_class(urlsplit(url).scheme)
    except ImportError as error:
        raise MissingToolError(f"{without_password(url)}: {error}") from error
    except ValueError as error:
        raise StoreError(without_password(f"{url}: cannot be reached ({error})")) from None
    server = urlsplit(url).netloc
    attempts = ATTEMPTS_AFTER_ANSWER if server in _answered else ATTEMPTS
    for attempt in range(attempts):
        try:
            # opened for each request: fsspec keeps one connection per thread, and threads must not share it
            files, path = fsspec.core.url_to_fs(url)
            files.invalidate_cache()
            result = action(files, path)
            _answered.add(server)
            return result
        except FileNotFoundError:
            _answered.add(server)
            raise
        except Exception as error:  # each protocol has its own errors
            fault = error
            protocol.clear_instance_cache()
        # a refused permission stays refused
        last = ATTEMPTS if isinstance(fault, PermissionError) else attempts
        if attempt + 1 >= last or not pause(PAUSE * 2**attempt):
            break
    raise StoreError(_describe(url, fault))


def _describe(url: str, fault: Exception) -> str:
    """Return the message about a failed request; the errors of some protocols contain the URL or its password."""
    reason = without_password(str(fault)) or type(fault).__name__
    password = urlsplit(url).password
    for secret in (password, password and unquote(password)):
        reason = reason.replace(secret, "***") if secret else reason
    return f"{without_password(url)}: cannot be reached or used ({reason})"


def _is_file(info: dict[str, Any]) -> bool:
    """Return whether an entry is a file; file systems mark a link by its type or by `islink`."""
    return info.get("type") == "file" and not info.get("islink")


def _made(info: dict[str, Any]) -> float | None:
    written = next((info[key] for key in _TIMES if info.get(key) is not None), None)
    if isinstance(written, str):
        written = datetime.fromisoformat(written)
    return written.timestamp() if isinstance(written, datetime) else written
