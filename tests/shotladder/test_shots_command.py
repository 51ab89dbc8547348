"""`shotladder shots` end to end: JSON, CSV, table, contact sheet, cache and errors."""

import csv
import io
import json
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from tests.shotladder.running import shotladder


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("shots") / "video.mp4"
    rng = np.random.default_rng(5)
    scenes = [cv2.resize(rng.integers(20, 230, (9, 16), np.uint8), (320, 180)) for _ in range(3)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(75):
            luma = np.roll(scenes[number // 25], number % 25, 1)
            frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    store = tmp_path_factory.mktemp("store") / "store"
    return lambda *words: shotladder("shots", *words, store=store)


def test_shots_json_is_one_document_with_the_documented_keys(video, run):
    done = run(video, "--json")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert document["frame_rate"] == "25/1" or document["frame_rate"] == "25"
    assert document["frame_count"] == 75
    assert [(s["first_frame"], s["frame_count"]) for s in document["shots"]] == [(0, 25), (25, 25), (50, 25)]
    assert [s["transition"] for s in document["shots"]] == ["start", "cut", "cut"]
    assert [(s["start"], s["end"]) for s in document["shots"]] == [(0, 1), (1, 2), (2, 3)]
    assert [s["transition_frames"] for s in document["shots"]] == [None] * 3
    assert document["shots"][0]["complexity"]["si"]["mean"] > 0


def test_shots_csv_has_one_line_per_shot(video, run):
    lines = list(csv.DictReader(io.StringIO(run(video, "--csv", "--quiet").out)))
    assert [line["first_frame"] for line in lines] == ["0", "25", "50"]
    assert float(lines[1]["texture_mean"]) > 0


def test_shots_writes_a_contact_sheet(video, run, tmp_path):
    done = run(video, "--sheet", tmp_path / "sheet.png", "--quiet")
    assert (done.status, done.err) == (0, "")
    assert cv2.imread(str(tmp_path / "sheet.png")).std() > 10


def test_shots_reports_a_missing_source_in_one_line(run, tmp_path):
    done = run(tmp_path / "none.mp4")
    assert (done.status, done.out) == (1, "")
    assert len(done.lines) == 1


def test_shots_reports_a_source_without_frames_in_one_line(run, tmp_path):
    empty = tmp_path / "empty.mp4"
    with av.open(str(empty), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    done = run(empty, "--json", "--quiet")
    assert (done.status, done.out) == (1, "")
    assert len(done.lines) == 1


@pytest.mark.parametrize("arguments", [("--json", "--csv"), ("--sheet", "sheet.gif"), ("--nothing",)])
def test_shots_reports_wrong_usage(video, run, arguments):
    assert run(video, *arguments).status == 2


def test_shots_takes_its_analysis_from_the_store(video, tmp_path):
    words = ("shots", video, "--json", "--quiet", "--workers", "2", "--store", tmp_path / "store")
    first = shotladder(*words, store=tmp_path / "other")
    assert (first.status, first.err) == (0, "")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").glob("*/*/*")}
    assert before
    assert shotladder(*words, store=tmp_path / "other").out == first.out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "store").glob("*/*/*")} == before
    assert not (tmp_path / "other").exists()
