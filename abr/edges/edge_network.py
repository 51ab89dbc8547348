"""Edge servers, what they hold, when they fail, and which one a client uses at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from abr.errors import TraceError
from abr.traces.trace import Trace

__all__ = ["RETRY_SECONDS", "Client", "Edge", "EdgeNetwork", "Outage", "Route"]


@dataclass(frozen=True, slots=True)
class Edge:
    """A server that has segments.

    Attributes
    ----------
    name, region : str
    path : Trace
        Throughput for one client and latency between the server and the network of the client; repeated.
    load : float
        Fraction of its capacity that is in use; new clients avoid it from `EdgeNetwork.max_load` on.
    """

    name: str
    region: str
    path: Trace
    load: float = 0.0


#: Median of the s between a kill of an edge and the first request at another one, over hls.js 1.7.4, dash.js 5.2.1 and
#: Shaka Player 5.2.12 (`benchmarks/delivery/edge_kills.py`, November 2026).
RETRY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Outage:
    """A time of the session, s, in which edges have less throughput.

    Attributes
    ----------
    edges : frozenset of str
    start, stop : float
    factor : float
        Throughput that remains; 0: the edges do not answer.
    """

    edges: frozenset[str]
    start: float
    stop: float
    factor: float = 0.0


@dataclass(frozen=True, slots=True)
class EdgeNetwork:
    """Edges with an origin behind them.

    Attributes
    ----------
    edges : tuple of Edge
        In order of preference within a region.
    origin : Edge
        Has everything; misses of the edges are fetched from it, and clients use it when no edge answers.
    outages : tuple of Outage
    is_steered : bool
        Whether a steering server moves clients. Without it, a client has one edge, and is moved by DNS.
    retry_seconds : float
        After this time without an answer, a client asks another edge: that of edges that close their connections. For
        edges that hang, it is the time limit of the player.
    dns_seconds : float
        After this time, a client without steering gets the address of another edge.
    ttl : float
        A client avoids a failed edge for this time, s.
    max_load : float
    """

    edges: tuple[Edge, ...]
    origin: Edge
    outages: tuple[Outage, ...] = ()
    is_steered: bool = True
    retry_seconds: float = RETRY_SECONDS
    dns_seconds: float = 60.0
    ttl: float = 30.0
    max_load: float = 0.9

    def __post_init__(self) -> None:
        """Check names and numbers."""
        names = [edge.name for edge in (*self.edges, self.origin)]
        if not self.edges or len(set(names)) < len(names):
            raise TraceError("edges need different names, and there must be at least one")
        for outage in self.outages:
            unknown = outage.edges - {edge.name for edge in self.edges}
            if unknown:
                raise TraceError(f"an outage names the edge {min(unknown)!r}, which does not exist")
            if not (0 <= outage.start < outage.stop and 0 <= outage.factor < 1):
                raise TraceError(
                    f"an outage lasts from {outage.start:g} to {outage.stop:g} s with the factor {outage.factor:g};"
                    " expected 0 <= start < stop and 0 <= factor < 1"
                )
        for name in ("retry_seconds", "dns_seconds", "ttl", "max_load"):
            if not 0 < getattr(self, name) < 86_400:
                raise TraceError(f"{name} is {getattr(self, name):g}, expected a number between 0 and 86400")

    def region_of(self, number: int) -> str:
        """Return the region of the clients on a trace, by its index: the regions of the edges in turn."""
        regions = list(dict.fromkeys(edge.region for edge in self.edges))
        return regions[number % len(regions)]

    def preference(self, region: str) -> tuple[Edge, ...]:
        """Return the edges for a client: those of its region, then the others, each in the given order."""
        return tuple(sorted(self.edges, key=lambda edge: edge.region != region))

    def dead_until(self, name: str, time: float) -> float | None:
        """Return when an edge answers again that does not answer at a time of the session; None if it answers."""
        stops = [o.stop for o in self.outages if name in o.edges and o.factor == 0 and o.start <= time < o.stop]
        return max(stops) if stops else None

    def next_death(self, name: str, time: float) -> float | None:
        """Return when an edge stops to answer after a time of the session; None if never."""
        starts = [o.start for o in self.outages if name in o.edges and o.factor == 0 and o.start > time]
        return min(starts) if starts else None


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes.

    Attributes
    ----------
    edge : Edge
        That serves it; the origin if no edge answers.
    wait : float
        s that the client waits for edges that do not answer.
    reason : str
        Why it is not the first edge of the region: "health" or "load"; empty if it is.
    """

    edge: Edge
    wait: float
    reason: str


@dataclass(slots=True)
class Client:
    """The client of one session, which remembers which edges have failed.

    Attributes
    ----------
    network : EdgeNetwork
    region : str
    avoided : dict
        Until when the client avoids an edge, s, by name.
    """

    network: EdgeNetwork
    region: str
    avoided: dict[str, float] = field(default_factory=dict)

    def route(self, time: float) -> Route:
        """Return the route of a request at a time of the session, s."""
        network, wait = self.network, 0.0
        order = network.preference(self.region)
        first = order[0]
        reason = ""
        if network.is_steered and first.load >= network.max_load:
            lighter = [edge for edge in order if edge.load < network.max_load]
            order = (*lighter, *(edge for edge in order if edge not in lighter))
            reason = "load" if lighter else ""
        for edge in order:
            now = time + wait
            if self.avoided.get(edge.name, 0.0) > now:
                reason = "health"
                continue
            back = network.dead_until(edge.name, now)
            if back is None:
                return Route(edge, wait, reason if edge is not first else "")
            reason = "health"
            patience = self._patience()
            if back - now <= patience:
                # the edge answers before the client gives up
                return Route(edge, wait + back - now, reason)
            wait += patience
            self.avoid(edge.name, time + wait)
        return Route(network.origin, wait, reason or "health")

    def _patience(self) -> float:
        """Return how long a client waits for an edge that does not answer."""
        return self.network.retry_seconds if self.network.is_steered else self.network.dns_seconds

    def avoid(self, name: str, time: float) -> None:
        """Remember that an edge has failed; health checks keep clients away until it answers again."""
        back = self.network.dead_until(name, time)
        self.avoided[name] = max(time + self.network.ttl, back or 0.0)

    def fail_over(self, name: str, time: float) -> tuple[float, Edge]:
        """Return for how long a download waits whose edge fails at a time, and the edge at which it goes on."""
        patience = self._patience()
        self.avoid(name, time + patience)
        route = self.route(time + patience)
        return patience + route.wait, route.edge
