"""`simulate` with slow start, audio, replacement and live: worked examples and a reference implementation."""

from dataclasses import replace

import numpy as np
import pytest
from numba import njit

import abr
from tests.abr.conftest import random_trace
from tests.abr.fixed_plan import fixed_plan
from tests.abr.test_policies import ALL_POLICIES
from tests.naive.sessions import naive_viewing

MBIT = 125_000


def one_rung_presentation(size, segments=10, seconds=4.0, audio=None):
    rungs = (abr.Rung("only", int(8 * size / seconds)),)
    sizes = np.full((segments, 1), size)
    return abr.Presentation("even", rungs, np.full(segments, seconds), sizes, audio=audio)


def constant_audio(size, segments=20, seconds=2.0):
    return abr.Audio(np.full(segments, seconds), np.full(segments, size))


def events_of(session, *kinds):
    """Return the events of some kinds."""
    return [event for event in session.events if event.event in kinds]


def assert_session_adds_up(session, film):
    """Assert that the times add up, and that the wasted bytes are those downloaded and not played."""
    stalled = sum(e.duration for e in events_of(session, "stall"))
    startup = sum(e.duration for e in events_of(session, "startup"))
    assert session.events[-1].time == pytest.approx(startup + stalled + film.duration, abs=1e-6)
    moved = events_of(session, "download", "abandon", "audio", "replace")
    busy = sum(e.duration for e in [*moved, *events_of(session, "wait")])
    assert session.events[-1].time == pytest.approx(busy + moved[-1].buffer, abs=1e-6)
    assert sum(e.bytes for e in moved) == pytest.approx(session.metrics["downloaded_bytes"], abs=1e-3)
    played = film.sizes[np.arange(len(session.rungs)), list(session.rungs)].sum()
    audio = sum(e.bytes for e in events_of(session, "audio"))
    wasted = session.metrics["downloaded_bytes"] - audio - played
    assert session.metrics["wasted_bytes"] == pytest.approx(wasted, abs=1e-3)


def test_simulate_slow_start_doubles_the_bits_of_each_round_trip():
    film = one_rung_presentation(4 * MBIT)
    link = abr.Trace("steady", [10], [10e6], [0.1])
    model = abr.SessionModel(buffer=12.0, slow_start=1.0)
    downloads = events_of(abr.simulate(film, link, "bba-0", model=model), "download")
    # 116.8, 233.6, 467.2 and 934.4 kbit take 0.1 s each; the other 2248 kbit arrive at 10 Mbit/s
    assert downloads[0].duration == pytest.approx(0.1 + 0.4 + 0.2248)
    assert [e.duration for e in downloads[1:3]] == pytest.approx([0.5, 0.5])
    # then the buffer is full, and each request starts after more than a second without a transfer
    assert [e.duration for e in downloads[4:]] == pytest.approx([0.7248] * 6)
    long_timeout = abr.SessionModel(buffer=12.0, slow_start=5.0)
    downloads = events_of(abr.simulate(film, link, "bba-0", model=long_timeout), "download")
    assert [e.duration for e in downloads[1:]] == pytest.approx([0.5] * 9)


