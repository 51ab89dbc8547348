"""Edges of `shotladder play --edges`: pathways in manifests, requests by edge, and an edge that stops."""

import contextlib
import http.client
import json

import pytest
from click.testing import CliRunner

from shotladder.cli import group
from shotladder.player.edges import open_edges
from tests.shotladder.player.requests import CONTENT, get, settled

MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\nvideo/a/main.m3u8\n"
MPD = '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">\n  <Period></Period>\n</MPD>\n'
#: Bitrate of the lowest rung, bit/s.
LOWEST = 300_000.0
SEGMENT = "/video/a/00001.m4s"


@pytest.fixture
def page(folder, serve):
    """The server of a page with three edges."""
    (folder / "master.m3u8").write_text(MASTER)
    (folder / "manifest.mpd").write_text(MPD)
    server = serve()
    with open_edges(server, 3, LOWEST) as server.edges:
        yield server


def priority(page, query=""):
    """Return the pathways in the order of the steering server."""
    connection = http.client.HTTPConnection(page.edges.steering_url.split("/")[2], timeout=20)
    connection.request("GET", f"/steer{query}")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["PATHWAY-PRIORITY"]


def test_page_names_the_edges_in_both_manifests(page):
    _, _, hls = get(page, "/master.m3u8")
    _, _, dash = get(page, "/manifest.mpd")
    for edge in page.edges.edges:
        assert f"{edge.url}video/a/main.m3u8" in hls.decode()
        assert f'serviceLocation="{edge.name}"' in dash.decode()
    assert page.edges.steering_url in hls.decode() and page.edges.steering_url in dash.decode()


def test_page_may_connect_to_its_edges_only(page):
    _, headers, _ = get(page, "/")
    connect = headers["Content-Security-Policy"].split("connect-src ")[1].split(";")[0].split()
    assert {edge.url for edge in page.edges.edges} | {page.edges.steering_url} <= set(connect)
    assert "*" not in connect


def test_edge_serves_the_page_and_logs_its_name(page):
    edge = page.edges.edges[1]
    origin = page.url.rstrip("/")
    status, headers, body = get(edge, SEGMENT, Origin=origin, **{"Sec-Fetch-Site": "same-site"})
    assert (status, body, headers["Access-Control-Allow-Origin"]) == (200, CONTENT, origin)
    (request,) = settled(page)
    assert (request.edge, request.path, request.sent) == ("edge-2", SEGMENT[1:], len(CONTENT))


def test_edge_refuses_another_page(page):
    edge = page.edges.edges[0]
    assert get(edge, SEGMENT, Origin="http://example.com")[0] == 403
    assert get(edge, SEGMENT, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert get(edge, "/-/presentation.json")[0] == 404
    assert get(edge, "/-/restart", method="POST")[0] == 404


def test_set_edge_kills_an_edge_and_brings_it_back(page):
    edge = page.edges.edges[0]
    assert get(page, "/-/edge?name=edge-1&state=down", method="POST")[0] == 204
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        get(edge, SEGMENT)
    # two health checks fail within a second or two
    for _ in range(1000):
        if priority(page, "?_HLS_pathway=edge-1")[0] != "edge-1":
            break
        page.closing.wait(0.02)
    assert priority(page, "?_HLS_pathway=edge-1")[0] != "edge-1"
    assert any("edge-1 is not healthy" in line["text"] for line in page.edges.log)
    news = json.loads(get(page, "/-/requests")[2])
    assert news["edges"][0] == {"name": "edge-1", "state": "down", "url": edge.url}
    assert news["steering"]
    assert get(page, "/-/edge?name=edge-1&state=up", method="POST")[0] == 204
    assert get(edge, SEGMENT)[2] == CONTENT


def test_set_edge_closes_open_connections_of_an_edge_that_is_killed(page):
    edge = page.edges.edges[0]
    connection = http.client.HTTPConnection("127.0.0.1", edge.server_port, timeout=5)
    connection.request("GET", SEGMENT)
    assert connection.getresponse().read() == CONTENT
    assert page.set_edge("edge-1", "down")
    # a player reuses its connection: it must be closed, not left without an answer
    with pytest.raises(ConnectionError):
        connection.request("GET", SEGMENT)
        connection.getresponse()
    connection.close()


def test_edge_answers_to_its_own_host_name_only(page):
    edge, port = page.edges.edges[1], page.edges.edges[1].server_port
    assert edge.url == f"http://edge-2.localhost:{port}/"
    assert get(edge, SEGMENT, Host=f"edge-2.localhost:{port}")[0] == 200
    assert get(edge, SEGMENT, Host=f"edge-1.localhost:{port}")[0] == 403
    assert get(page, SEGMENT, Host=f"edge-2.localhost:{page.server_port}")[0] == 403


def test_open_edges_calls_an_edge_slow_below_the_lowest_rung(page):
    assert page.edges.steering.config.min_throughput_mbps == LOWEST / 1e6
    assert page.set_edge("edge-3", "slow")
    assert page.edges.edges[2].link.trace.mean_rate == LOWEST / 2


def test_set_edge_drains_an_edge(page):
    assert get(page, "/-/edge?name=edge-2&state=drained", method="POST")[0] == 204
    assert "edge-2" not in priority(page, "?_HLS_pathway=edge-2")


@pytest.mark.parametrize("query", ["name=edge-9&state=up", "name=edge-1&state=gone", "", "name=edge-1"])
def test_set_edge_refuses_what_does_not_exist(page, query):
    assert get(page, f"/-/edge?{query}", method="POST")[0] == 404


def test_play_with_edges_requires_a_player_with_steering(folder):
    (folder / "presentation.json").write_text('{"title": "film"}')
    answer = CliRunner().invoke(group, ["play", str(folder), "--edges", "3", "--no-open"])
    assert answer.exit_code == 2
    assert "--player-js" in answer.output


def test_plain_files_are_neither_logged_nor_outside_of_the_folder(page):
    assert get(page, f"/-/files{SEGMENT}")[2] == CONTENT
    status, headers, body = get(page, f"/-/files{SEGMENT}", Range="bytes=2-5")
    assert (status, body, headers["Content-Range"]) == (206, CONTENT[2:6], f"bytes 2-5/{len(CONTENT)}")
    assert get(page, "/-/files/../secret")[0] == get(page, "/-/files/%2e%2e/secret")[0] == 404
    assert page.logged(0) == []


def test_steering_server_closes_open_connections_when_it_stops(folder, serve):
    (folder / "master.m3u8").write_text(MASTER)
    server = serve()
    with open_edges(server, 3, LOWEST) as edges:
        connection = http.client.HTTPConnection(edges.steering_url.split("/")[2], timeout=20)
        connection.request("GET", "/steer")
        connection.getresponse().read()
        opened = connection.sock
        steering = edges.steering
        assert len(steering.connections) == 1
    # the server has closed its side
    with contextlib.suppress(ConnectionResetError):
        assert opened.recv(1) == b""
    assert not steering.connections
    connection.close()
