"""A run notices when segments of a playlist, or a file on a server, are exchanged."""

import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import encoder
from encoder import Chunk, ChunkJob, Rendition, SourceError, inspect
from encoder.media.playlist_files import list_playlist_files
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path

CHANGED = "has changed since it was inspected"
MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000\nmedia/list.m3u8\n"


def write_segments(folder: Path, *filters: str) -> Path:
    """Write an HLS presentation of 2 s in segments of 1 s, and a file; return the folder."""
    (folder / "media").mkdir(parents=True)
    (folder / "master.m3u8").write_text(MASTER)
    picture = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=25:d=2", *filters)
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "0")
    argv = [ffmpeg_path(), "-v", "error", *picture, *coding]
    hls = ("-f", "hls", "-hls_time", "1", "-hls_list_size", "0", "-hls_playlist_type", "vod")
    run([*argv, *hls, "-hls_segment_filename", str(folder / "media/%d.ts"), str(folder / "media/list.m3u8")])
    run([*argv, str(folder / "video.mkv")])
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return two presentations with the same times and other frames."""
    return write_segments(tmp_path / "a"), write_segments(tmp_path / "b", "-vf", "negate")


def encode(source: encoder.Source, store: Path) -> None:
    rendition = Rendition("a", "h264", 64, 36, "ultrafast")
    encoder.encode_chunk(ChunkJob(source, Chunk(0, 50, (0,), (0,)), (rendition,), (40.0,), Store(store)))


def stored_files(store: Path) -> list[Path]:
    return [path for path in store.rglob("*") if path.is_file() and path.name != "shotladder-store.json"]


#: Name of the source, and of a segment of it.
SEGMENTS = {
    "media playlist": ("media/list.m3u8", "media/1.ts"),
    "master playlist": ("master.m3u8", "media/1.ts"),
}


@pytest.mark.parametrize("kind", SEGMENTS)
def test_encode_chunk_stores_nothing_of_exchanged_segments(folders, tmp_path, kind):
    name, segment = SEGMENTS[kind]
    (folder, other), store = folders, tmp_path / "store"
    source = inspect(folder / name)
    assert (source.frame_count, source.notes) == (50, ())
    os.utime(folder / segment)
    encode(source, tmp_path / "touched")
    assert stored_files(tmp_path / "touched") != []
    (other / segment).replace(folder / segment)
    with pytest.raises(SourceError, match=CHANGED):
        encode(source, store)
    assert stored_files(store) == []


def test_list_playlist_files_lists_files_of_all_levels(folders):
    folder, _ = folders
    media = {folder / "media" / name for name in ("0.ts", "1.ts")}
    assert set(list_playlist_files(folder / "media/list.m3u8").local) == media
    assert set(list_playlist_files(folder / "master.m3u8").local) == {*media, folder / "media/list.m3u8"}


def test_list_playlist_files_finds_maps_keys_and_names_with_escapes(tmp_path):
    names = ("init.mp4", "key.bin", "a b.m4s", "c%20d.m4s", "e.m4s")
    for name in names:
        (tmp_path / name).touch()
    tags = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXT-X-KEY:METHOD=AES-128,URI="key.bin"\n'
    segments = f"a%20b.m4s?token=1\nc%20d.m4s\n{tmp_path}/e.m4s\nabsent.m4s\nhttp://127.0.0.1:9/f.m4s\n"
    (tmp_path / "list.m3u8").write_text(tags + segments)
    found = list_playlist_files(tmp_path / "list.m3u8")
    assert {path.name for path in found.local} == set(names)
    assert found.has_remote


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; states no time of change below `/bare`."""

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Last-Modified" or not self.path.startswith("/bare"):
            super().send_header(keyword, value)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def server(folders):
    folder, _ = folders
    (folder / "bare.mkv").write_bytes((folder / "video.mkv").read_bytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://user:secret@127.0.0.1:{server.server_port}"
        server.shutdown()


def test_encode_chunk_stores_nothing_of_a_file_exchanged_on_a_server(folders, server, tmp_path):
    (folder, other), store = folders, tmp_path / "store"
    source = inspect(f"{server}/video.mkv")
    assert source.notes == ()
    os.utime(folder / "video.mkv", (1, 1))
    encode(source, tmp_path / "touched")
    (other / "video.mkv").replace(folder / "video.mkv")
    with pytest.raises(SourceError, match=CHANGED):
        encode(source, store)
    assert stored_files(store) == []


def test_inspect_notes_what_is_not_checked_on_a_server(folders, server):
    (note,) = inspect(f"{server}/bare.mkv").notes
    assert note.startswith("the server states neither Last-Modified nor ETag")
    (folders[0] / "remote.m3u8").write_text(MASTER.replace("media/list.m3u8", f"{server}/media/list.m3u8"))
    for source in (folders[0] / "remote.m3u8", f"{server}/master.m3u8"):
        assert inspect(source).notes == ("its segments are not all checked for changes during a run",)
