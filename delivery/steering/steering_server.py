"""The steering server: answers the requests of HLS and DASH players, and checks the health of the edges."""

from __future__ import annotations

import asyncio
import http.client
import math
import secrets
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from delivery.errors import SteeringError
from delivery.steering.steering_config import Edge, SteeringConfig
from delivery.steering.steering_decision import (
    Client,
    EdgeState,
    choose_pathways,
    region_of,
    slow_pathways,
    steering_manifest,
)

__all__ = ["SteeringServer"]

#: Maximum size of the head of a request, bytes; that of nginx (large_client_header_buffers).
MAX_HEAD = 8192
#: Maximum length of a session token or region of a client, characters (chosen by hand).
MAX_TOKEN = 64
#: Maximum length of the title that a client names, characters (chosen by hand).
MAX_TITLE = 256
#: Bytes of the answer to a health check that are read (chosen by hand).
MAX_HEALTH = 65_536
#: s after which a connection without a request is closed (chosen by hand, as that of nginx).
IDLE_SECONDS = 75.0
_STATUS = {200: "OK", 204: "No Content", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}
#: Failed checks in a row that make an edge unhealthy; one success makes it healthy again (chosen by hand).
FAILURES = 2


class SteeringServer:
    """A server of steering manifests.

    Parameters
    ----------
    config : SteeringConfig
    log : callable
        Takes one line for each change of an edge's health and each client that is sent to another edge.
    titles : mapping, optional
        Presentations that each edge holds, by its name.
    """

    def __init__(
        self,
        config: SteeringConfig,
        log: Callable[[str], None],
        titles: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self.config = config
        self.log = log
        self.healthy = {edge.name: True for edge in config.pathway}
        self.states = {edge.name: EdgeState(titles=(titles or {}).get(edge.name)) for edge in config.pathway}
        self._regions = frozenset(name for edge in config.pathway for name in edge.regions)
        self._failures = dict.fromkeys(self.healthy, 0)
        self.connections: set[_Connection] = set()

    def answer(self, method: str, target: str, address: str) -> tuple[int, bytes]:
        """Return the status and the body for a request.

        Parameters
        ----------
        method, target : str
            Of the request line.
        address : str
            Address of the client.
        """
        if method == "OPTIONS":
            return 204, b""
        if method not in ("GET", "HEAD"):
            return 405, b""
        try:
            parts = urlsplit(target)
            query = parse_qs(parts.query, max_num_fields=20)
        except ValueError:
            return 400, b""
        if parts.path != "/steer":
            return 404, b""
        client = self._read_client(query, address)
        decision = choose_pathways(self.config, client, self.healthy, self.states)
        if client.pathway and decision.order[0] != client.pathway:
            self.log(f"session {client.session}: {client.pathway} -> {decision.order[0]}: {decision.reason}")
        return 200, steering_manifest(self.config, decision, self._reload_address(client))

    def _reload_address(self, client: Client) -> str | None:
        """Return the address with the session of a client; None without a public address of the server."""
        if not self.config.url:
            return None
        slow = ",".join(slow_pathways(self.config, client))
        known = (("region", client.region), ("title", client.title), ("slow", slow))
        kept = "".join(f"&{name}={quote(value, safe='')}" for name, value in known if value)
        return f"{self.config.url}{'&' if '?' in self.config.url else '?'}session={client.session}{kept}"

    def _read_client(self, query: dict[str, list[str]], address: str) -> Client:
        """Return what a request says; values that are not valid count as absent."""

        def read(*names: str) -> str:
            # DASH players quote the values (ETSI TS 103 998, clause 5.4)
            return next((query[name][-1].strip('"') for name in names if name in query), "")

        session, region = read("session"), read("region")
        if not session.isalnum() or not session.isascii() or len(session) > MAX_TOKEN:
            session = secrets.token_hex(8)
        region = region if region in self._regions else region_of(self.config, address)
        # a DASH player reports all pathways that it used, the last one last
        pathway = read("_HLS_pathway", "_DASH_pathway").split(",")[-1]
        rates = read("_HLS_throughput", "_DASH_throughput").split(",")
        try:
            throughput: float | None = float(rates[-1])
        except ValueError:
            throughput = None
        if throughput is not None and not (math.isfinite(throughput) and throughput > 0):
            throughput = None
        title = read("title")
        known = pathway if pathway in self.healthy else ""
        slow = tuple(name for name in read("slow").split(",") if name in self.healthy)
        return Client(session, region, known, throughput, title if len(title) <= MAX_TITLE else "", slow)

    def record_check(self, name: str, is_healthy: bool, load: float | None = None) -> None:
        """Take the result of a health check, and the load that the edge reports."""
        self.states[name] = replace(self.states[name], load=load)
        self._failures[name] = 0 if is_healthy else self._failures[name] + 1
        now = self._failures[name] < FAILURES
        if now != self.healthy[name]:
            self.healthy[name] = now
            self.log(f"{name} is {'healthy again' if now else 'not healthy'}")

    async def serve(self, host: str, port: int, ready: Callable[[int], None]) -> None:
        """Serve until the task is cancelled; `ready` takes the port.

        Raises
        ------
        SteeringError
            When the port cannot be used.
        """
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(lambda: _Connection(self), host, port)
        except OSError as error:
            raise SteeringError(f"{host}:{port}: cannot be used ({error.strerror})") from error
        ready(server.sockets[0].getsockname()[1])
        checks = [loop.create_task(self._check(edge)) for edge in self.config.pathway if edge.health_url]
        try:
            await server.serve_forever()
        finally:
            for each in checks:
                each.cancel()
            for connection in list(self.connections):
                connection.abort()
            # sockets are closed in the next round of the loop
            await asyncio.sleep(0)

    async def _check(self, edge: Edge) -> None:
        while True:
            self.record_check(
                edge.name, *await asyncio.to_thread(_check_edge, edge.health_url, self.config.check_timeout)
            )
            await asyncio.sleep(self.config.check_seconds)


def _check_edge(url: str, timeout: float) -> tuple[bool, float | None]:
    """Return whether an edge is healthy, and the load that it reports."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:  # noqa: S310 - the configuration checks the scheme
            return bool(response.status < 400), _read_load(response.read(MAX_HEALTH))
    except (OSError, ValueError, http.client.HTTPException):
        return False, None


def _read_load(body: bytes) -> float | None:
    """Return the load in the answer to a health check; None if it has no valid one."""
    try:
        load = msgspec.json.decode(body, type=_Health).load
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return load if load is not None and math.isfinite(load) and load >= 0 else None


class _Health(msgspec.Struct):
    load: float | None = None


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection. Requests have no bodies; a body is read as a request that is not valid."""

    def __init__(self, server: SteeringServer) -> None:
        self._server = server
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        self._server.connections.add(self)
        self._active = asyncio.get_running_loop().time()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._timer.cancel()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def _wait(self) -> None:
        """Close the connection if it is idle; one timer per connection looks again when it may be."""
        loop = asyncio.get_running_loop()
        idle = loop.time() - self._active
        if idle >= IDLE_SECONDS:
            self._transport.close()
        else:
            self._timer = loop.call_later(IDLE_SECONDS - idle, self._wait)

    def data_received(self, data: bytes) -> None:
        self._head += data
        while True:
            head, found, rest = self._head.partition(b"\r\n\r\n")
            if not found:
                if len(head) > MAX_HEAD:
                    self._write(400, b"", is_last=True)
                return
            self._head = rest
            self._active = asyncio.get_running_loop().time()
            if not self._reply(head):
                return

    def _reply(self, head: bytes) -> bool:
        """Answer a request, and return whether the connection goes on."""
        line, _, fields = head.decode("latin-1").partition("\r\n")
        parts = line.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or len(head) > MAX_HEAD:
            self._write(400, b"", is_last=True)
            return False
        status, body = self._server.answer(parts[0], parts[1], self._address)
        is_last = parts[2] == "HTTP/1.0" or "connection: close" in fields.lower() or status == 400
        self._write(status, body, is_last=is_last, is_head=parts[0] == "HEAD")
        return not is_last

    def _write(self, status: int, body: bytes, *, is_last: bool, is_head: bool = False) -> None:
        fields = (
            f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Access-Control-Allow-Origin: *\r\nCache-Control: no-store\r\n"
            f"{'Connection: close' if is_last else 'Connection: keep-alive'}\r\n\r\n"
        )
        self._transport.write(fields.encode() + (b"" if is_head else body))
        if is_last:
            self._transport.close()
