"""Compare recorded sessions with simulated ones, and with other runs of the same session."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from abr import load_trace
from abr.web_players.web_title import WebTitle, load_web_title
from benchmarks.fidelity.recorded_link import Piece, link_error
from benchmarks.fidelity.session_facts import SessionFacts, policy_facts, recorded_facts, simulated_facts, validity

__all__ = ["print_scores"]

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
    """Return the differences of two sessions, in the order of `COLUMNS`."""
    duration = title.presentation.duration
    weights = title.presentation.durations / duration
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


def print_scores(options: argparse.Namespace) -> None:
    """Print the table of a folder of recordings."""
    groups: dict[tuple[str, str], list[tuple[dict[str, Any], SessionFacts]]] = defaultdict(list)
    titles: dict[str, WebTitle] = {}
    dropped: list[str] = []
    for path in sorted(options.recordings.glob("*__*.json")):
        if options.half != "all" and not path.name.startswith(options.half):
            continue
        recording = json.loads(path.read_text())
        title = titles.setdefault(recording["folder"], load_web_title(recording["folder"]))
        reason = validity(recording).reason
        if reason is None:
            error = link_error(load_trace(recording["trace"]), [Piece(*piece) for piece in recording["pieces"]])
            if error.bad > options.bad_windows:
                reason = (
                    f"the link was wrong by up to {100 * error.largest:.1f} % in {100 * error.bad:.1f} % of the windows"
                )
        if reason is not None:
            dropped.append(f"{path.stem}: {reason}")
            continue
        groups[recording["label"], recording["name"]].append((recording, recorded_facts(recording, title)))
    simulated: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    alone: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    repeated: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    versions: dict[str, str] = {}
    for (label, name), runs in sorted(groups.items()):
        title = titles[runs[0][0]["folder"]]
        versions[label] = runs[0][0]["seen"]["version"]
        for recording, facts in runs:
            scores = compare(facts, simulated_facts(recording, title), title)
            simulated[label].append(scores)
            alone[label].append(compare(facts, policy_facts(recording, title), title))
            if options.verbose:
                print(f"{label:18} {name:28} " + " ".join(f"{score:7.2f}" for score in scores))
        for n, (_, facts) in enumerate(runs):
            repeated[label] += [compare(facts, other, title) for _, other in runs[:n]]
    tables = {"mode `player`": simulated, "itself": repeated, "mode `default`": alone}
    _print_table(tables, versions)
    print(f"{sum(map(len, groups.values()))} sessions count, {len(dropped)} do not" + (":" if dropped else "."))
    for line in dropped:
        print(f"  {line}")


def _print_table(tables: dict[str, dict[str, list[tuple[float, ...]]]], versions: dict[str, str]) -> None:
    rng = np.random.default_rng(1)
    print("| player | compared with | sessions | " + " | ".join(COLUMNS) + " |")
    print("|---|---|---|" + "---|" * len(COLUMNS))
    for label, version in versions.items():
        for kind, table in tables.items():
            if not table[label]:
                continue
            cells = []
            for values in zip(*table[label], strict=True):
                low, high = interval(values, rng)
                cells.append(f"{np.mean(values):.2f} [{low:.2f}, {high:.2f}]")
            print(f"| {label} {version} | {kind} | {len(table[label])} | " + " | ".join(cells) + " |")
