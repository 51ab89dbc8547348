"""Record many sessions, some side by side."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from abr.traces.trace_json import save_trace
from abr.web_players.web_title import load_web_title
from benchmarks.fidelity.kernel_link import network_namespace
from benchmarks.fidelity.repeated_presentation import repeat_presentation
from benchmarks.fidelity.session_traces import HALVES, planned_sessions

__all__ = ["PLAYERS", "record_all", "record_plans"]

MODULES = Path(__file__).parents[2] / "tests" / "browser" / "node_modules"
_DASHJS = MODULES / "dashjs/dist/modern/umd/dash.all.min.js"


def _only(**rules: bool) -> dict[str, object]:
    return {"streaming": {"abr": {"rules": {f"{name}Rule": {"active": active} for name, active in rules.items()}}}}


#: Name of a player -> kind of player, its file, its settings.
PLAYERS = {
    "dash.js": ("dash.js", _DASHJS, {}),
    "dash.js-throughput": ("dash.js", _DASHJS, _only(bola=False)),
    "dash.js-bola": ("dash.js", _DASHJS, _only(throughput=False)),
    "hls.js": ("hls.js", MODULES / "hls.js/dist/hls.min.js", {}),
    "shaka": ("shaka", MODULES / "shaka-player/dist/shaka-player.compiled.js", {}),
}
#: Shortest presentation, s; a shorter one is repeated.
MIN_DURATION = 180.0
#: Time after the end of an undisturbed session at which a recording ends, s; chosen by hand.
EXTRA_TIME = 120.0


def record_all(options: argparse.Namespace) -> None:
    """Record every session that is not recorded yet: first each once, `dev` before `held-out`, then repetitions."""
    folder: Path = options.recordings
    plans = []
    for index, presentation in enumerate(options.presentations):
        plans += _plans(options, presentation, folder / presentation.name, index)
    plans.sort(key=lambda plan: (plan["run"], plan["half"], plan["order"]))
    record_plans([plan for plan in plans if not Path(plan["output"]).exists()], folder, options.side_by_side)


def _plans(options: argparse.Namespace, presentation: Path, folder: Path, index: int) -> list[dict[str, Any]]:
    """Return the plans of all sessions of a presentation."""
    (folder / "traces").mkdir(parents=True, exist_ok=True)
    title_folder = folder / "presentation"
    if not title_folder.exists():
        duration = load_web_title(presentation).presentation.duration
        repeat_presentation(presentation, title_folder, int(np.ceil(MIN_DURATION / duration)))
    title = load_web_title(title_folder)
    length = title.presentation.duration
    plans = []
    sessions = planned_sessions(float(np.median(title.dash_bitrates)), index, options.traces)
    for order, session in enumerate(sessions):
        if options.session and session.name not in options.session:
            continue
        trace = save_trace(session.trace, folder / "traces" / f"{session.name}.json")
        for player in options.player or ("dash.js", "hls.js", "shaka"):
            label, _, file = player.partition("=")
            kind, default, settings = PLAYERS[label]
            for run in range(options.runs or session.runs):
                plan = {
                    "folder": str(title_folder),
                    "trace": str(trace),
                    "name": session.name,
                    "order": order,
                    "half": next(half for half in HALVES if session.name.startswith(half)),
                    "player": kind,
                    "label": label,
                    "player_js": file or str(default),
                    "settings": settings,
                    "run": run,
                    "kernel": options.kernel,
                    "seek": session.seek and (session.seek[0], session.seek[1] * length),
                    "limit": length + EXTRA_TIME,
                    "output": str(folder / f"{session.name}__{label}__{run}.json"),
                }
                plans.append(plan)
    return plans


def record_plans(plans: list[dict[str, Any]], folder: Path, side_by_side: int) -> None:
    """Record sessions, several at a time, each in a process of its own."""
    with contextlib.ExitStack() as stack:
        _record(plans, folder, side_by_side, stack)


def _record(plans: list[dict[str, Any]], folder: Path, side_by_side: int, stack: contextlib.ExitStack) -> None:
    running: list[tuple[subprocess.Popen[bytes], Path]] = []
    for number, plan in enumerate(plans):
        while len(running) >= side_by_side:
            running = _still_running(running)
            time.sleep(0.5)
        if Path(plan["output"]).exists():
            continue
        path = folder / f"plan-{number}.json"
        path.write_text(json.dumps(plan))
        text = f"{Path(plan['output']).parent.name}: {plan['name']} {plan['label']}"
        print(f"{time.strftime('%H:%M:%S')} {number + 1} of {len(plans)}, {text}", flush=True)
        command = [sys.executable, "-m", "benchmarks.fidelity.session_recorder", str(path)]
        if plan.get("kernel"):
            namespace = stack.enter_context(network_namespace(f"fidelity-{os.getpid()}-{number}"))
            command = [*namespace, *command]
        running.append((subprocess.Popen(command, stdin=subprocess.DEVNULL), path))
        time.sleep(2)  # two browsers that start at once make the timers of both late
    while running:
        running = _still_running(running)
        time.sleep(0.5)


def _still_running(
    running: list[tuple[subprocess.Popen[bytes], Path]],
) -> list[tuple[subprocess.Popen[bytes], Path]]:
    kept = []
    for process, path in running:
        if process.poll() is None:
            kept.append((process, path))
        else:
            path.unlink(missing_ok=True)
            if process.returncode:
                print(f"a session failed with status {process.returncode}", file=sys.stderr, flush=True)
    return kept
