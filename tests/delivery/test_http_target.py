"""Servers that answer what a target cannot use: each is named in one line, without credentials."""

import http.server
import threading
from types import SimpleNamespace

import fsspec
import pytest

import delivery
from delivery.targets import fsspec_target, http_target
from delivery.targets.media_types import headers_of

HEADERS = headers_of("b.bin", is_immutable=True)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the status and the size that its server has for a method."""

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, size = self.server.answers.get(self.command, (404, "0"))
        self.send_response(status)
        if size is not None:
            self.send_header("Content-Length", size)
        self.send_header("Connection", "close")
        self.end_headers()

    do_GET = do_PUT = do_HEAD = do_DELETE = do_MKCOL = answer

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(http_target, "PAUSE", 0)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        made.target = delivery.open_target(f"http://anna:s3cret@127.0.0.1:{made.server_address[1]}/show")
        yield made
        made.shutdown()


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ({"PUT": (201, "0"), "HEAD": (200, "3")}, r"/a/b\.bin: the server stored 3 bytes instead of 5$"),
        ({"PUT": (201, "0")}, r"/a/b\.bin: the server stored None bytes instead of 5$"),
        ({"PUT": (201, "0"), "HEAD": (200, None)}, "does not report the size of the file$"),
        ({"PUT": (201, "0"), "HEAD": (200, "many")}, "does not report the size of the file$"),
        ({"PUT": (401, "0")}, r"cannot be written \(the credentials are refused\)$"),
        ({"PUT": (409, "0")}, r"cannot be written \(the parent folder does not exist\)$"),
        ({"PUT": (413, "0")}, r"cannot be written \(the server refuses files of this size\)$"),
        ({"PUT": (507, "0")}, r"cannot be written \(the disk is full\)$"),
        ({"PUT": (302, "0")}, r"cannot be written \(the server answers 302\)$"),
    ],
)
def test_put_names_what_the_server_did_not_store(server, answers, fault):
    server.answers = answers
    with pytest.raises(delivery.TargetError, match=fault) as caught:
        server.target.put(b"whole", "a/b.bin", HEADERS)
    assert "\n" not in str(caught.value) and "s3cret" not in str(caught.value)


def test_read_and_delete_name_the_answer_of_the_server(server):
    server.answers = {"GET": (403, "0"), "DELETE": (405, "0"), "HEAD": (500, "0")}
    with pytest.raises(delivery.TargetError, match=r"cannot be read \(access is refused\)$"):
        server.target.read("a")
    with pytest.raises(
        delivery.TargetError, match=r"cannot be written \(the server does not take PUT or DELETE here\)$"
    ):
        server.target.delete("a")
    with pytest.raises(delivery.TargetError, match=r"cannot be read \(the server answers 500\)$"):
        server.target.find_sizes(["a"])
    server.answers = {"DELETE": (410, "0")}
    server.target.delete("a")
    assert server.target.read("a") is None and server.target.find_sizes(["a"]) == {}


@pytest.mark.parametrize("url", ["http://host/show?key=1", "http://host/show#top", "http:///show"])
def test_open_target_refuses_an_address_that_is_no_folder(url):
    with pytest.raises(delivery.TargetError, match="is not the address of a folder"):
        delivery.open_target(url)


def test_verify_names_content_that_differs():
    files = fsspec.filesystem("memory")
    files.pipe_file("/a/b.bin", b"half")
    with pytest.raises(OSError, match=r"^b\.bin has 4 bytes instead of 5$"):
        fsspec_target._verify(files, "/a/b.bin", b"whole", 5)
    fsspec_target._verify(files, "/a/b.bin", b"half", 4)
    files.rm("/a", recursive=True)
    info = {"size": 4, "md5Hash": fsspec_target._md5(b"hard")}
    other = SimpleNamespace(invalidate_cache=lambda: None, info=lambda place: info)
    fsspec_target._verify(other, "/a/b.bin", b"hard", 4)
    with pytest.raises(OSError, match=r"^b\.bin has another checksum than the file that was sent$"):
        fsspec_target._verify(other, "/a/b.bin", b"half", 4)
