"""Each policy of the registry on traces for which the correct decisions are known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import abr
from abr.policy_interface.policy_state import DECIDE
from tests.abr.conftest import random_trace
from tests.naive.sessions import naive_plan

ALL_POLICIES = sorted(abr.REGISTRY)


def constant_trace(rate, latency=0.02):
    """Return a trace of constant throughput."""
    return abr.Trace(f"{rate:g}", [10.0], [rate], [latency])


def constant_presentation(rates, segments=60, seconds=4.0, vmaf=None):
    """Return a presentation whose segments all have the bitrate of their rung."""
    rates = np.array(rates, float)
    sizes = np.full((segments, len(rates)), rates * seconds / 8).round().astype(np.int64)
    table = None
    if vmaf is not None:
        table = np.full(sizes.shape, vmaf, float)
    rungs = tuple(abr.Rung(f"r{i}", int(rate)) for i, rate in enumerate(rates))
    return abr.Presentation("even", rungs, np.full(segments, seconds), sizes, table)


LADDER = (300e3, 750e3, 1.5e6, 3e6, 6e6)
SCORES = (40, 62, 78, 90, 96)


def assert_log_adds_up(session, film):
    """Assert that the segments, bytes and times of the event log are consistent."""
    downloads = [e for e in session.events if e.event == "download"]
    assert [e.segment for e in downloads] == list(range(len(film.durations)))
    assert [e.bytes for e in downloads] == [film.sizes[n][e.rung] for n, e in enumerate(downloads)]
    busy = sum(e.duration for e in session.events if e.event in ("download", "abandon", "wait"))
    end = session.events[-1]
    assert end.event == "end"
    assert end.time == pytest.approx(busy + downloads[-1].buffer, abs=1e-6)
    stalled = sum(e.duration for e in session.events if e.event == "stall")
    startup = sum(e.duration for e in session.events if e.event == "startup")
    assert end.time == pytest.approx(startup + stalled + film.duration, abs=1e-6)
    assert all(e.buffer >= 0 for e in session.events)


@pytest.mark.parametrize("name", ALL_POLICIES)
def test_simulate_log_adds_up_for_each_policy(film, networks, name):
    for trace in networks:
        session = abr.simulate(film, trace, name)
        assert_log_adds_up(session, film)
        assert max(e.buffer for e in session.events) <= 60 + 1e-9


@pytest.mark.parametrize("name", ALL_POLICIES)
@pytest.mark.parametrize("factor", [0.9, 1.0, 1.1])
def test_policy_does_not_stall_on_a_link_above_the_lowest_rung(name, factor):
    film = constant_presentation(LADDER, vmaf=SCORES)
    for rate in LADDER:
        if factor * rate <= LADDER[0] * 1.05:
            continue  # the link must carry the lowest rung and its latency
        if name.startswith("bb@") and rate < LADDER[2]:
            continue  # its rung depends on the buffer level alone, and can exceed the link
        # these policies plan to empty the buffer exactly; the latency of a request then causes a short stall
        empties_buffer = any(part in name for part in ("mpc", "insufficient", "shaka"))
        session = abr.simulate(film, constant_trace(factor * rate), name)
        assert session.metrics["rebuffer_ratio"] == pytest.approx(0, abs=0.006 if empties_buffer else 1e-12)


@pytest.mark.parametrize("name", ALL_POLICIES)
def test_policy_reaches_the_highest_rung_on_a_link_far_above_the_ladder(name):
    film = constant_presentation(LADDER, segments=150, vmaf=SCORES)
    session = abr.simulate(film, constant_trace(60e6), name)
    assert session.rungs[-10:] == (4,) * 10
    assert session.metrics["rebuffer_count"] == 0


@pytest.mark.parametrize("name", ALL_POLICIES)
def test_policy_stays_at_the_lowest_rung_on_a_link_below_the_ladder(name):
    film = constant_presentation(LADDER, vmaf=SCORES)
    session = abr.simulate(film, constant_trace(150e3), name)
    assert session.rungs[5:] == (0,) * 55


@pytest.mark.parametrize("name", ALL_POLICIES)
def test_policy_plays_unusual_ladders(name):
    for film in (
        constant_presentation([800e3], vmaf=[70]),
        constant_presentation([800e3, 800e3, 2e6], vmaf=[70, 70, 90]),
        constant_presentation(LADDER, vmaf=(40, 62, 60, 90, 89)),  # more bits, less VMAF
    ):
        assert_log_adds_up(abr.simulate(film, constant_trace(1e6), name), film)


@pytest.mark.parametrize("name", ALL_POLICIES)
def test_policy_plays_unusual_traces(film, name):
    outage = abr.Trace("outage", [30, 20, 15], [3e6, 0, 2e6], [0.05] * 3)
    single = abr.Trace("single", [1.0], [2e6], [0.05])
    slow = abr.Trace("latency above the interval", np.full(50, 0.2), np.full(50, 4e6), np.full(50, 0.9))
    for trace in (outage, single, slow):
        assert_log_adds_up(abr.simulate(film, trace, name), film)


@pytest.mark.parametrize("name", ALL_POLICIES)
def test_simulate_many_equals_simulate_for_each_policy(film, networks, name):
    offsets = abr.start_offsets(networks, 2, seed=3)
    table = abr.simulate_many(film, networks, [name], starts=offsets)
    row = 0
    for trace, starts in zip(networks, offsets, strict=True):
        for start in starts:
            metrics = abr.simulate(film, trace, name, start=float(start)).metrics
            for metric in ("vmaf_mean", "rebuffer_ratio", "downloaded_bytes", "qoe_lin"):
                assert table[metric][row] == pytest.approx(metrics[metric], rel=1e-9)
            row += 1


@pytest.mark.parametrize("name", [n for n in ALL_POLICIES if abr.REGISTRY[n].abandons])
def test_will_keep_skips_no_abandonment_of_each_policy(film, name):
    """A skip to the possible abandonment changes a session only by the position of the 50 ms steps."""
    skipped = stepped = same = 0
    for seed in range(40):
        trace = random_trace(seed, 3e6)
        quick = abr.simulate(film, trace, name)
        exact = abr.simulate(film, trace, name, model=abr.SessionModel(exact=True))
        skipped += sum(e.event == "abandon" for e in quick.events)
        stepped += sum(e.event == "abandon" for e in exact.events)
        same += [(e.event, e.segment, e.rung) for e in quick.events] == [
            (e.event, e.segment, e.rung) for e in exact.events
        ]
    assert same >= 30
    assert abs(skipped - stepped) <= max(3, 0.04 * stepped)
    if name not in ("dashjs-bola@4.7.4", "dashjs-bola@5.1.1", "hlsjs@1.7.1"):
        assert stepped > 0


def test_throughput_abandons_a_download_when_the_link_drops_and_lowers_the_estimate():
    film = constant_presentation(LADDER, vmaf=SCORES)
    drop = abr.Trace("drop", [60, 1000], [10e6, 0.6e6], [0.02, 0.02])
    session = abr.simulate(film, drop, "throughput", buffer=20)
    at = next(i for i, e in enumerate(session.events) if e.event == "abandon")
    lost, after = session.events[at], session.events[at + 1]
    assert session.metrics["wasted_bytes"] >= lost.bytes > 0
    assert after.segment == lost.segment
    assert after.rung < lost.rung
    before = [e for e in session.events[:at] if e.event == "download"][-1]
    assert lost.throughput_estimate < 0.95 * before.throughput_estimate
    assert after.throughput_estimate < lost.throughput_estimate


def test_bola_o_does_not_oscillate_where_bola_u_does():
    film = constant_presentation(LADDER, segments=150, vmaf=SCORES)
    link = constant_trace(2.2e6)  # between two rungs
    assert abr.simulate(film, link, "bola-o").metrics["switches"] <= 6
    assert abr.simulate(film, link, "bola-u").metrics["switches"] > 30


@pytest.mark.parametrize(
    ("version", "first", "second", "last"), [("4.7.4", 11.05, 13.29, 29.45), ("5.1.1", 4.92, 7.16, 23.31)]
)
def test_best_bola_rung_goes_up_at_the_buffer_levels_of_each_dashjs_release(version, first, second, last):
    from abr.policies.dashjs import best_bola_rung
    from abr.policy_interface.policy import PolicyContext

    ladder = np.array([230, 331, 477, 688, 991, 1427, 2056, 2962, 5027, 6000.0])
    tables = np.ones((1, 10))
    context = PolicyContext(tables, tables, ladder, np.full(1, 3000.0), 60_000.0)
    k = abr.get_policy(f"dashjs-bola@{version}").constants(context)
    up = [
        next(level for level in range(0, 40_000, 10) if best_bola_rung(float(level), k, ladder) >= rung)
        for rung in range(1, 10)
    ]
    assert np.array(up)[[0, 1, 8]] / 1e3 == pytest.approx([first, second, last], abs=0.011)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), rungs=st.integers(1, 4), horizon=st.integers(1, 4))
def test_plan_equals_exhaustive_search(seed, rungs, horizon):
    from abr.policies.planning_kernel import Horizon, Weights, plan, scratch_size

    rng = np.random.default_rng(seed)
    sizes = np.sort(rng.uniform(1e5, 3e7, (horizon, rungs)), axis=1)
    lengths = rng.uniform(2000, 6000, horizon)
    values = rng.uniform(0, 6, (horizon, rungs))
    if rng.random() < 0.7:
        values.sort(axis=1)
    change, stall, rate = rng.uniform(0, 2), rng.uniform(0, 0.01), rng.uniform(100, 9000)
    buffer = rng.uniform(0, 20_000)
    last = math.nan if rng.random() < 0.2 else rng.uniform(0, 6)
    _, answer = naive_plan(sizes, lengths, values, change, stall, rate, buffer, last)
    scratch = np.zeros(scratch_size(rungs))
    horizon = Horizon(sizes, lengths, values)
    assert plan(scratch, horizon, Weights(change, stall), rate, buffer, last) == answer


def test_predictive_fills_the_buffer_before_slots_of_low_throughput():
    film = constant_presentation(LADDER, segments=400, vmaf=SCORES)
    day = [600.0, 120.0, 880.0]
    past = [abr.Trace(f"day{i}", day, [4e6 * f, 0.25e6 * f, 4e6 * f], [0.03] * 3) for i, f in enumerate((0.8, 1, 1.3))]
    prior = abr.learn_prior(past, period=1600.0, slots=80)
    today = abr.Trace("today", day, [3.6e6, 0.2e6, 3.6e6], [0.03] * 3)
    with_prior = abr.simulate(film, today, abr.predictive(prior, period=1600.0), buffer=120)
    without_prior = abr.simulate(film, today, "vmaf-mpc", buffer=120)
    assert with_prior.metrics["rebuffer_ratio"] < without_prior.metrics["rebuffer_ratio"]


def test_get_policy_finds_aliases_and_each_policy_has_a_source():
    for title, policy in abr.REGISTRY.items():
        assert title == f"{policy.name}@{policy.version}"
        assert policy.source
    assert abr.get_policy("bolae").name == "bola-e"
    with pytest.raises(abr.PolicyError, match="no policy is called 'bola-x'"):
        abr.get_policy("bola-x")


def test_simulate_python_and_numba_policies_equal_the_built_in_policy(film, networks):
    from numba import njit

    def python(state):
        if state.last_rung is None or state.buffer < 5:
            return 0
        return 4 if state.buffer >= 15 else int(4 * (state.buffer - 5) / 10)

    @njit
    def compiled(event, state, context, constants, memory):
        if event != DECIDE or state.buffer < 5000.0:
            return 0
        return 4 if state.buffer >= 15000.0 else int(4 * (state.buffer - 5000.0) / 10000.0)

    for trace in networks:
        expected = abr.simulate(film, trace, "bb").rungs
        assert abr.simulate(film, trace, python).rungs == expected
        assert abr.simulate(film, trace, compiled).rungs == expected


def test_simulate_many_reports_a_failing_policy_and_keeps_the_other_sessions(film, networks):
    def raises(state):
        if state.presentation.title == "film" and state.segment == 7 and state.throughput > 2e6:
            raise RuntimeError("policy failed")
        return 0

    table = abr.simulate_many(film, networks, [raises, lambda state: 99, "bba-0"])
    assert 0 < len([row for row in table.errors if row < len(networks)]) < len(networks)
    assert "policy failed" in str(table.failure())
    assert "trace random" in str(table.failure())
    finite = np.isfinite(table["vmaf_mean"])
    assert finite[2 * len(networks) :].all()
    assert not finite[len(networks) : 2 * len(networks)].any()
    assert finite.sum() == len(table) - len(table.errors)
    with pytest.raises(abr.PolicyError, match="rung or delay"):
        abr.simulate(film, networks[0], lambda state: 99)
    with pytest.raises(abr.PolicyError, match="a rung is a whole number"):
        abr.simulate(film, networks[0], lambda state: 0.5)
    with pytest.raises(abr.PolicyError, match="rung or delay"):
        abr.simulate(film, networks[0], lambda state: (0, math.nan))
