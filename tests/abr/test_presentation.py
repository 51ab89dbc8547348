"""Operations on presentations."""

import numpy as np
import pytest

import abr


def two_segments() -> abr.Presentation:
    rungs = (abr.Rung("low", 500_000), abr.Rung("high", 2_000_000))
    sizes = np.array([[1, 4], [2, 8]]) * 100_000
    return abr.Presentation("clip", rungs, np.array([4.0, 3.0]), sizes, vmaf=np.array([[50.0, 90.0], [60.0, 95.0]]))


def test_repeated_plays_all_segments_again_in_order():
    twice = two_segments().repeated(2)
    assert twice.durations.tolist() == [4.0, 3.0, 4.0, 3.0]
    assert twice.sizes[:, 1].tolist() == [400_000, 800_000, 400_000, 800_000]
    assert twice.vmaf is not None and twice.vmaf[:, 0].tolist() == [50.0, 60.0, 50.0, 60.0]
    assert twice.bitrates.tolist() == two_segments().bitrates.tolist()


def test_repeated_refuses_a_count_below_one():
    with pytest.raises(ValueError, match="count: 0"):
        two_segments().repeated(0)
