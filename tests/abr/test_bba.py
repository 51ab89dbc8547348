"""The BBA policies of Huang et al. 2014 decide as their reference implementations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import abr
from tests.abr.conftest import random_trace
from tests.naive.sessions import NaiveBBA0, NaiveBBA1, NaiveBBA2, NaiveBBAOthers, naive_session

REFERENCES = {"bba-0": NaiveBBA0, "bba-1": NaiveBBA1, "bba-2": NaiveBBA2, "bba-others": NaiveBBAOthers}


def assert_equals_reference(film, trace, name, capacity, start=0.0):
    """Assert that a policy plays the same session as its reference implementation."""
    session = abr.simulate(film, trace, name, buffer=capacity, start=start)
    rungs, buffers, stalls, startup = naive_session(film, trace, REFERENCES[name](film, capacity), capacity, start)
    downloads = [event for event in session.events if event.event == "download"]
    assert session.rungs == tuple(rungs)
    assert [event.buffer for event in downloads] == pytest.approx(buffers, abs=1e-6)
    assert [e.stall for e in downloads if e.stall > 0] == pytest.approx(stalls, abs=1e-6)
    assert session.metrics["startup_delay"] == pytest.approx(startup, abs=1e-6)
    assert sum(e.duration for e in session.events if e.event == "stall") == pytest.approx(sum(stalls), abs=1e-6)


@pytest.mark.parametrize("capacity", [20.0, 60.0, 240.0])
@pytest.mark.parametrize("name", REFERENCES)
def test_bba_policies_equal_reference_implementation(film, networks, name, capacity):
    for trace in networks:
        assert_equals_reference(film, trace, name, capacity)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(REFERENCES)),
    seed=st.integers(0, 10_000),
    mean=st.floats(1e5, 3e7),
    capacity=st.floats(15, 300),
    start=st.floats(0, 2000),
)
def test_bba_policies_equal_reference_implementation_on_random_traces(film, name, seed, mean, capacity, start):
    assert_equals_reference(film, random_trace(seed, mean), name, capacity, start)


@pytest.mark.shared
@pytest.mark.parametrize("name", REFERENCES)
def test_bba_policies_equal_reference_implementation_on_measured_traces(shared, name):
    bunny = abr.load_presentation(shared / "truth/sabre/bbb.json")
    for trace in abr.load_traces(sorted((shared / "traces/norway3g").glob("*.json"))[:8]):
        assert_equals_reference(bunny, trace.scaled(2), name, 240.0)


def test_bba_0_maps_reservoir_and_cushion_of_the_paper_to_the_ladder(film):
    # the link is far faster than the ladder: the buffer level grows by one chunk at a time
    fast = abr.Trace("fast", [1000], [1e9], [0.0])
    session = abr.simulate(film, fast, "bba-0", buffer=240.0)
    downloads = [e for e in session.events if e.event == "download"]
    before = np.array([0.0, *(e.buffer for e in downloads[:-1])])
    rungs = np.array(session.rungs)
    assert rungs[before <= 90].max() == 0
    assert rungs[(before >= 216.0)].min() == 4
    middle = film.bitrates[0] + (film.bitrates[-1] - film.bitrates[0]) * (before - 90) / 126
    inside = (before > 90) & (before < 216)
    assert (film.bitrates[rungs][inside] <= middle[inside]).all()


def test_bba_2_goes_up_one_rung_for_each_chunk_on_a_fast_link(film):
    fast = abr.Trace("fast", [1000], [1e9], [0.0])
    assert abr.simulate(film, fast, "bba-2").rungs[:6] == (0, 1, 2, 3, 4, 4)
