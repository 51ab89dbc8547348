"""The one place where abr reads manifests and what they name: text, bytes of a range, sizes; local or HTTP."""

from __future__ import annotations

import http
import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin, urlparse

from abr.errors import PresentationError

__all__ = ["is_url", "join", "read_bytes", "read_text", "sizes_of", "stem"]

TIMEOUT = 20.0  #: seconds
CONNECTIONS = 16  #: at once, while sizes are asked for

#: a server that is not there, refuses, breaks off, or says what is no HTTP
_FAILURES = (OSError, urllib.error.URLError, http.client.HTTPException)


def is_url(place: str) -> bool:
    """Say whether a place is reached by HTTP."""
    return urlparse(place).scheme in ("http", "https")


def join(base: str, reference: str) -> str:
    """Return where a reference in a manifest at `base` leads."""
    if is_url(base) or is_url(reference):
        return urljoin(base, reference)
    return str(Path(base).parent / reference)


def stem(place: str) -> str:
    """Return the name of a file without its ending, to call a title by."""
    path = urlparse(place).path if is_url(place) else str(Path(place))
    return PurePosixPath(path).stem or place


def read_text(place: str) -> str:
    """Return the text of a manifest."""
    try:
        return read_bytes(place).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PresentationError(f"{place}: cannot read it: {error}") from error


def read_bytes(place: str, first: int = 0, last: int | None = None) -> bytes:
    """Return bytes `first` to `last`, both included, of a file or URL."""
    try:
        if not is_url(place):
            with Path(place).open("rb") as file:
                file.seek(first)
                return file.read() if last is None else file.read(last - first + 1)
        request = urllib.request.Request(place)  # noqa: S310 (is_url allows only http and https)
        if first or last is not None:
            request.add_header("Range", f"bytes={first}-{'' if last is None else last}")
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            content: bytes = answer.read()
            if answer.status == http.HTTPStatus.OK:  # a server that knows no ranges sends the whole
                content = content[first:] if last is None else content[first : last + 1]
        return content
    except _FAILURES as error:
        raise PresentationError(f"{place}: cannot read it: {_reason(error)}") from error


def sizes_of(places: Sequence[str]) -> list[int]:
    """Return how many bytes files or URLs have, in their order; URLs are asked some at a time."""
    if not any(is_url(place) for place in places):
        return [_size(place) for place in places]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(_size, places))


def _size(place: str) -> int:
    try:
        if not is_url(place):
            return Path(place).stat().st_size
        request = urllib.request.Request(place, method="HEAD")  # noqa: S310
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            length = answer.headers["Content-Length"]
    except _FAILURES as error:
        raise PresentationError(f"{place}: cannot learn its size: {_reason(error)}") from error
    if length is None or not length.isdigit():
        raise PresentationError(f"{place}: the server does not state its size: Content-Length is {length}")
    return int(length)


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
