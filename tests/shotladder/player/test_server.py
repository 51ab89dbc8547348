"""The server of `shotladder play` sends the requested bytes through the link, and logs them."""

import json
import socket
import threading
import time

import pytest

from tests.shotladder.player.requests import CONTENT, get, request_of, settled, steps


def test_server_sends_whole_files_with_media_types(serve):
    server = serve()
    status, headers, body = get(server, "/video/a/00001.m4s")
    assert (status, headers["Content-Type"], body) == (200, "video/iso.segment", CONTENT)
    assert get(server, "/master.m3u8")[1]["Content-Type"] == "application/vnd.apple.mpegurl"
    assert get(server, "/manifest.mpd")[1]["Content-Type"] == "application/dash+xml"


@pytest.mark.parametrize(
    ("requested", "start", "stop"),
    [("0-99", 0, 100), ("51000-", 51000, 51200), ("-7", 51193, 51200), ("5-99999", 5, 51200)],
)
def test_server_sends_the_requested_range(serve, requested, start, stop):
    status, headers, body = get(serve(), "/video/a/00001.m4s", Range=f"bytes={requested}")
    assert (status, body) == (206, CONTENT[start:stop])
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/51200"


def test_server_refuses_a_range_beyond_the_file(serve):
    status, headers, _ = get(serve(), "/video/a/00001.m4s", Range="bytes=51200-")
    assert (status, headers["Content-Range"]) == (416, "bytes */51200")


@pytest.mark.parametrize(
    "path", ["/../secret", "/%2e%2e/secret", "/video/../../secret", "/none", "/video", "/-/../secret", "/-/server.py"]
)
def test_server_refuses_paths_outside_the_directory(serve, path):
    assert get(serve(), path)[0] == 404


def test_server_refuses_symbolic_links_out_of_the_directory(serve, folder):
    (folder / "way_out").symlink_to(folder.parent / "secret")
    assert get(serve(), "/way_out")[0] == 404


def test_server_sends_the_page_and_its_files(serve):
    server = serve()
    page = get(server, "/")[2].decode()
    assert "http://" not in page and "https://" not in page
    for name in ("page.css", "page.js", "charts.js", "menus.js", "players.js"):
        status, _, body = get(server, f"/-/{name}")
        assert status == 200
        assert b"http://" not in body and b"https://" not in body
    assert json.loads(get(server, "/-/presentation.json")[2]) == {"title": "film"}


def test_server_logs_requests_of_the_presentation_until_restart(serve):
    server = serve()
    get(server, "/")
    get(server, "/video/a/00001.m4s")
    get(server, "/video/a/00001.m4s", Range="bytes=0-9")
    settled(server)
    logged = json.loads(get(server, "/-/requests")[2])["requests"]
    assert [(r["number"], r["path"], r["sent"], r["whole"]) for r in logged] == [
        (0, "video/a/00001.m4s", 51200, True),
        (1, "video/a/00001.m4s", 10, True),
    ]
    assert all(0 <= r["begin"] <= r["first_byte"] <= r["end"] for r in logged)
    assert [r["number"] for r in json.loads(get(server, "/-/requests?since=1")[2])["requests"]] == [1]
    assert get(server, "/-/restart", method="POST")[0] == 204
    assert json.loads(get(server, "/-/requests")[2])["requests"] == []


def test_server_delays_a_download_by_latency_and_throughput(serve):
    # 51200 bytes: 0.2 s at 1 Mbit/s, then 0.1048 s at 2 Mbit/s; the latency uses up 0.1 s of the first rate
    server = serve(steps((0.3, 1e6), (10, 2e6), latency=0.1))
    server.restart()
    begun = time.monotonic()
    assert get(server, "/video/a/00001.m4s")[2] == CONTENT
    took = time.monotonic() - begun
    assert 0.395 <= took < 2
    request = settled(server)[0]
    assert request.first_byte - request.begin >= 0.099


def test_server_shares_the_trace_between_concurrent_downloads(serve):
    server = serve(steps((10, 2e6)))
    threads = [threading.Thread(target=get, args=(server, "/video/a/00001.m4s")) for _ in range(3)]
    server.restart()
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begun
    assert 3 * 8 * 51200 / 2e6 - 0.01 <= took < 3
    assert min(r.end - r.begin for r in settled(server)) > 0.5 * took


def test_server_logs_a_cancelled_download(serve):
    server = serve(steps((10, 1e5)))
    with socket.create_connection(("127.0.0.1", server.server_port)) as client:
        client.sendall(request_of(server, "/video/a/00001.m4s"))
        client.recv(2000)
    assert settled(server)[0].end is not None
    assert not server.requests[0].whole
    assert server.requests[0].sent < len(CONTENT)


def test_server_sends_the_given_player(serve, tmp_path):
    (tmp_path / "mine.js").write_text("window.Hls = 1")
    assert get(serve(), "/-/player.js")[0] == 404
    server = serve(player_js=tmp_path / "mine.js")
    assert get(server, "/-/player.js")[2] == b"window.Hls = 1"
    assert json.loads(get(server, "/-/session")[2]) == {"player_js": True, "keys": {}, "trace": None, "edges": []}
