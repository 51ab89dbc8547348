"""Jobs that the workers of a test cluster import."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from shotladder_runtime.jobs import report_job_progress
from shotladder_runtime.jobs.cluster_progress import JobCancelledError
from shotladder_runtime.store import Store


@dataclass(frozen=True)
class StoredJob:
    """Stores a number; takes `cost` seconds. The first attempt of job `suspended` stops its own process."""

    number: int
    store: Store
    cost: float = 0.05
    memory: int = 0
    suspended: int = -1

    def split(self, count):
        return [self]


def run_job(job: StoredJob) -> int:
    """Make the artefact of a job and return its value."""

    def compute(_):
        time.sleep(job.cost)
        mark = job.store.root.parent / "suspended"
        if job.number == job.suspended and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGSTOP)
        with (job.store.root.parent / "computed").open("a") as file:
            file.write(f"{job.number} {os.getpid()}\n")
        yield job.number**2

    (value,) = job.store.memoise("square", [{"number": job.number}], compute)
    return value


@dataclass(frozen=True)
class SteppedJob:
    """Takes `cost` seconds in steps, and reports each; a process that is stopped now and then takes longer."""

    number: int
    folder: Path
    cost: float = 1.0
    memory: int = 0

    def split(self, count):
        return [self]


STEPS = 50


def run_steps(job: SteppedJob) -> int:
    """Do the steps of a job and return its process; write a file with the steps of an attempt that is cancelled."""
    for step in range(STEPS):
        time.sleep(job.cost / STEPS)
        try:
            report_job_progress(step + 1, STEPS)
        except JobCancelledError:
            (job.folder / f"cancelled-{job.number}-{os.getpid()}").write_text(str(step + 1))
            raise
    return os.getpid()
