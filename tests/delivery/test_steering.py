"""Manifests name the pathways, and the server answers as the HLS draft and ETSI TS 103 998 require."""

import asyncio
import contextlib
import json
import socket
import threading
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections import Counter

import m3u8
import msgspec
import pytest

import delivery
from delivery.steering import steering_server
from delivery.steering.steering_config import Edge, Network, SteeringConfig
from delivery.steering.steering_decision import region_of
from tests.delivery.servers import nginx_server
from tests.delivery.test_steering_config import STEERING_FILE
from tests.shotladder.running import shotladder

PATHWAYS = [delivery.Pathway("a", "http://a.example/show"), delivery.Pathway("b", "https://b.example:8443/show/")]
STEER = "http://steer.example/steer?region=fr&x=1"
CONFIG = SteeringConfig(
    pathway=(
        Edge("a", "http://a.example/show", ("fr",)),
        Edge("b", "http://b.example/show", ("us",)),
        Edge("c", "http://c.example/show", ("us",)),
    ),
    network=(Network("127.0.0.0/8", "us"),),
    url="https://steer.example/steer",
    min_throughput_mbps=2,
    ttl=10,
)


@pytest.fixture
def steered(presentations):
    edit = lambda path, text: delivery.add_pathways(path, text, PATHWAYS, STEER)  # noqa: E731
    release = delivery.make_release(presentations["first"], edit=edit)
    return {file.path: file.content.decode() for file in release.manifests}


def test_add_pathways_writes_hls_variants_and_groups_of_each_pathway(steered, presentations):
    text = steered["master.m3u8"]
    assert f'#EXT-X-CONTENT-STEERING:SERVER-URI="{STEER}",PATHWAY-ID="a"' in text.splitlines()[:2]
    master = m3u8.loads(text)
    plain = m3u8.loads((presentations["first"] / "master.m3u8").read_text())
    for pathway in PATHWAYS:
        variants = [each for each in master.playlists if each.stream_info.pathway_id == pathway.name]
        assert len(variants) == len(plain.playlists)
        assert all(each.uri.startswith(pathway.url) for each in variants)
        (group,) = {each.stream_info.subtitles for each in variants}
        (media,) = [each for each in master.media if each.group_id == group]
        assert media.uri.startswith(pathway.url)
    assert text.count("#EXT-X-I-FRAME-STREAM-INF") == 2 * len(plain.iframe_playlists)


def test_add_pathways_writes_dash_service_locations(steered):
    dash = "{urn:mpeg:dash:schema:mpd:2011}"
    root = ET.fromstring(steered["manifest.mpd"])
    assert [child.tag for child in root] == [f"{dash}BaseURL"] * 2 + [f"{dash}ContentSteering", f"{dash}Period"]
    assert [(each.get("serviceLocation"), each.text) for each in root.findall(f"{dash}BaseURL")] == [
        ("a", "http://a.example/show/"),
        ("b", "https://b.example:8443/show/"),
    ]
    steering = root.find(f"{dash}ContentSteering")
    assert (steering.text, steering.get("defaultServiceLocation")) == (STEER, "a")


@pytest.mark.parametrize(
    ("name", "url", "fault"),
    [
        ("a b", "http://a/", "has other characters"),
        ("a", "ftp://a/", "is not an HTTP address"),
        ("a", 'http://a/"', "is not an HTTP address"),
        ("a", "http://user:s3cret@a/", "without a user: http://a/"),
        ("a", "http://[a/", "is not an HTTP address"),
    ],
)
def test_pathway_refuses_names_and_addresses_that_manifests_cannot_have(name, url, fault):
    with pytest.raises(delivery.SteeringError, match=fault) as caught:
        delivery.Pathway(name, url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("client", "unhealthy", "first", "reason"),
    [
        (delivery.Client(region="fr"), (), "a", "start in region fr"),
        (delivery.Client(region="fr", pathway="b"), (), "a", "a is in the region of the client"),
        (delivery.Client(region="us", pathway="c"), (), "c", "unchanged"),
        (delivery.Client(region="us", pathway="c"), ("c",), "b", "c is not healthy"),
        (delivery.Client(region="us", pathway="b", throughput=1e6), (), "c", "b is slow for this client"),
        (delivery.Client(region="us", pathway="b", throughput=3e6), (), "b", "unchanged"),
        (delivery.Client(region="fr"), ("a", "b", "c"), "a", "start in region fr"),
    ],
)
def test_choose_pathways_by_health_throughput_region_and_present_pathway(client, unhealthy, first, reason):
    decision = delivery.choose_pathways(
        CONFIG, client, {edge.name: edge.name not in unhealthy for edge in CONFIG.pathway}
    )
    assert decision.order[0] == first and set(decision.order) == {"a", "b", "c"}
    assert decision.reason == reason


