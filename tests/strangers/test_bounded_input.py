"""Boxes, headers, answers of servers, sessions, options and small files are bounded where they are read."""

import contextlib
import http.server
import json
import struct
import threading
from functools import partial
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

import abr
import delivery
from abr.presentations import pensieve_folder, segment_index
from abr.traces import trace_table
from delivery.steering import steering_server
from delivery.steering.steering_config import Edge, SteeringConfig
from delivery.targets import http_target
from encoder.codecs import codec_file
from encoder.dynamic_hdr.bit_reader import BitReader
from encoder.media import flv_header, joined_movies, playlist_files
from shotladder import ShotladderError
from shotladder.catalogue import catalogue_run
from shotladder.cli import group
from shotladder.commands import score, simulate
from shotladder.pipeline.source import shot_file, zones
from shotladder.reporter import Reporter
from shotladder_runtime.jobs import LocalExecutor
from tests.strangers.manifests import index


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every request with the content of its server."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(self.server.content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.url = f"http://127.0.0.1:{made.server_address[1]}"
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


def box(kind, content=b""):
    return struct.pack(">I", 8 + len(content)) + kind + content


def test_read_segment_index_limits_the_boxes_before_an_index(tmp_path, monkeypatch):
    path = tmp_path / "v.mp4"
    between = 3 * box(b"free", bytes(5000))
    path.write_bytes(index(2, 100) + bytes(100) + between + index(2, 100) + bytes(100))
    assert len(segment_index.read_segment_index(str(path), None, None)) == 2
    monkeypatch.setattr(segment_index, "MAX_HEADER_BOXES", 2)
    # the segments that it finds do not fill the period then, which is refused
    assert len(segment_index.read_segment_index(str(path), None, None)) == 1


def test_count_movies_limits_the_boxes_and_frames_that_it_reads(tmp_path, monkeypatch):
    path = tmp_path / "v.mp4"
    path.write_bytes(4 * (box(b"moov") + box(b"mdat", b"12")))
    assert joined_movies.count_movies(path) == 4
    monkeypatch.setattr(joined_movies, "MAX_BOXES", 5)
    assert joined_movies.count_movies(path) == 3
    head = b"DKIF" + struct.pack("<HH", 0, 32) + bytes(24)
    path.write_bytes(3 * (head + struct.pack("<IQ", 4, 0) + b"VP80"))
    assert joined_movies.count_ivf_movies(path) == 3
    monkeypatch.setattr(joined_movies, "MAX_FRAMES", 4)
    assert joined_movies.count_ivf_movies(path) == 2


@pytest.mark.parametrize(
    ("seconds", "stated"),
    [(flv_header.MAX_SECONDS - 1, True), (flv_header.MAX_SECONDS + 1, False), (float("nan"), False), (0, False)],
)
def test_read_stated_end_limits_the_seconds(tmp_path, seconds, stated):
    def field(name, value):
        return struct.pack(">H", len(name)) + name + b"\0" + struct.pack(">d", value)

    path = tmp_path / "v.flv"
    path.write_bytes(b"FLV" + field(b"filesize", 41) + field(b"duration", seconds))
    assert flv_header.read_stated_end(path) == (seconds if stated else None)


def test_http_target_refuses_a_document_above_its_limit(server, monkeypatch):
    server.content = b"x" * 51
    target = delivery.open_target(f"{server.url}/show")
    assert target.read("list.json") == server.content
    monkeypatch.setattr(http_target, "MAX_BYTES", 50)
    with pytest.raises(delivery.TargetError, match=r"^http://.*/show/list\.json: is larger than 50 bytes$"):
        target.read("list.json")


def test_check_edge_reads_no_load_above_its_limit(server, monkeypatch):
    server.content = b'{"load": 0.5}' + b" " * 50
    assert steering_server._check_edge(server.url, 10) == (True, 0.5)
    # the document ends within its string
    server.content = b'{"name": "' + b"x" * 50 + b'", "load": 0.5}'
    assert steering_server._check_edge(server.url, 10) == (True, 0.5)
    monkeypatch.setattr(steering_server, "MAX_HEALTH", 40)
    assert steering_server._check_edge(server.url, 10) == (True, None)


@pytest.mark.parametrize(("length", "is_kept"), [(0, True), (1, False)])
def test_server_keeps_no_session_above_its_limit(length, is_kept):
    edges = (Edge("a", "http://a/"), Edge("b", "http://b/"))
    config = SteeringConfig(pathway=edges, url="https://steer.example/steer")
    session = "s" * (steering_server.MAX_TOKEN + length)
    body = delivery.SteeringServer(config, print).answer("GET", f"/steer?session={session}", "127.0.0.1")[1]
    assert (f"session={session}" in json.loads(body)["RELOAD-URI"]) == is_kept


@pytest.mark.parametrize("count", ["1", "10"])
def test_play_limits_the_number_of_edges(tmp_path, count):
    result = CliRunner().invoke(group, ["play", str(tmp_path), "--edges", count])
    assert result.exit_code == 2
    assert f"{count} is not in the range 2<=x<=9" in result.output


