"""The server of `shotladder play` answers its own page only, and limits time, connections and memory."""

import contextlib
import http.client
import json
import socket

import pytest

from encoder import ContentKey
from shotladder.player import request_reader
from shotladder.player import server as player_server
from shotladder.player.handler import Handler
from tests.shotladder.player.requests import CONTENT, get, request_of, send

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


def test_server_keeps_the_connections_of_500_viewers(serve):
    server = serve()
    with contextlib.ExitStack() as stack:
        viewers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.server_port), timeout=60))
            for _ in range(500)
        ]
        for viewer in viewers:
            viewer.sendall(request_of(server, "/video/a/00001.m4s"))
        assert all(viewer.recv(12) == b"HTTP/1.1 200" for viewer in viewers)


def test_server_lets_a_burst_of_connections_wait(folder):
    with contextlib.ExitStack() as stack:
        # nobody accepts these connections
        server = stack.enter_context(player_server.open_server(folder, 0))
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.server_port), timeout=0.5))


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


def test_server_closes_a_connection_whose_request_takes_too_long(serve, monkeypatch, capfd):
    monkeypatch.setattr(request_reader, "REQUEST_TIMEOUT", 0.3)
    server = serve()
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=0.02) as client:
        client.sendall(request_of(server, "/-/session"))
        # a byte at a time: the server never waits long for the next one
        for byte in request_of(server, "/-/session", "A: ")[:-4] + b"a" * 200:
            try:
                client.send(bytes([byte]))
                if not client.recv(65536):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("the connection is still open")
    assert capfd.readouterr().err == ""
