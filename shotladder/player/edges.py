"""Edge servers and a steering server on this machine, for `shotladder play --edges`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
import numpy as np

import delivery
from abr import Trace
from delivery.steering.steering_config import Edge, SteeringConfig
from shotladder import ShotladderError
from shotladder.player.handler import Handler
from shotladder.player.link import Link
from shotladder.player.origin import FILE_POLICY, is_own_request
from shotladder.player.server import PlayerServer, Request

__all__ = ["EDGE_STATES", "EdgeGroup", "EdgeServer", "SteeredEdge", "open_edges", "steer_edges"]

#: What the page can do to an edge.
EDGE_STATES = ("up", "down", "slow", "drained")
#: Throughput and latency of each edge without a trace; all values here are chosen by hand.
EDGE_RATE, EDGE_LATENCY = 20e6, 0.02
#: Throughput of a slow edge as a fraction of the bitrate of the lowest rung.
SLOW_FRACTION = 0.5
#: s after which a player asks the steering server again, and s between its health checks: short, to be watched.
TTL, CHECK_SECONDS = 4, 0.5
#: s in which the steering server must start.
START_SECONDS = 10.0


class EdgeHandler(Handler):
    """Answers requests of the player page, which has another port, for files of the presentation."""

    server: EdgeServer

    def is_allowed(self) -> bool:
        """Return whether a request names this server, and comes from the player page or from no page."""
        origins = self.headers.get_all("Origin", [])
        if any(origin not in self.server.page_origins for origin in origins):
            return False
        if origins:
            # the page of another port is the same site
            del self.headers["Origin"], self.headers["Sec-Fetch-Site"]
        return is_own_request(self.headers, self.server.server_port, self.server.host)

    def end_headers(self) -> None:
        """Allow the player page to read the answer."""
        origin = self.server.page_origins[0]
        self.send_header("Access-Control-Allow-Origin", origin)
        self.send_header("Access-Control-Allow-Headers", "Range")
        self.send_header("Access-Control-Expose-Headers", "Content-Length, Content-Range")
        super().end_headers()

    def safety_headers(self) -> dict[str, str]:
        """Return the headers of every answer; another port is the same site, but another origin."""
        return super().safety_headers() | {"Cross-Origin-Resource-Policy": "same-site"}

    def do_OPTIONS(self) -> None:  # noqa: N802 - a name of http.server
        """Answer the question of a browser whether the page may send a header."""
        self._head(HTTPStatus.NO_CONTENT, 0, None)

    def do_POST(self) -> None:  # noqa: N802 - a name of http.server
        """Refuse: an edge has no session."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def _page(self, path: str, query: dict[str, list[str]]) -> None:
        self.policy = FILE_POLICY
        if path == "/-/health":
            self._json({"load": float(self.server.state == "slow")})
        else:
            self.send_error(HTTPStatus.NOT_FOUND)


