"""Sessions over edges: the session kernel plays on a trace whose rates follow the edge that serves each request.

The kernel plays one trace. Here a callback runs after each decision of the policy; it chooses the edge for the request
and writes the throughput and latency of the path to that edge into the arrays of the trace, which all have the same
intervals. So every policy and every rule of the player is that of `abr.simulate`.

Limits: audio is not routed; a download that breaks goes on at the next edge with what it has; a request that is
abandoned counts with all of its bytes; outages repeat after `HORIZON` times the duration of the presentation.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numba import cfunc
from numpy.typing import NDArray

from abr.edges.edge_network import Client, Edge, EdgeNetwork
from abr.errors import PolicyError
from abr.player.presentation_arrays import JoinedTraces, join_traces
from abr.player.session_arrays import METRICS_DTYPE, SessionArrays, new_session_arrays
from abr.player.session_model import SessionModel
from abr.policy_interface.policy_compiler import CALLBACK_SIGNATURE
from abr.policy_interface.policy_state import DECIDE
from abr.presentations.device import for_device
from abr.presentations.presentation import Presentation
from abr.results.metrics import METRICS
from abr.results.session_table import SessionTable
from abr.simulation import Player, PolicyLike, prepare_player
from abr.traces.trace import Trace
from shotladder_runtime.progress import Progress, progress_callback

__all__ = ["EDGE_METRICS", "Contents", "simulate_edges"]

#: Rungs that each edge holds, by its name; an edge that is not listed holds everything.
Contents = Mapping[str, frozenset[str]]
#: Columns that edges add to a table of sessions.
EDGE_METRICS = ("offload", "edge_bytes", "upstream_bytes", "content_misses", "health_misses", "load_misses")
#: Length of the simulated network, in durations of the presentation, and the minimum, s. Chosen by hand: sessions that
#: stall more have long lost their viewers.
HORIZON = 4.0
MIN_HORIZON = 600.0
#: Maximum length of an interval of the simulated network, s; intervals also end where an edge fails. Chosen by hand.
STEP = 0.5
#: Shorter intervals are the rounding of sums, s.
ROUNDING = 1e-3

_Floats = NDArray[np.float64]


@dataclass(slots=True)
class _Paths:
    """The network of one session on common intervals: start of each (s), throughput of each path (bit/s), latency."""

    starts: _Floats
    access: Trace
    start: float
    network: EdgeNetwork
    payload: float
    _cached: dict[str, tuple[_Floats, _Floats]] = field(default_factory=dict)

    def of(self, edge: Edge) -> tuple[_Floats, _Floats]:
        """Return throughput and latency of the path to an edge, without and with that of the client's own network."""
        if edge.name not in self._cached:
            rates, latencies = _sample(edge.path, self.starts)
            for outage in self.network.outages:
                if edge.name in outage.edges:
                    is_out = (self.starts >= outage.start) & (self.starts < outage.stop)
                    rates = np.where(is_out, rates * outage.factor, rates)
            self._cached[edge.name] = rates, latencies
        return self._cached[edge.name]


