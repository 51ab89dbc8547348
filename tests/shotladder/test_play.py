"""`shotladder play`: the link follows the trace, the server sends the requested bytes, the command ends cleanly."""

import contextlib
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
from encoder import ContentKey
from shotladder.cli import main
from shotladder.player import Link, PlayerServer
from shotladder.player import server as player_server
from shotladder.player.handler import Handler

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


def request_of(server, target, *headers, host=None):
    """Return the bytes of a GET."""
    host = f"Host: 127.0.0.1:{server.server_port}" if host is None else host
    lines = [f"GET {target} HTTP/1.1", *([host] if host else []), *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def send(server, content):
    """Return everything that the server answers to these bytes before it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as client:
        client.sendall(content)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


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
    assert json.loads(get(server, "/-/session")[2]) == {"player_js": True, "keys": {}, "trace": None}


def test_play_serves_until_an_interrupt_and_exits_130(folder, tmp_path):
    (tmp_path / "trace").write_text("0 1\n5 2\n9 1\n")
    words = [*COMMAND, str(folder), "--no-open", "--json", "--trace", str(tmp_path / "trace")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        printed = json.loads(process.stdout.readline())
        with urllib.request.urlopen(printed["url"] + "-/session", timeout=20) as answer:
            session = json.load(answer)
        # a running transfer does not delay the exit
        port = int(printed["url"].split(":")[2].strip("/"))
        slow = socket.create_connection(("127.0.0.1", port))
        slow.sendall(f"GET /video/a/00001.m4s HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
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


#: Headers of requests that another site makes a browser send.
FOREIGN = {
    "a host name that resolves to this machine": ("Host: rebound.example:PORT", []),
    "another port": ("Host: 127.0.0.1:1", []),
    "no port": ("Host: 127.0.0.1", []),
    "two hosts": ("Host: 127.0.0.1:PORT", ["Host: rebound.example"]),
    "no host": ("", []),
    "another origin": ("Host: 127.0.0.1:PORT", ["Origin: http://example.com"]),
    "an origin on another port": ("Host: 127.0.0.1:PORT", ["Origin: http://127.0.0.1:1"]),
    "an origin without a name": ("Host: 127.0.0.1:PORT", ["Origin: null"]),
    "a script of another site": ("Host: 127.0.0.1:PORT", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"]),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("target", ["/", "/-/session", "/-/restart", "/video/a/00001.m4s", "/master.m3u8"])
def test_server_refuses_requests_of_other_sites(serve, kind, target):
    key = ContentKey("VIDEO", "a1" * 16, "b2" * 16)
    server = serve(keys=[key])
    host, headers = FOREIGN[kind]
    request = request_of(server, target, *headers, host=host.replace("PORT", str(server.server_port)))
    for content in (request, request.replace(b"GET", b"POST"), request.replace(b"GET", b"HEAD")):
        answer = send(server, content)
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert key.key.encode() not in answer and CONTENT not in answer


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_server_answers_requests_of_its_own_page(serve, name):
    server = serve()
    host = f"{name}:{server.server_port}"
    for headers in ([], [f"Origin: http://{host}"], ["Sec-Fetch-Site: same-origin"]):
        assert send(server, request_of(server, "/-/session", *headers, host=f"Host: {host}")).startswith(
            b"HTTP/1.1 200 "
        )
    link = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"]
    assert send(server, request_of(server, "/", *link)).startswith(b"HTTP/1.1 200 ")


#: Targets and headers of bad requests, with the status of the answer.
BAD = {
    "a long name": ("/" + "a" * 5000, [], 404),
    "a null byte": ("/a%00b", [], 404),
    "a null byte in the name of the page": ("/-/a%00b.js", [], 404),
    "bytes that are not UTF-8": ("/%ff%fe", [], 404),
    "an invalid address": ("//[", [], 404),
    "a long address": ("/" + "a" * 70_000, [], 414),
    "a start of 5000 digits": ("/video/a/00001.m4s", ["Range: bytes=" + "9" * 5000 + "-"], 416),
    "an end of 5000 digits": ("/video/a/00001.m4s", ["Range: bytes=0-" + "9" * 5000], 206),
    "a suffix of 5000 digits": ("/video/a/00001.m4s", ["Range: bytes=-" + "9" * 5000], 206),
    "digits of another script": ("/video/a/00001.m4s", ["Range: bytes=\xb2-"], 206),
    "a log from 5000 digits on": ("/-/requests?since=" + "9" * 5000, [], 200),
    "200 headers": ("/", [f"A{n}: b" for n in range(200)], 431),
}


@pytest.mark.parametrize("kind", BAD)
def test_server_answers_bad_requests(serve, kind, capfd):
    server = serve()
    target, headers, status = BAD[kind]
    answer = send(server, request_of(server, target, *headers))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert get(server, "/-/session")[0] == 200
    assert capfd.readouterr().err == ""


def test_server_answers_a_file_that_cannot_be_read(serve, folder, monkeypatch):
    server = serve()
    (folder / "presentation.json").unlink()
    assert get(server, "/-/presentation.json")[0] == 404


def test_server_closes_a_connection_after_an_unread_body(serve):
    server = serve()
    request = request_of(server, "/-/restart", "Content-Length: 30").replace(b"GET", b"POST")
    answer = send(server, request + request_of(server, "/-/session"))
    assert answer.count(b"HTTP/1.1 ") == 1


def test_server_closes_idle_connections(serve, monkeypatch, capfd):
    monkeypatch.setattr(Handler, "timeout", 0.2)
    server = serve()
    for begun in (b"", b"GET / HT", request_of(server, "/")[:-2], request_of(server, "/-/session")):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as client:
            client.sendall(begun)
            while client.recv(65536):
                pass
    assert capfd.readouterr().err == ""


def test_server_limits_connections(serve, monkeypatch):
    monkeypatch.setattr(player_server, "MAX_CONNECTIONS", 3)
    server = serve()
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", server.server_port)
        idle = [stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(3)]
        for client in idle:
            client.sendall(request_of(server, "/-/session"))
            client.recv(65536)
        with socket.create_connection(address, timeout=20) as refused:
            assert refused.recv(1) == b""
    for _ in range(1000):
        with contextlib.suppress(OSError, http.client.HTTPException):
            assert get(server, "/-/session")[0] == 200
            break
        server.closing.wait(0.01)
    else:
        pytest.fail("no connection was released")


def test_server_limits_its_log(serve, monkeypatch):
    monkeypatch.setattr(player_server, "MAX_LOGGED", 5)
    server = serve()
    server.restart()
    for _ in range(8):
        get(server, "/master.m3u8")
    logged = json.loads(get(server, "/-/requests?since=2")[2])["requests"]
    assert [request["number"] for request in logged] == [3, 4, 5, 6, 7]


def test_server_restricts_what_its_pages_load(serve, folder):
    server = serve()
    (folder / "report.html").write_text("<script>1</script>")
    page, report = (get(server, path)[1]["Content-Security-Policy"] for path in ("/", "/report.html"))
    assert "default-src 'none'; script-src 'self'" in page and "unsafe-inline" not in page and "http" not in page
    # the report of a presentation has an origin of its own, and cannot read the keys
    assert report.startswith("sandbox allow-scripts;") and "connect-src" not in report
    for path in ("/", "/-/session", "/master.m3u8", "/none"):
        headers = get(server, path)[1]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert 'style="' not in get(server, "/")[2].decode()


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"[]", "$"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"encryption": 7}', "$.encryption"),
        (b'{"encryption": {}}', "$.encryption"),
        (b'{"encryption": {"key_ids": {"VIDEO": "../../keys"}}}', "key_ids"),
    ],
)
def test_play_names_the_place_of_a_fault_in_the_presentation(folder, monkeypatch, capsys, content, place):
    (folder / "presentation.json").write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["shotladder", "play", str(folder), "--no-open"])
    with pytest.raises(SystemExit) as end:
        main()
    err = capsys.readouterr().err
    assert (end.value.code, len(err.splitlines())) == (1, 1)
    assert "presentation.json" in err and place in err
