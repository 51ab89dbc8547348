"""`encode --single-rung` writes one measured file at the target, with audio, and refuses what it cannot have."""

import json
from pathlib import Path

import av
import pytest

import vmaf
from shotladder.pipeline.single_rung import SingleRung
from tests.shotladder.running import FRAMES, shotladder

PRESET = ("--preset", "ultrafast")
TARGET = 80


@pytest.fixture(scope="module")
def single(made, tmp_path_factory):
    """A finished run: the file, and its document."""
    path = tmp_path_factory.mktemp("single") / "one.mp4"
    words = ("--single-rung", "--target-vmaf", TARGET, "--json", "--quiet")
    answer = shotladder("encode", made.film, "-o", path, *PRESET, *words, store=made.store)
    assert (answer.status, answer.err) == (0, "")
    return path, json.loads(answer.out)


def test_encode_single_rung_reports_what_it_measured(made, single):
    path, document = single
    (scores,) = vmaf.score(made.film, [path])
    assert document["vmaf"]["mean"] == pytest.approx(scores.mean, abs=0.01)
    assert document["vmaf"]["mean"] == pytest.approx(TARGET, abs=3)
    assert document["size"] == path.stat().st_size


def test_encode_single_rung_has_every_frame_and_the_audio(single):
    with av.open(str(single[0])) as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES
        assert [stream.type for stream in container.streams] == ["video", "audio"]


def test_encode_single_rung_keeps_an_existing_file(made, single):
    before = single[0].read_bytes()
    answer = shotladder("encode", made.film, "-o", single[0], *PRESET, "--single-rung", "--quiet", store=made.store)
    assert (answer.status, len(answer.lines)) == (1, 1)
    assert "--overwrite" in answer.err
    assert single[0].read_bytes() == before


@pytest.mark.parametrize(
    ("output", "words", "fault"),
    [
        ("one.mkv", (), ".mp4"),
        ("one.mp4", ("--codec", "h264,av1"), "one codec"),
        ("one.mp4", ("--encrypt",), "--encrypt"),
        ("one.mp4", ("--ladder", "fixed"), "fixed ladder"),
    ],
)
def test_encode_single_rung_refuses_what_a_file_cannot_have(made, tmp_path, output, words, fault):
    answer = shotladder("encode", made.film, "-o", tmp_path / output, "--single-rung", *words, store=made.store)
    assert answer.status in (1, 2)
    assert fault in answer.err
    assert not (tmp_path / output).exists()


def test_encode_refuses_a_maximum_bitrate_below_the_minimum(made, tmp_path):
    words = ("--min-bitrate", "500", "--max-bitrate", "400")
    answer = shotladder("encode", made.film, "-o", tmp_path / "out", *words, store=made.store)
    assert answer.status == 2
    assert "--min-bitrate" in answer.err


def test_to_text_has_the_scores_of_other_metrics():
    pooled = vmaf.Pool(94.0, 93.9, 90.0, 88.0)
    values = {"target_vmaf": None, "pooled": pooled, "scores": {"xpsnr": 38.02, "cambi": 0.25}}
    rung = SingleRung(
        Path("one.mp4"), "h264", 640, 360, 212_000, 9_000, **values, weakest_shot=0, weakest_time=0.0, weakest_vmaf=90.0
    )
    assert rung.to_text().startswith("one.mp4: VMAF 94.0, XPSNR 38.0 dB, CAMBI 0.25 at 212 kbit/s, H.264, 640x360, 9")
    assert rung.to_dict()["scores"] == {"xpsnr": 38.02, "cambi": 0.25}
    assert rung.to_dict()["target_vmaf"] is None
