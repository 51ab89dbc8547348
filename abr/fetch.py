"""Read files that are named by a path or an HTTP address: text, a byte range, sizes.

This is the only module of `abr` that opens files of a user and connections. Every function takes the class of the
error that it raises, because the same failure is a `PresentationError` for one caller and a `TraceError` for another.
"""

from __future__ import annotations

import http
import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin, urlparse

from shotladder_runtime.errors import ShotladderError

__all__ = ["file_name", "is_url", "read_bytes", "read_text", "resolve_reference", "sizes_of", "stem"]

#: seconds without an answer after which a request fails; chosen by hand
TIMEOUT = 20.0
#: concurrent HEAD requests; chosen by hand, browsers open 6 to one host over HTTP/1.1
CONNECTIONS = 16

#: the server does not exist, refuses, closes the connection early, or does not speak HTTP
_FAILURES = (OSError, urllib.error.URLError, http.client.HTTPException)


def is_url(path: str) -> bool:
    """Return whether a path is an HTTP address."""
    return urlparse(path).scheme in ("http", "https")


def resolve_reference(base: str, reference: str) -> str:
    """Return the path or URL that a reference inside the document `base` points to."""
    if is_url(base) or is_url(reference):
        return urljoin(base, reference)
    return str(Path(base).parent / reference)


def file_name(path: str) -> str:
    """Return the last component of a path or URL, without the query."""
    return PurePosixPath(_local_part(path)).name or path


def stem(path: str) -> str:
    """Return the last component of a path or URL without its suffix."""
    return PurePosixPath(_local_part(path)).stem or path


def read_text(path: str, error: type[ShotladderError], max_bytes: int | None = None) -> str:
    """Return the UTF-8 text of a file or URL.

    Parameters
    ----------
    path : str
        Path or URL.
    error : type
        Class of the error to raise.
    max_bytes : int, optional
        Size above which the file is refused, bytes.

    Raises
    ------
    ShotladderError
        Of the class `error`, when the file cannot be read, is not UTF-8, or is larger than `max_bytes`.
    """
    content = _read(path, error, -1 if max_bytes is None else max_bytes + 1)
    if max_bytes is not None and len(content) > max_bytes:
        raise error(f"{path}: the file is larger than {max_bytes} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise error(f"{path}: cannot read it: {cause}") from cause


def read_bytes(path: str, error: type[ShotladderError], start: int, stop: int) -> bytes:
    """Return the bytes from `start` up to, but not including, `stop` of a file or URL, or up to its end."""
    return _read(path, error, stop - start, start, {"Range": f"bytes={start}-{stop - 1}"})


def _read(
    path: str, error: type[ShotladderError], count: int, start: int = 0, headers: dict[str, str] | None = None
) -> bytes:
    """Return up to `count` bytes from `start`; -1 is all of them."""
    try:
        if not is_url(path):
            with Path(path).open("rb") as file:
                file.seek(start)
                return file.read(count)
        request = urllib.request.Request(path, headers=headers or {})  # noqa: S310 (is_url allows only http and https)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
            # a server that does not support ranges answers 200 and sends the file from its first byte
            skipped = start if response.status == http.HTTPStatus.OK else 0
            content: bytes = response.read(count if count < 0 else count + skipped)
        return content[skipped:]
    except _FAILURES as cause:
        raise error(f"{path}: cannot read it: {_reason(cause)}") from cause


def sizes_of(paths: Sequence[str], error: type[ShotladderError]) -> list[int]:
    """Return the sizes of files or URLs in bytes, in the order of `paths`; URLs are requested concurrently."""
    if not any(is_url(path) for path in paths):
        return [_size_of(path, error) for path in paths]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(lambda path: _size_of(path, error), paths))


def _size_of(path: str, error: type[ShotladderError]) -> int:
    try:
        if not is_url(path):
            return Path(path).stat().st_size
        request = urllib.request.Request(path, method="HEAD")  # noqa: S310
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
            length = response.headers["Content-Length"]
    except _FAILURES as cause:
        raise error(f"{path}: cannot read its size: {_reason(cause)}") from cause
    if length is None or not length.isdigit():
        raise error(f"{path}: the server does not report the size of the file: Content-Length is {length}")
    return int(length)


def _local_part(path: str) -> str:
    return urlparse(path).path if is_url(path) else str(Path(path))


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
