"""Measure what large inputs cost: many sessions, trace lines, segments, viewers, artefacts or renditions.

    python -m benchmarks.load [PART...] [SCALE]

Parts are simulate, trace, manifest, play, store and score; all of them by default. SCALE (1) multiplies the counts.
Each part runs in a process of its own, whose maximum memory is that of the part; for play, that of the viewers, and the
memory of the server is part of the result. Times are CPU times, except the times of requests.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import abr
import vmaf
from benchmarks.load.play_viewers import view
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.store import Store, list_artefacts, prune
from shotladder_runtime.store.checksums import checksum_path
from shotladder_runtime.tools import ffmpeg_path

#: Counts at scale 1.
TRACES, STARTS = 1_000, 10
TRACE_LINES = 10_000_000
SEGMENTS = 100_000
VIEWERS, VIEW_SECONDS = 500, 60
ARTEFACTS = 100_000
RENDITIONS, SCORED_SECONDS = 1_000, 0.5


def simulate(folder: Path, scale: float) -> str:
    """Replay many sessions: the memory must not grow with their number."""
    rungs = tuple(abr.Rung(str(rate), rate) for rate in (300_000, 900_000, 2_700_000))
    durations = np.full(150, 4.0)
    sizes = np.outer(durations / 8, [rung.bitrate for rung in rungs]).astype(np.int64)
    presentation = abr.Presentation("video", rungs, durations, sizes)
    traces = [abr.Trace(str(n), [600.0], [1e6 + n], [0.05]) for n in range(max(1, round(TRACES * scale)))]
    table = abr.simulate_many(presentation, traces, ["bba-2"], starts=STARTS)
    return f"{len(traces)} traces x {STARTS} starts: {len(table)} sessions"


def trace(folder: Path, scale: float) -> str:
    """Read a trace of many lines."""
    count = max(10, round(TRACE_LINES * scale))
    path = folder / "trace.txt"
    with path.open("w") as file:
        for start in range(0, count, 100_000):
            file.writelines(f"{n}\t{1 + n % 7}\n" for n in range(start, min(start + 100_000, count)))
    size = path.stat().st_size
    try:
        lines = len(abr.load_trace(path).durations)
    except abr.TraceError as error:
        return f"{count} lines, {size / 1e6:.0f} MB: refused: {error}"
    return f"{count} lines, {size / 1e6:.0f} MB: {lines} intervals"


def manifest(folder: Path, scale: float) -> str:
    """Read an HLS playlist of many segments."""
    count = max(10, round(SEGMENTS * scale))
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXT-X-VERSION:7"]
    for n in range(count):
        lines += ["#EXTINF:2,", f"#EXT-X-BYTERANGE:1000@{1000 * n}", "v.mp4"]
    (folder / "v.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    master = folder / "master.m3u8"
    master.write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=8000,RESOLUTION=64x36\nv.m3u8\n")
    return f"{len(abr.load_presentation(master).durations)} segments"


def play(folder: Path, scale: float) -> str:
    """Play by many viewers at once, over a server process of `shotladder play`."""
    return view(folder, max(1, round(VIEWERS * scale)), max(1.0, VIEW_SECONDS * scale))


def store(folder: Path, scale: float) -> str:
    """List and prune many artefacts."""
    count = max(10, round(ARTEFACTS * scale))
    filled = Store(folder / "store")
    filled.create()
    for n in range(count):
        path = filled.path("chunk", {"n": n}, ".mp4")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345678")
        checksum_path(path).write_bytes(b"")
    begun = time.process_time()
    found = len(list_artefacts(filled))
    listed = time.process_time()
    gone = len(prune(filled, max_size=0))
    return f"{found} artefacts listed in {listed - begun:.1f} s, {gone} pruned in {time.process_time() - listed:.1f} s"


def score(folder: Path, scale: float) -> str:
    """Measure many renditions in one call; each has a decoder that stays open during the call."""
    source, rendition = folder / "source.mp4", folder / "rendition.mp4"
    for path, crf in ((source, "10"), (rendition, "30")):
        video = ["-f", "lavfi", "-i", f"testsrc2=s=128x72:r=24:d={SCORED_SECONDS}", "-pix_fmt", "yuv420p"]
        run([ffmpeg_path(), *QUIET, *video, "-preset", "ultrafast", "-crf", crf, str(path)])
    count = max(1, round(RENDITIONS * scale))
    scores = vmaf.score(source, [rendition] * count, threads=1)
    assert len({each.mean for each in scores}) == 1, "equal renditions have different scores"
    return f"{len(scores)} renditions of {len(scores[0].vmaf)} frames, VMAF {scores[0].mean:.1f}"


PARTS: dict[str, Callable[[Path, float], str]] = {
    each.__name__: each for each in (simulate, trace, manifest, play, store, score)
}


def run_part(name: str, scale: float) -> None:
    """Run a part in this process and print its result, CPU time and maximum memory."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    with tempfile.TemporaryDirectory() as folder:
        text = PARTS[name](Path(folder), scale)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    memory = (used.ru_maxrss - before.ru_maxrss) / 1024
    print(f"{name:9} {text}; {cpu:.1f} s CPU, {memory:.0f} MiB more memory", flush=True)


def main(*words: str) -> int:
    """Run the benchmark and print its results."""
    names = [word for word in words if word in PARTS] or list(PARTS)
    scale = float(next((word for word in words if word not in PARTS), 1))
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    status = 0
    for name in names:
        process = context.Process(target=run_part, args=(name, scale))
        process.start()
        process.join()
        status |= int(process.exitcode != 0)
    return status
