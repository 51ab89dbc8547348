"""Sources that are no plain video: pipes, slow and endless servers, playlists and scripts under another name."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import encoder
from encoder import SourceError, inspect
from encoder.media import container
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.videos import write_video
from tests.shotladder.running import command

#: Seconds that each refusal may take at most; the time limit of a server is set to 1 s.
PATIENCE = 20


class Server(ThreadingHTTPServer):
    """Serves files of a folder, and misbehaves as the first part of a path states."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.requests: list[str] = []
        self.closing = threading.Event()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(BaseHTTPRequestHandler):
    """Answers with a file: `silent/` never, `drip/` byte by byte, `stall/` in part, `endless/` again and again."""

    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        behaviour, _, name = self.path.strip("/").rpartition("/")
        data = (self.server.folder / name).read_bytes()
        if behaviour == "silent":
            self.server.closing.wait(3600)
            return
        self.send_response(200)
        if behaviour != "endless":
            repeated = {"slow": 1000, "stall": 20}.get(behaviour, 1)
            self.send_header("Content-Length", str(len(data) * repeated))
        self.end_headers()
        step = {"drip": 1, "slow": 20_000}.get(behaviour, len(data))
        try:
            if behaviour == "stall":
                self.wfile.write(data * 10)
                self.server.closing.wait(3600)
            while True:
                for start in range(0, len(data), step):
                    self.wfile.write(data[start : start + step])
                    if behaviour and self.server.closing.wait(0.3):
                        return
                if behaviour not in ("slow", "endless"):
                    return
        except OSError:
            return

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()
    write_video(folder / "video.ts")
    write_video(folder / "video.mp4")
    (folder / "live.m3u8").write_text(playlist("video.ts", ends=False))
    (folder / "whole.m3u8").write_text(playlist("video.ts"))
    made = Server(folder)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.closing.set()
    made.shutdown()
    made.server_close()


@pytest.fixture
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "TIME_LIMIT", 1)


def playlist(url: str, *, ends: bool = True) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", "#EXTINF:2.0,", url]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ends else []), ""])


def assert_refused(source: Path | str, message: str) -> None:
    start = time.monotonic()
    with pytest.raises(SourceError, match=message) as caught:
        inspect(source)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - start < PATIENCE


def test_inspect_refuses_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    assert_refused(tmp_path / "pipe.mp4", "is a pipe")
    assert_refused(f"file://{tmp_path}/pipe.mp4", "is a pipe")


