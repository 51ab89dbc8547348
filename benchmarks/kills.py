"""A SIGKILL at thirty random moments of a run, each followed by the same command.

    python -m benchmarks.kills [KILLS]

Each time the segments must be those of an undisturbed run, byte for byte, and no artefact that was in the store at the
kill may be made again: only what was being made is lost.
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

ENCODE = ("--preset", "ultrafast", "--rungs", "2", "--target-vmaf", "85", "--no-audio", "--no-subtitles", "--quiet")
SEED = 1


def start(film: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start an encode whose store and output lie in the folder."""
    command = [sys.executable, "-m", "shotladder.cli", "encode", str(film), "-o", str(folder / "out"), *ENCODE]
    environment = os.environ | {"SHOTLADDER_STORE": str(folder / "store")}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def segments(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every segment."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.m4s")}


def artefacts(folder: Path) -> dict[str, int]:
    """Return when each artefact was made."""
    store = folder / "store"
    found = [path for path in store.glob("*/*/*") if not path.name.startswith(".")]
    return {str(path.relative_to(store)): path.stat().st_mtime_ns for path in found}


def main(kills: int = 30) -> None:
    """Run it."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        film = make_film(place / "film.mp4", width=160, height=90)
        begun = time.monotonic()
        assert start(film, place / "whole").wait() == 0
        length = time.monotonic() - begun
        wanted, made = segments(place / "whole" / "out"), len(artefacts(place / "whole"))
        same = kept = 0
        found = []
        for n in range(kills):
            folder = place / str(n)
            run = start(film, folder)
            try:
                run.wait(timeout=rng.uniform(0, length))
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
            before = artefacts(folder)
            found.append(len(before))
            assert start(film, folder).wait() == 0
            after = artefacts(folder)
            same += segments(folder / "out") == wanted
            again = {path for path, moment in before.items() if after.get(path) != moment}
            kept += not again and len(after) == made
            if again or len(after) != made:
                print(f"kill {n + 1}: {len(after)} artefacts, made again: {', '.join(sorted(again)) or 'none'}")
            shutil.rmtree(folder)
    print(f"an undisturbed run: {length:.0f} s, {made} artefacts")
    print(f"killed at {kills} moments, with {min(found)} to {max(found)} artefacts made")
    print(f"segments as undisturbed: {same} of {kills}; nothing made twice: {kept} of {kills}")


if __name__ == "__main__":
    main(*(int(arg) for arg in sys.argv[1:]))
