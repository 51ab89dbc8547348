"""Replay of the decisions of dash.js with what it measured."""

import math

import numpy as np
import pytest

import abr
from abr.web_players.web_title import as_web_title
from benchmarks.fidelity import decision_replay


def recording(switches_to):
    rates = (200_000, 800_000, 3_000_000)
    sizes = np.tile(np.array(rates) * 4 // 8, (3, 1))
    rungs = tuple(abr.Rung(f"{rate}", rate) for rate in rates)
    title = as_web_title(abr.Presentation("video", rungs, np.full(3, 4.0), sizes))
    decisions = [
        [0.1, "video", "InitializationSegment:NaN", 1, math.nan, math.nan, math.nan],
        [0.2, "video", "MediaSegment:0", 1, math.nan, 0.0, 0.0],
        [1.1, "video", "InitializationSegment:NaN", switches_to, 4000, 4.0, math.nan],
        [1.2, "video", "MediaSegment:1", switches_to, 4000, 4.0, 4.0],
    ]
    events = [
        [1.0, "loaded", "video", "MediaSegment", 0, 4000],
        [1.05, "switching", "video", 1, switches_to, "{}"],
    ]
    return title, {"folder": "", "seen": {"decisions": decisions, "events": events}}


@pytest.mark.parametrize(("switches_to", "equal"), [(2, 1), (0, 0)])
def test_equal_decisions_counts_a_rung_that_the_rules_choose(monkeypatch, switches_to, equal):
    title, session = recording(switches_to)
    monkeypatch.setattr(decision_replay, "load_web_title", lambda _: title)
    assert decision_replay.equal_decisions(session) == (equal, 1)
