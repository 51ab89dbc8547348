"""One trial: a folder with a source, a store and an output, and the command that runs in it.

The command runs in a process forked from a server that has imported it already (`multiprocessing`, forkserver). This
saves the import time of each run. Every process that a trial starts carries a token in its environment, so that
orphans are found wherever they are.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Environment variable with the token of a trial.
TOKEN = "SHOTLADDER_CHAOS"
#: Settings of the encode that every trial disturbs: one small rung, all stages.
SETTINGS = ("--preset", "ultrafast", "--rungs", "1", "--target-vmaf", "80", "--audio", "aac", "--no-compare")
#: Titles of the stages in the order of a run, as the command reports them.
STAGES = ("shots", "probe encodes", "encode", "correct", "audio and subtitles", "package")
#: Seconds after which a run counts as hanging. Chosen by hand: a run takes 5 s of CPU time on a busy machine.
TIME_LIMIT = 1500
#: Seconds between two looks at a run.
PAUSE = 0.003
#: Clock ticks per second, in which the kernel states CPU times.
TICKS = os.sysconf("SC_CLK_TCK")

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(
    ["shotladder.commands.encode", "shotladder.pipeline.encode_pipeline", "benchmarks.chaos.loaded_kernels"]
)


class HangError(AssertionError):
    """A run did not end."""


@dataclass(slots=True)
class Run:
    """A started command.

    Attributes
    ----------
    pid : int
    messages : Path
        Its standard error.
    poll : callable
        Return the exit status, negative for the signal that ended it; None while it runs.
    """

    pid: int
    messages: Path
    poll: Callable[[], int | None]

    def wait(self) -> int:
        """Wait until the command ends and return its exit status."""
        end = time.monotonic() + TIME_LIMIT
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                raise HangError(f"the run did not end within {TIME_LIMIT} s; its last lines: {self.text()[-300:]}")
            time.sleep(PAUSE)
        return status

    def text(self) -> str:
        """Return what the command printed so far."""
        return self.messages.read_text(errors="replace")

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Wait for a condition; return False if the command ends first."""
        while not condition():
            if self.poll() is not None:
                return False
            time.sleep(PAUSE)
        return True

    def wait_for_stage(self, stage: str, delay: float = 0) -> bool:
        """Wait until a stage has begun and used `delay` s of CPU time; return False if the command ends first.

        A delay in CPU time finds the same moment of a stage on a busy machine as on an idle one.
        """
        if not self.wait_for(lambda: f"\n{stage}" in "\n" + self.text()):
            return False
        end = self.cpu_seconds() + delay
        return self.wait_for(lambda: self.cpu_seconds() >= end)

    def send(self, number: int) -> None:
        """Send a signal, unless the command has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def cpu_seconds(self) -> float:
        """Return the CPU time that the command and its children have used so far, s."""
        return sum(map(_cpu_seconds, (self.pid, *self.children())))

    def children(self, name: str = "") -> list[int]:
        """Return the processes that the command started and whose program has this name."""
        found: list[int] = []
        for path in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(pid) for pid in path.read_text().split()]
        return [pid for pid in found if name in program(pid)]


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of its children that have ended, s; 0 if it has ended."""
    try:
        # the name of the program, in brackets, may contain blanks
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS


