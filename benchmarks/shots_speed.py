"""CPU of shots and complexity together, against bare PyAV decoding and PySceneDetect's AdaptiveDetector.

    python -m benchmarks.shots_speed [FILE ...]

CPU seconds of the process, user and system, all threads; median of some rounds, everyone warm, in turn.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

SHARED = Path(__file__).resolve().parents[2] / "shared"
CLIPS = (
    "envivio_a_720p25_48s.mp4",
    "psd_testvideo_720p_24s.mp4",
    "bbb_1080p60_10s_51.mp4",
    "sports_tennis_1080p_5s.mp4",
)
ROUNDS = 3


def cpu() -> float:
    """Return CPU seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def decode_bare(path: str) -> None:
    """Decode every frame and look at none, with PyAV's defaults."""
    import av

    with av.open(path) as container:
        for _ in container.decode(video=0):
            pass


def analyse(path: str) -> None:
    """Find shots and measure complexity."""
    import encoder
    import ladders

    ladders.analyse(encoder.inspect(path))


def adaptive(path: str) -> None:
    """Find cuts with PySceneDetect."""
    import scenedetect

    scenedetect.detect(path, scenedetect.AdaptiveDetector())


def measure(path: str, who: str) -> dict[str, float]:
    """Run one contender in a process of its own: CPU seconds of each warm round, and peak memory."""
    code = (
        "import json, resource\n"
        "from benchmarks import shots_speed as b\n"
        f"run = b.{who}\n"
        f"run({path!r})\n"
        "rounds = []\n"
        f"for _ in range({ROUNDS}):\n"
        f"    start = b.cpu(); run({path!r}); rounds.append(b.cpu() - start)\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(json.dumps({'rounds': rounds, 'peak': peak}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: Sequence[str] = ()) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args(argv)
    files = options.files or [str(SHARED / "clips" / name) for name in CLIPS]
    print(f"{'':34s} bare s  ours/bare (spread)   adaptive/bare   ours MB  adaptive MB")
    for path in files:
        bare, we, they = (measure(path, who) for who in ("decode_bare", "analyse", "adaptive"))
        base = median(bare["rounds"])
        spread = (max(we["rounds"]) - min(we["rounds"])) / base
        print(
            f"{Path(path).name:34s} {base:6.2f}  {median(we['rounds']) / base:6.3f} ({spread:.3f})"
            f"      {median(they['rounds']) / base:6.3f}          {we['peak']:6.0f}   {they['peak']:6.0f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
