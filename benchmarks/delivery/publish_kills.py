"""Kill `shotladder publish` at thirty random times while a poller checks what players find at the target.

    python -m benchmarks.delivery.publish_kills [KILLS] [folder|nginx]

Each time the command publishes a first presentation, publishes an update, or prunes, and is killed with SIGKILL. The
poller reads manifests and playlists without a pause and checks that every file that they name is there with its full
size. The same command must finish the work, and must send no file again that was complete.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import delivery
from tests.delivery.complete import named_files
from tests.delivery.packaged import package
from tests.delivery.servers import nginx_server

SEED = 1
#: Mbit/s: the upload lasts longer than the start of the command.
RATE = 8
PHASES = ("first", "update", "prune")


class Poller:
    """Reads what is published until it is stopped, and counts what a player could not have played."""

    def __init__(self, target: delivery.Target, sizes: dict[str, int]) -> None:
        self.target, self.sizes = target, sizes
        self.polls, self.faults = 0, set[str]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def find_faults(self) -> set[str]:
        """Return the files that the manifests name and that are missing or incomplete."""
        named = named_files(self.target.read)
        found = self.target.find_sizes(named)
        return {path for path in named if found.get(path) != self.sizes[path]}

    def _run(self) -> None:
        while not self._stop.is_set():
            faults = self.find_faults()
            # a prune may delete an old file after an old manifest was read; the new manifest must not name it
            if faults:
                self.faults |= faults & self.find_faults()
            self.polls += 1

    def __enter__(self) -> Poller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def start(folder: Path, url: str) -> subprocess.Popen[bytes]:
    """Start the command."""
    options = ("--max-rate", str(RATE), "--prune", "0m", "--quiet")
    return subprocess.Popen([sys.executable, "-m", "shotladder.cli", "publish", str(folder), url, *options])


@contextlib.contextmanager
def open_places(kind: str, root: Path) -> Iterator[Callable[[str], tuple[str, Path]]]:
    """Yield a function that returns a new URL and the folder in which its files are."""
    if kind == "folder":
        yield lambda name: (str(root / name), root / name)
        return
    with nginx_server(root / "nginx") as address:
        yield lambda name: (f"{address}/{name}", root / "nginx" / "root" / name)


def times(folder: Path) -> dict[str, int]:
    """Return the modification time of each media file and playlist, ns; both targets rename complete files."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {str(path): path.stat().st_mtime_ns for path in files if path.suffix in (".m4s", ".mp4", ".vtt")}


def main(kills: int = 30, kind: str = "nginx") -> None:
    """Run the benchmark and print its results."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as name, open_places(kind, Path(name)) as place:
        root = Path(name)
        first, second = (package(root / str(s) / "show", seeds=(1, s), seconds=20) for s in (2, 3))
        releases = [delivery.make_release(folder) for folder in (first, second)]
        sizes = {file.path: file.size for release in releases for file in release.files}
        faults, again, unfinished, polls, hits = set[str](), 0, 0, 0, 0
        begun = time.monotonic()
        assert start(first, place("timed")[0]).wait() == 0
        duration = time.monotonic() - begun
        for n in range(kills):
            phase = PHASES[n % 3]
            url, folder = place(f"kill-{n}")
            target = delivery.open_target(url)
            for release in releases[: PHASES.index(phase)]:
                delivery.publish(release, target)
            source = first if phase == "first" else second
            with Poller(target, sizes) as poller:
                run = start(source, url)
                try:
                    run.wait(timeout=rng.uniform(0.2, 1) * duration)
                except subprocess.TimeoutExpired:
                    run.kill()
                    run.wait()
                    hits += 1
                before = times(folder)
                unfinished += start(source, url).wait() != 0
            faults |= poller.faults
            polls += poller.polls
            expected = {file.path for file in releases[source == second].files}
            there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
            unfinished += there != expected | {"shotladder-publication.json"}
            after = times(folder)
            again += sum(after[path] != moment for path, moment in before.items() if path in after)
    print(f"{kind}: uninterrupted run {duration:.1f} s, {len(releases[0].files)} files, {releases[0].size} bytes")
    print(f"{kills} runs ({', '.join(PHASES)} in turn), {hits} killed before their end")
    print(f"polls: {polls}; files missing or incomplete in a poll: {len(faults)}")
    print(f"runs that the same command did not finish: {unfinished}; complete files sent again: {again}")


if __name__ == "__main__":
    main(*(int(arg) if arg.isdecimal() else arg for arg in sys.argv[1:]))
