"""`make_p1203_input` and `run_p1203`; the P.1203 software runs only where it is installed."""

import importlib.util
import json

import pytest

import abr


@pytest.fixture
def stalled():
    """Return a session with a startup delay of 1 s, 4 s of playback and a stall of 4 s, and its presentation."""
    rungs = (abr.Rung("low", 1_000_000, 640, 360), abr.Rung("high", 4_000_000, 1280, 720))
    audio = abr.Audio([3.0, 3.0, 3.0], [24_000, 30_000, 24_000])
    pres = abr.Presentation("film", rungs, [4.0, 4.0], [[500_000, 2_000_000]] * 2, audio=audio)
    trace = abr.Trace("drop", [1.0, 7.0, 100.0], [4e6, 0.0, 4e6], [0.0] * 3)
    return abr.simulate(pres, trace, lambda state: 0), pres


def test_make_p1203_input_lists_played_segments_and_stalls(stalled):
    session, pres = stalled
    document = json.loads(json.dumps(abr.make_p1203_input(session, pres, frame_rate=24)))
    assert document["I13"]["segments"][1] == {
        "codec": "h264",
        "start": 4.0,
        "duration": 4.0,
        "bitrate": 1000.0,
        "fps": 24,
        "resolution": "640x360",
        "representation": 0,
    }
    assert document["I23"]["stalling"] == [[0.0, 1.0], [4.0, 4.0]]
    assert [s["start"] for s in document["I11"]["segments"]] == [0.0, 3.0, 6.0]
    assert document["I11"]["segments"][1]["bitrate"] == pytest.approx(80)
    assert document["IGen"] == {"device": "pc", "displaySize": "1920x1080", "viewingDistance": "150cm"}


def test_make_p1203_input_refuses_unknown_frame_sizes_and_live_sessions(stalled):
    session, pres = stalled
    blind = abr.Presentation("film", (abr.Rung("low", 1_000_000),), pres.durations, pres.sizes[:, :1])
    with pytest.raises(abr.PresentationError, match="rung low has no width and height"):
        abr.make_p1203_input(session, blind)
    trace = abr.Trace("steady", [10.0], [4e6], [0.0])
    live = abr.simulate(pres, trace, "bba-0", model=abr.SessionModel(live=8.0))
    with pytest.raises(abr.PresentationError, match="does not apply to live"):
        abr.make_p1203_input(live, pres)


@pytest.mark.skipif(importlib.util.find_spec("itu_p1203") is not None, reason="itu_p1203 is installed")
def test_run_p1203_names_the_package_when_it_is_missing(stalled):
    with pytest.raises(abr.PolicyError, match="needs the package itu_p1203"):
        abr.run_p1203(*stalled)


def test_run_p1203_scores_the_session(stalled):
    pytest.importorskip("itu_p1203", reason="its licence does not permit us to install it")
    assert 1 <= abr.run_p1203(*stalled)["O46"] <= 5