class _Router:
    """Chooses the edge of each request of one session, and counts hits and misses."""

    def __init__(self, session: SessionArrays, player: Player, paths: _Paths, contents: Contents, region: str) -> None:
        self.client = Client(paths.network, region)
        self.paths, self.contents = paths, contents
        self.state, self.sizes = session.state, player.arrays.sizes
        self.rungs = [rung.id for rung in player.presentation.rungs]
        self.arrays: Any = None
        self.own_rates, self.own_latencies = _sample(paths.access, paths.starts + paths.start)
        self.counts = dict.fromkeys(EDGE_METRICS, 0.0)
        self.error: BaseException | None = None
        # edge of the last request, and when it fails
        self.pending: tuple[str, float] | None = None

    def choose(self, rung: int) -> None:
        """Route the request of the segment of the state on a rung."""
        if not 0 <= rung < len(self.rungs):
            return
        network, time = self.paths.network, float(self.state["trace_time"]) / 1e3
        if self.pending is not None and time > self.pending[1]:
            # the last download has seen the failure
            self.client.avoid(*self.pending)
        route = self.client.route(time)
        edge, is_origin = route.edge, route.edge is network.origin
        is_hit = not is_origin and self._holds(edge.name, self.rungs[rung])
        rates, latencies = self._path(edge, is_hit or is_origin)
        death = None if is_origin else network.next_death(edge.name, time)
        self.pending = None if death is None else (edge.name, death)
        if death is not None:
            size = float(self.sizes[int(self.state["segment"]), rung])
            if not self._ends_before(death, time, rates, latencies, size):
                rates = self._repeat_elsewhere(rates, edge, death, rung)
        self.arrays.rates[:] = rates / 1e3 * self.paths.payload
        self.arrays.latencies[:] = (latencies + route.wait) * 1e3
        size = float(self.sizes[int(self.state["segment"]), rung]) / 8
        self.counts["edge_bytes" if is_hit else "upstream_bytes"] += size
        if not is_hit:
            self.counts[f"{route.reason or 'content'}_misses"] += 1

    def _holds(self, edge: str, rung: str) -> bool:
        return edge not in self.contents or rung in self.contents[edge]

    def _path(self, edge: Edge, is_direct: bool) -> tuple[_Floats, _Floats]:
        """Return throughput and latency from the client to an edge, or through it to the origin."""
        rates, latencies = self.paths.of(edge)
        rates, latencies = np.minimum(rates, self.own_rates), latencies + self.own_latencies
        if not is_direct:
            upstream, distance = self.paths.of(self.paths.network.origin)
            rates, latencies = np.minimum(rates, upstream), latencies + distance
        return rates, latencies

    def _ends_before(self, death: float, time: float, rates: _Floats, latencies: _Floats, size: float) -> bool:
        """Return whether a download of some bits ends before its edge fails."""
        starts = self.paths.starts
        begin = time + float(latencies[max(0, int(np.searchsorted(starts, time, side="right")) - 1)])
        inside = np.clip(np.append(starts[1:], np.inf), None, death) - np.clip(starts, begin, None)
        return float((np.maximum(inside, 0.0) * rates).sum()) * self.paths.payload >= size

    def _repeat_elsewhere(self, rates: _Floats, edge: Edge, death: float, rung: int) -> _Floats:
        """Return the throughput of a download whose edge fails: players request the whole segment again elsewhere.

        What the edge has sent is lost, so that the throughput is zero until the next edge sends. The memory of the
        client is not changed; the next request updates it.
        """
        trial = Client(self.paths.network, self.client.region, dict(self.client.avoided))
        wait, following = trial.fail_over(edge.name, death)
        is_direct = following is self.paths.network.origin or self._holds(following.name, self.rungs[rung])
        after, _ = self._path(following, is_direct)
        return np.where(self.paths.starts < death + wait - ROUNDING, 0.0, after)


