"""One reference and its renditions: the native engine against one ffmpeg process with `split`, in CPU seconds.

Claims: six 1080p renditions cost at least 1.5 times fewer CPU seconds than libvmaf, from raw pictures in memory and
end to end from files; twenty at least 1.7 times; one no more; NEG beside the plain model a quarter more; two threads
1.9 times one; memory below 1 GB. Both sides run on one thread a rendition set, on the same pictures, by turns. Raw
pictures lie in a memory file system for ffmpeg and in arrays for the native engine. The native engine also runs
without AVX-512 (`AVX2`), in a process of its own. ffmpeg's filter has no way to keep libvmaf from it, so that ratio
is against libvmaf with AVX-512.

Run as ``python -m benchmarks.vmaf_shared_reference [FILM]``.
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

FRAMES = 24
ROUNDS = 3
FILM = Path(__file__).resolve().parents[2] / "shared/clips/sports_tennis_1080p_5s.mp4"
#: What keeps numba from AVX-512; the name alone would keep the host's features.
AVX2 = {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ""}
#: Sizes and quantisers of a ladder of six.
LADDER = ((1920, 24), (1920, 30), (1280, 26), (960, 28), (768, 30), (512, 32))


def ffmpeg(*arguments: str) -> float:
    """Run the bundled ffmpeg and return its CPU seconds."""
    return process.run([ffmpeg_path(), "-v", "error", "-nostdin", *arguments]).cpu_seconds


def prepare(film: Path, folder: Path) -> tuple[Path, list[Path], list[Path]]:
    """Make the reference, the encoded ladder, and each rung as raw pictures at the reference's size."""
    reference = folder / "reference.mp4"
    ffmpeg("-i", str(film), "-frames:v", str(FRAMES), "-an", "-c:v", "libx264", "-crf", "10", "-preset", "fast",
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
    """Compare raw pictures in one ffmpeg process; renditions repeat until there are `count`."""
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
    """Read the luma of raw films."""
    width, height = size
    frame = width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
    return [np.fromfile(p, np.uint8).reshape(-1, frame)[:, : width * height].reshape(-1, height, width) for p in paths]


def native_raw(films: list[np.ndarray], count: int, *, neg: bool = False) -> float:
    """Compare pictures in memory with this package's kernels on one thread."""
    _, height, width = films[0].shape
    geometry = Geometry(width, height, 8)
    scratch, slots = Scratch(geometry), [Reference(geometry), Reference(geometry)]
    comparison = DistortedMeasurement(geometry, 100, neg=neg)
    began = time.process_time()
    for n in range(len(films[0])):
        slot = slots[n % 2]
        slot.fill(films[0][n])
        slot.prepare(scratch)
        if n:
            slot.motion_from(slots[(n - 1) % 2], scratch)
        for r in range(count):
            comparison.features(slot, films[1 + r % (len(films) - 1)][n], scratch)
    return time.process_time() - began


def native_alone(paths: list[Path], size: tuple[int, int], count: int) -> float:
    """Compare the same in a process of its own, warm."""
    films = load(paths, size)
    native_raw([each[:2] for each in films], 1)
    return native_raw(films, count)


def peak_memory(reference: Path, encoded: list[Path]) -> float:
    """Score files and return the most memory that this process ever had, in MB."""
    vmaf.score(reference, encoded)
    # getrusage would tell the parent's peak, which a process inherits
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmHWM:")[2].split()[0]) / 1024


def elsewhere(function: Callable[..., float], *arguments: Any, environment: dict[str, str] | None = None) -> float:
    """Call a function in a fresh process."""
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
    """Print and return how many times faster two threads are than one, in elapsed time of an idle machine."""
    films = [encoder.inspect(path) for path in (reference, *encoded)]
    elapsed: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(2 * ROUNDS):
        for threads, times in elapsed.items():
            began = time.perf_counter()
            vmaf.score(films[0], films[1:], engine="native", threads=threads)
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
    """Print every claim's two sides and return the ratios."""
    film = next((Path(name) for name in sys.argv[1:] if Path(name).is_file()), FILM)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        reference, encoded, raw = prepare(film, Path(name))
        source = encoder.inspect(reference)
        size = source.width, source.height
        films = load(raw, size)
        native_raw([each[:2] for each in films], 1, neg=True)
        native_raw([each[:2] for each in films], 1)
        print(f"{film.name}, {size[0]}x{size[1]}, {source.frame_count} frames")
        ratios = {}
        for count in (1, 6):
            what = f"{count} renditions, raw in memory"
            runs = [(native_raw(films, count), libvmaf_raw(raw, size, count)) for _ in range(ROUNDS)]
            ratios[f"raw_{count}"] = show(what, runs)
            runs = [
                (elsewhere(native_alone, raw, size, count, environment=AVX2), libvmaf_raw(raw, size, count))
                for _ in range(ROUNDS)
            ]
            ratios[f"raw_{count}_avx2"] = show(f"{what}, AVX2", runs)
        runs = [(native_raw(films, 6), native_raw(films, 6, neg=True)) for _ in range(ROUNDS)]
        ratios["neg"] = show("6 renditions, NEG beside plain", runs, ("plain", "both"))
        runs = [
            (from_files("native", reference, encoded), from_files("libvmaf", reference, encoded)) for _ in range(ROUNDS)
        ]
        ratios["files_6"] = show("6 renditions, from files", runs)
        ratios["two_threads"] = two_threads(reference, encoded)
        ratios["two_threads_1"] = two_threads(reference, encoded[:1])
        print(f"6 renditions, most memory: {elsewhere(peak_memory, reference, encoded):.0f} MB")
        ratios["raw_20"] = show("20 renditions, raw in memory", [(native_raw(films, 20), libvmaf_raw(raw, size, 20))])
    return ratios


if __name__ == "__main__":
    main()
