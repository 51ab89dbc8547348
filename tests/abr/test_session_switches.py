"""What a session model can be told besides: slow start, audio, replacement, live; by hand, and against a plain twin."""

from dataclasses import replace

import numpy as np
import pytest
from numba import njit

import abr
from tests.abr.conftest import random_trace
from tests.abr.fixed_plan import fixed_plan
from tests.abr.test_policies import EVERY
from tests.naive.sessions import naive_viewing

MBIT = 125_000


def one_rung(size, segments=10, seconds=4.0, audio=None):
    rungs = (abr.Rung("only", int(8 * size / seconds)),)
    sizes = np.full((segments, 1), size)
    return abr.Presentation("even", rungs, np.full(segments, seconds), sizes, audio=audio)


def even_audio(size, segments=20, seconds=2.0):
    return abr.Audio(np.full(segments, seconds), np.full(segments, size))


def transfers(session, *kinds):
    return [event for event in session.events if event.event in kinds]


def check(session, film):
    """Time and bytes add up; what was wasted is what came and was never played."""
    stalled = sum(e.duration for e in transfers(session, "stall"))
    startup = sum(e.duration for e in transfers(session, "startup"))
    assert session.events[-1].time == pytest.approx(startup + stalled + film.duration, abs=1e-6)
    moved = transfers(session, "download", "abandon", "audio", "replace")
    busy = sum(e.duration for e in [*moved, *transfers(session, "wait")])
    assert session.events[-1].time == pytest.approx(busy + moved[-1].buffer, abs=1e-6)
    assert sum(e.bytes for e in moved) == pytest.approx(session.metrics["downloaded_bytes"], abs=1e-3)
    played = film.sizes[np.arange(len(session.rungs)), list(session.rungs)].sum()
    heard = sum(e.bytes for e in transfers(session, "audio"))
    wasted = session.metrics["downloaded_bytes"] - heard - played
    assert session.metrics["wasted_bytes"] == pytest.approx(wasted, abs=1e-3)


def test_a_cold_connection_takes_the_flights_that_slow_start_allows():
    film = one_rung(4 * MBIT)
    link = abr.Trace("steady", [10], [10e6], [0.1])
    model = abr.SessionModel(buffer=12.0, slow_start=1.0)
    downloads = transfers(abr.simulate(film, link, "bba-0", model=model), "download")
    # flights of 116.8, 233.6, 467.2 and 934.4 kbit take 0.1 s each, the other 2248 kbit run at 10 Mbit/s
    assert downloads[0].duration == pytest.approx(0.1 + 0.4 + 0.2248)
    assert [e.duration for e in downloads[1:3]] == pytest.approx([0.5, 0.5])
    # then the buffer is full, and every request comes after a rest of more than a second
    assert [e.duration for e in downloads[4:]] == pytest.approx([0.7248] * 6)
    patient = abr.SessionModel(buffer=12.0, slow_start=5.0)
    downloads = transfers(abr.simulate(film, link, "bba-0", model=patient), "download")
    assert [e.duration for e in downloads[1:]] == pytest.approx([0.5] * 9)


