"""Compare the CPU time of the native engine with that of libvmaf, for one reference and its renditions.

libvmaf runs in one ffmpeg process with `split`. Claims: for six 1080p renditions libvmaf takes at least 1.5 times the
CPU time, with raw frames in memory and from files; for twenty at least 1.7 times; for one no less. NEG in addition to
the plain model takes at most a quarter more. Two threads are 1.9 times as fast as one. Memory stays below 1 GB.

Both sides run on one thread, on the same frames, in turn. Raw frames are in a memory file system for ffmpeg and in
arrays for the native engine. The native engine also runs without AVX-512 (`AVX2`), in a process of its own. ffmpeg's
filter has no option to disable AVX-512, so libvmaf uses it in that comparison too.

Run as ``python -m benchmarks.vmaf_shared_reference [SOURCE]``.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import encoder
import vmaf
from shotladder_runtime import process
from shotladder_runtime.tools import ffmpeg_path
from vmaf.native.distorted import DistortedMeasurement
from vmaf.native.reference import Geometry, Reference, Scratch

#: frames that are measured
FRAMES = 24
#: times that each side runs
ROUNDS = 3
SOURCE = Path(__file__).resolve().parents[2] / "shared/clips/sports_tennis_1080p_5s.mp4"
#: environment that disables AVX-512 in numba; the CPU name alone would keep the host's features
AVX2 = {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ""}
#: width and CRF of six renditions
LADDER = ((1920, 24), (1920, 30), (1280, 26), (960, 28), (768, 30), (512, 32))


def ffmpeg(*arguments: str) -> float:
    """Run the bundled ffmpeg and return its CPU seconds."""
    return process.run([ffmpeg_path(), "-v", "error", "-nostdin", *arguments]).cpu_seconds


def prepare(video: Path, folder: Path) -> tuple[Path, list[Path], list[Path]]:
    """Make the reference, its renditions, and all of them as raw frames at the reference's size."""
    reference = folder / "reference.mp4"
    ffmpeg("-i", str(video), "-frames:v", str(FRAMES), "-an", "-c:v", "libx264", "-crf", "10", "-preset", "fast",
           "-pix_fmt", "yuv420p", "-fps_mode", "passthrough", str(reference))  # fmt: skip
    encoded, raw = [], []
    for n, (width, crf) in enumerate(LADDER):
        path = folder / f"{n}.mp4"
        ffmpeg("-i", str(reference), "-vf", f"scale={width}:-2:flags=bicubic", "-c:v", "libx264",
               "-crf", str(crf), "-fps_mode", "passthrough", str(path))  # fmt: skip
        encoded.append(path)
    source = encoder.inspect(reference)
    for path in (reference, *encoded):
        target = path.with_suffix(".yuv")
        ffmpeg("-i", str(path), "-vf", f"scale={source.width}:{source.height}:flags=bicubic,format=yuv420p",
               "-fps_mode", "passthrough", "-f", "rawvideo", str(target))  # fmt: skip
        raw.append(target)
    return reference, encoded, raw


def libvmaf_raw(paths: list[Path], size: tuple[int, int], count: int) -> float:
    """Measure raw frames in one ffmpeg process; the renditions are repeated until there are `count`."""
    head = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{size[0]}x{size[1]}", "-r", "25"]
    inputs = [word for path in paths for word in (*head, "-i", str(path))]
    names = range(count)
    chosen = [1 + n % (len(paths) - 1) for n in names]
    graph = [f"[0:v]split={count}" + "".join(f"[r{n}]" for n in names)]
    for i in sorted(set(chosen)):
        users = [n for n in names if chosen[n] == i]
        graph.append(f"[{i}:v]split={len(users)}" + "".join(f"[d{n}]" for n in users))
    graph += [f"[d{n}][r{n}]libvmaf[o{n}]" for n in names]
    maps = [word for n in names for word in ("-map", f"[o{n}]")]
    return ffmpeg("-filter_complex_threads", "1", *inputs, "-filter_complex", ";".join(graph), *maps, "-f", "null", "-")


def load(paths: list[Path], size: tuple[int, int]) -> list[np.ndarray]:
    """Read the luma of raw videos."""
    width, height = size
    frame = width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
    return [np.fromfile(p, np.uint8).reshape(-1, frame)[:, : width * height].reshape(-1, height, width) for p in paths]


def native_raw(videos: list[np.ndarray], count: int, *, neg: bool = False) -> float:
    """Measure frames in memory with the native kernels on one thread."""
    _, height, width = videos[0].shape
    geometry = Geometry(width, height, 8)
    scratch, slots = Scratch(geometry), [Reference(geometry), Reference(geometry)]
    measurement = DistortedMeasurement(geometry, 100, neg=neg)
    began = time.process_time()
    for n in range(len(videos[0])):
        slot = slots[n % 2]
        slot.fill(videos[0][n])
        slot.prepare(scratch)
        if n:
            slot.motion_from(slots[(n - 1) % 2], scratch)
        for r in range(count):
            measurement.features(slot, videos[1 + r % (len(videos) - 1)][n], scratch)
    return time.process_time() - began


