"""Requests end, and give a value or an error, whatever a server answers."""

import base64
import threading
import time
import urllib.error
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shotladder_runtime import http_client

CONTENT = bytes(range(100))


class Server(BaseHTTPRequestHandler):
    """Answers as the path says."""

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        if self.path == "/no-head":
            self.answer(405)
        elif self.path == "/zero":
            self.answer(200, Content_Length="0")
        elif self.path.startswith("/to-"):
            self.redirect()
        elif self.path == "/sized":
            self.answer(200, Content_Length="100", Last_Modified="Mon, 30 Nov 2026 10:00:00 GMT", ETag='"1"')
        else:
            self.answer(200)

    def do_GET(self):
        self.server.requests.append(dict(self.headers))
        if self.path.startswith("/to-"):
            self.redirect()
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                for _ in range(200):
                    self.wfile.write(b"x")
                    time.sleep(0.05)
        elif self.path == "/unknown":
            self.answer(206, b"x", Content_Range="bytes 0-0/*")
        elif self.path == "/whole":
            self.answer(200, CONTENT, Content_Length="100")
        else:
            start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").split("-")[0])
            self.answer(206, CONTENT[start:], Content_Range=f"bytes {start}-99/100", Content_Length=str(100 - start))

    def redirect(self):
        targets = {"/to-ftp": "ftp://127.0.0.1/a", "/to-sized": "/sized"}
        self.answer(302, Location=targets[self.path])


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def url(server):
    return f"http://127.0.0.1:{server.server_port}"


def test_read_returns_a_part_and_the_url_of_the_redirect(server, url):
    assert http_client.read(f"{url}/to-sized", 10, 5) == (CONTENT[10:15], f"{url}/sized")
    assert server.requests[-1]["Range"] == "bytes=10-14"
    assert http_client.read(f"{url}/sized", 0, 5)[0] == CONTENT[:5]
    assert "Range" not in server.requests[-1]


def test_read_skips_what_a_server_without_ranges_sends_first(url):
    assert http_client.read(f"{url}/whole", 10, 5)[0] == CONTENT[10:15]


def test_read_state_returns_the_headers_of_a_head_request(server, url):
    state = http_client.read_state(f"{url}/to-sized")
    assert state == http_client.FileState(100, "Mon, 30 Nov 2026 10:00:00 GMT", '"1"')
    assert server.requests == [], "a redirected HEAD stays a HEAD"


@pytest.mark.parametrize("path", ["no-head", "zero", "absent-length"])
def test_size_uses_a_ranged_get_where_head_does_not_help(server, url, path):
    assert http_client.size(f"{url}/{path}") == 100
    assert server.requests[-1]["Range"] == "bytes=0-0"


def test_size_reports_a_server_that_does_not_know_it(url):
    with pytest.raises(ValueError, match="does not report the size of the file: Content-Length is None"):
        http_client.size(f"{url}/unknown")


def test_read_follows_no_redirect_to_another_protocol(url):
    with pytest.raises(urllib.error.HTTPError, match=r"a redirect to ftp://127\.0\.0\.1/a, which is not HTTP") as error:
        http_client.read(f"{url}/to-ftp", 0, 1)
    error.value.close()


def test_read_sends_user_and_password_as_a_header(server, url):
    http_client.read(url.replace("://", "://me:a%40b@") + "/sized", 0, 1)
    assert server.requests[-1]["Authorization"] == f"Basic {base64.b64encode(b'me:a@b').decode()}"
    assert "me" not in server.requests[-1]["Host"]


def test_read_ends_with_a_server_that_sends_a_byte_now_and_then(url, monkeypatch):
    monkeypatch.setattr(http_client, "MAX_REQUEST_SECONDS", 0.3)
    with pytest.raises(http_client.FAILURES, match=r"the request took more than 0\.3 s"):
        http_client.read(f"{url}/slow", 0, 1000)


def test_reason_is_that_of_the_cause_in_one_line():
    assert http_client.reason(urllib.error.URLError(ConnectionRefusedError(111, "Connection refused"))) == (
        "Connection refused"
    )
    assert http_client.reason(ValueError("a NUL")) == "a NUL"
    assert http_client.reason(TimeoutError()) == "TimeoutError"