def simulate_edges(
    presentation: Presentation,
    traces: Sequence[Trace],
    policies: Sequence[PolicyLike],
    arms: Mapping[str, tuple[EdgeNetwork, Contents]],
    *,
    starts: _Floats,
    model: SessionModel,
    device: str = "tv-1080p",
    progress: bool | Progress | None = None,
) -> SessionTable:
    """Simulate sessions whose segments come from edges.

    Parameters
    ----------
    presentation : Presentation
    traces : sequence of Trace
        Networks of the clients. The clients on them belong to the regions of the edges in turn.
    policies : sequence of str, Policy or callable
    arms : mapping
        From a name, which the table adds to that of the policy, to the edges and what they hold.
    starts : ndarray, shape (traces, sessions)
        Offsets into the traces, s.
    model : SessionModel
    device : str
    progress : bool or callable, optional
        Called with (sessions done, all sessions).

    Returns
    -------
    SessionTable
        With the columns of `EDGE_METRICS` as well: fraction of the bytes that edges served from what they hold, bytes
        from edges and from the origin, and requests that missed, by reason.
    """
    fitted, report = for_device(presentation, device), progress_callback(progress, "simulate")
    rows = len(arms) * len(policies) * starts.size
    table = SessionTable.empty(rows, model.name, device)
    for name in EDGE_METRICS:
        table.columns[name] = np.zeros(rows)
    row = 0
    for policy in policies:
        player = prepare_player(fitted, policy, model)
        player.model["estimates_throughput"] = player.policy.estimates
        for arm, (network, contents) in arms.items():
            title = f"{player.policy.title}, {arm}"
            part = slice(row, row + starts.size)
            table.label(part, presentation.title, title, traces, starts)
            metrics = np.full((starts.size, len(METRICS)), np.nan)
            errors: dict[int, str] = {}
            for number, (trace, offset) in enumerate(
                (trace, float(offset)) for trace, offsets in zip(traces, starts, strict=True) for offset in offsets
            ):
                region = network.region_of(number // starts.shape[1])
                router, text = _play(player, trace, offset, (network, contents), region, metrics[number], model)
                if text is not None:
                    errors[number] = text
                for name in EDGE_METRICS:
                    table.columns[name][row] = router.counts[name]
                table.columns["load_ratio"][row] = trace.load_ratio(fitted.bitrates)
                row += 1
                report(row, rows)
            table.fill(part, metrics, errors)
    total = table.columns["edge_bytes"] + table.columns["upstream_bytes"]
    table.columns["offload"] = table.columns["edge_bytes"] / np.maximum(total, 1.0)
    return table


def _play(
    player: Player,
    trace: Trace,
    offset: float,
    served: tuple[EdgeNetwork, Contents],
    region: str,
    metrics: _Floats,
    model: SessionModel,
) -> tuple[_Router, str | None]:
    """Play one session; fill its metrics, and return its router and the text of its failure, if any."""
    # imported here, because the import compiles the kernel or loads its machine code
    from abr.player.kernels.qoe_kernel import compute_session_metrics
    from abr.player.kernels.session_kernel import play_session

    network, contents = served
    paths = _make_paths(network, trace, offset, player.presentation.duration, model.payload)
    session = new_session_arrays(player.model, player.arrays, player.constants, player.memory())
    router = _Router(session, player, paths, contents, region)
    joined = _join(paths, player.presentation.duration, model)
    router.arrays = joined.arrays
    if player.python:
        player.python.start_session(session.state, player.presentation)
    _running.router = router
    failed = play_session(_routed(player.callback), session, player.arrays, joined.arrays, 0.0)
    error = router.error or (player.python.error if player.python else None)
    if isinstance(error, KeyboardInterrupt | SystemExit):
        raise error
    if router.error is not None:
        raise PolicyError(f"trace {trace.name}: a request could not be routed: {router.error}") from router.error
    if failed:
        return router, player.error_text(trace.name, session.outcome["invalid_action"])
    compute_session_metrics(session, player.arrays, metrics.view(METRICS_DTYPE)[0])
    return router, None


def _make_paths(network: EdgeNetwork, trace: Trace, offset: float, duration: float, payload: float) -> _Paths:
    """Return the network of a session on regular intervals that also end where those of the client's trace end."""
    length = max(HORIZON * duration, MIN_HORIZON)
    ends = np.cumsum(trace.durations)
    laps = np.arange(int(offset // trace.duration), int((offset + length) // trace.duration) + 1) * trace.duration
    own = (laps[:, None] + ends).ravel() - offset
    failures = np.array([(o.start, o.start + network.retry_seconds, o.stop) for o in network.outages]).ravel()
    limits = np.concatenate((own, failures))
    starts = np.union1d(np.arange(0.0, length, STEP), limits[(limits > 0) & (limits < length)])
    return _Paths(starts[np.diff(starts, prepend=-1.0) > ROUNDING], trace, offset, network, payload)


def _join(paths: _Paths, duration: float, model: SessionModel) -> JoinedTraces:
    """Return the client's own network on the common intervals, as arrays that the router writes to."""
    length = max(HORIZON * duration, MIN_HORIZON)
    rates, latencies = _sample(paths.access, paths.starts + paths.start)
    durations = np.diff(paths.starts, append=length)
    return join_traces([Trace(paths.access.name, durations, np.maximum(rates, 1.0), latencies)], model)


def _sample(trace: Trace, times: _Floats) -> tuple[_Floats, _Floats]:
    """Return throughput and latency of a repeated trace at times, s."""
    edges = np.concatenate(([0.0], np.cumsum(trace.durations)))
    # a time at the end of an interval, up to rounding, belongs to the next one
    index = np.searchsorted(edges, times % edges[-1] + 1e-9, side="right") - 1
    index = np.minimum(index, len(trace.rates) - 1)
    return trace.rates[index], trace.latencies[index]


# As for policies in Python (`abr.policy_interface.python_policy`), the kernel calls a C function without arguments of
# Python, so that the router of the session that this thread plays is kept here. An exception cannot pass through
# compiled code: it is kept, and the invalid rung -1 ends the session.
_running = threading.local()


def _route(rung: int) -> int:
    router: _Router = _running.router
    try:
        router.choose(rung)
    except BaseException as error:
        router.error = error
        return -1
    return rung


@cache
def _routed(policy: Any) -> Callable[..., int]:
    """Return a compiled policy that routes each request after a decision of another one."""
    decide = policy.ctypes
    route = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(_route)

    @cfunc(CALLBACK_SIGNATURE)
    def routed(event, place):  # type: ignore[no-untyped-def]
        rung = decide(event, place)
        if event == DECIDE:
            return route(rung)
        return rung

    return routed
