"""The demonstration behind `make demo`: a film, its presentation, and viewers on generated networks."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from samples.film import make_film
from samples.traces import write_traces


def main(folder: Path) -> None:
    """Make everything in a folder; a second call goes on from what is there."""
    begun = time.monotonic()
    film, traces, output = folder / "film.mp4", folder / "traces", folder / "presentation"
    folder.mkdir(parents=True, exist_ok=True)
    if not film.exists():
        print("making the sample film ...", flush=True)
        make_film(film)
    write_traces(traces)
    command = [sys.executable, "-m", "shotladder.cli"]
    _run([*command, "encode", str(film), "-o", str(output)])
    policies = [word for name in ("throughput", "bba-0", "bba-1", "bba-2") for word in ("--policy", name)]
    _run([*command, "simulate", str(output / "presentation.json"), "--traces", str(traces), *policies])
    print(f"\n{time.monotonic() - begun:.0f} s; the report is {(output / 'report.html').resolve()}")


def _run(argv: list[str]) -> None:
    print("\n$ shotladder " + " ".join(argv[3:]), flush=True)
    if status := subprocess.run(argv, check=False).returncode:
        sys.exit(status)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
