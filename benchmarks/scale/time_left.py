"""The time left that `shotladder encode` shows, against the time that the run then takes.

    python -m benchmarks.scale.time_left VIDEO... [--option WORDS]

Claim: after the first tenth of a run, the expected end (time taken plus time left) is within 20 % of the whole run.
Each video is encoded with default settings and an empty store; the lines of progress are read as a user sees them.
Without videos, one is generated.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from samples.film import make_film

#: Part of the run before which the time left is not judged.
FIRST_PART = 0.1
#: Size of the generated video.
SIZE = (640, 360)


def measure(video: Path, options: Sequence[str]) -> list[tuple[float, float]]:
    """Encode a video; return (part of the run, expected end / real end) for each line with a time left."""
    with TemporaryDirectory() as folder:
        argv = [sys.executable, "-m", "shotladder.cli", "encode", str(video), "-o", f"{folder}/out"]
        argv += ["--store", f"{folder}/store", *options]
        start = time.monotonic()
        shown = []
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                taken = time.monotonic() - start
                if (left := read_left(line)) is not None:
                    shown.append((taken, taken + left))
        total = time.monotonic() - start
    if process.returncode:
        raise SystemExit(f"{video}: encode failed with status {process.returncode}")
    return [(taken / total, end / total) for taken, end in shown]


def read_left(line: str) -> float | None:
    """Return the seconds left of the whole run that a line states."""
    found = re.search(r"the whole run \d+%, (?:(\d+) h )?(?:(\d+) min|(\d+) s)? ?left", line)
    if found is None:
        return None
    hours, minutes, seconds = (float(each or 0) for each in found.groups())
    return 3600 * hours + 60 * minutes + seconds


def main(argv: Sequence[str] = ()) -> None:
    """Print the ratio at each line, and the largest error after the first tenth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--option", default="", help="further options of encode, as one text")
    chosen = parser.parse_args(list(argv))
    with TemporaryDirectory() as folder:
        videos = chosen.videos
        if not videos:
            videos = [Path(folder) / "video.mp4"]
            make_film(videos[0], width=SIZE[0], height=SIZE[1])
        for video in videos:
            ratios = measure(video, shlex.split(chosen.option))
            print(f"{video.name}: expected end / real end, by part of the run")
            print("  " + ", ".join(f"{part:.0%}: {ratio:.2f}" for part, ratio in ratios))
            judged = [abs(ratio - 1) for part, ratio in ratios if part >= FIRST_PART]
            print(f"  largest error after the first tenth: {max(judged, default=0.0):.0%}")


if __name__ == "__main__":
    main(sys.argv[1:])
