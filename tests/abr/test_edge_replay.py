"""Sessions over edges: hits and misses by contents, failures with and without steering."""

import numpy as np
import pytest

import abr
from abr.edges.edge_network import Client

SEGMENTS, SECONDS = 40, 4.0
RUNGS = (abr.Rung("low", 400_000, height=360), abr.Rung("high", 1_600_000, height=1080))


def path(name, mbps, latency=0.01):
    return abr.Trace(name, [1.0], [mbps * 1e6], [latency])


def network(*outages, **options):
    edges = tuple(abr.Edge(name, region, path(name, 50)) for name, region in (("a", "fr"), ("b", "fr"), ("c", "us")))
    return abr.EdgeNetwork(edges, abr.Edge("origin", "", path("origin", 20, 0.1)), outages, **options)


@pytest.fixture(scope="module")
def title():
    sizes = np.tile([200_000, 800_000], (SEGMENTS, 1))
    vmaf = np.tile([70.0, 95.0], (SEGMENTS, 1))
    return abr.Presentation("video", RUNGS, np.full(SEGMENTS, SECONDS), sizes, vmaf)


def play(title, arms, policy="bba-2", mbps=8):
    settings = {"starts": np.zeros((1, 1)), "model": abr.MODES["default"]}
    return abr.simulate_edges(title, [path("home", mbps)], [policy], arms, **settings)


def test_simulate_edges_equals_simulate_where_the_edge_limits_nothing(title):
    free = abr.Edge("a", "fr", path("a", 1000, 0.0))
    arms = {"all": (abr.EdgeNetwork((free,), free_origin()), {})}
    table = play(title, arms)
    session = abr.simulate(title, path("home", 8), "bba-2")
    for name in ("vmaf_mean", "startup_delay", "rebuffer_ratio", "downloaded_bytes"):
        assert float(table[name][0]) == pytest.approx(session.metrics[name], rel=1e-6)
    assert table["offload"][0] == 1
    assert table["policy"][0] == "bba-2@2014, all"


def free_origin():
    return abr.Edge("origin", "", path("origin", 1000, 0.0))


def test_simulate_edges_counts_misses_by_content(title):
    held = {name: frozenset({"low"}) for name in "abc"}
    table = play(title, {"fill": (network(), held)})
    missed = float(table["content_misses"][0])
    assert 0 < missed < SEGMENTS
    assert table["upstream_bytes"][0] == missed * 800_000
    assert table["edge_bytes"][0] == (SEGMENTS - missed) * 200_000
    assert table["health_misses"][0] == table["load_misses"][0] == 0


def test_simulate_edges_with_steering_stalls_less_when_an_edge_fails(title):
    outage = abr.Outage(frozenset({"a"}), 8.0, 120.0)
    arms = {"steering": (network(outage), {}), "neither": (network(outage, is_steered=False), {})}
    steered, alone = play(title, arms, mbps=2.2)["rebuffer_ratio"]
    assert steered < 0.02 < alone


@pytest.mark.parametrize("death", [1.3, 2.1, 3.7])
def test_simulate_edges_repeats_the_download_that_an_edge_breaks_off(death):
    # one rung of 1 Mbit/s over 1 Mbit/s: each segment takes 4 s, and the first one is broken off
    title = abr.Presentation("video", RUNGS[:1], np.full(5, SECONDS), np.full((5, 1), 500_000), None)
    arms = {
        "fails": (network(abr.Outage(frozenset({"a"}), death, 1000.0), retry_seconds=0.5), {}),
        "no": (network(), {}),
    }
    table = play(title, arms, mbps=1)
    later, undisturbed = table["startup_delay"]
    # the time until the failure and the wait are lost; the second latency of 20 ms is not modelled
    assert later - undisturbed == pytest.approx(death + 0.5, abs=0.03)


def test_simulate_edges_uses_the_origin_when_all_edges_fail(title):
    outage = abr.Outage(frozenset("abc"), 0.0, 10_000.0)
    table = play(title, {"steering": (network(outage), {})})
    assert table["offload"][0] == 0
    assert table["health_misses"][0] == SEGMENTS


def test_simulate_edges_does_not_write_what_a_policy_raises(title):
    def broken(state):
        raise ValueError("no idea")

    table = play(title, {"steering": (network(), {})}, broken)
    assert "no idea" in str(table.failure())


def test_region_of_takes_the_regions_in_turn():
    assert [network().region_of(n) for n in range(3)] == ["fr", "us", "fr"]


def test_route_prefers_the_region_and_leaves_a_loaded_edge():
    assert Client(network(), "us").route(0).edge.name == "c"
    full = abr.EdgeNetwork(
        (abr.Edge("a", "fr", path("a", 50), load=0.95), abr.Edge("b", "fr", path("b", 50))), free_origin()
    )
    route = Client(full, "fr").route(0)
    assert (route.edge.name, route.wait, route.reason) == ("b", 0, "load")


def test_route_waits_once_for_a_dead_edge_and_returns_when_it_answers():
    client = Client(network(abr.Outage(frozenset({"a"}), 10, 50), ttl=5, retry_seconds=2), "fr")
    routes = [client.route(time) for time in (9, 10, 20, 51)]
    assert [route.edge.name for route in routes] == ["a", "b", "b", "a"]
    assert [route.wait for route in routes] == [0, 2, 0, 0]


def test_route_waits_for_an_edge_that_soon_answers():
    client = Client(network(abr.Outage(frozenset({"a"}), 10, 11), retry_seconds=2), "fr")
    route = client.route(10)
    assert (route.edge.name, route.wait) == ("a", 1)


@pytest.mark.parametrize("outage", [(frozenset({"z"}), 0, 1), (frozenset({"a"}), 2, 1), (frozenset({"a"}), 0, 1, 1.0)])
def test_edge_network_names_a_wrong_outage(outage):
    with pytest.raises(abr.TraceError, match="outage"):
        network(abr.Outage(*outage))
