"""One reference and its renditions: the native engine against one ffmpeg process with `split`, in CPU seconds.

Claims: six 1080p renditions cost at least 1.5 times fewer CPU seconds than libvmaf, from raw pictures in memory and
end to end from files; twenty at least 1.7 times; one no more. Both sides run on one thread a rendition set, on the
same pictures, by turns. Raw pictures lie in a memory file system for ffmpeg and in arrays for the native engine.
With `NUMBA_CPU_NAME=x86-64-v3 NUMBA_CPU_FEATURES=` in the environment (both: the name alone keeps the host's
features) the native engine does without AVX-512. ffmpeg's filter has no way to keep libvmaf from it, so that ratio is
against libvmaf with AVX-512.

Run as ``python -m benchmarks.vmaf_shared_reference [FILM]``.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import encoder
import vmaf
from encoder import process
from vmaf.reference_side import Geometry, Reference, Scratch
from vmaf.rendition_side import Comparison

FRAMES = 24
ROUNDS = 3
FILM = Path(__file__).resolve().parents[2] / "shared/clips/sports_tennis_1080p_5s.mp4"
#: Sizes and quantisers of a ladder of six.
LADDER = ((1920, 24), (1920, 30), (1280, 26), (960, 28), (768, 30), (512, 32))


def ffmpeg(*arguments: str) -> float:
    """Run the bundled ffmpeg and return its CPU seconds."""
    return process.run([encoder.ffmpeg_path(), "-v", "error", "-nostdin", *arguments]).cpu_seconds


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


def native_raw(films: list[np.ndarray], count: int) -> float:
    """Compare pictures in memory with this package's kernels on one thread."""
    _, height, width = films[0].shape
    geometry = Geometry(width, height, 8)
    scratch, slots = Scratch(geometry), [Reference(geometry), Reference(geometry)]
    comparisons = [Comparison(geometry, 100, neg=False) for _ in range(count)]
    began = time.process_time()
    for n in range(len(films[0])):
        slot = slots[n % 2]
        slot.fill(films[0][n])
        slot.prepare(scratch)
        if n:
            slot.motion_from(slots[(n - 1) % 2], scratch)
        for r, comparison in enumerate(comparisons):
            comparison.features(slot, films[1 + r % (len(films) - 1)][n], scratch)
    return time.process_time() - began


def from_files(engine: str, reference: Path, encoded: list[Path]) -> float:
    """Score the encoded ladder through the public call, in CPU seconds of this process and its children."""
    began = sum(os.times()[:4])
    vmaf.score(reference, encoded, engine=engine, threads=1)
    return sum(os.times()[:4]) - began


def two_threads(reference: Path, encoded: list[Path]) -> float:
    """Print and return how many times faster two threads are than one, in elapsed time of an idle machine."""
    elapsed: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for threads, times in elapsed.items():
            began = time.perf_counter()
            vmaf.score(reference, encoded, engine="native", threads=threads)
            times.append(time.perf_counter() - began)
    one, two = (min(times) for times in elapsed.values())
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"two threads: {one:.2f} s on one, {two:.2f} s on two, ratio {one / two:.2f} (machine's load {load:.1f})")
    return one / two


def show(what: str, runs: list[tuple[float, float]]) -> float:
    """Print both sides (native, libvmaf) and return the ratio of their medians."""
    ours, theirs = (statistics.median(side) for side in zip(*runs, strict=True))
    spread = " ".join(f"{y / x:.2f}" for x, y in runs)
    print(
        f"{what:32s} native {ours:7.2f} s   libvmaf {theirs:7.2f} s   ratio {theirs / ours:.2f}   (rounds: {spread})",
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
        plane = size[0] * size[1]
        films = [
            np.fromfile(path, np.uint8).reshape(source.frame_count, -1)[:, :plane].reshape(-1, size[1], size[0])
            for path in raw
        ]
        native_raw([each[:2] for each in films], 1)
        print(
            f"{film.name}, {size[0]}x{size[1]}, {source.frame_count} frames, {os.environ.get('NUMBA_CPU_NAME', 'host')}"
        )
        raw_pictures = sum(each.nbytes for each in films) / 2**20
        ratios = {}
        for count in (1, 6):
            runs = [(native_raw(films, count), libvmaf_raw(raw, size, count)) for _ in range(ROUNDS)]
            ratios[f"raw_{count}"] = show(f"{count} renditions, raw in memory", runs)
        runs = [
            (from_files("native", reference, encoded), from_files("libvmaf", reference, encoded)) for _ in range(ROUNDS)
        ]
        ratios["files_6"] = show("6 renditions, from files", runs)
        ratios["two_threads"] = two_threads(reference, encoded)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - raw_pictures
        print(f"largest memory so far, without the raw pictures: {memory:.0f} MB")
        ratios["raw_20"] = show("20 renditions, raw in memory", [(native_raw(films, 20), libvmaf_raw(raw, size, 20))])
    return ratios


if __name__ == "__main__":
    main()
