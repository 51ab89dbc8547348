"""A Dask scheduler and its workers in processes of their own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


class Cluster:
    """Processes of a scheduler and its workers."""

    def __init__(self, folder: Path, worker_count: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.worker_count = worker_count
        self.folder, self.address = folder, f"tcp://127.0.0.1:{self.port}"
        self.scheduler = self.start_scheduler()
        self.workers = []
        self.start_workers()

    def start_workers(self) -> None:
        words = ["worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0"]
        self.workers += [self.start(*words, "--local-directory", self.folder) for _ in range(self.worker_count)]

    def kill_workers(self) -> None:
        for process in self.workers:
            process.kill()

    def start_scheduler(self) -> subprocess.Popen:
        return self.start("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")

    def start(self, *words) -> subprocess.Popen:
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "DASK_DISTRIBUTED__COMM__RETRY__COUNT": "5"}
        with (self.folder / "log").open("ab") as log:
            argv = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *map(str, words[1:])]
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
