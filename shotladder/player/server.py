"""A server on the loopback: a presentation, its player page, and what went over the link."""

from __future__ import annotations

import json
import mimetypes
import re
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from shotladder import ShotladderError
from shotladder.player.link import Link

__all__ = ["PlayerServer", "Request", "open_server"]

#: Where a port is sought when none is named.
USUAL_PORT = 8000
PAGE = Path(__file__).parent / "page"
TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".m4s": "video/iso.segment",
    ".js": "text/javascript; charset=utf-8",
    ".vtt": "text/vtt",
}
#: Bytes read at a time where nothing shapes.
BLOCK = 262_144


class PortTakenError(ShotladderError, OSError):
    """The port that was asked for cannot be had."""


@dataclass(slots=True)
class Request:
    """One file that was asked for; times in seconds since the session began.

    Attributes
    ----------
    number : int
        In the order in which they came.
    path : str
        In the presentation's folder.
    begin, first_byte, end : float or None
        When it came, when its first and its last byte left; None as long as that has not been.
    sent : int
        Bytes of its body, up to now.
    whole : bool
        Whether all of it left; a player may give up before.
    """

    number: int
    path: str
    begin: float
    first_byte: float | None = None
    end: float | None = None
    sent: int = 0
    whole: bool = False


class PlayerServer(ThreadingHTTPServer):
    """Serves a folder and the player page; `/-/` is the page's own and is neither shaped nor noted.

    Parameters
    ----------
    folder : Path
        Of the presentation.
    port : int
        0 takes any free one.
    link : Link, optional
        Shapes what is sent.
    player_js : Path, optional
        A JavaScript player for the page: hls.js, dash.js or Shaka Player.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, folder: Path, port: int, link: Link | None = None, player_js: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.link = link
        self.player_js = player_js
        self.closing = threading.Event()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)
        self.restart()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_port}/"

    def restart(self) -> None:
        """Begin a session: the trace from its start, no requests yet."""
        with self._lock:
            self.requests: list[Request] = []
            self.begun = time.monotonic()
        if self.link is not None:
            self.link.restart()

    def now(self) -> float:
        """Return seconds since the session began."""
        return time.monotonic() - self.begun

    def note(self, path: str) -> Request:
        """Note that a file has been asked for."""
        with self._lock:
            request = Request(len(self.requests), path, self.now())
            self.requests.append(request)
            return request

    def session(self) -> dict[str, Any]:
        """Return what the page must know: the player at hand and the trace."""
        trace = None
        if self.link is not None:
            shown = self.link.trace
            trace = {"name": shown.name, "durations": shown.durations.tolist(), "rates": shown.rates.tolist()}
        return {"player_js": self.player_js is not None, "trace": trace}

    def server_close(self) -> None:
        """Let every transfer go."""
        self.closing.set()
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a browser that went away; let anything else be seen."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    # small pieces leave at once
    disable_nagle_algorithm = True
    server: PlayerServer

    def do_GET(self) -> None:
        """Send a file, or what the page asks for."""
        address = urlsplit(self.path)
        path = unquote(address.path)
        if path == "/" or path.startswith("/-/"):
            self._own(path, parse_qs(address.query))
            return
        file = (self.server.folder / path.lstrip("/")).resolve()
        if not file.is_relative_to(self.server.folder) or not file.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._media(file)

    def do_HEAD(self) -> None:
        """Send what a GET would send, without its body."""
        self.do_GET()

    def do_POST(self) -> None:
        """Begin a session anew."""
        if self.path != "/-/restart":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.server.restart()
        self._head(HTTPStatus.NO_CONTENT, 0, None)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the page shows what was asked for."""

    def _own(self, path: str, query: dict[str, list[str]]) -> None:
        """Answer the page."""
        if path == "/-/session":
            self._json(self.server.session())
        elif path == "/-/requests":
            since = int(query.get("since", ["0"])[0])
            noted = [asdict(request) for request in self.server.requests[since:]]
            self._json({"now": self.server.now(), "requests": noted})
        elif path == "/-/presentation.json":
            self._file(self.server.folder / "presentation.json")
        elif path == "/-/player.js" and self.server.player_js is not None:
            self._file(self.server.player_js)
        elif path == "/":
            self._file(PAGE / "page.html")
        elif re.fullmatch(r"/-/\w+\.(js|css)", path) and (PAGE / path[3:]).is_file():
            self._file(PAGE / path[3:])
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

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
        # a session that is played again must load again
        self.send_header("Cache-Control", "no-store")
        if kind is not None:
            self.send_header("Content-Type", kind)
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _media(self, file: Path) -> None:
        """Send a file of the presentation, or a range of it, through the link."""
        request = self.server.note(file.relative_to(self.server.folder).as_posix())
        link = self.server.link
        if link is not None and self.server.closing.wait(link.latency()):
            return
        size = file.stat().st_size
        span = byte_range(self.headers.get("Range"), size)
        if span is None:
            self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, None, {"Content-Range": f"bytes */{size}"})
            return
        first, last = span
        extra = {"Accept-Ranges": "bytes"}
        status = HTTPStatus.OK
        if "Range" in self.headers:
            status = HTTPStatus.PARTIAL_CONTENT
            extra["Content-Range"] = f"bytes {first}-{last - 1}/{size}"
        self._head(status, last - first, media_type(file), extra)
        request.first_byte = self.server.now()
        try:
            if self.command != "HEAD":
                self._send(file, first, last, request)
            request.whole = True
        finally:
            request.end = self.server.now()

    def _send(self, file: Path, first: int, last: int, request: Request) -> None:
        """Send the bytes of a file, each piece when the link has carried it."""
        link, ready = self.server.link, time.monotonic()
        with file.open("rb") as stream:
            stream.seek(first)
            left = last - first
            while left:
                piece = stream.read(min(left, BLOCK if link is None else link.piece()))
                if not piece:
                    raise ConnectionAbortedError(f"{file} became shorter while it was sent")
                if link is not None:
                    ready = link.reserve(len(piece), ready)
                    if self.server.closing.wait(max(0.0, ready - time.monotonic())):
                        raise ConnectionAbortedError("the server closes")
                self.wfile.write(piece)
                request.sent += len(piece)
                left -= len(piece)


def media_type(path: Path) -> str:
    """Return the media type of a file by its name."""
    return TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return which bytes, [first, last), a Range header asks for; None where there are none of them.

    Of several ranges, and of what is no range at all, the whole is sent, as RFC 9110 (14.2) lets a server do.

    Examples
    --------
    >>> byte_range("bytes=2-5", 10), byte_range("bytes=-3", 10), byte_range("bytes=4-", 10)
    ((2, 6), (7, 10), (4, 10))
    >>> byte_range(None, 10), byte_range("bytes=10-", 10)
    ((0, 10), None)
    """
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    begin, end = (found[1], found[2]) if found else ("", "")
    if not begin and not end:
        return 0, size
    if not begin:
        return (max(0, size - int(end)), size) if int(end) and size else None
    first, last = int(begin), min(int(end) + 1, size) if end else size
    return (first, last) if first < last else None


def open_server(
    folder: Path, port: int | None, link: Link | None = None, player_js: Path | None = None
) -> PlayerServer:
    """Open a server on the port, or where none is named on the usual one or any that is free.

    Raises
    ------
    PortTakenError
        When the named port cannot be had.
    """
    make = partial(PlayerServer, folder, link=link, player_js=player_js)
    if port is None:
        with suppress(OSError):
            return make(USUAL_PORT)
        return make(0)
    try:
        return make(port)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PortTakenError(f"port {port}: {reason}; name another with --port, or none") from error
