"""Manifests on disk and on servers: references are URLs, and files, servers and sizes have limits."""

import http.server
import os
import threading
import time

import pytest

import abr
from abr.presentations import dash_manifest, dash_timeline, hls_manifest, segment_lists
from shotladder_runtime import http_client
from tests.strangers.manifests import END, SIZES, Case, adaptation, dash, hls, templated, write


def test_load_presentation_follows_rfc_3986_on_disk(tmp_path):
    (tmp_path / "a b" / "deep").mkdir(parents=True)
    for number, size in enumerate(SIZES, 1):
        (tmp_path / "a b" / "deep" / f"s{number}.ts").write_bytes(bytes(size))
        (tmp_path / f"100%25_{number}.ts").write_bytes(bytes(size))
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
    (tmp_path / "x.m3u8").write_text(
        playlist + "".join(f"#EXTINF:2,\na%20b/deep/../deep/s{n}.ts?token=1#t\n" for n in (1, 2, 3)) + END
    )
    (tmp_path / "literal.m3u8").write_text(playlist + "".join(f"#EXTINF:2,\n100%25_{n}.ts\n" for n in (1, 2, 3)) + END)
    body = '<BaseURL>deep/</BaseURL><SegmentTemplate duration="2" media="s$Number$.ts"/>'
    (tmp_path / "x.mpd").write_text(
        dash(
            "<BaseURL>a%20b/</BaseURL>"
            + adaptation(f'<Representation bandwidth="8000" mimeType="video/mp4">{body}</Representation>')
        )
    )
    for name in ("x.m3u8", "literal.m3u8", "x.mpd"):
        assert abr.load_presentation(tmp_path / name).sizes[:, 0].tolist() == list(SIZES)


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves /cdn/deep, /nohead without HEAD, redirects of /go and /ftp, and /drip, a byte at a time."""

    manifest = dash(
        adaptation(
            '<Representation bandwidth="8000" mimeType="video/mp4"/>',
            body='<SegmentTemplate duration="2" media="$Number$.m4s"/>',
        )
    )

    def answer(self):
        path = self.path
        if path.startswith(("/go/", "/ftp/")) and not path.endswith(".m4s"):
            self.send_response(302)
            target = "ftp://127.0.0.1/x" if path.startswith("/ftp/") else path.replace("/go/", "/cdn/deep/")
            self.send_header("Location", target)
            self.end_headers()
        elif path.startswith("/drip/"):
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return
                time.sleep(0.05)
        elif path.startswith(("/cdn/deep/", "/nohead/")):
            if self.command == "HEAD" and path.startswith("/nohead/"):
                self.send_error(405)
                return
            body = self.manifest.encode() if path.endswith(".mpd") else bytes(1000)
            ranged = "Range" in self.headers
            self.send_response(206 if ranged else 200)
            if ranged:
                self.send_header("Content-Range", f"bytes 0-0/{len(body)}")
                body = body[:1]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)
        else:
            self.send_error(404)

    do_GET = do_HEAD = answer

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("folder", ["cdn/deep", "go", "nohead"])
def test_load_presentation_follows_redirects_and_measures_without_head(address, folder):
    assert abr.load_presentation(f"{address}/{folder}/x.mpd").sizes[:, 0].tolist() == [1000, 1000, 1000]


def test_load_presentation_refuses_other_protocols_and_slow_servers(address, monkeypatch):
    with pytest.raises(abr.PresentationError, match=r"a redirect to ftp://127\.0\.0\.1/x, which is not HTTP"):
        abr.load_presentation(f"{address}/ftp/x.mpd")
    monkeypatch.setattr(http_client, "MAX_REQUEST_SECONDS", 0.3)
    start = time.monotonic()
    with pytest.raises(abr.PresentationError, match=r"drip/x\.mpd: cannot read it: the request took more than 0\.3 s"):
        abr.load_presentation(f"{address}/drip/x.mpd")
    assert time.monotonic() - start < 3


def test_load_presentation_refuses_pipes_and_devices(tmp_path):
    os.mkfifo(tmp_path / "pipe.mpd")
    for path in (tmp_path / "pipe.mpd", "/dev/zero", "/dev/null", "a\0b", "http://[bad/x.mpd"):
        with pytest.raises(abr.PresentationError, match="cannot read it"):
            abr.load_presentation(path)


@pytest.mark.parametrize(
    ("module", "limit", "name"),
    [
        (segment_lists, "MAX_TOTAL_SEGMENTS", "two"),
        (dash_manifest, "MAX_CHARACTERS", "dash"),
        (hls_manifest, "MAX_PLAYLIST_BYTES", "two"),
        (dash_timeline, "MAX_SEGMENTS", "dash"),
        (hls_manifest, "MAX_SEGMENTS", "two"),
    ],
)
def test_load_presentation_has_limits(tmp_path, monkeypatch, module, limit, name):
    texts = {
        "two": hls(("BANDWIDTH=8000", "v"), ("BANDWIDTH=16000", "w")),
        "dash": dash(templated('duration="2000"')),
    }
    path = write(tmp_path, Case(texts[name]))
    assert len(abr.load_presentation(path).durations) == 3
    monkeypatch.setattr(module, limit, 2)
    with pytest.raises(abr.PresentationError, match=r"more than 2|larger than 2|expected 1 to 2"):
        abr.load_presentation(path)
