"""Record many sessions, some side by side."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from abr.traces.trace_json import save_trace
from abr.web_players.web_title import load_web_title
from benchmarks.fidelity.repeated_presentation import repeat_presentation
from benchmarks.fidelity.session_traces import session_traces

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
    """Record every session that is not recorded yet."""
    folder: Path = options.recordings
    (folder / "traces").mkdir(parents=True, exist_ok=True)
    title_folder = folder / "presentation"
    if not title_folder.exists():
        duration = load_web_title(options.presentation).presentation.duration
        repeat_presentation(options.presentation, title_folder, int(np.ceil(MIN_DURATION / duration)))
    title = load_web_title(title_folder)
    plans = []
    for run in range(options.runs):
        for name, trace in session_traces(float(np.median(title.dash_bitrates)), options.traces):
            if options.session and name not in options.session:
                continue
            save_trace(trace, folder / "traces" / f"{name}.json")
            for player in options.player or ("dash.js", "hls.js", "shaka"):
                label, _, file = player.partition("=")
                kind, default, settings = PLAYERS[label]
                output = folder / f"{name}__{label}__{run}.json"
                plan = {
                    "folder": str(title_folder),
                    "trace": str(folder / "traces" / f"{name}.json"),
                    "name": name,
                    "player": kind,
                    "label": label,
                    "player_js": file or str(default),
                    "settings": settings,
                    "run": run,
                    "limit": title.presentation.duration + EXTRA_TIME,
                    "output": str(output),
                }
                if not output.exists():
                    plans.append(plan)
    record_plans(plans, folder, options.side_by_side)


def record_plans(plans: list[dict[str, object]], folder: Path, side_by_side: int) -> None:
    """Record sessions, several at a time, each in a process of its own."""
    running: list[tuple[subprocess.Popen[bytes], Path]] = []
    for number, plan in enumerate(plans):
        while len(running) >= side_by_side:
            running = _still_running(running)
            time.sleep(0.5)
        path = folder / f"plan-{number}.json"
        path.write_text(json.dumps(plan))
        print(f"{time.strftime('%H:%M:%S')} {number + 1} of {len(plans)}: {plan['name']} {plan['label']}", flush=True)
        command = [sys.executable, "-m", "benchmarks.fidelity.session_recorder", str(path)]
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
