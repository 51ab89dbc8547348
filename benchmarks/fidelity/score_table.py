"""Compare recorded sessions with simulated ones, and with other runs of the same session."""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from abr import load_trace
from abr.web_players.web_title import WebTitle, load_web_title
from benchmarks.fidelity.conclusions import SessionQoe, print_conclusions, session_qoe
from benchmarks.fidelity.recorded_link import Piece, link_error
from benchmarks.fidelity.session_facts import (
    POLICIES,
    SessionFacts,
    policy_facts,
    recorded_facts,
    simulated_facts,
    validity,
)

__all__ = ["compare", "print_scores"]

#: The data file of `abr` with the errors of the models.
VALIDATION_FILE = Path(__file__).parents[2] / "abr" / "web_players" / "validation.json"
#: Names of players in texts.
NAMES = {"shaka": "Shaka Player", "dash.js": "dash.js", "hls.js": "hls.js"}

#: Resamplings of a bootstrap interval.
RESAMPLINGS = 2000
COLUMNS = (
    "same rung, %",
    "|VMAF| of segments",
    "|VMAF| of sessions",
    "rebuffer ratio, points",
    "startup, s",
    "buffer RMSE, s",
)


def compare(real: SessionFacts, other: SessionFacts, title: WebTitle) -> tuple[float, ...]:
    """Return the differences of two sessions, in the order of `COLUMNS`; segments that both skipped do not count."""
    duration = title.presentation.duration
    played = (np.array(real.rungs) >= 0) | (np.array(other.rungs) >= 0)
    weights = np.where(played, title.presentation.durations, 0.0)
    weights /= max(weights.sum(), 1e-9)
    same = np.array(real.rungs) == np.array(other.rungs)
    a, b = real.vmaf(title), other.vmaf(title)
    ratios = [100 * facts.stall / (facts.stall + duration) for facts in (real, other)]
    until = min(real.times[-1], other.times[-1])
    times = real.times[real.times <= until]
    levels = np.interp(times, other.times, other.levels)
    rmse = float(np.sqrt(np.mean((real.levels[: len(times)] - levels) ** 2)))
    return (
        100 * float(same @ weights),
        float(np.abs(a - b) @ weights),
        abs(float((a - b) @ weights)),
        abs(ratios[0] - ratios[1]),
        abs(real.startup - other.startup),
        rmse,
    )


def interval(values: Sequence[float], rng: np.random.Generator) -> tuple[float, float]:
    """Return the bootstrap interval of 95 % of a mean over sessions."""
    table = np.array(values)
    means = table[rng.integers(0, len(table), (RESAMPLINGS, len(table)))].mean(axis=1)
    return float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


@dataclass
class _Scores:
    """What `score` prints."""

    simulated: dict[str, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))
    alone: dict[str, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))
    repeated: dict[str, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))
    versions: dict[str, str] = field(default_factory=dict)
    qoe: list[SessionQoe] = field(default_factory=list)
    recordings: int = 0
    dropped: list[str] = field(default_factory=list)
    browsers: set[str] = field(default_factory=set)


def print_scores(options: argparse.Namespace) -> None:
    """Print the table of a folder of recordings, and the test of the conclusions; write the data file on request."""
    scores, titles = _Scores(), {}
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(options.recordings.rglob("*__*__*.json")):
        if options.half == "all" or path.name.startswith(options.half):
            groups[str(path.relative_to(options.recordings)).rpartition("__")[0]].append(path)
    for name, paths in sorted(groups.items(), key=lambda group: group[0].rpartition("__")[::-1]):
        runs = []
        for path in paths:
            recording = json.loads(path.read_text())
            title = titles.setdefault(recording["folder"], load_web_title(recording["folder"]))
            reason = _reason(recording, options.bad_windows)
            if reason is None:
                runs.append((recording, recorded_facts(recording, title)))
            else:
                scores.dropped.append(f"{path.relative_to(options.recordings).with_suffix('')}: {reason}")
        if runs:
            _add_runs(scores, name, runs, title, options.verbose)
    tables = {"mode `player`": scores.simulated, "itself": scores.repeated, "mode `default`": scores.alone}
    _print_table(tables, scores)
    print(f"{scores.recordings} recordings count, {len(scores.dropped)} do not" + (":" if scores.dropped else "."))
    for line in scores.dropped:
        print(f"  {line}")
    print_conclusions(scores.qoe)
    if options.write:
        _write(scores, options)


