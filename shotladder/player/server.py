"""A server on the loopback: a presentation, its player page, and what went over the link."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from encoder import ContentKey
from shotladder import ShotladderError
from shotladder.player.handler import Handler
from shotladder.player.link import Link

__all__ = ["PlayerServer", "Request", "open_server"]

#: Where a port is sought when none is named.
USUAL_PORT = 8000


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
    offset : int
        The first byte that was asked for.
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
    offset: int = 0
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
    keys : sequence of ContentKey
        Which the page gives to the player, of an encrypted presentation.
    """

    daemon_threads = True
    block_on_close = False

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
        """Return what the page must know: the player at hand, its keys, and the trace."""
        trace = None
        if self.link is not None:
            shown = self.link.trace
            trace = {"name": shown.name, "durations": shown.durations.tolist(), "rates": shown.rates.tolist()}
        keys = {key.key_id: key.key for key in self.keys}
        return {"player_js": self.player_js is not None, "keys": keys, "trace": trace}

    def server_close(self) -> None:
        """Let every transfer go."""
        self.closing.set()
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a browser that went away; let anything else be seen."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def open_server(
    folder: Path,
    port: int | None,
    link: Link | None = None,
    player_js: Path | None = None,
    keys: Sequence[ContentKey] = (),
) -> PlayerServer:
    """Open a server on the port, or where none is named on the usual one or any that is free.

    Raises
    ------
    PortTakenError
        When the named port cannot be had.
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
        raise PortTakenError(f"port {port}: {reason}; name another with --port, or none") from error
