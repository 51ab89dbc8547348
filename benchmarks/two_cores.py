"""Measure the speed-up of the local executor's encodes from one to two cores.

    python -m benchmarks.two_cores [FILE]

The executor encodes the first seconds of a video in a ladder of four rungs (H.264, default preset, chunks of three
seconds), with one worker on one core and then with two workers on two cores. The result is the minimum wall time of the
encodes over the rounds. Decoding, scaling and encoding are done by ffmpeg, scheduling by the executor. The chunks of
both runs are compared byte for byte.
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

#: width and height of the renditions
SIZES = ((1280, 720), (960, 540), (640, 360), (416, 234))
#: CRF
QUANTISER = 24.0
#: runs of each side
ROUNDS = 2
#: required speed-up
MIN_SPEEDUP = 1.9
#: chunks of three seconds
CHUNKS = 6
SOURCE = Path(__file__).resolve().parents[2] / "shared" / "clips" / "psd_testvideo_720p_24s.mp4"


def encode_all(source: Source, store: Path, workers: int) -> float:
    """Encode every chunk of the first seconds on `workers` cores and return the wall time, s."""
    preset = encoder.get_codec("h264").preset
    renditions = tuple(Rendition(f"{size[1]}", "h264", *size, preset) for size in SIZES)
    starts = [round(n * 3 * source.frame_rate) for n in range(CHUNKS + 1)]
    chunks = [Chunk(start, stop, (start,), (0,)) for start, stop in pairwise(starts)]
    jobs = [ChunkJob(source, chunk, renditions, (QUANTISER,) * len(SIZES), Store(store)) for chunk in chunks]
    os.sched_setaffinity(0, set(sorted(ALL)[:workers]))
    began = time.monotonic()
    with LocalExecutor(workers) as executor:
        for _ in run_all(executor, encoder.encode_chunk, jobs):
            pass
    return time.monotonic() - began


ALL = os.sched_getaffinity(0)


def main(path: str = str(SOURCE)) -> None:
    """Run the benchmark and print its results."""
    if len(ALL) < 2:
        print("this machine has one core")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = encoder.inspect(path)
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
    print(f"{ratio:.2f} times as fast (required {MIN_SPEEDUP}: {'reached' if ratio >= MIN_SPEEDUP else 'NOT REACHED'})")
    print("equal chunks" if one == two else "DIFFERENT CHUNKS")


if __name__ == "__main__":
    main(*sys.argv[1:])
