"""Every limit of what a file may contain is enforced, in one line that names the file and the limit."""

from fractions import Fraction

import numpy as np
import pytest

import abr
import delivery
import ladders
import vmaf
from abr import fetch
from abr.player import presentation_arrays
from abr.presentations import presentation_files, segment_index
from abr.traces import trace_files, trace_table
from delivery.fill import edge_file, site_file
from delivery.steering import steering_config
from encoder.media import playlist_files
from ladders import ladder_json
from shotladder import ShotladderError
from shotladder.report import presentation_reader
from tests.strangers.manifests import END, PLAYLIST, adaptation, dash, hls, index, representation, templated
from vmaf import raw_video

#: What each file of a user is read by.
READERS = {
    "trace": (trace_files, "MAX_TRACE_BYTES", abr.load_trace),
    "manifest": (presentation_files, "MAX_DOCUMENT_BYTES", abr.load_presentation),
    "edges": (edge_file, "MAX_BYTES", delivery.read_edges),
    "sites": (site_file, "MAX_BYTES", delivery.read_sites),
    "views": (site_file, "MAX_BYTES", delivery.read_views),
    "steering": (steering_config, "MAX_BYTES", delivery.read_steering_config),
    "ladder": (ladder_json, "MAX_BYTES", ladders.load_ladder),
    "presentation": (presentation_reader, "MAX_BYTES", presentation_reader.load),
}


@pytest.mark.parametrize("name", READERS)
def test_readers_refuse_files_above_their_limit(tmp_path, monkeypatch, name):
    module, limit, read = READERS[name]
    path = tmp_path / "file.json"
    path.write_text("{" + " " * 100 + "}")
    monkeypatch.setattr(module, limit, 50)
    with pytest.raises(ShotladderError, match=r"^[^\n]*file\.json[^\n]* larger than 50 bytes\)?$"):
        read(path)


def test_load_trace_limits_rows(tmp_path, monkeypatch):
    path = tmp_path / "trace.txt"
    path.write_text("0 1\n1 2\n2 3\n")
    monkeypatch.setattr(trace_table, "MAX_ROWS", 2)
    with pytest.raises(abr.TraceError, match=r"trace\.txt: the trace has 3 rows, more than 2$"):
        abr.load_trace(path)


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        (([367 * 86_400.0], [1e6], [0.0]), r"durations\[0\]"),
        (([1.0], [1.1e15], [0.0]), r"rates\[0\]"),
        (([1.0], [1e6], [3601.0]), r"latencies\[0\]"),
    ],
)
def test_trace_limits_its_numbers(columns, fault):
    with pytest.raises(abr.TraceError, match=f"{fault} is .*, expected .* or less"):
        abr.Trace("x", *columns)


def test_simulate_limits_the_intervals_of_a_session(monkeypatch):
    presentation = abr.Presentation("video", (abr.Rung("a", 1000),), np.full(9, 4.0), np.full((9, 1), 500))
    trace = abr.Trace("short", [0.01], [1e6], [0.0])
    monkeypatch.setattr(presentation_arrays, "MAX_INTERVALS", 100)
    with pytest.raises(abr.TraceError, match="a session would repeat the 1 intervals of the trace about"):
        abr.simulate(presentation, trace, "bba-0")


#: Manifests that are above one limit, and the words of the error.
MANIFESTS = {
    "a bandwidth of DASH": (dash(adaptation(representation("a", 10**12 + 1))), "is above 1000000000000 bit/s"),
    "a bandwidth of HLS": (
        hls((f"BANDWIDTH={10**12 + 1}", "v")),
        "BANDWIDTH is 1000000000001, expected 1 to 10+ bit/s",
    ),
    "a byte range of HLS": (hls(("BANDWIDTH=8000", "w")), "1125899906842624"),
    "a segment size of DASH": (
        dash(templated('duration="2000"').replace('size="1000"', 'size="1125899906842624"')),
        "size='1125899906842624' is not",
    ),
    "a period of a year": (
        dash(adaptation(representation("a", 8)), mpd='mediaPresentationDuration="P367D"'),
        "is longer than 366 days",
    ),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_load_presentation_limits_numbers(tmp_path, name):
    text, fault = MANIFESTS[name]
    path = tmp_path / ("x.mpd" if text.startswith("<") else "x.m3u8")
    path.write_text(text)
    (tmp_path / "v").write_text(PLAYLIST + END)
    (tmp_path / "w").write_text(PLAYLIST.replace("1000@", f"{1 << 50}@") + END)
    with pytest.raises(abr.PresentationError, match=fault) as raised:
        abr.load_presentation(path)
    assert "\n" not in str(raised.value)


def test_load_presentation_limits_the_numbers_of_sizes_in_text(tmp_path):
    for rung in range(6):
        (tmp_path / f"video_size_{rung}").write_text("1000\n2e15\n")
    with pytest.raises(abr.PresentationError, match=r"video_size_0:2: '2e15' is not a number in range"):
        abr.load_presentation(tmp_path)


def test_read_segment_index_limits_indexes(tmp_path, monkeypatch):
    path = tmp_path / "v.mp4"
    path.write_bytes((index(2, 100) + bytes(100)) * 3)
    assert len(segment_index.read_segment_index(str(path), None, None)) == 3
    monkeypatch.setattr(segment_index, "MAX_INDEXES", 2)
    with pytest.raises(abr.PresentationError, match="more than 2 segment indexes"):
        segment_index.read_segment_index(str(path), None, None)


def test_list_playlist_files_limits_files_and_bytes(tmp_path, monkeypatch):
    for name in ("a.ts", "b.ts", "c.ts"):
        (tmp_path / name).touch()
    playlist = tmp_path / "v.m3u8"
    playlist.write_text("a.ts\nb.ts\nc.ts\n")
    found = playlist_files.list_playlist_files(playlist)
    assert [file.name for file in found.local] == ["a.ts", "b.ts", "c.ts"]
    for limit, value in (("MAX_FILES", 2), ("MAX_BYTES", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(playlist_files, limit, value)
            found = playlist_files.list_playlist_files(playlist)
            assert [file.name for file in found.local] == ["a.ts", "b.ts"]


def test_add_header_limits_the_size_of_a_frame(tmp_path):
    for width, height in ((32_769, 2), (2, 32_769), (0, 2)):
        raw = raw_video.RawVideo(width, height, "yuv420p", Fraction(24))
        with pytest.raises(vmaf.MeasureError, match=f"{width}x{height} is not within 1 to 32768 pixels"):
            raw_video.add_header(tmp_path / "a.yuv", raw, tmp_path)


def test_load_ladder_limits_numbers(tmp_path):
    (tmp_path / "ladder.json").write_text('{"version": 2, "rungs": [2e15]}')
    with pytest.raises(ladders.LadderError, match=r"number up to 1e\+15, found 2e\+15"):
        ladders.load_ladder(tmp_path / "ladder.json")


def test_sizes_of_limits_the_time_of_all_requests(monkeypatch):
    monkeypatch.setattr(fetch, "MAX_SIZES_SECONDS", -1.0)
    # refused before the first request
    with pytest.raises(abr.PresentationError, match=r"the sizes of 2 segments took more than -1 s"):
        fetch.sizes_of(["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"], abr.PresentationError)