def program(pid: int) -> str:
    """Return the name of the program file that a process runs; an empty string if it has ended."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


@dataclass(slots=True)
class Trial:
    """The folder of one trial and everything that was started in it.

    Attributes
    ----------
    root : Path
    words : tuple of str
        Arguments of `encode` in addition to source and output.
    name : str
        File name of the source.
    """

    root: Path
    words: tuple[str, ...] = SETTINGS
    name: str = "video.mp4"
    mounts: list[Path] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    @property
    def source(self) -> Path:
        """The video that is encoded."""
        return self.root / "in" / self.name

    @property
    def store(self) -> Path:
        """The store."""
        return self.root / "store"

    @property
    def output(self) -> Path:
        """The presentation."""
        return self.root / "served" / "out"

    @property
    def temporary(self) -> Path:
        """Folder of the temporary files of the command."""
        return self.root / "tmp"

    @property
    def data(self) -> Path:
        """Folder in which the command saves generated keys."""
        return self.root / "data"

    def environment(self) -> dict[str, str]:
        """Return the environment of the command."""
        return {
            TOKEN: str(self.root),
            "SHOTLADDER_STORE": str(self.store),
            "TMPDIR": str(self.temporary),
            "XDG_DATA_HOME": str(self.data),
            "COLUMNS": "120",
        }

    def start(self, *more: str, output: Path | None = None, prefix: Sequence[str] = ()) -> Run:
        """Start the command; with `prefix`, as the argument of another program, in a new interpreter."""
        words = ["encode", str(self.source), "-o", str(output or self.output), *self.words, *more]
        messages = self.root / f"messages-{len(self.runs)}"
        messages.touch()
        if prefix:
            with messages.open("wb") as file:
                child = subprocess.Popen(
                    [*prefix, sys.executable, "-m", "shotladder.cli", *words],
                    env=os.environ | self.environment() | {"PYTHONPATH": os.pathsep.join(sys.path)},
                    stdout=subprocess.DEVNULL,
                    stderr=file,
                )
            run = Run(child.pid, messages, child.poll)
        else:
            process = _server.Process(target=_run_command, args=(words, self.environment(), messages))
            process.start()
            assert process.pid is not None
            run = Run(process.pid, messages, lambda: process.exitcode)
        self.runs.append(run)
        return run

    def cpu_seconds(self) -> float:
        """Return the CPU time of the last run and its children, s, or 0 if it was killed."""
        path = self.runs[-1].messages.with_suffix(".cpu")
        return float(path.read_text()) if path.is_file() else 0.0

    def processes(self) -> list[int]:
        """Return the programs with the token of this trial that still run."""
        wanted = f"{TOKEN}={self.root}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if wanted in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        return found

    def mount(self, folder: Path, size: int) -> None:
        """Mount an empty file system of `size` bytes at a folder."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
        self.mounts.append(folder)

    def resize(self, folder: Path, size: int) -> None:
        """Change the size of a mounted file system."""
        subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)

    def close(self) -> None:
        """End what still runs, and unmount."""
        for run in self.runs:
            if run.poll() is None:
                run.send(signal.SIGCONT)
                run.send(signal.SIGKILL)
                run.wait()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for folder in reversed(self.mounts):
            subprocess.run(["umount", "-l", str(folder)], check=False)
        self.mounts.clear()


@contextlib.contextmanager
def open_trial(
    source: Path, words: tuple[str, ...] = SETTINGS, store: Path | None = None, name: str = "video.mp4"
) -> Iterator[Trial]:
    """Yield a trial with a copy of a source, and with a copy of a store if one is given; delete it at the end."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as root:
        trial = Trial(Path(root), words, name)
        for folder in (trial.source.parent, trial.output.parent, trial.temporary, trial.data):
            folder.mkdir()
        shutil.copy2(source, trial.source)
        if store is None:
            trial.store.mkdir()
        else:
            shutil.copytree(store, trial.store)
        try:
            yield trial
        finally:
            trial.close()


def _run_command(words: Sequence[str], environment: dict[str, str], messages: Path) -> None:
    """Run the command in this process, which was forked for it."""
    os.environ.update(environment)
    tempfile.tempdir = None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    handle = os.open(messages, os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115 - the descriptor of this process
    sys.argv = ["shotladder", *words]
    from shotladder.cli import main

    try:
        main()
    finally:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        with contextlib.suppress(OSError):
            messages.with_suffix(".cpu").write_text(str(sum(each.ru_utime + each.ru_stime for each in used)))
