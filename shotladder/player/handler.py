"""The HTTP request handler: files of the presentation through the link, the player page, and its data."""

from __future__ import annotations

import io
import json
import mimetypes
import re
import time
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from shotladder.player.origin import FILE_POLICY, SAFETY_HEADERS, is_own_request
from shotladder.player.request_reader import RequestReader

if TYPE_CHECKING:
    from shotladder.player.link import Link
    from shotladder.player.server import PlayerServer, Request

__all__ = ["Handler"]

#: Files of the player page.
PAGE = Path(__file__).parent / "page"
#: Media types that `mimetypes` does not know, or that depend on the machine.
TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".m4s": "video/iso.segment",
    ".js": "text/javascript; charset=utf-8",
    ".vtt": "text/vtt",
}
#: Path below which files of the presentation are neither throttled nor logged.
PLAIN = "/-/files/"
#: Bytes per read without a link; chosen by hand.
BLOCK = 262_144
#: Seconds after which a connection is closed if its client neither sends nor reads; chosen by hand.
IDLE_TIMEOUT = 30.0
#: Digits of a number in a request that are read; a number with more is larger than every file.
MAX_DIGITS = 18


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    # small pieces are sent immediately: the link decides when
    disable_nagle_algorithm = True
    timeout = IDLE_TIMEOUT
    server: PlayerServer
    #: Whether the answer to the current request has begun.
    is_answered = False
    #: Content security policy of the answer to the current request.
    policy = FILE_POLICY

    def setup(self) -> None:
        """Limit the time of each request."""
        super().setup()
        self.rfile.close()
        self._reader = RequestReader(self.connection)
        self.rfile = io.BufferedReader(self._reader)

    def parse_request(self) -> bool:
        """Read a request; refuse it if it does not name this server, or comes from a page of another site."""
        self.is_answered, self.policy = False, FILE_POLICY
        is_valid = super().parse_request()
        self._reader.end_request()
        if not is_valid:
            return False
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            # a body is not read, and the next request would begin within it
            self.close_connection = True
        if not self.is_allowed():
            self.close_connection = True
            self.send_error(HTTPStatus.FORBIDDEN)
            return False
        return True

    def is_allowed(self) -> bool:
        """Return whether a request names this server, and comes from its own page or from no page."""
        return is_own_request(self.headers, self.server.server_port)

    def do_GET(self) -> None:
        """Send a file of the presentation, or data of the page."""
        try:
            self._get()
        except (ConnectionError, TimeoutError):
            raise
        except (OSError, ValueError):
            # the request or a file is at fault: its name is invalid, or it cannot be read
            self.close_connection = True
            if not self.is_answered:
                self.send_error(HTTPStatus.NOT_FOUND)

    def _get(self) -> None:
        address = urlsplit(self.path)
        path = unquote(address.path)
        if path == "/" or path.startswith("/-/"):
            self.policy = self.server.page_policy
            self._page(path, parse_qs(address.query))
            return
        file = (self.server.folder / path.lstrip("/")).resolve()
        if not file.is_relative_to(self.server.folder) or not file.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        manifest = self.server.edge_manifest(file)
        if manifest is None:
            self._media(file)
            return
        self._head(HTTPStatus.OK, len(manifest), media_type(file))
        self._body(manifest)

    def do_HEAD(self) -> None:
        """Send the headers of a GET."""
        self.do_GET()

    def do_POST(self) -> None:
        """Restart the session, or change the state of an edge."""
        address = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        if address.path == "/-/restart":
            self.server.restart()
        elif address.path != "/-/edge" or not self.server.set_edge(query.get("name", ""), query.get("state", "")):
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._head(HTTPStatus.NO_CONTENT, 0, None)

    def end_headers(self) -> None:
        """End the headers of an answer with those that every answer has."""
        self.is_answered = True
        for name, value in (self.safety_headers() | {"Content-Security-Policy": self.policy}).items():
            self.send_header(name, value)
        super().end_headers()

    def safety_headers(self) -> dict[str, str]:
        """Return the headers of every answer."""
        return SAFETY_HEADERS

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the page shows the requests."""

    def _page(self, path: str, query: dict[str, list[str]]) -> None:
        """Send a file or data of the page."""
        if path == "/-/session":
            self._json(self.server.session())
        elif path == "/-/requests":
            since = query.get("since", ["0"])[0]
            requests = self.server.logged(_as_number(since) if since.isdecimal() else 0)
            document = {"now": self.server.now(), "requests": [asdict(request) for request in requests]}
            self._json(document | self.server.edge_news())
        elif path == "/-/presentation.json":
            self._file(self.server.folder / "presentation.json")
        elif path == "/-/player.js" and self.server.player_js is not None:
            self._file(self.server.player_js)
        elif path.startswith(PLAIN):
            self._plain(path.removeprefix(PLAIN))
        elif path == "/":
            self._file(PAGE / "page.html")
        elif re.fullmatch(r"/-/\w+\.(js|css)", path) and (PAGE / path[3:]).is_file():
            self._file(PAGE / path[3:])
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _plain(self, path: str) -> None:
        """Send a file of the presentation without the link and the log, for the comparison of two rungs."""
        self.policy = FILE_POLICY
        file = (self.server.folder / path).resolve()
        if not file.is_relative_to(self.server.folder) or not file.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._transfer(file, self.server.unlogged(path), None)

    def _json(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self._head(HTTPStatus.OK, len(body), "application/json")
        self._body(body)

    def _file(self, path: Path) -> None:
        body = path.read_bytes()
        self._head(HTTPStatus.OK, len(body), media_type(path))
        self._body(body)

    def _body(self, body: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, length: int, kind: str | None, extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        # a restarted session must download again
        self.send_header("Cache-Control", "no-store")
        if kind is not None:
            self.send_header("Content-Type", kind)
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _media(self, file: Path) -> None:
        """Send a file of the presentation, or a byte range of it, through the link."""
        request = self.server.note(file.relative_to(self.server.folder).as_posix())
        try:
            self._transfer(file, request, self.server.link)
        finally:
            request.end = self.server.now()

    def _transfer(self, file: Path, request: Request, link: Link | None) -> None:
        if link is not None and self.server.closing.wait(link.latency()):
            # without an answer, the connection must not stay open: the client would wait for one
            raise ConnectionAbortedError("the server is closing")
        size = file.stat().st_size
        span = byte_range(self.headers.get("Range"), size)
        if span is None:
            self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, None, {"Content-Range": f"bytes */{size}"})
            return
        start, stop = span
        request.offset = start
        extra = {"Accept-Ranges": "bytes"}
        status = HTTPStatus.OK
        if "Range" in self.headers:
            status = HTTPStatus.PARTIAL_CONTENT
            extra["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        self._head(status, stop - start, media_type(file), extra)
        request.first_byte = self.server.now()
        if self.command != "HEAD":
            self._send(file, (start, stop), request, link)
        request.whole = True

    def _send(self, file: Path, span: tuple[int, int], request: Request, link: Link | None) -> None:
        """Send bytes of a file; each piece is sent at the time at which the link has transferred it."""
        ready, (start, stop) = time.monotonic(), span
        with file.open("rb") as stream:
            stream.seek(start)
            remaining = stop - start
            while remaining:
                piece = stream.read(min(remaining, BLOCK if link is None else link.piece()))
                if not piece:
                    raise ConnectionAbortedError(f"{file} was truncated during the transfer")
                if link is not None:
                    ready = link.reserve(len(piece), ready)
                    if self.server.closing.wait(max(0.0, ready - time.monotonic())):
                        raise ConnectionAbortedError("the server is closing")
                self.wfile.write(piece)
                request.sent += len(piece)
                remaining -= len(piece)


def media_type(path: Path) -> str:
    """Return the media type of a file by its name."""
    return TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes [start, stop) that a Range header requests; None if the range is not satisfiable.

    A header with several ranges, or with invalid syntax, requests the whole file: RFC 9110, section 14.2, allows a
    server to ignore it.

    Examples
    --------
    >>> byte_range("bytes=2-5", 10), byte_range("bytes=-3", 10), byte_range("bytes=4-", 10)
    ((2, 6), (7, 10), (4, 10))
    >>> byte_range(None, 10), byte_range("bytes=10-", 10)
    ((0, 10), None)
    """
    found = re.fullmatch(r"bytes=([0-9]*)-([0-9]*)", header or "")
    begin, end = (found[1], found[2]) if found else ("", "")
    if not begin and not end:
        return 0, size
    if not begin:
        return (max(0, size - _as_number(end)), size) if _as_number(end) and size else None
    start, stop = _as_number(begin), min(_as_number(end) + 1, size) if end else size
    return (start, stop) if start < stop else None


def _as_number(digits: str) -> int:
    """Return a number; one with more than `MAX_DIGITS` digits is replaced by a smaller one above every file size."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= MAX_DIGITS else 10**MAX_DIGITS
