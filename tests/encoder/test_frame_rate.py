"""The frame rate is the mean over the source."""

from fractions import Fraction
from itertools import accumulate

import pytest

from encoder import inspect
from encoder.media.frame_rate import find_mean_rate
from tests.encoder.videos import write_video

MILLISECONDS = Fraction(1, 1000)
FIELD = Fraction(1001, 60000)


def times_of(pattern, count, tick=FIELD, time_base=MILLISECONDS):
    """Return rounded times of frames whose durations repeat."""
    starts = accumulate(pattern[n % len(pattern)] for n in range(count))
    return [0, *(round(fields * tick / time_base) for fields in starts)][:count]


@pytest.mark.parametrize("count", [60, 96, 97, 98, 5000])
@pytest.mark.parametrize("pattern", [(2, 3), (3, 2), (2, 2, 3, 3), (2, 3, 3, 2)])
def test_find_mean_rate_of_soft_telecine_is_that_of_the_film(pattern, count):
    assert find_mean_rate(times_of(pattern, count), MILLISECONDS, Fraction(30000, 1001)) == Fraction(24000, 1001)


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(25), Fraction(50), Fraction(30000, 1001)])
def test_find_mean_rate_of_jittered_times_is_the_common_rate(rate):
    step = 1 / rate / MILLISECONDS
    times = [round(n * step) + (n * 7) % 5 for n in range(500)]
    assert find_mean_rate(times, MILLISECONDS, None) == rate


def test_find_mean_rate_keeps_what_no_common_rate_explains():
    times = times_of((1, 1, 9, 1, 3), 200, tick=Fraction(1, 30))
    assert find_mean_rate(times, MILLISECONDS, Fraction(30)) == pytest.approx(Fraction(10), rel=0.02)


def test_inspect_keeps_the_rate_without_gaps_for_encoders(tmp_path):
    source = inspect(write_video(tmp_path / "gaps.mkv", 50, ticks=list(accumulate([0] + [1, 1, 7, 1, 2] * 10))[:50]))
    assert source.frame_rate == pytest.approx(25 / 2.4, rel=0.05)
    assert source.coding_rate == 25