def test_choose_pathways_leaves_out_drained_edges_unless_the_others_fail():
    edges = (Edge("a", "http://a/", is_drained=True), Edge("b", "http://b/"))
    config = SteeringConfig(pathway=edges)
    decision = delivery.choose_pathways(config, delivery.Client(pathway="a"), {})
    assert (decision.order, decision.reason) == (("b",), "a is drained")
    assert set(delivery.choose_pathways(config, delivery.Client(), {"b": False}).order) == {"a", "b"}


@pytest.mark.parametrize(
    ("client", "states", "first", "reason"),
    [
        # new clients avoid an edge with much load; those that it has stay until it is full
        (delivery.Client(), {"a": delivery.EdgeState(load=0.95)}, "b", "start"),
        (delivery.Client(pathway="a"), {"a": delivery.EdgeState(load=0.95)}, "a", "unchanged"),
        (delivery.Client(pathway="a"), {"a": delivery.EdgeState(load=1.0)}, "b", "a is overloaded"),
        (
            delivery.Client(pathway="a", title="show"),
            {"a": delivery.EdgeState(titles=frozenset()), "b": delivery.EdgeState(titles=frozenset({"show"}))},
            "b",
            "a does not hold the title",
        ),
        # without a title, or without a plan, contents decide nothing
        (delivery.Client(pathway="a"), {"a": delivery.EdgeState(titles=frozenset())}, "a", "unchanged"),
        (delivery.Client(pathway="a", title="show"), {}, "a", "unchanged"),
    ],
)
def test_choose_pathways_by_load_and_contents(client, states, first, reason):
    config = SteeringConfig(pathway=(Edge("a", "http://a/"), Edge("b", "http://b/")))
    decision = delivery.choose_pathways(config, client, {}, states)
    assert (decision.order[0], decision.reason) == (first, reason)


@pytest.mark.parametrize(
    ("body", "load"),
    [
        (b'{"load": 0.5}', 0.5),
        (b"ok", None),
        (b'{"load": -1}', None),
        (b'{"load": "high"}', None),
        (b'{"load": 1e999}', None),
        (b"\xff\xfe", None),
    ],
)
def test_read_load_ignores_what_is_not_a_load(body, load):
    assert steering_server._read_load(body) == load


def test_server_keeps_the_title_of_a_client_and_sends_it_where_it_is():
    config = SteeringConfig(pathway=(Edge("a", "http://a/"), Edge("b", "http://b/")), url="https://steer.example/steer")
    titles = {"a": frozenset({"other"}), "b": frozenset({"my show"})}
    server = delivery.SteeringServer(config, print, titles)
    for target in ("/steer?session=1&title=my%20show", "/steer?session=1&title=my%20show&_HLS_pathway=a"):
        document = json.loads(server.answer("GET", target, "127.0.0.1")[1])
        assert document["PATHWAY-PRIORITY"] == ["b", "a"]
        assert document["RELOAD-URI"] == "https://steer.example/steer?session=1&title=my%20show"


@pytest.mark.parametrize(
    ("length", "is_kept"), [(steering_server.MAX_TITLE, True), (steering_server.MAX_TITLE + 1, False)]
)
def test_server_keeps_no_title_above_its_limit(length, is_kept):
    server = delivery.SteeringServer(CONFIG, print)
    document = json.loads(server.answer("GET", f"/steer?session=1&title={'t' * length}", "127.0.0.1")[1])
    assert ("title=" in document["RELOAD-URI"]) == is_kept


def test_choose_pathways_spreads_sessions_by_weight():
    config = SteeringConfig(pathway=(Edge("a", "http://a/", weight=3), Edge("b", "http://b/", weight=1)))
    firsts = Counter(
        delivery.choose_pathways(config, delivery.Client(session=str(n)), {}).order[0] for n in range(4000)
    )
    assert 0.71 < firsts["a"] / 4000 < 0.79


