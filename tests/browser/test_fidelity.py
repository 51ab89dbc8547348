"""Models of web players decide as the players do in Chromium: on a constant link, after a step, and over an outage."""

import json
from pathlib import Path

import numpy as np
import pytest

from abr import Trace, load_trace
from abr.traces.trace_json import save_trace
from abr.web_players.web_title import load_web_title
from benchmarks.fidelity.recorded_link import MAX_ERROR, Piece, link_error
from benchmarks.fidelity.recording_run import record_plans
from benchmarks.fidelity.repeated_presentation import repeat_presentation
from benchmarks.fidelity.score_table import compare
from benchmarks.fidelity.session_facts import recorded_facts, simulated_facts, validity

from .conftest import PLAYERS

pytestmark = pytest.mark.browser

#: Traces as (seconds, multiple of the middle rung).
LINKS = {
    "constant": ((100, 1.3),),
    "step": ((14, 3.0), (86, 0.55)),
    "outage": ((14, 1.6), (6, 0.0), (80, 1.6)),
}
#: Percent of the time that both play the same rung. Half a minute has about 15 segments, and a decision after a change
#: of the link depends on tens of milliseconds, which a loaded machine does not keep.
AGREEMENT = {"constant": 90, "step": 70, "outage": 70}
#: Repetitions of the clip, and so the length of a session.
REPEAT = 3


@pytest.fixture(scope="module")
def title_folder(presentation, tmp_path_factory):
    """The presentation of the browser tests, repeated."""
    return repeat_presentation(presentation, tmp_path_factory.mktemp("fidelity") / "presentation", REPEAT)


@pytest.fixture(scope="module")
def recordings(title_folder):
    """The recorded sessions by player and link; three at a time."""
    title = load_web_title(title_folder)
    middle = float(np.median(title.dash_bitrates))
    folder = title_folder.parent
    plans = []
    for link, parts in LINKS.items():
        durations, loads = zip(*parts, strict=True)
        trace = save_trace(
            Trace(link, durations, np.array(loads) * middle, [0.05] * len(parts)), folder / f"{link}.json"
        )
        plans += [
            {
                "folder": str(title_folder),
                "trace": str(trace),
                "name": link,
                "label": player,
                "player": player,
                "player_js": str(PLAYERS[f"/players/{player}"]),
                "settings": {},
                "limit": title.presentation.duration + 30,
                "output": str(folder / f"{link}__{player}.json"),
            }
            for player in ("hls.js", "dash.js")
        ]
    record_plans(plans, folder, 3)
    return {(plan["label"], plan["name"]): json.loads(Path(plan["output"]).read_text()) for plan in plans}


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("player", ["hls.js", "dash.js"])
def test_model_of_a_player_chooses_the_rungs_of_the_player(recordings, title_folder, player, link):
    recording = recordings[player, link]
    title = load_web_title(title_folder)
    assert not recording["seen"]["errors"]
    reason = validity(recording).reason
    if reason is not None:
        pytest.skip(reason)
    real, simulated = recorded_facts(recording, title), simulated_facts(recording, title)
    same, _, _, rebuffer, startup, _ = compare(real, simulated, title)
    assert same >= AGREEMENT[link], (real.rungs, simulated.rungs)
    # percentage points; a stall of one segment is 7 of a session of half a minute
    assert rebuffer < 15
    assert startup < 3


def test_link_sends_what_its_trace_allows(recordings):
    valid = [recording for recording in recordings.values() if validity(recording).reason is None]
    if not valid:
        pytest.skip("the machine was too slow")
    for recording in valid:
        pieces = [Piece(*piece) for piece in recording["pieces"]]
        assert link_error(load_trace(recording["trace"]), pieces).mean < MAX_ERROR
