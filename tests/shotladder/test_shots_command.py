"""`shotladder shots` end to end: one document on stdout, a table, a sheet, and faults told in a line."""

import csv
import io
import json
import subprocess
import sys
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("shots") / "film.mp4"
    rng = np.random.default_rng(5)
    scenes = [cv2.resize(rng.integers(20, 230, (9, 16), np.uint8), (320, 180)) for _ in range(3)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(75):
            picture = np.roll(scenes[number // 25], number % 25, 1)
            frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def run(*arguments):
    command = [sys.executable, "-c", "from shotladder.cli import main; main()", "shots", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_json_is_one_document_with_the_promised_keys(film):
    done = run(film, "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["frame_rate"] == "25/1" or document["frame_rate"] == "25"
    assert document["frame_count"] == 75
    assert [(s["first_frame"], s["frame_count"]) for s in document["shots"]] == [(0, 25), (25, 25), (50, 25)]
    assert [s["transition"] for s in document["shots"]] == ["start", "cut", "cut"]
    assert [(s["start"], s["end"]) for s in document["shots"]] == [(0, 1), (1, 2), (2, 3)]
    assert document["shots"][0]["complexity"]["si"]["mean"] > 0


def test_csv_has_a_line_a_shot(film):
    lines = list(csv.DictReader(io.StringIO(run(film, "--csv", "--quiet").stdout)))
    assert [line["first_frame"] for line in lines] == ["0", "25", "50"]
    assert float(lines[1]["texture_mean"]) > 0


def test_a_sheet_is_a_picture(film, tmp_path):
    done = run(film, "--sheet", tmp_path / "sheet.png", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert cv2.imread(str(tmp_path / "sheet.png")).std() > 10


def test_a_missing_film_is_one_line_and_one(tmp_path):
    done = run(tmp_path / "none.mp4")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


def test_a_film_without_a_frame_is_one_line_and_one(tmp_path):
    empty = tmp_path / "empty.mp4"
    with av.open(str(empty), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    done = run(empty, "--json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("--json", "--csv"), ("--sheet", "sheet.gif"), ("--nothing",)])
def test_wrong_usage_is_two(film, arguments):
    assert run(film, *arguments).returncode == 2
