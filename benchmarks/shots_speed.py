"""CPU time of shot detection with complexity, relative to bare decoding with PyAV and to PySceneDetect's Adaptive.

    python -m benchmarks.shots_speed [FILE ...]

CPU seconds of the process, user and system, all threads, after a warm-up. All run in turn in one process, and ratios
are computed per round; printed are their median and quartiles. Peak memory is measured in separate processes.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SHARED = Path(__file__).resolve().parents[2] / "shared"
CLIPS = (
    "envivio_a_720p25_48s.mp4",
    "psd_testvideo_720p_24s.mp4",
    "bbb_1080p60_10s_51.mp4",
    "sports_tennis_1080p_5s.mp4",
)
ROUNDS = 9


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


def analyse_shots(path: str) -> None:
    """Find shots and measure complexity."""
    import encoder
    import ladders

    ladders.analyse_shots(encoder.inspect(path))


def adaptive(path: str) -> None:
    """Find cuts with PySceneDetect."""
    import scenedetect

    scenedetect.detect(path, scenedetect.AdaptiveDetector())


CONTENDERS = {"bare": decode_bare, "ours": analyse_shots, "adaptive": adaptive}


def rounds(path: str) -> dict[str, list[float]]:
    """Return the CPU seconds of each contender, a round each."""
    for run in CONTENDERS.values():
        run(path)
    spent: dict[str, list[float]] = {who: [] for who in CONTENDERS}
    for _ in range(ROUNDS):
        for who, run in CONTENDERS.items():
            start = cpu()
            run(path)
            spent[who].append(cpu() - start)
    return spent


def peak(path: str, who: str) -> float:
    """Return the peak memory of a process that runs one contender, in MB."""
    code = (
        "import resource\n"
        "from benchmarks import shots_speed as b\n"
        f"b.CONTENDERS[{who!r}]({path!r})\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def main(argv: Sequence[str] = ()) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args(argv)
    if not options.files and not SHARED.is_dir():
        print(f"skipped: needs the clips in {SHARED}")
        return
    files = options.files or [str(SHARED / "clips" / name) for name in CLIPS]
    # what a process has used by then counts as the peak of those that it starts
    memory = {path: "   ".join(f"{peak(path, who):6.0f}" for who in ("ours", "adaptive")) for path in files}
    print(f"{'':34s} bare s   ours/bare (quartiles)    adaptive/bare (quartiles)   ours MB  adaptive MB")
    for path in files:
        spent = rounds(path)
        base = np.array(spent["bare"])
        ratios = [np.quantile(spent[who] / base, [0.5, 0.25, 0.75]) for who in ("ours", "adaptive")]
        told = "   ".join(f"{middle:7.3f} ({low:.3f} to {high:.3f})" for middle, low, high in ratios)
        print(f"{Path(path).name:34s} {np.median(base):6.2f} {told}      {memory[path]}")


if __name__ == "__main__":
    main(sys.argv[1:])
