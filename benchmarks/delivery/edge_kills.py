"""Rebuffering of real players whose edge is killed in mid-play, beside that of the replay with edges.

    python -m benchmarks.delivery.edge_kills DIR [ROUNDS]

DIR is an output directory of `shotladder encode`. Each round plays it with hls.js, dash.js and Shaka Player over three
edges (`play --edges 3`), without a kill and with a kill of the edge in use at two buffer levels. The replay kills its
edge at the same times of the session.
"""

from __future__ import annotations

import json
import statistics
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright

import abr
from benchmarks.fidelity.session_recorder import CHROMIUM, FLAGS
from shotladder.player import PlayerServer
from shotladder.player.edges import open_edges

MODULES = Path(__file__).parents[2] / "tests" / "browser" / "node_modules"
#: Files of the players, and the policies of the replay.
PLAYERS = {
    "hls.js": (MODULES / "hls.js/dist/hls.min.js", "hlsjs"),
    "dash.js": (MODULES / "dashjs/dist/modern/umd/dash.all.min.js", "dashjs-dynamic"),
    "Shaka Player": (MODULES / "shaka-player/dist/shaka-player.compiled.js", "shaka"),
}
#: s of buffer at which the edge is killed; None: never.
LEVELS = (None, 0.3, 2.0)
#: Throughput of an edge relative to the highest rung with audio: the download goes on for most of the playback.
LOAD = 1.6
#: ms after which a session has failed.
TIME_LIMIT = 120_000
BUFFER = "(video.buffered.length ? video.buffered.end(video.buffered.length - 1) - video.currentTime : 0)"


@dataclass(frozen=True, slots=True)
class Played:
    """A session: s of rebuffering, when its edge was killed, and after how many s another edge was asked."""

    rebuffered: float
    killed: float | None = None
    moved: float | None = None


def play(browser: Browser, folder: Path, player: str, level: float | None) -> Played:
    """Play a presentation in a real player."""
    document = json.loads((folder / "presentation.json").read_text())
    rates = [rung["average_bitrate"] for rung in document["video"]]
    path = abr.Trace("edge", [10], [LOAD * (max(rates) + audio_rate(document))], [0.02])
    server = PlayerServer(folder, 0, player_js=PLAYERS[player][0])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    page = browser.new_page()
    killed, moved = None, None
    try:
        with open_edges(server, 3, min(rates), [path]) as server.edges:
            page.goto(server.url)
            page.wait_for_function(f"video.currentTime > 0 && {BUFFER} > {level or 0}", timeout=TIME_LIMIT)
            if level is not None:
                edge = page.evaluate("shotladder.requests.findLast((r) => r.edge && r.sent).edge")
                killed = server.now()
                server.set_edge(edge, "down")
            page.wait_for_function("video.ended || shotladder.failed", timeout=TIME_LIMIT)
            assert page.evaluate("video.ended && !shotladder.failed")
            rebuffered = page.evaluate("shotladder.stalls.slice(1).reduce((sum, [a, b]) => sum + b - a, 0)")
        if killed is not None:
            moved = next(r.begin for r in server.requests if r.edge not in ("", edge) and r.begin > killed) - killed
    finally:
        page.close()
        server.shutdown()
        server.server_close()
        thread.join()
    return Played(rebuffered, killed, moved)


def audio_rate(document: dict) -> float:
    """Return the bitrate of the first audio track."""
    return float(document["audio"][0]["average_bitrate"]) if document["audio"] else 0.0


def replay(folder: Path, policy: str, killed: float | None) -> float:
    """Return the rebuffering of the replay with the policy of a player, s."""
    document = json.loads((folder / "presentation.json").read_text())
    rate = LOAD * (max(rung["average_bitrate"] for rung in document["video"]) + audio_rate(document))
    # the replay with edges has no audio
    path = abr.Trace("edge", [10], [rate - audio_rate(document)], [0.02])
    edges = tuple(abr.Edge(f"edge-{n}", "all", path) for n in range(3))
    outages = () if killed is None else (abr.Outage(frozenset({"edge-0"}), killed, 1e5),)
    network = abr.EdgeNetwork(edges, abr.Edge("origin", "", path), outages)
    title = abr.load_presentation(folder)
    home = abr.Trace("home", [10], [1e9], [0.0])
    table = abr.simulate_edges(
        title, [home], [policy], {"kill": (network, {})}, starts=np.zeros((1, 1)), model=abr.MODES["default"]
    )
    ratio = float(table["rebuffer_ratio"][0])
    return ratio / (1 - ratio) * title.duration


def main(folder: Path, rounds: int = 1) -> None:
    """Run the benchmark and print its results."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for player in PLAYERS:
            sessions = {level: [play(browser, folder, player, level) for _ in range(rounds)] for level in LEVELS}
            control = statistics.median(session.rebuffered for session in sessions.pop(None))
            for level, found in sessions.items():
                real = statistics.median(session.rebuffered for session in found) - control
                policy = PLAYERS[player][1]
                answers = [replay(folder, policy, session.killed) for session in found]
                model = statistics.median(answers) - replay(folder, policy, None)
                moved = statistics.median(session.moved or 0.0 for session in found)
                print(
                    f"{player}, killed at {level:g} s of buffer: {real:+.2f} s of rebuffering beside {control:.2f} s"
                    f" without a kill; replay {model:+.2f} s; next edge after {moved:.2f} s",
                    flush=True,
                )
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
