"""`shotladder encode` of unusual sources: right, or one line before anything is encoded."""

import json
from pathlib import Path

import pytest

from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path
from tests.shotladder.running import FAST, shotladder


def ffmpeg(*words: object) -> None:
    run([ffmpeg_path(), "-v", "error", "-y", *map(str, words)])


@pytest.mark.parametrize(("size", "factor"), [("16x16", 3), ("640x20", 2)])
def test_encode_refuses_a_small_source_before_it_encodes(tmp_path, size, factor):
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=1", "-c:v", "ffv1", tmp_path / "a.mkv")
    answer = shotladder("encode", tmp_path / "a.mkv", "-o", tmp_path / "out", *FAST, store=tmp_path / "store")
    assert answer.status == 1
    (line,) = answer.lines
    assert f"{size} is too small for VMAF, which needs 33 rows and columns" in line
    remedy = line.partition("ffmpeg -i SOURCE ")[2].split()
    assert f"scale={factor}*iw:{factor}*ih:flags=neighbor" in remedy
    assert not list(Path(tmp_path / "store").rglob("*.mp4"))
    ffmpeg("-i", tmp_path / "a.mkv", *remedy[:-1], tmp_path / "larger.mkv")
    answer = shotladder("ladder", tmp_path / "larger.mkv", *FAST, "-o", tmp_path / "l.json", store=tmp_path / "store")
    assert answer.status == 0, answer.err


def test_encode_keeps_audio_that_is_longer_and_reports_what_it_replaces(tmp_path):
    video, sound = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=25:d=2"), ("-f", "lavfi", "-i", "sine=d=3.5")
    tags = ("-metadata:s:a:0", "language=English", "-metadata:s:a:1", "language=ger")
    maps = ("-map", 0, "-map", 1, "-map", 1)
    ffmpeg(*video, *sound, *maps, "-c:v", "libx264", "-bf", 0, "-c:a", "aac", *tags, tmp_path / "a.mkv")
    answer = shotladder("encode", tmp_path / "a.mkv", "-o", tmp_path / "out", *FAST, store=tmp_path / "store")
    assert answer.status == 0, answer.err
    assert "which is held until then" in answer.err
    assert "the language of track 1 is unknown: 'English' is not a language tag" in answer.err
    document = json.loads((tmp_path / "out" / "presentation.json").read_text())
    assert [track["language"] for track in document["audio"]] == [None, "de"]
    for track in document["audio"]:
        assert sum(segment["duration"] for segment in track["segments"]) == pytest.approx(3.52, abs=0.05)
