"""Encode generated sources of one, two and four times a length through the whole command.

    python -m benchmarks.scale.two_hours [--seconds 120] [--size 320x180] [--workers 2] [--restart]

A source has shots of about 4.8 s of moving patterns, 5.1 audio in two languages and captions; with `--seconds 1800` the
longest lasts two hours and has 1500 shots. Printed for each length: CPU per second of video by stage and of the
coordinator alone (all CPU time less that of the stages), its maximum memory, open files, size of the store. A row that
grows with the length is not linear. With `--restart` the longest run is killed and started again; the time until its
first finished job is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from shotladder_runtime import process
from shotladder_runtime.tools import ffmpeg_path

RATE, SHOT_SECONDS = 24, 4.8
FACTORS = (1, 2, 4)
#: Patterns that follow each other.
PATTERNS = ("testsrc2", "smptehdbars", "rgbtestsrc", "testsrc", "yuvtestsrc", "mandelbrot")
SETTINGS = ("--preset", "ultrafast", "--effort", "fast", "--rungs", "2", "--target-vmaf", "85", "--audio", "aac,eac3")


@dataclass(frozen=True)
class Figures:
    """What one run used."""

    seconds: float
    cpu_seconds: float
    max_memory: int
    max_files: int
    store_bytes: int
    cost: dict[str, float]
    shots: int


def run_ffmpeg(*words: object) -> None:
    """Run ffmpeg."""
    process.run([ffmpeg_path(), *process.QUIET, "-y", *map(str, words)])


def make_source(folder: Path, seconds: float, size: str) -> Path:
    """Write a source of shots that are cut from a few patterns, with two audio tracks and captions."""
    count = max(2, round(seconds / SHOT_SECONDS))
    for n, pattern in enumerate(PATTERNS):
        video = f"{pattern}=size={size}:rate={RATE}" + ("" if pattern == "mandelbrot" else f":duration={SHOT_SECONDS}")
        graph = f"{video},noise=alls={3 + n}:allf=t,format=yuv420p"
        encoding = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", 18, "-g", 48)
        run_ffmpeg("-f", "lavfi", "-i", graph, "-t", SHOT_SECONDS, *encoding, folder / f"{n}.mp4")
    (folder / "list").write_text("".join(f"file {(7 * n + n // 6) % len(PATTERNS)}.mp4\n" for n in range(count)))
    lines = [f"{n + 1}\n{stamp(n * SHOT_SECONDS)} --> {stamp(n * SHOT_SECONDS + 2)}\nShot {n}\n" for n in range(count)]
    (folder / "captions.srt").write_text("\n".join(lines))
    length = count * SHOT_SECONDS
    tones = [f"aevalsrc={'|'.join([f'0.1*sin({300 + 50 * k}*t)'] * 6)}:c=5.1:s=48000:d={length}" for k in range(2)]
    source = folder / "source.mkv"
    run_ffmpeg("-f", "concat", "-safe", 0, "-i", folder / "list", "-f", "lavfi", "-i", tones[0], "-f", "lavfi", "-i",
               tones[1], "-i", folder / "captions.srt", "-map", "0:v", "-map", "1:a", "-map", "2:a", "-map", "3:s",
               "-c:v", "copy", "-c:a", "ac3", "-c:s", "srt", "-metadata:s:a:0", "language=eng", "-metadata:s:a:1",
               "language=fra", source)  # fmt: skip
    return source


def stamp(seconds: float) -> str:
    """Return a time of SubRip."""
    whole, milliseconds = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d},{milliseconds:03d}"


def start(source: Path, folder: Path, workers: int) -> subprocess.Popen[bytes]:
    """Start the command."""
    words = ["encode", source, "-o", folder / "out", "--store", folder / "store", "--workers", workers, *SETTINGS]
    argv = [sys.executable, "-m", "shotladder.cli", *map(str, words), "--log", str(folder / "log"), "--quiet"]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def measure(source: Path, folder: Path, workers: int) -> Figures:
    """Run the command to its end."""
    child = start(source, folder, workers)
    peaks = {"memory": 0, "files": 0}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            try:
                status = Path(f"/proc/{child.pid}/status").read_text()
                files = sum(1 for _ in Path(f"/proc/{child.pid}/fd").iterdir())
            except OSError:
                return
            memory = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
            peaks.update(memory=max(peaks["memory"], 1024 * memory), files=max(peaks["files"], files))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watcher.join()
    if child.returncode:
        raise SystemExit(f"the command failed with status {child.returncode}")
    document = json.loads((folder / "out" / "presentation.json").read_text())
    store = sum(path.stat().st_size for path in (folder / "store").rglob("*") if path.is_file())
    cost = {name: value for name, value in document["cost"].items() if name.endswith("cpu_seconds")}
    cpu = usage.ru_utime + usage.ru_stime
    shots = len(document["shots"])
    return Figures(document["duration"], cpu, peaks["memory"], peaks["files"], store, cost, shots)


def measure_restart(source: Path, folder: Path, workers: int) -> float:
    """Kill a run after 20 jobs; return the seconds until the next run has ended a job."""
    log = folder / "log"
    child = start(source, folder, workers)
    while child.poll() is None and (not log.exists() or log.read_bytes().count(b"\n") < 20):
        time.sleep(0.1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before, begun = log.read_bytes().count(b"\n"), time.monotonic()
    child = start(source, folder, workers)
    while child.poll() is None and log.read_bytes().count(b"\n") == before:
        time.sleep(0.05)
    seconds = time.monotonic() - begun
    child.kill()
    child.wait()
    return seconds


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="Shortest length, s.")
    parser.add_argument("--size", default="320x180", help="Width and height, pixels.")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--restart", action="store_true", help="Kill and restart a run of the longest source.")
    options = parser.parse_args()
    found = []
    for factor in FACTORS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            source = make_source(folder, factor * options.seconds, options.size)
            found.append(measure(source, folder, options.workers))
            print(f"{found[-1].seconds:.0f} s: {found[-1].cpu_seconds:.0f} s of CPU", file=sys.stderr, flush=True)
            if options.restart and factor == FACTORS[-1]:
                (folder / "again").mkdir()
                seconds = measure_restart(source, folder / "again", options.workers)
                print(f"restart after a kill: first job after {seconds:.1f} s")
    print_figures(found)


def print_figures(found: list[Figures]) -> None:
    """Print one column for each length."""
    rows: list[tuple[str, list[str]]] = [
        ("video s", [f"{each.seconds:.0f}" for each in found]),
        ("shots", [str(each.shots) for each in found]),
        ("CPU per video second", [f"{each.cpu_seconds / each.seconds:.3f}" for each in found]),
    ]
    rows += [
        (f"  {stage.removesuffix('_cpu_seconds')}", [f"{each.cost[stage] / each.seconds:.4f}" for each in found])
        for stage in found[0].cost
    ]
    rest = [(each.cpu_seconds - sum(each.cost.values())) / each.seconds for each in found]
    rows += [
        ("  all else", [f"{value:.4f}" for value in rest]),
        ("memory of the process MB", [f"{each.max_memory / 1e6:.0f}" for each in found]),
        ("open files", [str(each.max_files) for each in found]),
        ("store MB", [f"{each.store_bytes / 1e6:.1f}" for each in found]),
    ]
    for name, cells in rows:
        print(f"{name:28s}" + "".join(f"{cell:>12s}" for cell in cells))


if __name__ == "__main__":
    main()
