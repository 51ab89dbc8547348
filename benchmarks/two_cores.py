"""Production encodes on two cores against one: how many times as fast.

    python -m benchmarks.two_cores [FILE]

The first seconds of a film in a ladder of four rungs, H.264 of the default preset, in chunks of three seconds, given to
the local executor with one worker on one core, then with two workers on two. Wall time of the encodes alone, best of
some rounds in turn; decoding, scaling and encoding are ffmpeg's, placing jobs is ours. The chunks are compared byte for
byte.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import encoder
from encoder import Chunk, ChunkJob, Rendition, Source
from shotladder_runtime.jobs import LocalExecutor, run_all
from shotladder_runtime.store import Store

SIZES, QUANTISER, ROUNDS, BAR = ((1280, 720), (960, 540), (640, 360), (416, 234)), 24.0, 2, 1.9
CHUNKS = 6
FILM = Path(__file__).resolve().parents[2] / "shared" / "clips" / "psd_testvideo_720p_24s.mp4"


def encode_all(source: Source, store: Path, workers: int) -> float:
    """Encode every chunk of the first seconds on so many cores; return wall seconds."""
    preset = encoder.get_codec("h264").preset
    renditions = tuple(Rendition(f"{size[1]}", "h264", *size, preset) for size in SIZES)
    starts = [round(n * 3 * source.frame_rate) for n in range(CHUNKS + 1)]
    chunks = [Chunk(first, last, (first,), (0,)) for first, last in pairwise(starts)]
    jobs = [ChunkJob(source, chunk, renditions, (QUANTISER,) * len(SIZES), Store(store)) for chunk in chunks]
    os.sched_setaffinity(0, set(sorted(ALL)[:workers]))
    begun = time.monotonic()
    with LocalExecutor(workers) as executor:
        for _ in run_all(executor, encoder.encode_chunk, jobs):
            pass
    return time.monotonic() - begun


ALL = os.sched_getaffinity(0)


def main(film: str = str(FILM)) -> None:
    """Run it."""
    if len(ALL) < 2:
        print("this machine has one core")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = encoder.inspect(film)
        times: dict[int, list[float]] = {1: [], 2: []}
        for n in range(ROUNDS):
            for workers in times:
                times[workers].append(encode_all(source, folder / f"{workers}-{n}", workers))
        os.sched_setaffinity(0, ALL)
        one, two = (
            {path.name: path.read_bytes() for path in (folder / f"{workers}-0").rglob("*.mp4")} for workers in times
        )
    ratio = min(times[1]) / min(times[2])
    print(f"{len(one)} chunks: {min(times[1]):.1f} s on one core, {min(times[2]):.1f} s on two")
    print(f"{ratio:.2f} times as fast (bar {BAR}: {'holds' if ratio >= BAR else 'BROKEN'})")
    print("the same bytes" if one == two else "DIFFERENT BYTES")


if __name__ == "__main__":
    main(*sys.argv[1:])
