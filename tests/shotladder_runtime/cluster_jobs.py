"""Jobs that the workers of a test cluster import."""

import os
import signal
import time
from dataclasses import dataclass

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
