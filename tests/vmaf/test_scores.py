"""Pools of scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vmaf


def scores_of(values, frames=None):
    frames = np.arange(len(values)) if frames is None else np.array(frames)
    return vmaf.Scores(
        "d", "r", "m", "0", "native", "3.2", 64, 64, 8, every=1, frames=frames, vmaf=np.array(values, float)
    )


def test_pools_by_hand():
    pool = scores_of([0.0, 50.0, 100.0]).pool
    assert pool.mean == 50
    assert pool.harmonic_mean == pytest.approx(3 / (1 + 1 / 51 + 1 / 101) - 1)
    assert pool.p5 == pytest.approx(5.0)
    assert pool.min == 0


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_pools_are_ordered(values):
    pool = scores_of(values).pool
    assert pool.min <= pool.p5 + 1e-9
    assert pool.min - 1e-9 <= pool.harmonic_mean <= pool.mean + 1e-9


def test_ranges_are_pooled_by_frame_number_and_empty_ones_are_none():
    scores = scores_of([10, 20, 30, 40], frames=[0, 5, 10, 15])
    first, none, rest = scores.pools([(0, 6), (6, 10), (10, 99)])
    assert (first.mean, rest.mean) == (15, 35)
    assert none is None
