"""The time left of a run follows its estimate, and what the finished part took."""

import pytest

from shotladder.pipeline.timing.remaining_time import TimeLeft
from shotladder.pipeline.timing.run_estimate import RunEstimate, split_stages


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def followed():
    """A run of 10 s analysis and, by two workers, 90 s of one codec; and its clock."""
    stages = {("", "analysis"): 20.0} | split_stages("h264", 40, 60, 80, comparison_fraction=0.0)
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
    left.refine({("h264", "other rungs"): 84 + 60.0})
    assert left.seconds_left() == pytest.approx(120)


def test_refine_takes_the_geometric_mean_with_the_first_estimate(followed):
    left, _ = followed
    key = ("h264", "other rungs")
    for _ in range(2):
        left.refine({key: 4 * 84.0}, weight=0.5)
        assert left.estimate.cpu_seconds[key] == pytest.approx(2 * 84)
    left.refine({key: 50.0})
    assert left.estimate.cpu_seconds[key] == pytest.approx(50)


def test_refine_adds_the_stages_of_a_codec_from_a_file(followed):
    left, _ = followed
    left.refine({("av1", "top rung"): 50.0})
    assert left.seconds_left() == pytest.approx(125)


def test_set_progress_replaces_a_stage_that_has_begun(followed):
    left, clock = followed
    left.advance("shots", 1.0)
    clock.now += 10
    # 10 of now 80 CPU seconds, instead of 40
    left.set_progress("h264", "probes", 10.0, 80.0)
    clock.now += 5
    assert left.fraction == pytest.approx(15 / 120)
    assert left.seconds_left() == pytest.approx(105)
    left.set_progress("h264", "probes", 10.0, 10.0)
    assert left.seconds_left() == pytest.approx(70)


def test_advance_of_one_codec_leaves_the_others():
    stages = {("", "analysis"): 10.0} | {(codec, "probes"): 10.0 for codec in ("h264", "av1")}
    left = TimeLeft(RunEstimate(stages))
    left.advance("av1: probe encodes", 1.0)
    assert left.fraction == pytest.approx(2 / 3)


def test_advance_ignores_a_stage_that_is_not_part_of_the_estimate(followed):
    left, _ = followed
    left.advance("write events", 1.0)
    assert left.fraction == 0