def test_audio_takes_its_turn_and_playback_waits_for_both():
    link = abr.Trace("steady", [10], [1e6], [0.0])
    film = one_rung(2 * MBIT, segments=2, audio=even_audio(MBIT // 5, 4))
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
    check(session, film)


def test_a_session_stalls_when_only_the_audio_is_empty():
    link = abr.Trace("steady", [10], [1e6], [0.0])
    film = one_rung(MBIT, segments=2, audio=even_audio(3 * MBIT, 4))
    session = abr.simulate(film, link, "bba-0", model=abr.SessionModel(audio=True))
    # audio comes at 4, 7, 11 and 14 s, two seconds of it each
    assert [(round(e.time, 6), round(e.duration, 6)) for e in transfers(session, "stall")] == [(7, 1), (11, 2), (14, 1)]
    assert session.metrics["startup_delay"] == pytest.approx(4.0)
    assert session.events[-1].time == pytest.approx(16.0)
    check(session, film)
    with pytest.raises(abr.PresentationError, match="even: it has no audio"):
        abr.simulate(one_rung(MBIT), link, "bba-0", model=abr.SessionModel(audio=True))


def test_the_segments_to_fetch_again_are_those_of_lower_rungs_and_far_enough_ahead():
    rungs = (abr.Rung("low", 1_000_000), abr.Rung("high", 2_000_000))
    sizes = np.tile([500_000, 1_000_000], (8, 1))
    film = abr.Presentation("two", rungs, np.full(8, 4.0), sizes)
    link = abr.Trace("steady", [10], [8e6], [0.0])

    def later(state):
        return int(state.segment >= 4)

    @njit
    def later_compiled(event, s, k, m, sizes, vmaf, ladder, durations):
        return int(s[2] >= 4)

    # at 2 s four low segments have come, and 1.5 s of the first have played: the third and fourth may be fetched again;
    # at 3 s only the fourth, and when it has come nothing
    for order, fetched in (("earliest", [2, 3]), ("latest", [3])):
        model = abr.SessionModel(replacement=order)
        session = abr.simulate(film, link, later, model=model)
        again = transfers(session, "replace")
        assert [e.segment for e in again] == fetched
        assert [e.time for e in again] == pytest.approx([3.0, 4.0][: len(fetched)])
        assert session.rungs == (0, 0, int(2 in fetched), 1, 1, 1, 1, 1)
        assert session.metrics["wasted_bytes"] == 500_000 * len(fetched)
        check(session, film)
        assert abr.simulate(film, link, later_compiled, model=model).events == session.events


def test_a_live_session_keeps_its_distance_or_catches_up():
    film = one_rung(MBIT, segments=60, seconds=2.0)
    link = abr.Trace("steady", [10], [2e6], [0.0])
    still = abr.simulate(film, link, "bba-0", model=abr.SessionModel(live=6.0, catch_up="none"))
    # three segments are there; the first comes after 0.5 s, and playback stays so much later than it should be
    downloads = transfers(still, "download")
    assert [e.time for e in downloads[:6]] == pytest.approx([0.5, 1.0, 1.5, 2.5, 4.5, 6.5])
    assert still.metrics["live_latency"] == pytest.approx(6.5)
    assert still.metrics["catch_up"] == 0
    check(still, film)
    for catch_up in ("dash.js", "lol+"):
        session = abr.simulate(film, link, "bba-0", model=abr.SessionModel(live=6.0, catch_up=catch_up))
        # LoL+ is content within 2 per cent
        assert session.metrics["live_latency"] == pytest.approx(6.0, abs=0.02 * 6)
        assert 0 < session.metrics["catch_up"] < 0.1
        assert session.metrics["rebuffer_count"] == 0
        assert session.events[-1].time == pytest.approx(still.events[-1].time - 0.5, abs=0.13)
    assert abr.simulate(film, link, "bba-0").metrics["live_latency"] is None
    with pytest.raises(abr.PresentationError, match=r"cannot be 1 s behind.*last up to 2 s"):
        abr.simulate(film, link, "bba-0", model=abr.SessionModel(live=1.0))


@pytest.mark.parametrize("seed", range(12))
def test_sessions_are_those_of_the_plain_twin(film, seed):
    rng = np.random.default_rng(seed)
    heard = rng.uniform(1.5, 2.5, 200)
    audio = abr.Audio(heard, rng.integers(10_000, 60_000, 200))
    title = replace(film, audio=audio)
    plan = rng.integers(0, 3, len(film.durations))
    trace = random_trace(seed, 3e6)
    switches = {
        "slow_start": [None, 0.2, 1.0][seed % 3],
        "live": [None, 8.0, 20.0][(seed // 2) % 3],
        "catch_up": ["dash.js", "lol+", "none"][(seed // 3) % 3],
    }
    sound = bool(seed % 2)
    model = abr.SessionModel(audio=sound, **switches)
    session = abr.simulate(title, trace, fixed_plan(plan), model=model)
    twin = naive_viewing(title, trace, plan, sound=sound, **switches)
    stalled = sum(e.duration for e in transfers(session, "stall"))
    assert session.metrics["startup_delay"] == pytest.approx(twin.startup, abs=1e-6)
    assert stalled == pytest.approx(twin.stalled, abs=1e-5)
    assert session.metrics["rebuffer_count"] == twin.stalls
    assert session.events[-1].time == pytest.approx(twin.now, abs=1e-5)
    if switches["live"] is None:
        check(session, title)
        return
    since = twin.now - twin.startup
    assert session.metrics["live_latency"] == pytest.approx(twin.area / since, abs=1e-5)
    assert session.metrics["catch_up"] == pytest.approx(twin.fast / (since - twin.stalled), abs=1e-5)


ALL = abr.SessionModel(slow_start=0.5, audio=True, replacement="earliest", live=12.0)


@pytest.mark.parametrize("name", EVERY)
def test_every_policy_plays_with_everything_switched_on(film, networks, name):
    title = replace(film, audio=abr.Audio(np.full(130, 1.9), np.full(130, 20_000)))
    table = abr.simulate_many(title, networks, [name], model=ALL)
    assert table.failure() is None
    for row, trace in enumerate(networks):
        session = abr.simulate(title, trace, name, model=ALL)
        moved = transfers(session, "download", "abandon", "audio", "replace")
        assert sum(e.bytes for e in moved) == pytest.approx(session.metrics["downloaded_bytes"])
        for metric in ("live_latency", "catch_up", "wasted_bytes", "rebuffer_ratio"):
            assert table[metric][row] == pytest.approx(session.metrics[metric], rel=1e-9)
        check(abr.simulate(title, trace, name, model=replace(ALL, live=None)), title)


def test_the_bound_does_not_cover_what_it_does_not_model(film, networks):
    for switch in ({"slow_start": 1.0}, {"audio": True}, {"replacement": "latest"}, {"live": 9.0}):
        model = abr.SessionModel(**switch)
        assert not abr.can_bound(model)
        with pytest.raises(abr.PolicyError, match="bound covers"):
            abr.offline_bound(film, networks[0], model=model)
    assert abr.can_bound(abr.SessionModel(buffer=30.0, payload=0.9))