def test_catalogue_run_limits_the_open_sources(monkeypatch):
    with LocalExecutor(1) as executor:
        run = catalogue_run._CatalogueRun([], executor, Reporter(quiet=True), None)
        run._open = dict.fromkeys(range(2), SimpleNamespace(has_begun=True))
        assert run._has_capacity()
        monkeypatch.setattr(catalogue_run, "MAX_OPEN", 2)
        assert not run._has_capacity()


def test_simulate_reports_that_it_computes_no_regret_of_many_sessions(tmp_path, monkeypatch):
    (tmp_path / "trace").write_text("0 1.5\n5 2.0\n")
    for name in ("video_size_0", "video_size_1"):
        (tmp_path / name).write_text("200000\n" * 4)
    arguments = ["simulate", str(tmp_path), "--traces", str(tmp_path / "trace"), "--policy", "throughput", "--json"]
    documents = []
    for limit in (simulate.MAX_REGRET_WORK, 0):
        monkeypatch.setattr(simulate, "MAX_REGRET_WORK", limit)
        result = CliRunner().invoke(group, arguments)
        assert result.exit_code == 0, result.output
        assert ("regret is not computed; --regret computes it" in result.stderr) == (limit == 0)
        documents.append(json.loads(result.stdout))
    with_regret, without = (document["arms"][0]["metrics"].get("regret") for document in documents)
    assert with_regret is not None and without is None


@pytest.mark.parametrize("rate", [str(score.MAX_FRAME_RATE + 1), "0", "1/0", "-25", "x"])
def test_score_limits_the_frame_rate(tmp_path, rate):
    result = CliRunner().invoke(group, ["score", str(tmp_path / "a.yuv"), str(tmp_path / "b.yuv"), "--raw-rate", rate])
    assert result.exit_code == 2
    assert f"'{rate}' is not a frame rate above 0 and up to 10000" in result.output


#: What each file of a user is read by, and the words of the error.
FILES = {
    "codecs": (codec_file, codec_file.read_codec_file, "has 102 bytes; a file of codecs has at most 50"),
    "shots": (
        shot_file,
        partial(shot_file.read_shot_file, source=None),
        "is larger than 50 bytes, and not a list of shots",
    ),
    "zones": (zones, zones.read_zones, "is larger than 50 bytes, and not a file of zones"),
}


@pytest.mark.parametrize("name", FILES)
def test_readers_refuse_files_above_their_limit(tmp_path, monkeypatch, name):
    module, read, fault = FILES[name]
    path = tmp_path / "file"
    path.write_text("{" + " " * 100 + "}")
    monkeypatch.setattr(module, "MAX_FILE_SIZE", 50)
    with pytest.raises(ShotladderError, match=rf"^\S*file: {fault}$"):
        read(path)


def test_load_trace_limits_the_length_of_a_line(tmp_path, monkeypatch):
    path = tmp_path / "trace.txt"
    path.write_text("0 1\n1 2" + " " * 50 + "\n")
    monkeypatch.setattr(trace_table, "MAX_LINE", 50)
    with pytest.raises(abr.TraceError, match=r"trace\.txt:2: the line has 53 characters, more than 50$"):
        abr.load_trace(path)


def test_load_presentation_limits_the_bytes_of_sizes_in_text(tmp_path, monkeypatch):
    for rung in range(6):
        (tmp_path / f"video_size_{rung}").write_text("1000\n" * 20)
    monkeypatch.setattr(pensieve_folder, "MAX_FILE_BYTES", 50)
    with pytest.raises(abr.PresentationError, match=r"video_size_0: [^\n]*larger than 50 bytes"):
        abr.load_presentation(tmp_path)


@pytest.mark.parametrize("tier", [0, 5])
def test_site_limits_its_tier(tier):
    with pytest.raises(delivery.FillError, match=f"^site one: the tier is {tier}, expected 1 to 4$"):
        delivery.Site("one", "", "all", 10.0, tier=tier)


def test_list_playlist_files_limits_the_levels(tmp_path):
    for name, other in (("a.m3u8", "b.m3u8"), ("b.m3u8", "c.m3u8"), ("c.m3u8", "c.ts")):
        (tmp_path / name).write_text(f"{other}\n")
    (tmp_path / "c.ts").touch()
    found = playlist_files.list_playlist_files(tmp_path / "a.m3u8")
    assert [file.name for file in found.local] == ["b.m3u8", "c.m3u8"]


def test_read_golomb_limits_the_prefix():
    # 32 zeros, a one and 32 bits are the longest code
    assert BitReader(bytes(4) + b"\xff" * 5).read_golomb() == 2**33 - 2
    with pytest.raises(ValueError, match="Exp-Golomb code that is too long"):
        BitReader(bytes(5) + b"\xff" * 5).read_golomb()
