"""`shotladder play`: the link follows the trace, the server sends the requested bytes, the command ends cleanly."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abr import Trace
from shotladder.cli import main
from shotladder.player import Link, PlayerServer

COMMAND = [sys.executable, "-m", "shotladder.cli", "play"]


def steps(*intervals, latency=0.0):
    """A trace of (seconds, bits/s)."""
    durations, rates = zip(*intervals, strict=True)
    return Trace("steps", durations, rates, [latency] * len(rates))


def naive_arrival(trace, start, bits):
    """Return the arrival time of bits by walking over the intervals of the trace (reference implementation)."""
    begin, n = 0.0, 0
    while True:
        end, rate = begin + trace.durations[n], trace.rates[n]
        if end > start:
            capacity = (end - max(start, begin)) * rate
            if rate and capacity >= bits * (1 - 1e-12):
                return max(start, begin) + bits / rate
            bits -= capacity
        begin, n = end, (n + 1) % len(trace.rates)


rates = st.lists(st.tuples(st.floats(0.05, 5), st.sampled_from([0, 1e4, 3e5, 2e6])), min_size=1, max_size=5)


@given(rates.filter(lambda r: any(rate for _, rate in r)), st.lists(st.integers(1, 50_000), min_size=1, max_size=6))
def test_reserve_equals_a_walk_over_the_trace(intervals, sizes):
    trace = steps(*intervals)
    link, ready, expected = Link(trace, clock=lambda: 0.0), 0.0, 0.0
    for size in sizes:
        ready, expected = link.reserve(size, ready), naive_arrival(trace, expected, 8 * size)
        assert ready == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_reserve_ends_a_lap_before_its_final_outage():
    link = Link(steps((1, 8000), (1, 0)), clock=lambda: 0.0)
    assert [link.reserve(1000, 0.0) for _ in range(3)] == [1.0, 3.0, 5.0]


def test_reserve_shares_the_link_between_two_transfers():
    link = Link(steps((10, 8000)), clock=lambda: 0.0)
    ends = {"a": 0.0, "b": 0.0}
    for name in "abababab":
        ends[name] = link.reserve(125, ends[name])
    assert sorted(ends.values()) == pytest.approx([7 / 8, 1.0])


def test_reserve_does_not_exceed_the_rate_after_idle_time():
    now = [0.0]
    link = Link(steps((10, 8000)), clock=lambda: now[0])
    link.reserve(125, 0.0)
    now[0] = 5.0
    assert link.reserve(1000, 5.0) == pytest.approx(6.0)


def test_reserve_does_not_accumulate_rate_for_a_slow_client():
    now = [0.0]
    link = Link(steps((100, 8000)), clock=lambda: now[0])
    ready = link.reserve(125, 0.0)
    now[0] = 50.0
    assert link.reserve(1000, ready) > 50.8


def test_restart_starts_the_trace_from_its_beginning():
    now = [0.0]
    link = Link(steps((1, 8000), (9, 800), latency=0.25), clock=lambda: now[0])
    now[0] = 5.0
    assert link.reserve(100, 5.0) == pytest.approx(6.0)
    link.restart()
    assert link.reserve(100, 5.0) == pytest.approx(5.1)
    assert link.latency() == 0.25


CONTENT = bytes(range(256)) * 200


@pytest.fixture
def folder(tmp_path):
    """The required files of a presentation, and one segment."""
    film = tmp_path / "film"
    (film / "video/a").mkdir(parents=True)
    (film / "video/a/00001.m4s").write_bytes(CONTENT)
    for name in ("master.m3u8", "manifest.mpd"):
        (film / name).write_text(name)
    (film / "presentation.json").write_text('{"title": "film"}')
    (tmp_path / "secret").write_text("not for you")
    return film


@pytest.fixture
def serve(folder):
    """Return the function that starts a server with an optional trace."""
    servers = []

    def start(trace=None, **options):
        server = PlayerServer(folder, 0, link=trace and Link(trace), **options)
        servers.append((server, threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)))
        servers[-1][1].start()
        return server

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def get(server, path, method="GET", **headers):
    """Return status, headers and body, for errors as well; the path is sent unchanged."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def settled(server):
    """Return the requests of a server when they have ended: a client receives its last byte a little earlier."""
    for _ in range(1000):
        if server.requests and all(request.end is not None for request in server.requests):
            break
        server.closing.wait(0.01)
    return server.requests


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
    for name in ("page.css", "page.js", "charts.js", "players.js"):
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
        client.sendall(b"GET /video/a/00001.m4s HTTP/1.1\r\nHost: here\r\n\r\n")
        client.recv(2000)
    assert settled(server)[0].end is not None
    assert not server.requests[0].whole
    assert server.requests[0].sent < len(CONTENT)


def test_server_sends_the_given_player(serve, tmp_path):
    (tmp_path / "mine.js").write_text("window.Hls = 1")
    assert get(serve(), "/-/player.js")[0] == 404
    server = serve(player_js=tmp_path / "mine.js")
    assert get(server, "/-/player.js")[2] == b"window.Hls = 1"
    assert json.loads(get(server, "/-/session")[2]) == {"player_js": True, "keys": {}, "trace": None}


def test_play_serves_until_an_interrupt_and_exits_130(folder, tmp_path):
    (tmp_path / "trace").write_text("0 1\n5 2\n9 1\n")
    words = [*COMMAND, str(folder), "--no-open", "--json", "--trace", str(tmp_path / "trace")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        printed = json.loads(process.stdout.readline())
        with urllib.request.urlopen(printed["url"] + "-/session", timeout=20) as answer:
            session = json.load(answer)
        # a running transfer does not delay the exit
        slow = socket.create_connection(("127.0.0.1", int(printed["url"].split(":")[2].strip("/"))))
        slow.sendall(b"GET /video/a/00001.m4s HTTP/1.1\r\nHost: here\r\n\r\n")
        slow.recv(100)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        slow.close()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted"
    assert session["trace"] == {"name": "trace", "durations": [5.0, 4.0], "rates": [2e6, 1e6]}


def test_play_reports_errors_in_one_line(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "words").write_text("no trace at all\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cases = [
            ([tmp_path / "empty"], 1, "presentation.json"),
            ([folder, "--port", port], 1, f"port {port}"),
            ([folder, "--trace", tmp_path / "words"], 1, "words"),
            ([tmp_path / "none"], 2, "none"),
            ([folder, "--port", 0], 2, "--port"),
            ([folder, "--player-js", tmp_path / "none.js"], 2, "none.js"),
        ]
        for args, status, word in cases:
            monkeypatch.setattr(sys, "argv", ["shotladder", "play", *map(str, args), "--no-open"])
            with pytest.raises(SystemExit) as end:
                main()
            out, err = capsys.readouterr()
            assert (end.value.code, out) == (status, "")
            assert word in err
            assert status == 2 or len(err.splitlines()) == 1
