"""The throughput rule of dash.js decision by decision: the rules of the model with what the player measured."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from abr.web_players.dashjs_player import (
    ABANDON_TIMEOUT,
    EMPTY_LEVEL,
    IGNORED_SEGMENTS,
    LOW_BUFFER_SAFETY,
    SAFETY,
    STARTUP_BITRATE,
)
from abr.web_players.dashjs_rules import HISTORY_SIZE, ThroughputAverage, highest_rung, history_rung
from abr.web_players.dashjs_timings import ResourceTimings
from abr.web_players.web_title import load_web_title

__all__ = ["equal_decisions", "print_decisions"]


class _Choice(NamedTuple):
    """A decision of the player: time, rung before and after, estimate in kbit/s and buffer level, s."""

    time: float
    old: int
    new: int
    estimate: float
    level: float
    loaded: int  # segments before
    abandoned: float  # time of the last abandonment, s


def equal_decisions(recording: dict[str, Any]) -> tuple[int, int]:
    """Return how many decisions of a recording the rules make as well, and the number of decisions.

    The rules receive the estimate and the buffer level that the player reported; the recording is one of dash.js
    with `dash.js-throughput` as its label.
    """
    title = load_web_title(recording["folder"])
    bitrates = [float(rate) / 1000 for rate in title.dash_bitrates]
    duration = float(title.presentation.durations[0])
    history: list[tuple[int, int]] = []
    equal = count = 0
    abandoned = -math.inf
    for choice in _choices(recording, bitrates):
        if choice.abandoned != abandoned:
            abandoned, history = choice.abandoned, []
        is_abandoning = choice.time - abandoned < ABANDON_TIMEOUT
        rungs = []
        if not math.isnan(choice.estimate) and not is_abandoning and choice.level > EMPTY_LEVEL:
            rungs.append(highest_rung(bitrates, SAFETY * choice.estimate))
        if choice.loaded >= IGNORED_SEGMENTS:
            low = LOW_BUFFER_SAFETY * choice.estimate * choice.level / duration
            rungs.append(highest_rung(bitrates, low) if choice.level > EMPTY_LEVEL else 0)
        limit = history_rung(history, len(bitrates))
        rungs += [] if limit is None else [limit]
        best = min(rungs, default=choice.old)
        acted = choice.old if is_abandoning and best > choice.old else best
        count += 1
        equal += acted == choice.new
        if rungs:
            history = [*history, (choice.old, choice.new if acted != choice.new else best)][-HISTORY_SIZE:]
    return equal, count


def _choices(recording: dict[str, Any], bitrates: list[float]) -> list[_Choice]:
    """Return the decisions of a recording: switches, and requests of segments without a switch before."""
    seen = recording["seen"]
    events = [(event[0], event[1], event) for event in seen["events"] if event[1:3] == ["loaded", "video"]]
    events += [(event[0], "switching", event) for event in seen["events"] if event[1:3] == ["switching", "video"]]
    events += [(request[0], "request", request) for request in seen["decisions"] if request[1] == "video"]
    events.sort(key=lambda event: (event[0], ["loaded", "switching", "request"].index(event[1])))
    found: list[_Choice] = []
    rung, estimate, loaded, abandoned = highest_rung(bitrates, STARTUP_BITRATE / 1000), math.nan, 0, -math.inf
    is_init = False
    for place, (time, kind, event) in enumerate(events):
        new = rung
        if kind == "loaded":
            if event[3] == "MediaSegment":
                loaded, estimate = loaded + 1, event[5]
            continue
        if kind == "request" and (is_init or event[2].startswith("Init")):
            is_init = event[2].startswith("Init")
            continue
        if kind == "switching":
            is_init, new = True, event[4]
            if "forceAbandon" in event[5]:
                rung, abandoned = new, time
                continue
        request = next(later for _, what, later in events[place:] if what == "request")
        level = request[5] if request[5] is not None and not math.isnan(request[5]) else 0.0
        found.append(_Choice(time, rung, new, estimate, level, loaded, abandoned))
        rung = new
    return found


def _estimate_errors(recording: dict[str, Any]) -> list[float]:
    """Return the relative errors of the estimates that follow from the log of the server."""
    average = ThroughputAverage()
    timings = ResourceTimings()
    reported = [event[5] for event in recording["seen"]["events"] if event[1:4] == ["loaded", "video", "MediaSegment"]]
    requests = [r for r in recording["requests"] if "video" in r["path"] and "init" not in r["path"] and r["whole"]]
    errors = []
    for value, request in zip(reported, sorted(requests, key=lambda r: r["end"]), strict=False):
        url = (request["path"], None, None)
        timings.add(url, request["sent"], request["end"] - request["first_byte"])
        average.add(*timings.sample(url))
        errors.append(abs(average.estimate() / value - 1))
    return errors


def print_decisions(options: argparse.Namespace) -> None:
    """Print how many decisions are equal, and how far the estimates of the server's log are from the player's."""
    totals = np.zeros(2, int)
    for path in sorted(Path(options.recordings).rglob("*__dash.js-throughput__*.json")):
        recording = json.loads(path.read_text())
        equal, count = equal_decisions(recording)
        totals += equal, count
        errors = 100 * np.array(_estimate_errors(recording))
        print(
            f"{path.parent.name}/{path.stem}: {equal} of {count} decisions equal; estimate from the log of the server "
            f"off by {errors.mean():.2f} % on average, {errors.max():.1f} % at most"
        )
    print(f"{totals[0]} of {totals[1]} decisions equal")