class EdgeServer(PlayerServer):
    """One edge on a free port, whose requests are in the log of the page's server.

    Parameters
    ----------
    hub : PlayerServer
        Of the page.
    name : str
    trace : Trace
        Throughput and latency of the edge.
    slow_rate : float
        Throughput while the edge is slow, bit/s.
    """

    handler = EdgeHandler

    def __init__(self, hub: PlayerServer, name: str, trace: Trace, slow_rate: float) -> None:
        self._hub, self._trace = hub, trace
        self._slow = _constant("slow", slow_rate)
        self.name, self.state = name, "up"
        self.host = f"{name}.localhost"
        self.page_origins = tuple(f"http://{host}:{hub.server_port}" for host in ("127.0.0.1", "localhost"))
        super().__init__(hub.folder, 0, Link(trace))

    @property
    def url(self) -> str:
        """Address for players: each edge has a host of its own, since Shaka Player bans hosts and not ports."""
        return f"http://{self.host}:{self.server_port}/"

    def note(self, path: str, edge: str = "") -> Request:
        """Add a request to the log of the page's server."""
        return self._hub.note(path, edge or self.name)

    def now(self) -> float:
        """Return the time since the start of the session, s."""
        return self._hub.now()

    def set_state(self, state: str) -> None:
        """Kill the edge and its transfers, make it slow as an overloaded one, or bring it back."""
        self.state = state
        if state == "down":
            self.closing.set()
        elif self.closing.is_set():
            self.closing = threading.Event()
        self.link = Link(self._slow if state == "slow" else self._trace)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Close every connection of an edge that is down."""
        if self.state == "down":
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)


class SteeredEdge(Protocol):
    """A server of the files of a presentation, which also answers `/-/health`."""

    name: str
    state: str
    server_port: int

    @property
    def url(self) -> str:
        """Address for players."""

    def set_state(self, state: str) -> None:
        """Take one of `EDGE_STATES`."""


class EdgeGroup:
    """The edges of a page, with their steering server.

    Parameters
    ----------
    edges : sequence of SteeredEdge
    steering : SteeringServer
    steering_url : str
    """

    def __init__(self, edges: Sequence[SteeredEdge], steering: delivery.SteeringServer, steering_url: str) -> None:
        self.edges = tuple(edges)
        self.steering, self.steering_url = steering, steering_url
        self.log: list[dict[str, Any]] = []

    @property
    def pathways(self) -> list[delivery.Pathway]:
        """The edges as they stand in manifests."""
        return [delivery.Pathway(edge.name, edge.url) for edge in self.edges]

    def manifest(self, name: str, text: str) -> str:
        """Return a manifest with the pathways of the edges."""
        return delivery.add_pathways(name, text, self.pathways, self.steering_url)

    def states(self) -> list[dict[str, str]]:
        """Return name and state of each edge, for the page."""
        return [{"name": edge.name, "state": edge.state, "url": edge.url} for edge in self.edges]

    def set_state(self, name: str, state: str) -> bool:
        """Change the state of an edge, and return whether both exist."""
        found = next((edge for edge in self.edges if edge.name == name), None)
        if found is None or state not in EDGE_STATES:
            return False
        found.set_state(state)
        self.steering.config = msgspec.structs.replace(
            self.steering.config, pathway=tuple(_describe(edge) for edge in self.edges)
        )
        return True


def _describe(edge: SteeredEdge) -> Edge:
    return Edge(
        edge.name,
        edge.url,
        health_url=f"http://127.0.0.1:{edge.server_port}/-/health",
        is_drained=edge.state == "drained",
    )


def _constant(name: str, rate: float) -> Trace:
    return Trace(name, np.array([1.0]), np.array([rate]), np.array([EDGE_LATENCY]))


@contextmanager
def open_edges(
    hub: PlayerServer, count: int, lowest_bitrate: float, traces: Sequence[Trace] = ()
) -> Iterator[EdgeGroup]:
    """Start edges and their steering server for the page of a server, and stop them at the end.

    Parameters
    ----------
    hub : PlayerServer
        Serves the page, and the manifests with the pathways.
    count : int
    lowest_bitrate : float
        Bitrate of the lowest rung, bit/s: an edge from which a player reports less is slow for it.
    traces : sequence of Trace
        Shape of each edge, in turn. Default: a constant throughput.
    """
    shapes = list(traces) or [_constant("edge", EDGE_RATE)]
    with contextlib.ExitStack() as stack:
        edges = []
        for number in range(count):
            edge = EdgeServer(hub, f"edge-{number + 1}", shapes[number % len(shapes)], SLOW_FRACTION * lowest_bitrate)
            thread = threading.Thread(target=edge.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            stack.callback(_stop, edge, thread)
            edges.append(edge)
        yield stack.enter_context(steer_edges(edges, lowest_bitrate, hub.now))


@contextmanager
def steer_edges(edges: Sequence[SteeredEdge], lowest_bitrate: float, clock: Callable[[], float]) -> Iterator[EdgeGroup]:
    """Run the steering server of edges.

    Parameters
    ----------
    edges : sequence of SteeredEdge
    lowest_bitrate : float
        Bitrate of the lowest rung, bit/s: an edge from which a player reports less is slow for it.
    clock : callable
        Returns the time of a line of the log, s.
    """
    config = SteeringConfig(
        pathway=tuple(_describe(edge) for edge in edges),
        ttl=TTL,
        min_throughput_mbps=lowest_bitrate / 1e6,
        check_seconds=CHECK_SECONDS,
        check_timeout=CHECK_SECONDS,
    )
    group: list[EdgeGroup] = []

    def log(text: str) -> None:
        group[0].log.append({"number": len(group[0].log), "time": clock(), "text": text})

    steering = delivery.SteeringServer(config, log)
    with _serve_steering(steering) as port:
        url = f"http://127.0.0.1:{port}/steer"
        steering.config = msgspec.structs.replace(config, url=url)
        group.append(EdgeGroup(edges, steering, url))
        yield group[0]


def _stop(edge: EdgeServer, thread: threading.Thread) -> None:
    edge.shutdown()
    edge.server_close()
    thread.join()


@contextmanager
def _serve_steering(server: delivery.SteeringServer) -> Iterator[int]:
    """Run a steering server in a thread, and yield its port."""
    loop, ports, started = asyncio.new_event_loop(), list[int](), threading.Event()

    def ready(port: int) -> None:
        ports.append(port)
        started.set()

    task = loop.create_task(server.serve("127.0.0.1", 0, ready))

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        if not started.wait(START_SECONDS):
            raise ShotladderError("the steering server did not start")
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
