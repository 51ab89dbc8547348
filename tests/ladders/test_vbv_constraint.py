"""The fractions of the bits that keep a decoder buffer from underflow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ladders.allocation.vbv_constraint import kept_fractions
from tests.naive.buffers import runs_empty


@st.composite
def tracks(draw):
    """Samples of some chunks, and a bucket that may be too small for them."""
    counts = draw(st.lists(st.integers(1, 8), min_size=1, max_size=6))
    bits = draw(st.lists(st.integers(1, 10**5), min_size=sum(counts), max_size=sum(counts)))
    step = draw(st.floats(0.01, 0.1))
    chunk = np.repeat(np.arange(len(counts)), counts)
    rate, seconds = draw(st.floats(1e4, 1e7)), draw(st.floats(0.02, 3))
    return np.array(bits), np.arange(len(bits)) * step, chunk, rate, seconds


@settings(deadline=None)
@given(tracks())
def test_kept_fractions_never_underflow_the_buffer(track):
    bits, times, chunk, rate, seconds = track
    kept = kept_fractions(*track)
    assert np.all((kept > 0) & (kept <= 1))
    assert not runs_empty(bits * kept[chunk], times, rate, rate * seconds * (1 + 1e-6))
    if not runs_empty(bits, times, rate, rate * seconds):
        assert np.all(kept == 1)


def test_kept_fractions_reduce_only_the_chunk_that_underflows():
    bits = np.array([10, 10, 10, 90, 10, 10, 10, 10, 10])
    chunk = np.repeat([0, 1, 2], 3)
    np.testing.assert_allclose(kept_fractions(bits, np.arange(9) / 10, chunk, 200.0, 0.3), [1, 60 / 90, 1], rtol=1e-6)


def test_kept_fractions_reduce_both_sides_of_a_chunk_boundary():
    # neither end is too much by itself
    bits = np.array([10, 10, 50, 50, 10, 10])
    times, chunk = np.arange(6) / 10, np.repeat([0, 1], 3)
    assert kept_fractions(bits[:3], times[:3], chunk[:3], 200.0, 0.3) == pytest.approx(1)
    assert kept_fractions(bits[3:], times[:3], chunk[:3], 200.0, 0.3) == pytest.approx(1)
    np.testing.assert_allclose(kept_fractions(bits, times, chunk, 200.0, 0.3), [0.8, 0.8])
