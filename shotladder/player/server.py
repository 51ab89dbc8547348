"""The local HTTP server of a presentation and its player page, and its log of requests."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

from encoder import ContentKey
from shotladder import ShotladderError
from shotladder.player.handler import Handler
from shotladder.player.link import Link
from shotladder.player.origin import PAGE_POLICY

__all__ = ["PlayerServer", "Request", "open_server"]

#: Manifests at which players start.
MANIFESTS = ("master.m3u8", "manifest.mpd")
#: Port to try first if the user names none.
USUAL_PORT = 8000
#: Requests that the log keeps, about 1 kB each; the oldest are dropped. Chosen by hand: 11 hours of 4 s segments.
MAX_LOGGED = 10_000
#: Connections at once, each with a thread: 500 viewers that keep theirs open (benchmarks.load), and some that connect
#: again. Chosen by hand.
MAX_CONNECTIONS = 600
#: Connections that wait until they are accepted. The 5 of the standard library let a viewer of a burst wait 1 s, after
#: which TCP tries again.
MAX_WAITING = 600


class PortTakenError(ShotladderError, OSError):
    """The requested port cannot be opened."""


@dataclass(slots=True)
class Request:
    """One request of a file; times are in seconds since the start of the session.

    Attributes
    ----------
    number : int
        Index in order of arrival.
    path : str
        Path relative to the directory of the presentation.
    offset : int
        First requested byte.
    begin, first_byte, end : float or None
        Times of the request, of its first byte and of its last byte; None before the event.
    sent : int
        Number of sent bytes of the body.
    whole : bool
        Whether the transfer is complete; a player may cancel it.
    edge : str
        Name of the edge that sends it; empty for the server of the page.
    """

    number: int
    path: str
    begin: float
    offset: int = 0
    first_byte: float | None = None
    end: float | None = None
    sent: int = 0
    whole: bool = False
    edge: str = ""


class Edges(Protocol):
    """The edges of a page; see `shotladder.player.edges`."""

    steering_url: str
    log: list[dict[str, Any]]

    def manifest(self, name: str, text: str) -> str:
        """Return a manifest with the pathways of the edges."""

    def states(self) -> list[dict[str, str]]:
        """Return name, state and address of each edge."""

    def set_state(self, name: str, state: str) -> bool:
        """Change the state of an edge."""


class PlayerServer(ThreadingHTTPServer):
    """Serves a directory and the player page; paths below `/-/` are neither throttled nor logged.

    Parameters
    ----------
    folder : Path
        Directory of the presentation.
    port : int
        0 selects any free port.
    link : Link, optional
        Throttles the transfers.
    player_js : Path, optional
        JavaScript file of hls.js, dash.js or Shaka Player.
    keys : sequence of ContentKey
        Keys of an encrypted presentation, which the page passes to the player.
    """

    #: Answers the requests.
    handler: type[Handler] = Handler
    daemon_threads = True
    block_on_close = False
    request_queue_size = MAX_WAITING

    def __init__(
        self,
        folder: Path,
        port: int,
        link: Link | None = None,
        player_js: Path | None = None,
        keys: Sequence[ContentKey] = (),
    ) -> None:
        self.folder = folder.resolve()
        self.link = link
        self.player_js = player_js
        self.keys = tuple(keys)
        self.closing = threading.Event()
        self._connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._lock = threading.Lock()
        self.edges: Edges | None = None
        super().__init__(("127.0.0.1", port), self.handler)
        self.restart()

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.server_port}/"

    def restart(self) -> None:
        """Start a session: the trace from its beginning, and an empty log of requests."""
        with self._lock:
            self.requests: deque[Request] = deque(maxlen=MAX_LOGGED)
            self._next_number = 0
            self.begun = time.monotonic()
        if self.link is not None:
            self.link.restart()

    def now(self) -> float:
        """Return the time since the start of the session, s."""
        return time.monotonic() - self.begun

    def note(self, path: str, edge: str = "") -> Request:
        """Add a request to the log."""
        with self._lock:
            request = Request(self._next_number, path, self.now(), edge=edge)
            self._next_number += 1
            self.requests.append(request)
            return request

    def unlogged(self, path: str) -> Request:
        """Return a request that is not in the log."""
        return Request(-1, path, self.now())

    def logged(self, since: int) -> list[Request]:
        """Return the requests of the log from a number on."""
        with self._lock:
            return [request for request in self.requests if request.number >= since]

    def session(self) -> dict[str, Any]:
        """Return the setup of the page: whether a player file is given, the keys, and the trace."""
        trace = None
        if self.link is not None:
            used = self.link.trace
            trace = {"name": used.name, "durations": used.durations.tolist(), "rates": used.rates.tolist()}
        keys = {key.key_id: key.key for key in self.keys}
        edges = self.edges.states() if self.edges is not None else []
        return {"player_js": self.player_js is not None, "keys": keys, "trace": trace, "edges": edges}

    @property
    def page_policy(self) -> str:
        """Content security policy of the page; with edges, it may connect to them."""
        if self.edges is None:
            return PAGE_POLICY
        places = " ".join([self.edges.steering_url, *(edge["url"] for edge in self.edges.states())])
        return PAGE_POLICY.replace("connect-src 'self'", f"connect-src 'self' {places}")

    def set_edge(self, name: str, state: str) -> bool:
        """Change the state of an edge, and return whether both exist."""
        return self.edges is not None and self.edges.set_state(name, state)

    def edge_news(self) -> dict[str, Any]:
        """Return the states of the edges and the log of the steering server."""
        return {} if self.edges is None else {"edges": self.edges.states(), "steering": list(self.edges.log)}

    def edge_manifest(self, file: Path) -> bytes | None:
        """Return a manifest with the pathways of the edges; None for another file, or without edges."""
        if self.edges is None or file.parent != self.folder or file.name not in MANIFESTS:
            return None
        return self.edges.manifest(file.name, file.read_text(encoding="utf-8")).encode()

    def server_close(self) -> None:
        """Cancel all transfers and close the server."""
        self.closing.set()
        super().server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle a connection on a thread of its own; close it if there are too many."""
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._connections.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connections that the browser closed or left idle; print other errors."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def open_server(
    folder: Path,
    port: int | None,
    link: Link | None = None,
    player_js: Path | None = None,
    keys: Sequence[ContentKey] = (),
) -> PlayerServer:
    """Open a server on the given port; without one, on the usual port, or on any free port if that is in use.

    Raises
    ------
    PortTakenError
        If the given port cannot be opened.
    """
    make = partial(PlayerServer, folder, link=link, player_js=player_js, keys=keys)
    if port is None:
        with suppress(OSError):
            return make(USUAL_PORT)
        return make(0)
    try:
        return make(port)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PortTakenError(f"port {port}: {reason}; choose another --port, or omit it") from error
