"""Read files that are named by a path or an HTTP address: text, a byte range, sizes.

This is the only module of `abr` that opens files of a user and connections. Every function takes the class of the
error that it raises, because the same failure is a `PresentationError` for one caller and a `TraceError` for another.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from shotladder_runtime import http_client
from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.regular_file import open_regular

__all__ = ["Document", "file_name", "is_url", "read_bytes", "read_document", "resolve_reference", "sizes_of", "stem"]

#: concurrent requests for sizes; chosen by hand, browsers open 6 to one host over HTTP/1.1
CONNECTIONS = 16
#: seconds that the requests for the sizes of one list of segments take at most; chosen by hand: 10 h in segments of
#: 4 s are 9000 requests, which a server answers in a minute
MAX_SIZES_SECONDS = 600.0

#: first bytes of a text -> its encoding; UTF-8 without a mark is the default
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Document(NamedTuple):
    """The text of a file.

    Attributes
    ----------
    text : str
    address : str
        Path, or the URL at which the redirects of the request ended; references in the text are relative to it.
    """

    text: str
    address: str


def is_url(path: str) -> bool:
    """Return whether a path is an HTTP address."""
    return path[:8].lower().startswith(("http://", "https://"))


def resolve_reference(base: str, reference: str) -> str:
    """Return the path or URL that a reference inside the document `base` points to.

    On disk a reference is a URL as well (RFC 3986): its query and fragment are left out and its percent signs are
    decoded. A base that ends with a slash is a folder.

    Examples
    --------
    >>> resolve_reference("dash/video/", "a%20b/1.m4s?token=1")
    'dash/video/a b/1.m4s'
    """
    try:
        if is_url(base) or is_url(reference):
            return urljoin(base, reference)
        path = urlsplit(reference).path
    except ValueError:  # such as a host with one bracket; the request of the file reports it
        return reference
    folder = os.path.dirname(base)  # noqa: PTH120 (pathlib ignores the slash at the end)
    path = unquote(path, errors="surrogateescape")
    resolved = os.path.join(folder, path)  # noqa: PTH118 (pathlib would drop the slash at the end)
    # some packagers write the names of files as they are, without percent signs
    literal = os.path.join(folder, reference)  # noqa: PTH118
    return literal if literal != resolved and not _exists(resolved) and _exists(literal) else resolved


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def file_name(path: str) -> str:
    """Return the last component of a path or URL, without the query."""
    return PurePosixPath(_local_part(path)).name or path


def stem(path: str) -> str:
    """Return the last component of a path or URL without its suffix."""
    return PurePosixPath(_local_part(path)).stem or path


def read_document(path: str, error: type[ShotladderError], max_bytes: int) -> Document:
    """Return the text of a file or URL and the address at which it was found.

    Parameters
    ----------
    path : str
        Path or URL.
    error : type
        Class of the error to raise.
    max_bytes : int
        Size above which the file is refused, bytes.

    Raises
    ------
    ShotladderError
        Of the class `error`, when the file cannot be read, is not a regular file, is neither UTF-8 nor UTF-16 with a
        byte order mark, or is larger than `max_bytes`.
    """
    content, address = _read(path, error, max_bytes + 1)
    if len(content) > max_bytes:
        raise error(f"{path}: the file is larger than {max_bytes} bytes")
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return Document(content.decode(encoding), address)
    except UnicodeDecodeError as cause:
        raise error(
            f"{path}: the file is not text in UTF-8, or in UTF-16 with a byte order mark (byte {cause.start})"
        ) from cause


def read_bytes(path: str, error: type[ShotladderError], start: int, stop: int) -> bytes:
    """Return the bytes from `start` up to, but not including, `stop` of a file or URL, or up to its end."""
    return _read(path, error, stop - start, start)[0]


def _read(path: str, error: type[ShotladderError], count: int, start: int = 0) -> tuple[bytes, str]:
    """Return up to `count` bytes from `start`, and the address at which they were found."""
    try:
        if is_url(path):
            return http_client.read(path, start, count)
        with open(path, "rb", opener=open_regular) as file:
            file.seek(start)
            return file.read(count), path
    except http_client.FAILURES as cause:
        raise error(f"{path}: cannot read it: {http_client.reason(cause)}") from cause


def sizes_of(paths: Sequence[str], error: type[ShotladderError]) -> list[int]:
    """Return the sizes of files or URLs in bytes, in the order of `paths`; URLs are requested concurrently."""
    if not any(is_url(path) for path in paths):
        return [_size_of(path, error) for path in paths]
    deadline = time.monotonic() + MAX_SIZES_SECONDS

    def size(path: str) -> int:
        if time.monotonic() > deadline:
            raise error(f"{path}: the sizes of {len(paths)} segments took more than {MAX_SIZES_SECONDS:g} s")
        return _size_of(path, error)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(size, paths))


def _size_of(path: str, error: type[ShotladderError]) -> int:
    try:
        if is_url(path):
            return http_client.size(path)
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        return status.st_size
    except http_client.FAILURES as cause:
        raise error(f"{path}: cannot read its size: {http_client.reason(cause)}") from cause


def _local_part(path: str) -> str:
    return urlsplit(path).path if is_url(path) else str(Path(path))
