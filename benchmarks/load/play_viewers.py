"""Many viewers of a server process of `shotladder play` at once, each with a connection that stays open."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

#: Seconds between two requests of a viewer: a player requests a segment when it has played one.
SEGMENT_SECONDS = 4
#: Bytes of a segment: 1 Mbit/s.
SEGMENT_SIZE = 500_000
#: Time after which a request counts as failed, s.
MAX_WAIT = 60
#: Percentiles of the times of requests that are printed.
PERCENTILES = (50, 99, 100)


@dataclass(slots=True)
class Requests:
    """What the viewers saw.

    Attributes
    ----------
    times : list of float
        Time of each answered request from its begin to its last byte, s.
    failures : list of str
        A reason for each request without a complete answer.
    """

    times: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def write_presentation(folder: Path) -> None:
    """Write the files that `play` requires, and a segment."""
    (folder / "presentation.json").write_text('{"files": ["presentation.json", "1.m4s"], "video": []}')
    (folder / "master.m3u8").write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000\nv.m3u8\n")
    (folder / "manifest.mpd").write_text("<MPD/>\n")
    (folder / "1.m4s").write_bytes(bytes(SEGMENT_SIZE))


@contextlib.contextmanager
def open_play(folder: Path) -> Iterator[tuple[str, int]]:
    """Run `shotladder play` in a process of its own; yield its address and process id."""
    words = ["-m", "shotladder.cli", "play", str(folder), "--no-open", "--json"]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield urlsplit(json.loads(process.stdout.readline())["url"]).netloc, process.pid
        assert process.poll() is None, "the server has ended"
    finally:
        process.terminate()
        process.wait()


def watch(address: str, delay: float, end: float, requests: Requests) -> None:
    """Request the playlist and then segments, as one viewer does; connect again after a failure."""
    time.sleep(delay)
    connection = http.client.HTTPConnection(address, timeout=MAX_WAIT)
    path = "/master.m3u8"
    while time.monotonic() < end:
        begun = time.monotonic()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            size = len(answer.read())
            assert answer.status == 200 and (path.endswith(".m3u8") or size == SEGMENT_SIZE), answer.status
            requests.times.append(time.monotonic() - begun)
        except (OSError, http.client.HTTPException) as error:
            requests.failures.append(type(error).__name__)
            connection.close()
        if path == "/master.m3u8":
            path = "/1.m4s"
            continue
        time.sleep(max(0.0, SEGMENT_SECONDS - (time.monotonic() - begun)))
    connection.close()


def server_use(pid: int) -> tuple[float, int, int]:
    """Return the CPU time of a process, s, its largest memory, MiB, and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return cpu, int(lines["VmHWM"].split()[0]) // 1024, int(lines["Threads"])


def view(folder: Path, viewers: int, seconds: float) -> str:
    """Let viewers play for a time; return the percentiles of the times of their requests."""
    write_presentation(folder)
    requests = Requests()
    with open_play(folder) as (address, pid):
        before = server_use(pid)[0]
        end = time.monotonic() + SEGMENT_SECONDS + seconds
        # viewers arrive one after the other during one segment
        delays = [SEGMENT_SECONDS * n / viewers for n in range(viewers)]
        threads = [threading.Thread(target=watch, args=(address, delay, end, requests)) for delay in delays]
        for each in threads:
            each.start()
        time.sleep(SEGMENT_SECONDS + seconds / 2)
        at_once = server_use(pid)[2] - 1
        for each in threads:
            each.join()
        cpu, memory, _ = server_use(pid)
    slow = np.percentile(requests.times, PERCENTILES) if requests.times else [float("nan")] * len(PERCENTILES)
    times = ", ".join(f"p{rank} {1000 * value:.0f} ms" for rank, value in zip(PERCENTILES, slow, strict=True))
    failed = " ".join([str(len(requests.failures)), "failed", *sorted(set(requests.failures))])
    return (
        f"{viewers} viewers, {at_once} connections at once, {len(requests.times)} requests, {failed}, {times};"
        f" server: {cpu - before:.1f} s CPU, {memory} MiB"
    )
