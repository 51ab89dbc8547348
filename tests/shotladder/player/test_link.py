"""The link of `shotladder play` follows its trace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotladder.player import Link
from tests.shotladder.player.requests import steps


def naive_arrival(trace, start, bits):
    """Return the arrival time of bits by walking over the intervals of the trace (reference implementation)."""
    begin, n = 0.0, 0
    while True:
        end, rate = begin + trace.durations[n], trace.rates[n]
        if end > start:
            capacity = (end - max(start, begin)) * rate
            if rate and capacity >= bits * (1 - 1e-12):
                return max(start, begin) + bits / rate
            bits -= capacity
        begin, n = end, (n + 1) % len(trace.rates)


rates = st.lists(st.tuples(st.floats(0.05, 5), st.sampled_from([0, 1e4, 3e5, 2e6])), min_size=1, max_size=5)


@given(rates.filter(lambda r: any(rate for _, rate in r)), st.lists(st.integers(1, 50_000), min_size=1, max_size=6))
def test_reserve_equals_a_walk_over_the_trace(intervals, sizes):
    trace = steps(*intervals)
    link, ready, expected = Link(trace, clock=lambda: 0.0), 0.0, 0.0
    for size in sizes:
        ready, expected = link.reserve(size, ready), naive_arrival(trace, expected, 8 * size)
        assert ready == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_reserve_ends_a_lap_before_its_final_outage():
    link = Link(steps((1, 8000), (1, 0)), clock=lambda: 0.0)
    assert [link.reserve(1000, 0.0) for _ in range(3)] == [1.0, 3.0, 5.0]


def test_reserve_shares_the_link_between_two_transfers():
    link = Link(steps((10, 8000)), clock=lambda: 0.0)
    ends = {"a": 0.0, "b": 0.0}
    for name in "abababab":
        ends[name] = link.reserve(125, ends[name])
    assert sorted(ends.values()) == pytest.approx([7 / 8, 1.0])


def test_reserve_does_not_exceed_the_rate_after_idle_time():
    now = [0.0]
    link = Link(steps((10, 8000)), clock=lambda: now[0])
    link.reserve(125, 0.0)
    now[0] = 5.0
    assert link.reserve(1000, 5.0) == pytest.approx(6.0)


def test_reserve_does_not_accumulate_rate_for_a_slow_client():
    now = [0.0]
    link = Link(steps((100, 8000)), clock=lambda: now[0])
    ready = link.reserve(125, 0.0)
    now[0] = 50.0
    assert link.reserve(1000, ready) > 50.8


def test_restart_starts_the_trace_from_its_beginning():
    now = [0.0]
    link = Link(steps((1, 8000), (9, 800), latency=0.25), clock=lambda: now[0])
    now[0] = 5.0
    assert link.reserve(100, 5.0) == pytest.approx(6.0)
    link.restart()
    assert link.reserve(100, 5.0) == pytest.approx(5.1)
    assert link.latency() == 0.25
