"""The file of `simulate --edges`: edges with their paths, outages, and the fill plan, in TOML."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

import abr
from abr.edges.edge_network import RETRY_SECONDS
from delivery.errors import FillError
from delivery.fill.site_file import read_held
from shotladder_runtime.regular_file import read_regular_file

__all__ = ["EdgeExperiment", "read_edges"]

#: Name of the arm with steering and fill.
BOTH = "steering and fill"
#: Maximum size of the file, bytes; chosen by hand.
MAX_BYTES = 16 << 20
#: Path of the origin where the file has none: far from the clients, and shared (chosen by hand).
ORIGIN_MBPS, ORIGIN_LATENCY_MS = 20.0, 80.0


class _Path(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mbps: float = 0.0
    latency_ms: float = 0.0
    trace: str = ""


class _Edge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    region: str = "all"
    mbps: float = 0.0
    latency_ms: float = 0.0
    trace: str = ""
    load: float = 0.0


class _Outage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    start: float
    stop: float
    edge: str = ""
    region: str = ""
    factor: float = 0.0


class _EdgeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    edge: tuple[_Edge, ...]
    origin: _Path = _Path(ORIGIN_MBPS, ORIGIN_LATENCY_MS)
    outage: tuple[_Outage, ...] = ()
    plan: str = ""
    retry_seconds: float = RETRY_SECONDS
    dns_seconds: float = 60.0
    ttl: float = 30.0
    max_load: float = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class EdgeExperiment:
    """Edges and what they hold.

    Attributes
    ----------
    network : EdgeNetwork
        With steering.
    held : dict
        By edge, pairs of the titles of presentations and the ids of rungs; None without a plan.
    copied_bytes : int
        Bytes that the plan copies to the edges.
    """

    network: abr.EdgeNetwork
    held: dict[str, frozenset[tuple[str, str]]] | None
    copied_bytes: int

    def arms(self, title: str) -> dict[str, tuple[abr.EdgeNetwork, dict[str, frozenset[str]]]]:
        """Return the four arms of the experiment: with and without steering and fill."""
        nothing = {edge.name: frozenset[str]() for edge in self.network.edges}
        held = self.held or {}
        planned = {
            edge.name: frozenset(rung for name, rung in held.get(edge.name, ()) if name == title)
            for edge in self.network.edges
        }
        alone = replace(self.network, is_steered=False)
        arms = {"neither": (alone, nothing), "steering": (self.network, nothing)}
        if self.held is not None:
            arms |= {"fill": (alone, planned), BOTH: (self.network, planned)}
        return arms


def read_edges(path: Path) -> EdgeExperiment:
    """Read and check a file; paths in it are relative to it.

    Raises
    ------
    FillError
        When it cannot be read or is not valid.
    """
    try:
        found = msgspec.toml.decode(read_regular_file(path, MAX_BYTES), type=_EdgeFile)
    except (OSError, ValueError, RecursionError) as error:
        raise FillError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        edges = tuple(abr.Edge(e.name, e.region, _read_path(path, e.name, e), e.load) for e in found.edge)
        origin = abr.Edge("origin", "", _read_path(path, "origin", found.origin))
        network = abr.EdgeNetwork(
            edges,
            origin,
            tuple(_read_outage(each, found.edge) for each in found.outage),
            retry_seconds=found.retry_seconds,
            dns_seconds=found.dns_seconds,
            ttl=found.ttl,
            max_load=found.max_load,
        )
    except abr.TraceError as error:
        raise FillError(f"{path}: {error}") from error
    if not found.plan:
        return EdgeExperiment(network, None, 0)
    plan = read_held(path.parent / found.plan)
    missing = [edge.name for edge in edges if edge.name not in plan]
    if missing:
        raise FillError(f"{path}: {found.plan} has no site {missing[0]}")
    held = {edge.name: frozenset((file.presentation, file.rung) for file in plan[edge.name]) for edge in edges}
    return EdgeExperiment(network, held, sum(file.size for edge in edges for file in plan[edge.name]))


def _read_path(file: Path, name: str, path: _Path | _Edge) -> abr.Trace:
    if bool(path.trace) == bool(path.mbps):
        raise FillError(f"{file}: {name} needs either mbps or trace")
    if path.trace:
        trace = abr.load_trace(file.parent / path.trace)
        return replace(trace, latencies=trace.latencies + path.latency_ms / 1e3)
    rate, latency = np.array([path.mbps * 1e6]), np.array([path.latency_ms / 1e3])
    return abr.Trace(name, np.array([1.0]), rate, latency)


def _read_outage(outage: _Outage, edges: tuple[_Edge, ...]) -> abr.Outage:
    if bool(outage.edge) == bool(outage.region):
        raise FillError("an outage needs either edge or region")
    names = {edge.name for edge in edges if edge.region == outage.region} if outage.region else {outage.edge}
    if not names:
        raise FillError(f"an outage names the region {outage.region!r}, which has no edge")
    return abr.Outage(frozenset(names), outage.start, outage.stop, outage.factor)