def test_simulate_alternates_audio_and_video_and_plays_when_both_have_arrived():
    link = abr.Trace("steady", [10], [1e6], [0.0])
    film = one_rung_presentation(2 * MBIT, segments=2, audio=constant_audio(MBIT // 5, 4))
    session = abr.simulate(film, link, "bba-0", model=abr.SessionModel(audio=True))
    order = [(e.event, e.segment, round(e.time, 6)) for e in session.events]
    assert order == [
        ("download", 0, 2.0),
        ("startup", 0, 2.2),
        ("audio", 0, 2.2),
        ("audio", 1, 2.4),
        ("download", 1, 4.4),
        ("audio", 2, 4.6),
        ("audio", 3, 4.8),
        ("end", 1, 10.2),
    ]
    assert_session_adds_up(session, film)


def test_simulate_stalls_when_only_the_audio_buffer_is_empty():
    link = abr.Trace("steady", [10], [1e6], [0.0])
    film = one_rung_presentation(MBIT, segments=2, audio=constant_audio(3 * MBIT, 4))
    session = abr.simulate(film, link, "bba-0", model=abr.SessionModel(audio=True))
    # audio segments of 2 s arrive at 4, 7, 11 and 14 s
    assert [(round(e.time, 6), round(e.duration, 6)) for e in events_of(session, "stall")] == [(7, 1), (11, 2), (14, 1)]
    assert session.metrics["startup_delay"] == pytest.approx(4.0)
    assert session.events[-1].time == pytest.approx(16.0)
    assert_session_adds_up(session, film)
    with pytest.raises(abr.PresentationError, match="even: it has no audio"):
        abr.simulate(one_rung_presentation(MBIT), link, "bba-0", model=abr.SessionModel(audio=True))


def test_simulate_replaces_buffered_segments_of_lower_rungs_that_do_not_play_soon():
    rungs = (abr.Rung("low", 1_000_000), abr.Rung("high", 2_000_000))
    sizes = np.tile([500_000, 1_000_000], (8, 1))
    film = abr.Presentation("two", rungs, np.full(8, 4.0), sizes)
    link = abr.Trace("steady", [10], [8e6], [0.0])

    def high_from_segment_4(state):
        return int(state.segment >= 4)

    @njit
    def high_from_segment_4_compiled(event, state, context, constants, memory):
        return int(state.segment >= 4)

    # At 2 s, four low segments have arrived and 1.5 s of the first have played: the last two may be replaced.
    # At 3 s, only the fourth may be replaced.
    for order, replaced in (("earliest", [2, 3]), ("latest", [3])):
        model = abr.SessionModel(replacement=order)
        session = abr.simulate(film, link, high_from_segment_4, model=model)
        replacements = events_of(session, "replace")
        assert [e.segment for e in replacements] == replaced
        assert [e.time for e in replacements] == pytest.approx([3.0, 4.0][: len(replaced)])
        assert session.rungs == (0, 0, int(2 in replaced), 1, 1, 1, 1, 1)
        assert session.metrics["wasted_bytes"] == 500_000 * len(replaced)
        assert_session_adds_up(session, film)
        assert abr.simulate(film, link, high_from_segment_4_compiled, model=model).events == session.events


def test_simulate_live_keeps_its_latency_or_catches_up():
    film = one_rung_presentation(MBIT, segments=60, seconds=2.0)
    link = abr.Trace("steady", [10], [2e6], [0.0])
    no_catch_up = abr.simulate(film, link, "bba-0", model=abr.SessionModel(live=6.0, catch_up="none"))
    # three segments are available; the first arrives after 0.5 s, and the latency stays 0.5 s above the target
    downloads = events_of(no_catch_up, "download")
    assert [e.time for e in downloads[:6]] == pytest.approx([0.5, 1.0, 1.5, 2.5, 4.5, 6.5])
    assert no_catch_up.metrics["live_latency"] == pytest.approx(6.5)
    assert no_catch_up.metrics["catch_up"] == 0
    assert_session_adds_up(no_catch_up, film)
    for catch_up in ("dash.js", "lol+"):
        session = abr.simulate(film, link, "bba-0", model=abr.SessionModel(live=6.0, catch_up=catch_up))
        # LoL+ does not change the playback rate within 2 % of the target
        assert session.metrics["live_latency"] == pytest.approx(6.0, abs=0.02 * 6)
        assert 0 < session.metrics["catch_up"] < 0.1
        assert session.metrics["rebuffer_count"] == 0
        assert session.events[-1].time == pytest.approx(no_catch_up.events[-1].time - 0.5, abs=0.13)
    assert abr.simulate(film, link, "bba-0").metrics["live_latency"] is None
    with pytest.raises(abr.PresentationError, match=r"cannot be 1 s behind.*last up to 2 s"):
        abr.simulate(film, link, "bba-0", model=abr.SessionModel(live=1.0))


@pytest.mark.parametrize("seed", range(12))
def test_simulate_equals_reference_implementation(film, seed):
    rng = np.random.default_rng(seed)
    durations = rng.uniform(1.5, 2.5, 200)
    audio = abr.Audio(durations, rng.integers(10_000, 60_000, 200))
    title = replace(film, audio=audio)
    plan = rng.integers(0, 3, len(film.durations))
    trace = random_trace(seed, 3e6)
    switches = {
        "slow_start": [None, 0.2, 1.0][seed % 3],
        "live": [None, 8.0, 20.0][(seed // 2) % 3],
        "catch_up": ["dash.js", "lol+", "none"][(seed // 3) % 3],
    }
    with_audio = bool(seed % 2)
    model = abr.SessionModel(audio=with_audio, **switches)
    session = abr.simulate(title, trace, fixed_plan(plan), model=model)
    reference = naive_viewing(title, trace, plan, sound=with_audio, **switches)
    stalled = sum(e.duration for e in events_of(session, "stall"))
    assert session.metrics["startup_delay"] == pytest.approx(reference.startup, abs=1e-6)
    assert stalled == pytest.approx(reference.stalled, abs=1e-5)
    assert session.metrics["rebuffer_count"] == reference.stalls
    assert session.events[-1].time == pytest.approx(reference.now, abs=1e-5)
    if switches["live"] is None:
        assert_session_adds_up(session, title)
        return
    since = reference.now - reference.startup
    assert session.metrics["live_latency"] == pytest.approx(reference.area / since, abs=1e-5)
    assert session.metrics["catch_up"] == pytest.approx(reference.fast / (since - reference.stalled), abs=1e-5)


ALL_SETTINGS = abr.SessionModel(slow_start=0.5, audio=True, replacement="earliest", live=12.0)


@pytest.mark.parametrize("name", ALL_POLICIES)
def test_simulate_many_equals_simulate_with_all_settings(film, networks, name):
    title = replace(film, audio=abr.Audio(np.full(130, 1.9), np.full(130, 20_000)))
    table = abr.simulate_many(title, networks, [name], model=ALL_SETTINGS)
    assert table.failure() is None
    for row, trace in enumerate(networks):
        session = abr.simulate(title, trace, name, model=ALL_SETTINGS)
        moved = events_of(session, "download", "abandon", "audio", "replace")
        assert sum(e.bytes for e in moved) == pytest.approx(session.metrics["downloaded_bytes"])
        for metric in ("live_latency", "catch_up", "wasted_bytes", "rebuffer_ratio"):
            assert table[metric][row] == pytest.approx(session.metrics[metric], rel=1e-9)
        assert_session_adds_up(abr.simulate(title, trace, name, model=replace(ALL_SETTINGS, live=None)), title)


def test_offline_bound_refuses_settings_that_it_does_not_model(film, networks):
    for switch in ({"slow_start": 1.0}, {"audio": True}, {"replacement": "latest"}, {"live": 9.0}):
        model = abr.SessionModel(**switch)
        assert not abr.can_bound(model)
        with pytest.raises(abr.PolicyError, match="bound covers"):
            abr.offline_bound(film, networks[0], model=model)
    assert abr.can_bound(abr.SessionModel(buffer=30.0, payload=0.9))
