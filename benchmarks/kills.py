"""Kill an encode at thirty random times and run the same command again each time.

    python -m benchmarks.kills [KILLS]

Each time the segments must equal those of an uninterrupted run, byte for byte. Artefacts that were in the store at the
time of the SIGKILL must not be computed again; only unfinished ones are lost.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from samples.film import make_film

ENCODE = ("--preset", "ultrafast", "--rungs", "2", "--target-vmaf", "85", "--no-audio", "--quiet")
SEED = 1


def start(source: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start an encode with its store and output in `folder`."""
    command = [sys.executable, "-m", "shotladder.cli", "encode", str(source), "-o", str(folder / "out"), *ENCODE]
    environment = os.environ | {"SHOTLADDER_STORE": str(folder / "store")}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def segments(folder: Path) -> dict[str, bytes]:
    """Return the content of every segment by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.m4s")}


def list_artefacts(folder: Path) -> dict[str, int]:
    """Return the modification time of each artefact in the store, ns."""
    store = folder / "store"
    found = [path for path in store.glob("*/*/*") if not path.name.startswith(".")]
    return {str(path.relative_to(store)): path.stat().st_mtime_ns for path in found}


def main(kills: int = 30) -> None:
    """Run the benchmark and print its results."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        source = make_film(root / "film.mp4", width=160, height=90)
        begun = time.monotonic()
        assert start(source, root / "uninterrupted").wait() == 0
        duration = time.monotonic() - begun
        expected, total = segments(root / "uninterrupted" / "out"), len(list_artefacts(root / "uninterrupted"))
        same = kept = 0
        counts = []
        for n in range(kills):
            folder = root / str(n)
            run = start(source, folder)
            try:
                run.wait(timeout=rng.uniform(0, duration))
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
            before = list_artefacts(folder)
            counts.append(len(before))
            assert start(source, folder).wait() == 0
            after = list_artefacts(folder)
            same += segments(folder / "out") == expected
            again = {path for path, moment in before.items() if after.get(path) != moment}
            kept += not again and len(after) == total
            if again or len(after) != total:
                print(f"kill {n + 1}: {len(after)} artefacts, computed again: {', '.join(sorted(again)) or 'none'}")
            shutil.rmtree(folder)
    print(f"uninterrupted run: {duration:.0f} s, {total} artefacts")
    print(f"killed {kills} times, with {min(counts)} to {max(counts)} artefacts in the store")
    print(f"runs with equal segments: {same} of {kills}; runs without repeated work: {kept} of {kills}")


if __name__ == "__main__":
    main(*(int(arg) for arg in sys.argv[1:]))
