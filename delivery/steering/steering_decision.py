"""Which pathway a client should use, and the steering manifest that says so.

A client can only influence its own answer: what it reports is compared with limits and never stored.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

from delivery.steering.steering_config import Edge, Network, SteeringConfig

__all__ = ["Client", "Decision", "EdgeState", "choose_pathways", "region_of", "slow_pathways", "steering_manifest"]

#: Encoded orders that are kept: all orders of six edges (chosen by hand).
MAX_ORDERS = 720


@dataclass(frozen=True, slots=True)
class Client:
    """What is known of a client.

    Attributes
    ----------
    session : str
        Token of the session; spreads sessions over equal edges.
    region : str
        Empty if it is not known.
    pathway : str
        Pathway that it uses now; empty at its start.
    throughput : float or None
        Throughput that it reports, bit/s.
    title : str
        Presentation that it plays; empty if it is not known.
    slow : tuple of str
        Pathways that it left because they were slow, as its session reports them.
    """

    session: str = ""
    region: str = ""
    pathway: str = ""
    throughput: float | None = None
    title: str = ""
    slow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Pathways in order of preference, and why the first one is the first."""

    order: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class EdgeState:
    """What is known of an edge.

    Attributes
    ----------
    is_healthy : bool
    load : float or None
        Fraction of its capacity that is in use; None if it does not report it.
    titles : frozenset of str or None
        Presentations that it holds, by the fill plan; None without a plan.
    """

    is_healthy: bool = True
    load: float | None = None
    titles: frozenset[str] | None = None


def choose_pathways(
    config: SteeringConfig, client: Client, healthy: Mapping[str, bool], states: Mapping[str, EdgeState] | None = None
) -> Decision:
    """Return the pathways for a client.

    Drained edges are left out while another edge is healthy. Then come, in this order, healthy edges, edges that are
    not overloaded, edges that are not too slow for this client, edges of its region, edges that hold the title, the
    edge that it uses already, and a weighted choice by session. A client leaves its edge at full load only; others
    avoid the edge from `max_load` on.

    Parameters
    ----------
    config : SteeringConfig
    client : Client
    healthy : mapping
        Whether each edge is healthy, by name; edges that are not listed are.
    states : mapping, optional
        Load and contents of the edges, by name.
    """
    known = states or {}
    usable = [edge for edge in config.pathway if not edge.is_drained]
    if not any(healthy.get(edge.name, True) for edge in usable):
        usable = list(config.pathway)
    current = next((edge for edge in config.pathway if edge.name == client.pathway), None)
    slow = slow_pathways(config, client)

    def rank(edge: Edge) -> tuple[bool, bool, bool, bool, bool, bool, float]:
        state = known.get(edge.name, _UNKNOWN)
        return (
            not healthy.get(edge.name, True),
            _is_overloaded(config, state, is_current=edge is current),
            edge.name in slow,
            bool(client.region and edge.regions) and client.region not in edge.regions,
            bool(client.title) and state.titles is not None and client.title not in state.titles,
            edge is not current,
            _weighted_order(client.session, edge),
        )

    ranks = {edge.name: rank(edge) for edge in usable}
    order = sorted(usable, key=lambda edge: ranks[edge.name])
    if current is None or order[0] is current or current.name not in ranks:
        reason = _reason(order[0], current, client)
    else:
        # the first criterion in which both differ moved the client
        first, here = ranks[order[0].name], ranks[current.name]
        reason = _reason_of(next(n for n in range(len(here)) if first[n] != here[n]), order[0], current)
    return Decision(tuple(edge.name for edge in order), reason)


def slow_pathways(config: SteeringConfig, client: Client) -> tuple[str, ...]:
    """Return the pathways that are slow for a client: its own, and those that it left while it reported too little.

    An estimate still contains the previous edge for some seconds after a move. Without the memory of the session, the
    client would go back and forth.
    """
    if client.throughput is None:
        return client.slow
    if client.throughput >= config.min_throughput_mbps * 1e6:
        return ()
    return tuple(dict.fromkeys((*client.slow, client.pathway)))


_UNKNOWN = EdgeState()


def _is_overloaded(config: SteeringConfig, state: EdgeState, *, is_current: bool) -> bool:
    return state.load is not None and state.load >= (max(1.0, config.max_load) if is_current else config.max_load)


def _reason(first: Edge, current: Edge | None, client: Client) -> str:
    if current is None:
        return f"start in region {client.region}" if client.region else "start"
    return "unchanged" if first is current else f"{current.name} is drained"


def _reason_of(criterion: int, first: Edge, current: Edge) -> str:
    """Return why a client leaves its edge, by the index of the criterion of `choose_pathways`."""
    reasons = (
        f"{current.name} is not healthy",
        f"{current.name} is overloaded",
        f"{current.name} is slow for this client",
        f"{first.name} is in the region of the client",
        f"{current.name} does not hold the title",
    )
    return reasons[min(criterion, len(reasons) - 1)]


def _weighted_order(session: str, edge: Edge) -> float:
    """Return a number by which sessions choose edges in proportion to their weights (weighted rendezvous hashing)."""
    if not session:
        return 0.0
    digest = hashlib.blake2b(f"{session}\0{edge.name}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest) + 0.5) / 2**64
    return -edge.weight / -math.log(uniform)


def steering_manifest(config: SteeringConfig, decision: Decision, reload_uri: str | None = None) -> bytes:
    """Return the JSON answer (HLS draft, 7.2; ETSI TS 103 998, clause 6)."""
    head = f'{{"VERSION":1,"TTL":{config.ttl},'.encode()
    if reload_uri is not None:
        head += b'"RELOAD-URI":' + msgspec.json.encode(reload_uri) + b","
    return head + _encode_order(config.pathway, decision.order)


@lru_cache(maxsize=MAX_ORDERS)
def _encode_order(edges: tuple[Edge, ...], order: tuple[str, ...]) -> bytes:
    """Return the end of the answer, which is equal for all clients with the same order."""
    document: dict[str, object] = {"PATHWAY-PRIORITY": order}
    clones = [
        {"BASE-ID": edge.clone_of, "ID": edge.name, "URI-REPLACEMENT": {"HOST": urlsplit(edge.url).netloc}}
        for edge in edges
        if edge.clone_of and edge.name in order
    ]
    if clones:
        document["PATHWAY-CLONES"] = clones
    return msgspec.json.encode(document)[1:]


@lru_cache(maxsize=1)
def _parse_networks(networks: tuple[Network, ...]) -> list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]]:
    return [(ipaddress.ip_network(each.addresses), each.region) for each in networks]


def region_of(config: SteeringConfig, address: str) -> str:
    """Return the region of a client's address; the first network that contains it decides."""
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return next((region for network, region in _parse_networks(config.network) if client in network), "")
