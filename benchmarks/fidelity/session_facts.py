"""What happened in a session, recorded or simulated, in the same terms."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import abr
from abr import load_trace
from abr.web_players.dashjs_player import DashjsPlayer
from abr.web_players.dashjs_settings import DashjsSettings
from abr.web_players.hlsjs_player import HlsjsPlayer
from abr.web_players.player_session import PlayerSession
from abr.web_players.shaka_player import ShakaPlayer
from abr.web_players.web_title import WebTitle

__all__ = ["POLICIES", "SessionFacts", "Validity", "policy_facts", "recorded_facts", "simulated_facts", "validity"]

#: Label of a recorded player -> policy with its decision rules.
POLICIES = {
    "dash.js": "dashjs-dynamic",
    "dash.js-throughput": "dashjs-throughput",
    "dash.js-bola": "dashjs-bola",
    "hls.js": "hlsjs",
    "shaka": "shaka",
}

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SessionFacts:
    """What a session is compared by.

    Attributes
    ----------
    rungs : tuple of int
        Rung of every segment that was played; -1 where none arrived.
    startup : float
        Time of the first frame, s.
    stall : float
        Total stall after startup, s.
    times, levels : ndarray
        Samples of the buffer level, s.
    requests : int
        Requests of video segments.
    """

    rungs: tuple[int, ...]
    startup: float
    stall: float
    times: Floats
    levels: Floats
    requests: int

    def vmaf(self, title: WebTitle) -> Floats:
        """Return the VMAF of every segment; 0 where none arrived."""
        table = title.presentation.vmaf
        assert table is not None
        return np.array([table[n, rung] if rung >= 0 else 0.0 for n, rung in enumerate(self.rungs)])


@dataclass(frozen=True, slots=True)
class Validity:
    """Why a recording counts or not."""

    reason: str | None  #: None: it counts
    late: float  #: longest delay of a timer, s


#: Longest delay of a timer that a recording may have, s; chosen by hand: two periods in which dash.js looks at a full
#: buffer, a third of the shortest segment.
MAX_LATE = 1.0
#: Fraction of the timers that may be late by more than half a period of 50 ms; chosen by hand.
MAX_LATE_SHARE = 0.05


def validity(recording: dict[str, Any]) -> Validity:
    """Return whether the machine was fast enough for a recording, and the player did not fail."""
    seen = recording["seen"]
    late = max((delay for _, delay in seen["late"]), default=0.0)
    length = seen["samples"][-1][0] if seen["samples"] else 0.0
    if seen["errors"]:
        return Validity(f"the player failed: {seen['errors'][0]}", late)
    if late > MAX_LATE or len(seen["late"]) > MAX_LATE_SHARE * length / 0.05:
        return Validity("timers were late", late)
    return Validity(None, late)


def recorded_facts(recording: dict[str, Any], title: WebTitle) -> SessionFacts:
    """Return what happened in a recorded session."""
    document = json.loads((Path(recording["folder"]) / "presentation.json").read_text())
    tracks = {track["id"]: track for track in document["video"]}
    places = {
        segment["url"]: (n, rung)
        for rung, entry in enumerate(title.presentation.rungs)
        for n, segment in enumerate(tracks[entry.id]["segments"])
    }
    offset = recording["seen"]["offset"]  # from the time of the page to that of the server
    samples = np.array([[t + offset, at, ahead] for t, at, ahead, *_ in recording["seen"]["samples"]])
    moving = np.flatnonzero(samples[:, 1] > 0)
    played = [event[0] + offset for event in recording["seen"]["events"] if event[1] == "playing"]
    startup = played[0] if played else samples[-1, 0]
    stall = 0.0
    if moving.size:
        first, last = samples[moving[0]], samples[-1]
        skipped = sum(recording["seek"][1] - event[2] for event in _seeks(recording))
        stall = max(0.0, (last[0] - startup) - (last[1] - skipped)) if first[1] >= 0 else 0.0
    rungs = [-1] * len(title.presentation.durations)
    count = 0
    for request in sorted(recording["requests"], key=lambda request: request["end"] or 0.0):
        if request["path"] in places:
            count += 1
            segment, rung = places[request["path"]]
            if request["whole"]:
                rungs[segment] = rung
    return SessionFacts(tuple(rungs), startup, stall, samples[:, 0], samples[:, 2], count)


def _seeks(recording: dict[str, Any]) -> list[list[Any]]:
    """Return the seeks of a session: time, kind, position before."""
    return [event for event in recording["seen"]["events"] if event[1] == "seek"]


def simulated_session(recording: dict[str, Any], title: WebTitle) -> PlayerSession:
    """Play the session of a recording with the model of its player, and return it."""
    session = PlayerSession(title, load_trace(recording["trace"]))
    for event in _seeks(recording):
        session.seek_at(event[0] + recording["seen"]["offset"], recording["seek"][1])
    if recording["player"] == "dash.js":
        rules = recording["settings"].get("streaming", {}).get("abr", {}).get("rules", {})
        active = [rules.get(name, {}).get("active", True) for name in ("throughputRule", "bolaRule")]
        DashjsPlayer(session, DashjsSettings(*active))
    elif recording["player"] == "hls.js":
        HlsjsPlayer(session)
    else:
        downlinks = recording["seen"]["downlinks"]
        ShakaPlayer(session, 1e6 * downlinks[0][1] if downlinks and downlinks[0][1] else None)
    session.run(recording["limit"])
    return session


def simulated_facts(recording: dict[str, Any], title: WebTitle) -> SessionFacts:
    """Return what happens when the model of the player plays the session of a recording."""
    session = simulated_session(recording, title)
    times, levels = np.array(session.samples).T
    media = session.media
    count = sum(request.kind == "video" for request in session.requests)
    startup = media.started if media.started is not None else recording["limit"]
    return SessionFacts(tuple(session.rungs()), startup, sum(d for _, d in media.stalls), times, levels, count)


def policy_facts(recording: dict[str, Any], title: WebTitle) -> SessionFacts:
    """Return what happens when the policy of the player plays the session of a recording in the mode `default`."""
    pres = abr.load_presentation(Path(recording["folder"]) / "presentation.json")
    session = abr.simulate(pres, load_trace(recording["trace"]), POLICIES[recording["label"]])
    times = np.array([event.time for event in session.events])
    levels = np.array([event.buffer for event in session.events])
    stall = sum(event.duration for event in session.events if event.event == "stall")
    count = sum(event.event in ("download", "abandon", "replace") for event in session.events)
    startup = session.metrics["startup_delay"]
    assert startup is not None
    return SessionFacts(session.rungs, startup, stall, times, levels, count)
