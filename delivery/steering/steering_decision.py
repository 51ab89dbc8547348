"""Which pathway a client should use, and the steering manifest that says so.

A client can only influence its own answer: what it reports is compared with limits and never stored.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from delivery.steering.steering_config import Edge, SteeringConfig

__all__ = ["Client", "Decision", "choose_pathways", "region_of", "steering_manifest"]


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
    """

    session: str = ""
    region: str = ""
    pathway: str = ""
    throughput: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Pathways in order of preference, and why the first one is the first."""

    order: tuple[str, ...]
    reason: str


def choose_pathways(config: SteeringConfig, client: Client, healthy: Mapping[str, bool]) -> Decision:
    """Return the pathways for a client.

    Drained edges are left out while another edge is healthy. Then come, in this order, healthy edges, edges that are
    not too slow for this client, edges of its region, the edge that it uses already, and a weighted choice by session.
    """
    usable = [edge for edge in config.pathway if not edge.is_drained]
    if not any(healthy.get(edge.name, True) for edge in usable):
        usable = list(config.pathway)
    current = next((edge for edge in config.pathway if edge.name == client.pathway), None)
    is_slow = client.throughput is not None and client.throughput < config.min_throughput_mbps * 1e6

    def rank(edge: Edge) -> tuple[bool, bool, bool, bool, float]:
        return (
            not healthy.get(edge.name, True),
            is_slow and edge is current,
            bool(client.region and edge.regions) and client.region not in edge.regions,
            edge is not current,
            _weighted_order(client.session, edge),
        )

    order = sorted(usable, key=rank)
    return Decision(tuple(edge.name for edge in order), _reason(order[0], current, client, is_slow, healthy))


def _reason(first: Edge, current: Edge | None, client: Client, is_slow: bool, healthy: Mapping[str, bool]) -> str:
    if current is None:
        return f"start in region {client.region}" if client.region else "start"
    if first is current:
        return "unchanged"
    if current.is_drained:
        return f"{current.name} is drained"
    if not healthy.get(current.name, True):
        return f"{current.name} is not healthy"
    return f"{current.name} is slow for this client" if is_slow else f"{first.name} is in the region of the client"


def _weighted_order(session: str, edge: Edge) -> float:
    """Return a number by which sessions choose edges in proportion to their weights (weighted rendezvous hashing)."""
    if not session:
        return 0.0
    digest = hashlib.blake2b(f"{session}\0{edge.name}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest) + 0.5) / 2**64
    return -edge.weight / -math.log(uniform)


def steering_manifest(config: SteeringConfig, decision: Decision, reload_uri: str | None = None) -> bytes:
    """Return the JSON answer (HLS draft, 7.2; ETSI TS 103 998, clause 6)."""
    document: dict[str, object] = {"VERSION": 1, "TTL": config.ttl}
    if reload_uri is not None:
        document["RELOAD-URI"] = reload_uri
    document["PATHWAY-PRIORITY"] = decision.order
    clones = [
        {"BASE-ID": edge.clone_of, "ID": edge.name, "URI-REPLACEMENT": {"HOST": urlsplit(edge.url).netloc}}
        for edge in config.pathway
        if edge.clone_of and edge.name in decision.order
    ]
    if clones:
        document["PATHWAY-CLONES"] = clones
    return msgspec.json.encode(document)


def region_of(config: SteeringConfig, address: str) -> str:
    """Return the region of a client's address; the first network that contains it decides."""
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return next((each.region for each in config.network if client in ipaddress.ip_network(each.addresses)), "")
