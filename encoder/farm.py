"""Jobs to any executor: longest first, tried again when they fail, and within the memory that there is."""

from __future__ import annotations

import os
import queue
import shlex
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from encoder.errors import ClaimedError, JobsError, MissingToolError, ProcessError, SourceError, StoreError

__all__ = ["ATTEMPTS", "Job", "LocalExecutor", "free_memory", "longest_first", "run_all"]

#: Times that a job is tried.
ATTEMPTS = 2
#: So many jobs that failed for good are no longer the jobs' fault.
GIVE_UP = 10
#: Seconds before work that another run had claimed is looked at again.
PAUSE = 0.3
#: Share of the free memory that jobs may fill.
MEMORY_SHARE = 0.8


class Job(Protocol):
    """What one worker does at a time; it can be pickled, and carries all that it needs."""

    @property
    def cost(self) -> float:
        """About how long it takes, in any unit that its round shares."""

    @property
    def memory(self) -> int:
        """About how many bytes it needs."""


J = TypeVar("J", bound=Job)
R = TypeVar("R")


def longest_first(jobs: Iterable[J]) -> list[J]:
    """Return jobs in the order in which they are begun, so that no straggler ends a round."""
    return sorted(jobs, key=lambda job: -job.cost)


def run_all(executor: Executor, function: Callable[[J], R], jobs: Iterable[J]) -> Iterator[tuple[J, R]]:
    """Run jobs and yield each with its result as it is done.

    Parameters
    ----------
    executor : Executor
        Runs them, in the order in which they are given to it.
    function : callable
        Of a module, so that it can be named to another process.
    jobs : iterable of Job

    Raises
    ------
    JobsError
        When all others are done, if some failed each time that they were tried.
    MissingToolError, StoreError, OSError
        At once: what lacks or is full will fail every job.
    """
    events: queue.SimpleQueue[tuple[J, Future[R]]] = queue.SimpleQueue()

    def submit(job: J) -> None:
        executor.submit(function, job).add_done_callback(lambda future: events.put((job, future)))

    waiting = longest_first(jobs)
    total = left = len(waiting)
    for job in waiting:
        submit(job)
    tried: Counter[int] = Counter()
    claimed: list[J] = []
    failures: list[BaseException] = []
    while left:
        try:
            job, future = events.get(timeout=PAUSE if claimed else None)
        except queue.Empty:
            for job in claimed:
                submit(job)
            claimed.clear()
            continue
        error = future.exception()
        tried[id(job)] += 1
        if error is None:
            left -= 1
            yield job, future.result()
        elif isinstance(error, ClaimedError):
            # somebody else makes just this: later it will be there
            tried[id(job)] -= 1
            claimed.append(job)
        elif _concerns_all(error):
            raise error
        elif tried[id(job)] < ATTEMPTS:
            submit(job)
        else:
            left -= 1
            failures.append(error)
            if len(failures) == GIVE_UP:
                break
    if failures:
        raise _report(failures, total) from failures[0]


def _concerns_all(error: BaseException) -> bool:
    """Tell whether an error would meet every job: no tool, no store, no space."""
    if isinstance(error, MissingToolError | StoreError):
        return True
    # an artefact that somebody has deleted is made again
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError)


def _report(failures: Sequence[BaseException], total: int) -> JobsError:
    first = failures[0]
    told = str(first) if isinstance(first, ProcessError | SourceError) else f"{type(first).__name__}: {first}"
    if isinstance(first, ProcessError):
        told += f"; the command was: {shlex.join(first.argv)}"
    whole = len(failures) < GIVE_UP
    rest = "the others are done and in the store" if whole else "no more were tried"
    return JobsError(f"{len(failures)} of {total} jobs failed {ATTEMPTS} times, {rest}; the first: {told}")


class LocalExecutor(ThreadPoolExecutor):
    """Workers of this machine: threads, because each job waits for processes and for kernels that hold no lock.

    Parameters
    ----------
    workers : int
        Jobs at a time. Every encoder runs on one thread, so as many as there are cores keep all of them busy.
    memory : int, optional
        Bytes that the jobs may need together; by default a large share of what is free. A job that needs more runs
        alone.
    """

    def __init__(self, workers: int, memory: int | None = None) -> None:
        super().__init__(workers, thread_name_prefix="job")
        self.memory = int(MEMORY_SHARE * free_memory()) if memory is None else memory
        self._used: list[int] = []
        self._change = threading.Condition()

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Run a call when there is a worker, and memory for what its first argument says that it needs."""
        needed = int(getattr(args[0], "memory", 0)) if args else 0
        return super().submit(self._within_memory, needed, fn, *args, **kwargs)

    def _within_memory(self, needed: int, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
        with self._change:
            self._change.wait_for(lambda: not self._used or sum(self._used) + needed <= self.memory)
            self._used.append(needed)
        try:
            return fn(*args, **kwargs)
        finally:
            with self._change:
                self._used.remove(needed)
                self._change.notify_all()


def free_memory() -> int:
    """Return the bytes that processes may still take, on this machine or in this container."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return free if limit == "max" else min(free, max(int(limit) - int(used), 0))
    except OSError:
        return free
