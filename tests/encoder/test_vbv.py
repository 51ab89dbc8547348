"""VBV size and bitrate are the minima without underflow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder.encode.vbv import min_vbv_bitrate, min_vbv_size, read_track_samples
from tests.encoder.videos import write_video
from tests.naive.buffers import runs_empty


@st.composite
def tracks(draw):
    bits = draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=40))
    steps = draw(st.lists(st.floats(0.001, 2), min_size=len(bits), max_size=len(bits)))
    return bits, np.cumsum(steps).tolist(), draw(st.floats(1e3, 1e6))


@given(tracks())
def test_min_vbv_size_is_the_smallest_sufficient_size(track):
    bits, times, rate = track
    needed = min_vbv_size(bits, times, rate)
    assert not runs_empty(bits, times, rate, needed * (1 + 1e-9) + 1e-3)
    assert runs_empty(bits, times, rate, needed * (1 - 1e-6) - 1e-3)


@given(tracks(), st.floats(0.01, 20))
def test_min_vbv_bitrate_is_the_lowest_sufficient_bitrate(track, seconds):
    bits, times, _ = track
    rate = min_vbv_bitrate(bits, times, seconds)
    assert not runs_empty(bits, times, rate, seconds * rate * (1 + 1e-9) + 1e-3)
    assert runs_empty(bits, times, rate * (1 - 1e-6), seconds * rate * (1 - 1e-6) - 1e-3)


def test_min_vbv_size_falls_with_the_bitrate():
    rng = np.random.default_rng(1)
    bits, times = rng.integers(1, 10**5, 500), np.arange(500) / 25
    needs = [min_vbv_size(bits, times, rate) for rate in (2e5, 1e6, 2e6, 1e8)]
    assert needs == sorted(needs, reverse=True)
    assert needs[-1] == bits.max()


def test_min_vbv_size_and_bitrate_are_zero_without_samples():
    assert min_vbv_size([], [], 1.0) == min_vbv_bitrate([], [], 1.0) == 0


def test_read_track_samples_returns_the_packets(tmp_path):
    path = write_video(tmp_path / "video.mp4", 30, options={"preset": "fast", "x264-params": "bframes=3"})
    bits, times = read_track_samples(path)
    assert times == pytest.approx(np.arange(30) / 25)
    assert bits[0] == bits.max()
    assert 0.5 * path.stat().st_size < bits.sum() / 8 < path.stat().st_size
