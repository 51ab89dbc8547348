"""Crop, shots, zones, thumbnails and loudness in one run, and faults of their files before any work."""

import json

import pytest

from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path
from tests.shotladder.running import shotladder

QUICK = ("--preset", "ultrafast", "--rungs", "1", "--target-vmaf", "80", "--no-compare", "--workers", "1")
ZONES = "[[zone]]\nframes = [40, 80]\nquantiser = 20\n"


@pytest.fixture(scope="module")
def boxed(tmp_path_factory):
    """80 frames of 160x90 with bars of 16 and 14 lines, and a tone."""
    path = tmp_path_factory.mktemp("boxed") / "boxed.mkv"
    picture = "testsrc2=s=160x90:d=3.2:r=25,format=yuv420p,pad=160:120:0:16"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=frequency=1000:duration=3.2,volume=-10dB"]
    run([ffmpeg_path(), "-v", "error", *inputs, "-c:v", "libx264", "-qp", "4", "-c:a", "aac", str(path)])
    return path


@pytest.fixture(scope="module")
def made(boxed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    shots = {"frame_count": 80, "shots": [{"first_frame": 0}, {"first_frame": 40}]}
    (folder / "shots.json").write_text(json.dumps(shots))
    (folder / "zones.toml").write_text(ZONES)
    files = ("--shots", folder / "shots.json", "--zones", folder / "zones.toml")
    features = ("--crop", "auto", "--thumbnails", "0.5", "--loudness", "-20")
    answer = shotladder("encode", boxed, "-o", folder / "out", *QUICK, *files, *features, store=folder / "store")
    assert answer.status == 0, answer.err
    return folder, answer, json.loads((folder / "out" / "presentation.json").read_text())


def test_encode_crops_black_bars(made):
    _, answer, document = made
    assert document["source"]["crop"] == [0, 16, 0, 14]
    assert (document["source"]["width"], document["source"]["height"]) == (160, 90)
    assert (document["video"][0]["width"], document["video"][0]["height"]) == (160, 90)
    assert "black bars are cropped: 0 at the left, 16 at the top" in answer.err


def test_encode_honours_shots_and_zones(made):
    _, _, document = made
    assert [shot["first_frame"] for shot in document["shots"]] == [0, 40]
    (zone,) = document["ladder"]["zones"]
    assert (zone["first_frame"], zone["frame_count"], zone["settings"]) == (40, 40, "quantiser 20")
    assert document["video"][0]["quantisers"][1] == 20
    assert document["video"][0]["quantisers"][0] != 20


def test_encode_writes_thumbnails_and_loudness(made):
    folder, _, document = made
    assert document["thumbnails"]["count"] == 7
    assert {"thumbnails/00001.jpg", "thumbnails.m3u8", "poster.jpg"} <= set(document["files"])
    assert document["audio"][0]["loudness"]["integrated"] == pytest.approx(-20, abs=0.5)
    report = (folder / "out" / "report.html").read_text()
    for text in ("16 at the top", "zone of frames 40 to 79", "7 of 160x90, one per 0.5 s", "LUFS"):
        assert text in report


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--crop", "160:100:0:40"), "the crop 160:100:0:40 is not within the frame of 160x120"),
        (("--zones", "beyond.toml"), "zone 1: frame 90 is beyond the end, 80"),
        (("--shots", "other.json"), "belongs to a source of 79 frames, not of 80"),
        (("--captions", "no-such-model"), "no-such-model: is neither a folder nor an installed package"),
    ],
)
def test_encode_reports_a_fault_in_one_line_before_any_work(boxed, tmp_path, words, fault):
    (tmp_path / "beyond.toml").write_text("[[zone]]\nframes = [70, 90]\ntarget = 90\n")
    (tmp_path / "other.json").write_text('{"frame_count": 79, "shots": [{"first_frame": 0}]}')
    answer = shotladder("encode", boxed, "-o", "out", *words, store=tmp_path / "store", cwd=tmp_path)
    assert answer.status == 1
    assert len(answer.lines) == 1
    assert fault in answer.lines[0]
    assert not (tmp_path / "out").exists()


def test_encode_gives_the_shots_of_a_zone_their_override(boxed, made, tmp_path):
    (tmp_path / "zones.toml").write_text('[[zone]]\nframes = [40, 80]\noverride = "b-frames"\n')
    files = ("--shots", made[0] / "shots.json", "--zones", tmp_path / "zones.toml", "--preset", "veryfast")
    answer = shotladder("encode", boxed, "-o", tmp_path / "out", *QUICK, *files, store=made[0] / "store")
    assert answer.status == 0, answer.err
    document = json.loads((tmp_path / "out" / "presentation.json").read_text())
    first, second = document["ladder"]["overrides"]["h264"]
    assert second == "b-frames" != first
    assert document["ladder"]["zones"][0]["settings"] == "override b-frames"
    assert document["video"][0]["vmaf"]["mean"] == pytest.approx(80, abs=1)
