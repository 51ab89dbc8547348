"""Requests of HTTP and HTTPS addresses: a part of a file, and the size and the state of a file.

Redirects stay on HTTP and HTTPS. Each request has a total time, because a server that sends a byte every few seconds
never exceeds the limit of a single read.
"""

from __future__ import annotations

import base64
import http
import http.client
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

__all__ = ["FAILURES", "FileState", "read", "read_state", "reason", "size"]

#: seconds without an answer after which a request fails; chosen by hand
TIMEOUT = 20.0
#: seconds that one request takes at most, with its redirects and its body; chosen by hand: the largest manifest at
#: 20 Mbit/s
MAX_REQUEST_SECONDS = 120.0

#: the file or server does not exist, refuses, closes the connection early, or does not speak HTTP; ValueError: the
#: name has a NUL, or the address is not valid
FAILURES = (OSError, http.client.HTTPException, ValueError)

_CONTENT_RANGE = re.compile(r"bytes \d+-\d+/(\d+)$")


class FileState(NamedTuple):
    """The state of a file at a URL, as its server states it (RFC 9110, 8.6 and 8.8).

    Attributes
    ----------
    size : int
        Bytes.
    modified, tag : str or None
        `Last-Modified` and `ETag`.
    """

    size: int
    modified: str | None
    tag: str | None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to HTTP and HTTPS only; the handler of Python also follows them to FTP."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.lower().startswith(("http://", "https://")):
            raise urllib.error.HTTPError(req.full_url, code, f"a redirect to {newurl}, which is not HTTP", headers, fp)
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and req.get_method() == "HEAD":
            request.method = "HEAD"  # Python turns a redirected HEAD into a GET
        return request


def read(url: str, start: int, count: int) -> tuple[bytes, str]:
    """Return up to `count` bytes from `start` of a URL, and the URL at which the redirects ended."""
    headers = {"Range": f"bytes={start}-{start + count - 1}"} if start else {}
    with _open(_make_request(url, headers)) as response:
        # a server that does not support ranges answers 200 and sends the file from its first byte
        skipped = start if response.status == http.HTTPStatus.OK else 0
        content: bytes = response.read(count + skipped)
        return content[skipped:], response.url


def size(url: str) -> int:
    """Return the size of the file at a URL in bytes.

    Raises
    ------
    ValueError
        When the server does not report the size.
    """
    return read_state(url).size


def read_state(url: str, timeout: float = TIMEOUT) -> FileState:
    """Return the state of the file at a URL: of a HEAD request, or of a ranged GET where HEAD is refused.

    Parameters
    ----------
    url : str
    timeout : float
        Seconds without an answer after which a request fails.

    Raises
    ------
    ValueError
        When the server does not report the size.
    """
    try:
        with _open(_make_request(url, {}, "HEAD"), timeout) as response:
            headers = response.headers
            length = headers["Content-Length"] or ""
    except urllib.error.HTTPError:
        length = ""
    # some servers answer HEAD with a length of 0
    if not (length.isdecimal() and int(length) > 0):
        with _open(_make_request(url, {"Range": "bytes=0-0"}), timeout) as response:
            headers = response.headers
            length = headers["Content-Length"] or ""
            if response.status == http.HTTPStatus.PARTIAL_CONTENT:
                match = _CONTENT_RANGE.match(headers["Content-Range"] or "")
                length = match[1] if match else ""
    if not length.isdecimal():
        raise ValueError(f"the server does not report the size of the file: Content-Length is {length or None}")
    return FileState(int(length), headers["Last-Modified"], headers["ETag"])


def _make_request(url: str, headers: dict[str, str], method: str = "GET") -> urllib.request.Request:
    """Return a request; the user and the password of a URL become a header (RFC 7617), as in browsers and FFmpeg."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if at:
        headers = headers | {"Authorization": f"Basic {base64.b64encode(unquote(user).encode()).decode()}"}
        url = urlunsplit(parts._replace(netloc=host))
    return urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 - the redirects are checked


def reason(error: BaseException) -> str:
    """Return why a request or a file failed, in one line."""
    cause = getattr(error, "reason", None)
    if isinstance(cause, BaseException):
        return reason(cause)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@contextmanager
def _open(request: urllib.request.Request, timeout: float = TIMEOUT) -> Iterator[Any]:
    """Open a request; shut its connections down after `MAX_REQUEST_SECONDS`."""
    sockets: list[socket.socket] = []
    is_late = threading.Event()

    def shut_down() -> None:
        is_late.set()
        for each in sockets:
            # the method of an SSL socket would change its state under the thread that reads from it
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
        _http_handler(sockets),
        _https_handler(sockets),
    ):
        opener.add_handler(handler)
    timer = threading.Timer(MAX_REQUEST_SECONDS, shut_down)
    timer.daemon = True
    timer.start()
    try:
        with opener.open(request, timeout=timeout) as response:
            yield response
    except FAILURES:
        if not is_late.is_set():
            raise
    finally:
        timer.cancel()
    # a body of unknown length only looks complete when its connection is shut down
    if is_late.is_set():
        raise TimeoutError(f"the request took more than {MAX_REQUEST_SECONDS:g} s")


def _http_handler(sockets: list[socket.socket]) -> urllib.request.HTTPHandler:
    class Connection(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            sockets.append(self.sock)

    class Handler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(Connection, req)

    return Handler()


def _https_handler(sockets: list[socket.socket]) -> urllib.request.HTTPSHandler:
    class Connection(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            sockets.append(self.sock)

    class Handler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(Connection, req)

    return Handler()
