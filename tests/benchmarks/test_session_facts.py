"""Facts of recorded sessions: the rungs that were played, stalls, and recordings of a machine that was too slow."""

import json
from dataclasses import replace

import numpy as np
import pytest

import abr
from abr.web_players.web_title import as_web_title
from benchmarks.fidelity.conclusions import QOES, SessionQoe, print_conclusions, session_qoe
from benchmarks.fidelity.rehearsal_times import rehearsal_times
from benchmarks.fidelity.score_table import compare
from benchmarks.fidelity.session_facts import recorded_facts, validity
from benchmarks.fidelity.session_traces import HALVES, planned_sessions

SEGMENTS = 4


@pytest.fixture
def title():
    rungs = (abr.Rung("low", 200_000), abr.Rung("high", 800_000))
    sizes = np.full((SEGMENTS, 2), [100_000, 400_000])
    vmaf = np.full((SEGMENTS, 2), [60.0, 90.0])
    return as_web_title(abr.Presentation("video", rungs, np.full(SEGMENTS, 4.0), sizes, vmaf))


@pytest.fixture
def recording(tmp_path):
    tracks = [
        {"id": name, "segments": [{"url": f"{name}/{n}.m4s"} for n in range(SEGMENTS)]} for name in ("low", "high")
    ]
    (tmp_path / "presentation.json").write_text(json.dumps({"video": tracks}))
    paths = [("low/0.m4s", 1, True), ("high/1.m4s", 2, False), ("low/1.m4s", 3, True), ("low/2.m4s", 4, True)]
    paths += [("low/3.m4s", 5, True), ("high/3.m4s", 6, True)]
    requests = [{"path": path, "end": end, "whole": whole} for path, end, whole in paths]
    # playback starts at 1 s of the page, and stands still for 2 s at 5 s
    samples = [[t / 4, max(0.0, min(t / 4 - 1, 4) + max(0.0, t / 4 - 7)), 3.0, False, 4] for t in range(41)]
    seen = {"offset": 0.5, "errors": [], "late": [], "samples": samples, "events": [[1.0, "playing", 0.0, 180]]}
    return {"folder": str(tmp_path), "requests": requests, "seen": seen}


def test_recorded_facts_takes_the_last_complete_download_of_a_segment(recording, title):
    facts = recorded_facts(recording, title)
    assert facts.rungs == (0, 0, 0, 1)
    assert facts.requests == 6
    assert facts.startup == pytest.approx(1.5)
    assert facts.stall == pytest.approx(2.0)


def test_compare_weighs_segments_by_their_durations(recording, title):
    facts = recorded_facts(recording, title)
    assert compare(facts, facts, title) == (100.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    same, segments, session, *_ = compare(
        facts, facts.__class__((0, 1, 0, 1), 1.5, 2.0, facts.times, facts.levels, 6), title
    )
    assert (same, segments, session) == (75.0, 7.5, 7.5)


def test_validity_drops_late_timers_and_errors(recording):
    assert validity(recording).reason is None
    recording["seen"]["late"] = [[3.0, 1.2]]
    assert validity(recording).reason == "timers were late"
    recording["seen"]["errors"] = ["video: 3"]
    assert validity(recording).reason == "the player failed: video: 3"


def test_compare_leaves_out_segments_that_both_skipped(recording, title):
    facts = recorded_facts(recording, title)
    real, other = replace(facts, rungs=(0, -1, -1, 1)), replace(facts, rungs=(0, -1, 0, 0))
    assert compare(real, other, title)[0] == pytest.approx(100 / 3)


def test_recorded_facts_counts_the_wait_after_a_seek_as_a_stall(recording, title):
    stall = recorded_facts(recording, title).stall
    recording["seek"] = (3.0, 8.0)
    recording["seen"]["events"].append([3.0, "seek", 2.0])
    recording["seen"]["samples"] = [[t, at + 6.0 * (t >= 3), *rest] for t, at, *rest in recording["seen"]["samples"]]
    assert recorded_facts(recording, title).stall == pytest.approx(stall)


def test_rehearsal_times_reads_pauses_between_requests():
    requests = [("/-/files/manifest.mpd", 0.0, 0.1), ("/-/files/video/a/init.mp4", 0.14, 0.15)]
    requests += [(f"/-/files/video/a/{n}.m4s", 0.2 + n / 10, 0.28 + n / 10) for n in range(4)]
    times = rehearsal_times({"playing": 0.5, "resources": requests})
    assert times == pytest.approx((0.04, 0.02, 0.02))
    assert rehearsal_times({"playing": None, "resources": requests}) is None


def test_print_conclusions_ranks_sessions_and_players(capsys, title):
    def session(trace, player, real, simulated):
        return SessionQoe(trace, player, dict.fromkeys(QOES, real), dict.fromkeys(QOES, simulated))

    print_conclusions(
        [session("a", "x", 1, 1), session("a", "y", 2, 3), session("b", "x", 3, 5), session("b", "y", 4, 4)]
    )
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| vmaf_mean"))
    assert row.split("|")[2:4] == [" 0.800 ", " 1 of 2 "]


def test_session_qoe_is_that_of_the_played_rungs(recording, title):
    facts = recorded_facts(recording, title)
    assert session_qoe(facts, title)["vmaf_mean"] == pytest.approx(np.mean([60, 60, 60, 90]))


def test_planned_sessions_keep_the_traces_of_the_halves_apart():
    sessions = [session for index in range(3) for session in planned_sessions(1e6, index, None)]
    halves = [
        {session.trace.rates.tobytes() for session in sessions if session.name.startswith(half)} for half in HALVES
    ]
    assert all(halves) and not halves[0] & halves[1]
    assert max(session.runs for session in sessions) == 5
    assert any(session.seek for session in sessions)
