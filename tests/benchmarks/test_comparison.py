"""The comparison with ffmpeg is silent for equal readings, and names each difference."""

from dataclasses import replace
from fractions import Fraction

import pytest

import encoder
from benchmarks.strangers import comparison
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / "video.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=1", "-vf", "setsar=10/11")
    run((ffmpeg_path(), "-v", "error", *picture, "-c:v", "libx264", "-preset", "ultrafast", str(path)))
    return path


def test_read_with_ffmpeg_returns_frames_duration_and_size(video):
    assert comparison.read_with_ffmpeg(video, "v:0") == comparison.Reading(25, Fraction(1), (96, 70))


def test_read_with_ffmpeg_returns_none_for_other_files(tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    assert comparison.read_with_ffmpeg(tmp_path / "notes.mp4", "v:0") is None
    assert list(comparison.find_differences(tmp_path / "notes.mp4", 0)) == []


def test_find_differences_is_empty_for_equal_readings(video):
    assert list(comparison.find_differences(video, 10**6)) == []


def test_find_differences_names_frames_duration_and_size(video, monkeypatch):
    source = encoder.inspect(str(video))
    shorter = replace(source, pts=source.pts[:20], end_pts=source.pts[20], width=120)
    monkeypatch.setattr(encoder, "inspect", lambda path: shorter)
    found = " | ".join(comparison.find_differences(video, 0))
    assert "20 frames, ffmpeg 25" in found and "0.800 s, ffmpeg 1.000 s" in found and "ffmpeg (96, 70)" in found


def test_main_counts_files_that_differ(video, tmp_path, monkeypatch, capsys):
    (tmp_path / "a.mp4").write_bytes(video.read_bytes())

    def fail(path):
        raise KeyError("frames")

    monkeypatch.setattr(encoder, "inspect", fail)
    assert comparison.main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "a.mp4: uncaught KeyError" in out and "1 files, 1 differ" in out