def _reason(recording: dict[str, Any], bad_windows: float) -> str | None:
    """Return why a recording does not count; None if it does."""
    reason = validity(recording).reason
    if reason is not None:
        return reason
    error = link_error(load_trace(recording["trace"]), [Piece(*piece) for piece in recording["pieces"]])
    if error.bad > bad_windows:
        return f"the link was wrong by up to {100 * error.largest:.1f} % in {100 * error.bad:.1f} % of the windows"
    return None


def _add_runs(
    scores: _Scores, name: str, runs: list[tuple[dict[str, Any], SessionFacts]], title: WebTitle, is_verbose: bool
) -> None:
    """Score all recordings of one player on one trace."""
    first = runs[0][0]
    label = first["label"]
    scores.versions[label] = first["seen"]["version"].lstrip("v")
    simulated, rows, alone = {}, [], []
    for recording, facts in runs:
        downlink = str(recording["seen"]["downlinks"])
        if downlink not in simulated:
            simulated[downlink] = simulated_facts(recording, title)
        row = compare(facts, simulated[downlink], title)
        rows.append(row)
        scores.recordings += 1
        if not recording.get("seek"):
            alone.append(compare(facts, policy_facts(recording, title), title))
            trace = name.rpartition("__")[0]
            real, model = session_qoe(facts, title), session_qoe(simulated[downlink], title)
            if recording["run"] == 0 and not recording["settings"]:
                scores.qoe.append(SessionQoe(trace, label, real, model))
        scores.browsers.add(recording["chromium"])
        if is_verbose:
            print(f"{name + '__' + str(recording['run']):56} " + " ".join(f"{score:7.2f}" for score in row), flush=True)
    pairs = [compare(facts, other, title) for n, (_, facts) in enumerate(runs) for _, other in runs[:n]]
    # one row for each session, whatever the number of its recordings
    for table, each in ((scores.simulated, rows), (scores.alone, alone), (scores.repeated, pairs)):
        if each:
            table[label].append(tuple(float(value) for value in np.mean(each, axis=0)))


def _print_table(tables: dict[str, dict[str, list[tuple[float, ...]]]], scores: _Scores) -> None:
    rng = np.random.default_rng(1)
    print("| player | compared with | sessions | " + " | ".join(COLUMNS) + " |")
    print("|---|---|---|" + "---|" * len(COLUMNS))
    for label, version in scores.versions.items():
        for kind, table in tables.items():
            if not table[label]:
                continue
            cells = []
            for values in zip(*table[label], strict=True):
                low, high = interval(values, rng)
                cells.append(f"{np.mean(values):.2f} [{low:.2f}, {high:.2f}]")
            print(f"| {label} {version} | {kind} | {len(table[label])} | " + " | ".join(cells) + " |")


def _write(scores: _Scores, options: argparse.Namespace) -> None:
    """Write the figures that `shotladder policies`, `simulate` and reports state."""
    players = {}
    for label, rows in sorted(scores.simulated.items()):
        same, _, vmaf, rebuffer, startup, _ = np.mean(rows, axis=0)
        players[POLICIES[label]] = {
            "player": f"{NAMES.get(label.partition('-')[0], label)} {scores.versions[label]}",
            "sessions": len(rows),
            "same_rung": round(float(same), 1),
            "vmaf": round(float(vmaf), 2),
            "rebuffer_points": round(float(rebuffer), 2),
            "startup": round(float(startup), 2),
        }
    document = {
        "command": f"python -m benchmarks.fidelity score RECORDINGS --half {options.half} "
        f"--bad-windows {options.bad_windows:g} --write",
        "date": time.strftime("%Y-%m-%d"),
        "browser": f"Chromium {', '.join(sorted(scores.browsers))}",
        "policies": players,
    }
    VALIDATION_FILE.write_text(json.dumps(document, indent=1) + "\n")
