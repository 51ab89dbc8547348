"""Artefacts at a URL: sftp, S3, GCS and whatever else fsspec reaches.

The only module that speaks to a store's server. Files are sent under another name and then moved, so that nobody sees
half of one.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import fsspec

from shotladder_runtime.errors import MissingToolError, StoreError

__all__ = ["Found", "delete", "download", "exists", "listed", "names", "read", "shown", "upload"]

T = TypeVar("T")

#: Times that a server is asked, and seconds between: connections break, and servers refuse when many come at once.
ATTEMPTS, PAUSE = 3, 0.5
#: What file systems call the moment at which a file was put there.
_TIMES = ("mtime", "LastModified", "updated", "last_modified", "created")


@dataclass(frozen=True, slots=True)
class Found:
    """A file at a URL: its name below the URL, bytes, and when it was put there (s since the epoch) if that is told."""

    name: str
    size: int
    made: float | None


def exists(url: str) -> bool:
    """Tell whether a file is there."""
    return _ask(url, lambda files, path: bool(files.exists(path)))


def download(url: str, path: Path) -> None:
    """Fetch a file.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    StoreError
        If the server cannot be asked; so in all of this module.
    """
    _ask(url, lambda files, far: files.get_file(far, str(path)))


def read(url: str) -> bytes:
    """Return the content of a small file.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    """
    return _ask(url, lambda files, path: bytes(files.cat_file(path)))


def names(url: str) -> list[str]:
    """Return the names of the files and folders directly below a URL; none if nobody has made it yet."""

    def look(files: Any, root: str) -> list[str]:
        found = (name.rstrip("/") for name in files.ls(root, detail=False)) if files.exists(root) else ()
        # some servers list a folder as a member of itself
        return [name.rsplit("/", 1)[-1] for name in found if name != root.rstrip("/")]

    return _ask(url, look)


def upload(path: Path, url: str) -> None:
    """Send a file so that it appears only when it is whole."""

    def send(files: Any, far: str) -> None:
        folder, name = far.rsplit("/", 1)
        part = f"{folder}/.{name}.{secrets.token_hex(4)}"
        files.put_file(str(path), part)
        files.mv(part, far)

    _ask(url, send)


def listed(url: str) -> list[Found]:
    """Return all files below a URL, parts of files that were never finished among them; no links."""

    def find(files: Any, root: str) -> list[Found]:
        # a folder that nobody has made yet holds nothing
        found = files.find(root, detail=True) if files.exists(root) else {}
        below = len(root.rstrip("/")) + 1
        return [Found(name[below:], int(info["size"]), _made(info)) for name, info in found.items() if _is_file(info)]

    return _ask(url, find)


def delete(url: str) -> None:
    """Delete a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        _ask(url, lambda files, path: files.rm_file(path))


def _ask(url: str, question: Callable[[Any, str], T]) -> T:
    """Ask a server, and again over a new connection when that fails."""
    try:
        protocol = fsspec.get_filesystem_class(urlsplit(url).scheme)
    except ImportError as error:
        raise MissingToolError(f"{shown(url)}: {error}") from error
    except ValueError as error:
        raise StoreError(f"{shown(url)}: cannot be reached ({error})") from error
    for attempt in range(1, ATTEMPTS + 1):
        try:
            # opened for each question: fsspec keeps one connection a thread, and they must not be shared
            files, path = fsspec.core.url_to_fs(url)
            files.invalidate_cache()
            return question(files, path)
        except FileNotFoundError:
            raise
        except Exception as error:  # each kind of server has errors of its own
            fault = error
            protocol.clear_instance_cache()
        if attempt < ATTEMPTS:
            time.sleep(PAUSE * attempt)
    raise StoreError(f"{shown(url)}: cannot be reached or used ({fault or type(fault).__name__})") from fault


def _is_file(info: dict[str, Any]) -> bool:
    """Tell a file from a link, which servers name in either of two ways."""
    return info.get("type") == "file" and not info.get("islink")


def shown(url: str) -> str:
    """Return a URL without its user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _made(info: dict[str, Any]) -> float | None:
    told = next((info[key] for key in _TIMES if info.get(key) is not None), None)
    if isinstance(told, str):
        told = datetime.fromisoformat(told)
    return told.timestamp() if isinstance(told, datetime) else told