def test_steering_manifest_has_the_keys_of_the_draft():
    edges = (Edge("a", "http://a.example/show"), Edge("b", "http://b.example:81/show", clone_of="a"))
    config = SteeringConfig(pathway=edges, ttl=10)
    decision = delivery.choose_pathways(config, delivery.Client(), {})
    assert json.loads(delivery.steering_manifest(config, decision, "/steer?session=1")) == {
        "VERSION": 1,
        "TTL": 10,
        "RELOAD-URI": "/steer?session=1",
        "PATHWAY-PRIORITY": ["a", "b"],
        "PATHWAY-CLONES": [{"BASE-ID": "a", "ID": "b", "URI-REPLACEMENT": {"HOST": "b.example:81"}}],
    }


@contextlib.contextmanager
def running(config):
    """Run a server in a thread; yield its address, the server, and its log."""
    lines, started, loop = [], threading.Event(), asyncio.new_event_loop()
    server = delivery.SteeringServer(config, lines.append)
    port = []

    def ready(number):
        port.append(number)
        started.set()

    task = loop.create_task(server.serve("127.0.0.1", 0, ready))

    def run():
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(30)
    try:
        yield f"http://127.0.0.1:{port[0]}", server, lines
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


def get(url, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as response:
        return response.headers, response.read()


def test_server_answers_hls_and_dash_clients_and_keeps_their_session():
    with running(CONFIG) as (address, server, log):
        server.config = msgspec.structs.replace(CONFIG, url=f"{address}/steer")
        headers, body = get(f"{address}/steer")
        first = json.loads(body)
        assert headers["Content-Type"] == "application/json" and headers["Access-Control-Allow-Origin"] == "*"
        # the address of the client is in the network of the region us
        assert set(first["PATHWAY-PRIORITY"][:2]) == {"b", "c"} and first["TTL"] == 10
        pathway = first["PATHWAY-PRIORITY"][0]
        hls = json.loads(get(f"{first['RELOAD-URI']}&_HLS_pathway={pathway}&_HLS_throughput=5000000")[1])
        assert hls["PATHWAY-PRIORITY"][0] == pathway and hls["RELOAD-URI"] == first["RELOAD-URI"]
        query = f"_DASH_pathway=%22a,{pathway}%22&_DASH_throughput=9000000,1000000"
        dash = json.loads(get(f"{first['RELOAD-URI']}&{query}")[1])
        assert dash["PATHWAY-PRIORITY"][0] == ({"b", "c"} - {pathway}).pop()
        assert log == [f"session {first['RELOAD-URI'].split('session=')[1].split('&')[0]}: {pathway} ->"
                       f" {dash['PATHWAY-PRIORITY'][0]}: {pathway} is slow for this client"]  # fmt: skip
        assert get(f"{address}/steer", "HEAD")[1] == b""
        assert get(f"{address}/steer", "OPTIONS")[1] == b""


@pytest.mark.parametrize(
    "query",
    [
        "_HLS_throughput=nan&_HLS_pathway=b",
        "_HLS_throughput=-1e999&_HLS_pathway=nowhere",
        "session=%22%0d%0aSet-Cookie:x&region=%3Cscript%3E",
        "session=" + "a" * 3000,
        "&".join(f"a{n}=1" for n in range(15)),
    ],
)
def test_server_ignores_what_a_client_cannot_know(query):
    server = delivery.SteeringServer(CONFIG, print)
    status, body = server.answer("GET", f"/steer?{query}", "127.0.0.1")
    document = json.loads(body)
    assert status == 200 and set(document["PATHWAY-PRIORITY"]) == {"a", "b", "c"}
    session, region = document["RELOAD-URI"].removeprefix("https://steer.example/steer?session=").split("&region=")
    assert len(session) == 16 and session.isalnum() and region == "us"


def test_server_does_not_send_a_slow_client_back_to_an_edge_that_it_left():
    server, target, visited = delivery.SteeringServer(CONFIG, lambda line: None), "/steer?session=1&region=us", ["b"]
    for _ in range(5):
        answer = json.loads(server.answer("GET", f"{target}&_HLS_pathway={visited[-1]}&_HLS_throughput=1", "a")[1])
        target = answer["RELOAD-URI"].removeprefix("https://steer.example")
        visited.append(answer["PATHWAY-PRIORITY"][0])
    # each edge once, then the edge of the region stays
    assert visited[:3] == ["b", "c", "a"] and len(set(visited[3:])) == 1
    answer = json.loads(server.answer("GET", f"{target}&_HLS_pathway=c&_HLS_throughput=9000000", "a")[1])
    assert "slow=" not in answer["RELOAD-URI"]


def test_server_answers_without_reload_uri_if_it_does_not_know_its_address():
    # Shaka Player stops to ask after a relative RELOAD-URI
    server = delivery.SteeringServer(msgspec.structs.replace(CONFIG, url=""), print)
    assert "RELOAD-URI" not in json.loads(server.answer("GET", "/steer?session=1", "127.0.0.1")[1])


def test_region_of_knows_no_address_that_is_not_one():
    config = msgspec.structs.replace(CONFIG, network=(Network("10.0.0.0/8", "fr"),))
    assert [region_of(config, address) for address in ("10.1.2.3", "11.1.2.3", "", "unix")] == ["fr", "", "", ""]


def test_serve_names_a_port_that_is_used():
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        with pytest.raises(delivery.SteeringError, match=rf"^127\.0\.0\.1:{port}: cannot be used \([^\n]+\)$"):
            asyncio.run(delivery.SteeringServer(CONFIG, print).serve("127.0.0.1", port, print))


def test_server_closes_an_idle_connection(monkeypatch):
    monkeypatch.setattr(steering_server, "IDLE_SECONDS", 0.05)
    with running(CONFIG) as (address, _, _):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as client:
            assert client.recv(1) == b""


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("POST", "/steer", 405), ("GET", "/other", 404), ("GET", "http://[/", 400), ("GET", "/steer?" + "&a=1" * 99, 400)],
)
def test_server_refuses_other_requests(method, target, status):
    assert delivery.SteeringServer(CONFIG, print).answer(method, target, "127.0.0.1") == (status, b"")