def native_alone(paths: list[Path], size: tuple[int, int], count: int) -> float:
    """Measure the same frames after a warm-up, to be called in a process of its own."""
    videos = load(paths, size)
    native_raw([each[:2] for each in videos], 1)
    return native_raw(videos, count)


def peak_memory(reference: Path, encoded: list[Path]) -> float:
    """Score files and return the maximum memory of this process, MB."""
    vmaf.score(reference, encoded)
    # getrusage would return the parent's peak, which a process inherits
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def in_new_process(function: Callable[..., float], *arguments: Any, environment: dict[str, str] | None = None) -> float:
    """Call a function in a new process."""
    before = os.environ.copy()
    os.environ.update(environment or {})
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(function, *arguments).result()
    finally:
        os.environ.clear()
        os.environ.update(before)


def from_files(engine: str, reference: Path, encoded: list[Path]) -> float:
    """Score the encoded ladder through the public call, in CPU seconds of this process and its children."""
    began = sum(os.times()[:4])
    vmaf.score(reference, encoded, engine=engine, threads=1)
    return sum(os.times()[:4]) - began


def two_threads(reference: Path, encoded: list[Path]) -> float:
    """Print and return the elapsed time with one thread divided by that with two, on an idle machine."""
    videos = [encoder.inspect(path) for path in (reference, *encoded)]
    elapsed: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(2 * ROUNDS):
        for threads, times in elapsed.items():
            began = time.perf_counter()
            vmaf.score(videos[0], videos[1:], engine="native", threads=threads)
            times.append(time.perf_counter() - began)
    one, two = (min(times) for times in elapsed.values())
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    what = f"{len(encoded)} renditions on two threads"
    print(f"{what:32s} one {one:10.2f} s   two {two:10.2f} s   ratio {one / two:.2f}   (machine's load {load:.1f})")
    return one / two


def show(what: str, runs: list[tuple[float, float]], sides: tuple[str, str] = ("native", "libvmaf")) -> float:
    """Print both sides and return the ratio of their medians."""
    ours, theirs = (statistics.median(side) for side in zip(*runs, strict=True))
    spread = " ".join(f"{y / x:.2f}" for x, y in runs)
    print(
        f"{what:32s} {sides[0]} {ours:7.2f} s   {sides[1]} {theirs:7.2f} s   ratio {theirs / ours:.2f}"
        f"   (rounds: {spread})",
        flush=True,
    )
    return theirs / ours


def main() -> dict[str, float]:
    """Print the two sides of every claim and return the ratios."""
    video = next((Path(name) for name in sys.argv[1:] if Path(name).is_file()), SOURCE)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        reference, encoded, raw = prepare(video, Path(name))
        source = encoder.inspect(reference)
        size = source.width, source.height
        videos = load(raw, size)
        native_raw([each[:2] for each in videos], 1, neg=True)
        native_raw([each[:2] for each in videos], 1)
        print(f"{video.name}, {size[0]}x{size[1]}, {source.frame_count} frames")
        ratios = {}
        for count in (1, 6):
            what = f"{count} renditions, raw in memory"
            runs = [(native_raw(videos, count), libvmaf_raw(raw, size, count)) for _ in range(ROUNDS)]
            ratios[f"raw_{count}"] = show(what, runs)
            runs = [
                (in_new_process(native_alone, raw, size, count, environment=AVX2), libvmaf_raw(raw, size, count))
                for _ in range(ROUNDS)
            ]
            ratios[f"raw_{count}_avx2"] = show(f"{what}, AVX2", runs)
        runs = [(native_raw(videos, 6), native_raw(videos, 6, neg=True)) for _ in range(ROUNDS)]
        ratios["neg"] = show("6 renditions, NEG and plain", runs, ("plain", "both"))
        runs = [
            (from_files("native", reference, encoded), from_files("libvmaf", reference, encoded)) for _ in range(ROUNDS)
        ]
        ratios["files_6"] = show("6 renditions, from files", runs)
        ratios["two_threads"] = two_threads(reference, encoded)
        ratios["two_threads_1"] = two_threads(reference, encoded[:1])
        print(f"6 renditions, maximum memory: {in_new_process(peak_memory, reference, encoded):.0f} MB")
        ratios["raw_20"] = show("20 renditions, raw in memory", [(native_raw(videos, 20), libvmaf_raw(raw, size, 20))])
    return ratios


if __name__ == "__main__":
    main()
