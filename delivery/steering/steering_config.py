"""The configuration of a steering server, a TOML file."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import msgspec

from delivery.errors import SteeringError
from delivery.steering.pathways import Pathway, check_address
from shotladder_runtime.regular_file import read_regular_file

__all__ = ["Edge", "Network", "SteeringConfig", "read_steering_config"]

#: Maximum size of the file, bytes; chosen by hand.
MAX_BYTES = 16 << 20
#: s after which a client asks again; the default of the HLS draft (7.1).
TTL = 300


class Edge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pathway.

    Attributes
    ----------
    name, url : str
        As in the manifests.
    regions : tuple of str
        Regions that it serves first; empty for all.
    weight : float
        Fraction of the sessions relative to other edges of the same class.
    is_drained : bool
        Whether clients should leave it.
    health_url : str
        Address that answers a status below 400 while the edge is healthy; empty for no check. If the answer is JSON
        with a number `load`, this is the fraction of the capacity of the edge that is in use.
    clone_of : str
        Name of the pathway in the manifests of which this one is a clone at another host; empty for none.
    """

    name: str
    url: str
    regions: tuple[str, ...] = ()
    weight: float = 1.0
    is_drained: bool = msgspec.field(default=False, name="drained")
    health_url: str = ""
    clone_of: str = ""


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses of clients, such as 10.0.0.0/8, and their region."""

    addresses: str
    region: str


class SteeringConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pathways and rules.

    Attributes
    ----------
    pathway : tuple of Edge
        In order of preference where nothing else decides.
    network : tuple of Network
    url : str
        Public address of the steering server, with which an answer sends the client's session back (RELOAD-URI); it is
        absolute, because Shaka Player 5.2.12 does not resolve a relative one. Without it, a client has no session.
    ttl : int
        s after which a client asks again.
    min_throughput_mbps : float
        A client that reports less from an edge is sent to another one.
    max_load : float
        Load from which an edge gets no more clients; those that it has leave at a load of 1.
    plan : str
        Fill plan (the JSON of `fill`), whose sites are named like the pathways; empty for none. A client whose steering
        address has `title=NAME` is sent to edges that hold the title.
    check_seconds, check_timeout : float
        s between health checks, and s after which one fails.
    """

    pathway: tuple[Edge, ...]
    network: tuple[Network, ...] = ()
    url: str = ""
    ttl: int = TTL
    min_throughput_mbps: float = 0.0
    max_load: float = 0.9
    plan: str = ""
    check_seconds: float = 5.0
    check_timeout: float = 2.0


def read_steering_config(path: Path) -> SteeringConfig:
    """Read and check a configuration.

    Raises
    ------
    SteeringError
        When it cannot be read or is not valid.
    """
    try:
        config = msgspec.toml.decode(read_regular_file(path, MAX_BYTES), type=SteeringConfig)
    except (OSError, ValueError, RecursionError) as error:
        raise SteeringError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    fault = _find_fault(config)
    if fault is not None:
        raise SteeringError(f"{path}: {fault}")
    return config


def _find_fault(config: SteeringConfig) -> str | None:
    names = [edge.name for edge in config.pathway]
    if not names or len(set(names)) < len(names):
        return "pathways need different names, and there must be at least one"
    try:
        for edge in config.pathway:
            Pathway(edge.name, edge.url)
            if edge.health_url:
                check_address(edge.health_url, f"the health address of the pathway {edge.name}")
        if config.url:
            check_address(config.url, "the address of the steering server")
        for network in config.network:
            ipaddress.ip_network(network.addresses)
    except ValueError as error:
        return str(error)
    originals = {edge.name for edge in config.pathway if not edge.clone_of}
    for edge in config.pathway:
        if edge.clone_of and edge.clone_of not in originals:
            return f"the pathway {edge.name} is a clone of {edge.clone_of}, which is not a pathway of the manifests"
        if not 0 < edge.weight < float("inf"):
            return f"the weight of the pathway {edge.name} is {edge.weight}, expected a number > 0"
    if not config.max_load > 0:
        return f"max_load is {config.max_load}, expected a number > 0"
    if not (config.ttl > 0 and config.check_seconds > 0 and config.check_timeout > 0):
        return "ttl, check_seconds and check_timeout must be > 0"
    return None