def test_inspect_refuses_devices_sockets_and_odd_names(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        assert_refused(tmp_path / "socket", "a device or a socket")
    assert_refused("/dev/zero", "a device or a socket")
    assert_refused(f"{tmp_path}/a\0b.mp4", "no such file")
    assert_refused("-", "no such file")


#: Path on the server, and part of the message.
SERVERS = {
    "silent/video.mp4": "the server does not deliver within 1 s",
    "silent/whole.m3u8": "the server does not deliver within 1 s",
    "drip/video.mp4": "the server does not deliver within 1 s",
    "slow/video.ts": r"the server delivers .* kB/s",
    "stall/video.ts": "the server stopped to deliver",
    "endless/video.ts": "the server does not state the size",
    "live.m3u8": "live playlist|does not deliver",
}


@pytest.mark.parametrize("path", SERVERS)
def test_inspect_refuses_a_server_without_end_or_data(server, short_limit, monkeypatch, path):
    if path.startswith("slow/"):
        # above the rate of this server
        monkeypatch.setattr(container, "MIN_THROUGHPUT", 1_000_000)
    assert_refused(server.url(path), SERVERS[path])


def test_inspect_refuses_a_live_playlist_on_the_disk(server, short_limit):
    assert_refused(server.folder / "live.m3u8", "live playlist|does not deliver")


def test_inspect_of_a_silent_server_ends_at_an_interrupt(server, tmp_path):
    argv, environment = command("shots", server.url("silent/video.mp4"), store=tmp_path / "store")
    with subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        while not server.requests:
            time.sleep(0.05)
        start = time.monotonic()
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130
    assert "Traceback" not in err
    assert time.monotonic() - start < container.TIME_LIMIT / 2


@pytest.mark.parametrize("name", ["video.mp4", "whole.m3u8"])
def test_inspect_reads_a_url(server, name):
    assert inspect(server.url(name)).frame_count == 50


def test_encode_chunk_reads_a_playlist_that_the_user_names(server, tmp_path):
    source = inspect(server.folder / "whole.m3u8")
    assert source.frame_count == 50
    assert [frame.number for frame in encoder.decode(source, 20, 22)] == [20, 21]
    rendition, store = encoder.Rendition("a", "h264", 64, 36, "ultrafast"), Store(tmp_path / "store")
    job = encoder.ChunkJob(source, encoder.Chunk(0, 50, (0,), (0,)), (rendition,), (40.0,), store)
    encoder.encode_chunk(job)
    assert inspect(encoder.chunk_path(job, 0)).frame_count == 50


def test_inspect_reads_a_file_url_with_escapes(tmp_path):
    write_video(tmp_path / "a b.mp4")
    assert inspect(f"file://{tmp_path}/a%20b.mp4").path == str(tmp_path / "a b.mp4")


def test_inspect_reads_one_picture(tmp_path):
    write_video(tmp_path / "a001.png", 1, codec="png", pixel_format="rgb24", options={})
    assert inspect(tmp_path / "a001.png").frame_count == 1


#: Contents of a file that names another file or host; {} is the URL of a video.
SCRIPTS = {
    "a concat script": "ffconcat version 1.0\nfile '{}'\n",
    "a playlist": playlist("{}"),
    "a DASH manifest": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{}</BaseURL></MPD>',
    "a session description": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "text": "nothing but text\n" * 100,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_inspect_follows_no_file_under_another_name(server, tmp_path, name):
    for target in (server.url("video.ts"), str(server.folder / "video.ts"), "served/video.ts"):
        (tmp_path / "disguised.mp4").write_text(SCRIPTS[name].replace("{}", target))
        assert_refused(tmp_path / "disguised.mp4", "cannot be opened as video")
    assert server.requests == []


def test_inspect_follows_no_remote_file_under_another_name(server):
    (server.folder / "disguised.mp4").write_text(playlist("video.ts"))
    assert_refused(server.url("disguised.mp4"), "cannot be opened as video")
    assert server.requests == ["/disguised.mp4"] * len(server.requests)


def test_inspect_reads_no_local_file_that_a_remote_playlist_names(server):
    (server.folder / "local.m3u8").write_text(playlist(f"file://{server.folder}/video.ts"))
    assert_refused(server.url("local.m3u8"), "cannot be opened as video|holds no video")


@pytest.mark.parametrize(
    "name",
    [
        "concat:{0}|{0}",
        "subfile,,start,0,end,0,,:{0}",
        "lavfi:testsrc",
        "cache:{0}",
        "async:{0}",
        "crypto:{0}",
        "{1}/%03d.png",
    ],
)
def test_inspect_takes_no_protocol_or_pattern_in_a_path(tmp_path, name):
    write_video(tmp_path / "001.png", 1, codec="png", pixel_format="rgb24", options={})
    assert_refused(name.format(write_video(tmp_path / "a.ts"), tmp_path), "no such file")


@pytest.mark.parametrize("protocol", ["ftp", "rtmp", "rtsp", "udp", "srt", "gopher", "s3", "data", "concat"])
def test_inspect_opens_no_other_protocol(protocol):
    assert_refused(f"{protocol}://127.0.0.1:9/video.mp4", "only files and http or https URLs")


def test_inspect_calls_an_image_an_image(tmp_path):
    frame = ("-f", "lavfi", "-i", "testsrc2=s=300x300", "-frames:v", "1")
    run([ffmpeg_path(), "-v", "error", *frame, str(tmp_path / "cover.jpg")])
    with pytest.raises(SourceError, match="it is an image, "):
        inspect(tmp_path / "cover.jpg")
