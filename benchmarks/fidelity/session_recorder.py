"""Record a session of a real player in headless Chromium: `python -m benchmarks.fidelity.session_recorder PLAN.json`.

Each session is a process of its own, with its own server and browser, so that several can run side by side.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from abr import load_trace
from benchmarks.fidelity.kernel_link import SEND_BUFFER, KernelLink
from benchmarks.fidelity.recorded_link import RecordedLink
from shotladder.player.handler import Handler
from shotladder.player.server import PlayerServer

__all__ = ["record_session"]

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
PAGE = Path(__file__).with_name("page.html")
#: Period of the timer whose lateness shows that the machine was too slow, ms: hls.js and dash.js check their buffers
#: in periods of 100 and 500 ms.
TIMER_PERIOD = 50.0
#: Number of times that the start is played without the link before a session; the last time nothing has to be compiled.
REHEARSALS = 2
#: Number of times that the priority of the browser is set, and ms between two of them.
PRIORITY_ROUNDS, PRIORITY_PAUSE = 10, 250.0


class RecordingHandler(Handler):
    """Serves the page of the recorder, and reports to the link when a transfer has ended."""

    def setup(self) -> None:
        """Give the thread of a connection real-time priority, where that is permitted: it sleeps most of the time."""
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        if isinstance(self.server.link, KernelLink):
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().setup()

    def _page(self, path: str, query: dict[str, list[str]]) -> None:
        if path == "/":
            self._file(PAGE)
        else:
            super()._page(path, query)

    def _media(self, file: Path) -> None:
        # the session starts with the request of the manifest, not with the page
        if not self.server.requests:
            self.server.restart()
            if isinstance(self.server.link, KernelLink):
                self.server.link.begin()
        try:
            super()._media(file)
        finally:
            assert isinstance(self.server.link, RecordedLink)
            self.server.link.close_piece()

    def end_headers(self) -> None:
        """Let the page run its script."""
        self.policy = self.policy.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'")
        super().end_headers()


def record_session(plan: dict[str, Any]) -> dict[str, Any]:
    """Play the session of a plan and return the recording.

    Parameters
    ----------
    plan : dict
        `folder` of the presentation, `trace` file, `player`, `player_js`, `settings` of the player, `limit` in s,
        `kernel`: whether the kernel shapes the link, `seek`: None, or (time of the seek, position) in s,
        `rehearsals`: how often the start is played before without the link.
    """
    trace = load_trace(plan["trace"])
    link = KernelLink(trace) if plan.get("kernel") else RecordedLink(trace)
    server = PlayerServer(Path(plan["folder"]), 0, link, Path(plan["player_js"]))
    server.RequestHandlerClass = RecordingHandler
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            version = chromium.version
            page = chromium.new_page()
            page.goto(server.url)
            for _ in range(plan.get("rehearsals", REHEARSALS)):
                raise_priority()
                page.evaluate("name => rehearse(name)", plan["player"])
            page.evaluate(
                "([name, settings, period]) => play(name, settings, period)",
                [plan["player"], plan["settings"], TIMER_PERIOD],
            )
            for _ in range(PRIORITY_ROUNDS):  # the player starts threads, too
                raise_priority()
                page.wait_for_timeout(PRIORITY_PAUSE)
            _wait(page, plan)
            begun = time.time() - server.now()
            seen = page.evaluate("seen")
            chromium.close()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    requests = [asdict(request) for request in server.requests]
    seen["offset"] = seen.pop("begun") - begun
    return {**plan, "chromium": version, "requests": requests, "pieces": link.pieces(), "seen": seen}


def raise_priority() -> None:
    """Give every thread of the browser the priority of this process: Chromium sets that of its renderers itself."""
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    family = {os.getpid()}
    while grown := {child for child, parent in parents.items() if parent in family} - family:
        family |= grown
    for process in family - {os.getpid()}:
        for task in Path(f"/proc/{process}/task").glob("*"):
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, int(task.name), nice)


def _wait(page: Any, plan: dict[str, Any]) -> None:
    """Wait until the session ends, and seek once if the plan says so."""
    if plan.get("seek"):
        at, position = plan["seek"]
        page.wait_for_function(f"now() >= {at}", timeout=1e3 * (at + 60), polling=50)
        page.evaluate(f"note('seek', video.currentTime); video.currentTime = {position}")
    page.wait_for_function(
        f"seen.ended || whole() || seen.errors.length || now() >= {plan['limit']}",
        timeout=1e3 * (plan["limit"] + 60),
        polling=500,
    )


def main() -> None:
    """Record the session of a plan file; the recording replaces the plan's `output`."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    output = Path(plan["output"])
    part = output.with_suffix(".part")
    part.write_text(json.dumps(record_session(plan)))
    part.replace(output)


if __name__ == "__main__":
    main()