@pytest.mark.parametrize("end", ["", "\r\n\r\n"])
def test_server_closes_a_connection_whose_request_is_above_its_limit(end):
    with running(CONFIG) as (address, _, _):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as client:
            field = "A: " + "a" * steering_server.MAX_HEAD
            client.sendall(f"GET /steer HTTP/1.1\r\nHost: {host}\r\n{field}{end}".encode())
            answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ") and b"Connection: close" in answer


def test_server_leaves_an_edge_that_fails_its_health_checks(tmp_path, monkeypatch):
    monkeypatch.setattr(steering_server, "FAILURES", 1)
    changed = threading.Event()
    with nginx_server(tmp_path / "edge") as edge:
        (tmp_path / "edge" / "root" / "health").write_text("ok")
        config = SteeringConfig(
            pathway=(Edge("a", f"{edge}/show", health_url=f"{edge}/health"), Edge("b", "http://b.example/show")),
            check_seconds=0.05,
        )
        with running(config) as (address, server, log):
            server.log = lambda line: (log.append(line), changed.set())
            assert json.loads(get(f"{address}/steer?_HLS_pathway=a")[1])["PATHWAY-PRIORITY"] == ["a", "b"]
            (tmp_path / "edge" / "root" / "health").unlink()
            assert changed.wait(30)
            assert json.loads(get(f"{address}/steer?_HLS_pathway=a")[1])["PATHWAY-PRIORITY"] == ["b", "a"]
            assert log[0] == "a is not healthy" and log[1].endswith("a -> b: a is not healthy")


def test_steer_command_writes_a_static_manifest(tmp_path):
    (tmp_path / "steering.toml").write_text(STEERING_FILE)
    answer = shotladder("steer", tmp_path / "steering.toml", "--write", tmp_path / "s.json", store=tmp_path)
    assert answer.status == 0, answer.err
    assert json.loads((tmp_path / "s.json").read_text()) == {"VERSION": 1, "TTL": 20, "PATHWAY-PRIORITY": ["b"]}


def test_add_pathways_names_a_manifest_without_a_period():
    pathways = [delivery.Pathway("a", "http://a/"), delivery.Pathway("b", "http://b/")]
    with pytest.raises(delivery.SteeringError, match=r"^x\.mpd: has no Period$"):
        delivery.add_pathways("x.mpd", "<MPD></MPD>", pathways, STEER)
    for wrong in ([], pathways[:1] * 2):
        with pytest.raises(delivery.SteeringError, match="pathways need different names"):
            delivery.add_pathways("x.mpd", "<MPD></MPD>", wrong, STEER)
