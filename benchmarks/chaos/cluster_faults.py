"""Faults of a Dask cluster on this machine: its workers, its scheduler, and the command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.chaos.fault_kind import Fault, FaultKind, Scene, require
from benchmarks.chaos.process_faults import MAX_DELAY, STOPPED
from benchmarks.chaos.trial import STAGES, Trial

#: Workers of a cluster, with one thread each.
WORKERS = 2
#: Seconds in which a scheduler answers. Chosen by hand.
START_LIMIT = 1500


class Cluster:
    """A scheduler and its workers; each is a process."""

    def __init__(self, trial: Trial) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._trial = trial
        self._options = ("--no-dashboard", "--host", "127.0.0.1")
        self.scheduler = self._start("dask_scheduler", "--port", str(self.port))
        end = time.monotonic() + START_LIMIT
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert time.monotonic() < end, "the scheduler does not answer"
            time.sleep(0.05)
        self.workers = [self._start_worker() for _ in range(WORKERS)]

    @property
    def address(self) -> str:
        """Address of the scheduler."""
        return f"tcp://127.0.0.1:{self.port}"

    def _start_worker(self) -> subprocess.Popen[bytes]:
        return self._start("dask_worker", self.address, "--no-nanny", "--nthreads", "1")

    def _start(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        environment = os.environ | self._trial.environment() | {"PYTHONPATH": os.pathsep.join(sys.path)}
        # what the cluster leaves there when it is killed is not the matter of the command
        environment["DASK_TEMPORARY_DIRECTORY"] = str(self._trial.root / "cluster")
        command = [sys.executable, "-m", f"distributed.cli.{module}", *words, *self._options]
        options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self._trial.root / "data"}
        return subprocess.Popen(command, env=environment, **options)

    def close(self) -> None:
        """Kill all processes of the cluster."""
        for process in (*self.workers, self.scheduler):
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@contextmanager
def open_cluster(trial: Trial) -> Iterator[Cluster]:
    """Yield a cluster, and kill it at the end."""
    cluster = Cluster(trial)
    try:
        yield cluster
    finally:
        cluster.close()


def disturb(what: str, scene: Scene) -> Fault:
    """Run the command on a cluster, and end or stop a part of it."""
    with open_cluster(scene.trial) as cluster:
        stage, delay = scene.rng.choice(STAGES[1:-1]), scene.rng.uniform(0, MAX_DELAY)
        run = scene.trial.start("--cluster", cluster.address)
        require(run.wait_for_stage(stage, delay))
        if what == "worker":
            cluster.workers[0].kill()
        elif what == "scheduler":
            cluster.scheduler.kill()
        elif what == "worker stopped":
            cluster.workers[0].send_signal(signal.SIGSTOP)
            time.sleep(STOPPED)
            cluster.workers[0].send_signal(signal.SIGCONT)
        else:
            run.send(signal.SIGKILL)
        run.wait()
    return Fault(f"{what} {delay:.2f} CPU s after the start of: {stage}", run)


KINDS = (
    FaultKind(
        "kill a Dask worker",
        "The other worker does its jobs.",
        partial(disturb, "worker"),
        weight=2,
    ),
    FaultKind(
        "kill the Dask scheduler",
        "The command ends with one line of error; the same encode runs elsewhere.",
        partial(disturb, "scheduler"),
        weight=2,
        can_clean=False,
    ),
    FaultKind("stop a Dask worker", "The command waits and goes on.", partial(disturb, "worker stopped"), weight=1),
    FaultKind(
        "kill the command on a cluster",
        "Workers finish their jobs or lose them; nothing unfinished is stored.",
        partial(disturb, "command"),
        weight=2,
        can_clean=False,
    ),
)
