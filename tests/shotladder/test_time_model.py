"""The time left of a run follows its estimate, and what the finished part took."""

from fractions import Fraction
from pathlib import Path

import pytest

import encoder
from ladders import Ladder, Rung
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.time_model import RunEstimate, TimeLeft, estimate_finals, estimate_run, split_stages
from tests.encoder.videos import write_video


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def followed():
    """A run of 10 s analysis and, by two workers, 90 s of one codec; and its clock."""
    stages = {("", "analysis"): 20.0} | split_stages("h264", 40, 60, 80, has_comparison=False)
    stages = stages | {("h264", "corrections"): 0.0}
    clock = Clock()
    return TimeLeft(RunEstimate(stages, 2), clock), clock


def test_seconds_left_is_the_estimate_before_the_first_stage(followed):
    left, _ = followed
    assert left.estimate.wall_seconds == pytest.approx(100)
    assert left.seconds_left() == pytest.approx(100)
    assert left.fraction == 0


def test_seconds_left_scales_with_what_the_finished_part_took(followed):
    left, clock = followed
    left.advance("shots", 1.0)
    left.advance("probe encodes", 1.0)
    # 30 s of the estimate took 60 s
    clock.now += 60
    assert left.fraction == pytest.approx(0.3)
    assert left.seconds_left() == pytest.approx(140, rel=0.1)


def test_advance_ends_the_stages_before(followed):
    left, _ = followed
    left.advance("correct 1 of 2 rungs", 0.0)
    assert left.fraction == pytest.approx(1.0)


def test_advance_never_goes_back(followed):
    left, _ = followed
    fractions = []
    for title, part in [
        ("shots", 0.5),
        ("encode the top rung", 0.5),
        ("probe encodes", 0.2),
        ("correct 1 of 2 rungs", 0),
    ]:
        left.advance(title, part)
        fractions.append(left.fraction)
    assert fractions == sorted(fractions)


def test_exclude_leaves_time_out_of_the_time_taken(followed):
    left, clock = followed
    clock.now += 25
    left.exclude(20)
    left.advance("shots", 0.5)
    assert left.seconds_left() == pytest.approx(95, rel=0.01)


def test_refine_replaces_stages_that_have_not_begun(followed):
    left, clock = followed
    left.advance("shots", 1.0)
    clock.now += 10
    assert left.seconds_left() == pytest.approx(90)
    left.refine({("h264", "other rungs"): 91 + 60.0})
    assert left.seconds_left() == pytest.approx(120)


def test_estimate_finals_follows_the_rungs_of_the_ladder(tmp_path):
    source = encoder.inspect(write_video(tmp_path / "video.mp4", 48))
    request = EncodeRequest("video.mp4", Path("out"), ("h264",))
    rungs = [Rung(64, 36, (30.0,), 10_000, 80.0), Rung(128, 72, (30.0,), 40_000, 93.0)]
    chunk = encoder.Chunk(0, 48, (0,), (0,), ())
    segments = encoder.plan_chunks(source, [0], Fraction(4))[1]
    one, two = (
        estimate_finals(
            request,
            source,
            Ladder("per-shot", "h264", "medium", "visual", 93.0, "0", (chunk,), segments, tuple(rungs[-count:])),
        )
        for count in (1, 2)
    )
    assert ("h264", "probes") not in one
    assert one["h264", "other rungs"] == 0
    assert two["h264", "other rungs"] > 0
    assert two["h264", "top rung"] > 3 * two["h264", "other rungs"]


def test_advance_of_one_codec_leaves_the_others():
    stages = {("", "analysis"): 10.0} | {(codec, "probes"): 10.0 for codec in ("h264", "av1")}
    left = TimeLeft(RunEstimate(stages))
    left.advance("av1: probe encodes", 1.0)
    assert left.fraction == pytest.approx(2 / 3)


def test_advance_ignores_a_stage_that_is_not_part_of_the_estimate(followed):
    left, _ = followed
    left.advance("write events", 1.0)
    assert left.fraction == 0


def test_estimate_run_grows_with_codecs_and_shrinks_with_workers(tmp_path):
    source = encoder.inspect(write_video(tmp_path / "video.mp4", 48))
    walls = [
        estimate_run(EncodeRequest("video.mp4", Path("out"), codecs, workers=workers), source).wall_seconds
        for codecs, workers in ((("h264",), 1), (("h264", "av1"), 1), (("h264", "av1"), 4))
    ]
    assert walls[0] < walls[1] > walls[2] > 0
