"""The demonstration of `make demo`: a video, its presentation, and simulated playback over generated traces."""

from __future__ import annotations

import csv
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import abr
import shotladder
from samples.compile_kernels import start
from samples.film import make_film
from samples.traces import write_traces

#: Size of the video, pixels: small, so that the demonstration is short.
SIZE = (640, 360)
POLICIES = ("throughput", "bola-e", "bba-2")
#: The video is played this many times in a row: viewers watch longer than 48 s, and buffers need a minute to fill.
REPEAT = 10


def main(folder: Path) -> None:
    """Create everything in a folder; a second call reuses the files that exist."""
    begun = time.monotonic()
    film, traces, output = folder / "film.mp4", folder / "traces", folder / "presentation"
    folder.mkdir(parents=True, exist_ok=True)
    compilation = None
    if not film.exists():
        print("making the sample video, and compiling kernels beside it ...", flush=True)
        # the kernels of the simulation are not needed before the end
        compilation = start(f"compile_sessions({POLICIES})")
        with start("compile_shots(); compile_vmaf(8)"):
            make_film(film, width=SIZE[0], height=SIZE[1])
    command = [sys.executable, "-m", "shotladder.cli"]
    _run([*command, "encode", str(film), "-o", str(output)])
    if compilation is not None:
        compilation.wait()
    write_traces(traces, bitrates=abr.load_presentation(output).bitrates)
    policies = [word for name in POLICIES for word in ("--policy", name)]
    simulate = [*command, "simulate", str(output / "presentation.json"), "--traces", str(traces), *policies]
    sessions = folder / "sessions.csv"
    _run([*simulate, "--repeat", str(REPEAT), "--sessions", str(sessions)])
    print(f"\n{_summary(output, sessions)}")
    print(f"{time.monotonic() - begun:.0f} s in all.")


def _summary(output: Path, sessions: Path) -> str:
    """Return three sentences: what was saved, what viewers receive, and what to open."""
    presentation = shotladder.load(output)
    (comparison,) = presentation.comparisons
    saved = comparison.bd_rate_percent
    with sessions.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    policies = sorted({row["policy"] for row in rows})
    best = max(policies, key=lambda policy: _mean(rows, policy, "vmaf_mean"))
    return (
        f"The per-shot ladder needs {abs(saved or 0):.0f} % {'fewer' if (saved or 0) < 0 else 'more'} bits than Apple's"
        f" fixed ladder at equal VMAF, by an estimate of {comparison.sampled_chunks} sampled chunks.\n"
        f"On networks that carry about half to one and a half times the middle rung, viewers with the policy"
        f" {best} receive VMAF {_mean(rows, best, 'vmaf_mean'):.1f} and wait"
        f" {100 * _mean(rows, best, 'rebuffer_ratio'):.1f} % of the time.\n"
        f"Open {(output / 'report.html').resolve()}, or watch it with: shotladder play {output}"
    )


def _mean(rows: Sequence[Mapping[str, str]], policy: str, metric: str) -> float:
    """Return the mean of a metric over the sessions of a policy."""
    return statistics.mean(float(row[metric]) for row in rows if row["policy"] == policy)


def _run(argv: list[str]) -> None:
    print("\n$ shotladder " + " ".join(argv[3:]), flush=True)
    if status := subprocess.run(argv, check=False).returncode:
        sys.exit(status)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
