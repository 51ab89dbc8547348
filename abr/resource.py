"""The one place where abr reads files that a manifest names: bytes of a range, the size of a whole; local or HTTP."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urljoin, urlparse

from abr.errors import PresentationError

__all__ = ["is_url", "join", "read_bytes", "size_of"]

TIMEOUT = 20.0  #: seconds


def is_url(place: str) -> bool:
    """Say whether a place is reached by HTTP."""
    return urlparse(place).scheme in ("http", "https")


def join(base: str, reference: str) -> str:
    """Return where a reference in a manifest at `base` leads."""
    if is_url(base) or is_url(reference):
        return urljoin(base, reference)
    return str(Path(base).parent / reference)


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
        return content
    except (OSError, urllib.error.URLError) as error:
        raise PresentationError(f"{place}: cannot read it: {error}") from error


def size_of(place: str) -> int:
    """Return how many bytes a file or URL has."""
    try:
        if not is_url(place):
            return Path(place).stat().st_size
        request = urllib.request.Request(place, method="HEAD")  # noqa: S310
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return int(answer.headers["Content-Length"])
    except (OSError, urllib.error.URLError, TypeError, ValueError) as error:
        raise PresentationError(f"{place}: cannot learn its size: {error}") from error
