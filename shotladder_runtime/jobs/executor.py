"""Jobs to any executor: longest first, tried again when they fail, and within the memory that there is."""

from __future__ import annotations

import itertools
import math
import os
import queue
import shlex
import threading
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from shotladder_runtime.errors import (
    JobLockedError,
    JobsError,
    MissingToolError,
    ProcessError,
    ShotladderError,
    StoreError,
)
from shotladder_runtime.process import stop_all

__all__ = [
    "ATTEMPTS",
    "Job",
    "JobQueue",
    "LocalExecutor",
    "ThrottledExecutor",
    "free_memory",
    "longest_first",
    "run_all",
    "run_concurrently",
    "split_long_jobs",
]

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

    def split(self, count: int) -> Sequence[Self]:
        """Return at most so many jobs that do the same together."""


J = TypeVar("J", bound=Job)
R = TypeVar("R")


def longest_first(jobs: Iterable[J]) -> list[J]:
    """Return jobs in the order in which they are begun, so that no straggler ends a round."""
    return sorted(jobs, key=lambda job: -job.cost)


def split_long_jobs(jobs: Iterable[J], width: int) -> list[J]:
    """Divide the jobs that would last longer than all others together do on so many workers.

    A divided job decodes its frames and measures against them more than once, so that few workers divide nothing.
    """
    whole = list(jobs)
    share = sum(job.cost for job in whole) / width
    return [part for job in whole for part in (job.split(math.ceil(job.cost / share)) if job.cost > share else [job])]


def run_all(executor: Executor, function: Callable[[J], R], jobs: Iterable[J]) -> Iterator[tuple[J, R]]:
    """Run jobs and yield each, or each part of one, with its result as it is done.

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

    waiting = longest_first(split_long_jobs(jobs, executor.width if isinstance(executor, ThrottledExecutor) else 1))
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
        elif isinstance(error, JobLockedError):
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
    told = str(first) if isinstance(first, ShotladderError) else f"{type(first).__name__}: {first}"
    if isinstance(first, ProcessError):
        told += f"; the command was: {shlex.join(first.argv)}"
    whole = len(failures) < GIVE_UP
    rest = "the others are done and in the store" if whole else "no more were tried"
    return JobsError(f"{len(failures)} of {total} jobs failed {ATTEMPTS} times, {rest}; the first: {told}")


class JobQueue(Generic[R]):
    """What waits for a worker: the costliest is taken first, if there is memory for it."""

    def __init__(self) -> None:
        self._line: list[tuple[float, int, int, R]] = []
        self._count = itertools.count()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._line)

    def add(self, job: object, what: R) -> None:
        """Let something wait that a job tells the cost and the memory of; what tells neither comes last."""
        cost, memory = float(getattr(job, "cost", 0.0)), int(getattr(job, "memory", 0))
        # equals keep their order
        insort(self._line, (-cost, next(self._count), memory, what))

    def take(self, memory: float = math.inf) -> tuple[int, R] | None:
        """Take the first that needs no more bytes than given, with what it needs; None if there is none."""
        place = next((n for n, entry in enumerate(self._line) if entry[2] <= memory), None)
        if place is None:
            return None
        _, _, needed, what = self._line.pop(place)
        return needed, what


class ThrottledExecutor(Executor):
    """Gives another executor as many jobs as it has workers, so that what is begun next stays to be chosen.

    Parameters
    ----------
    inner : Executor
        Does the work.
    width : int
        Jobs at a time.
    memory : float
        Bytes that they may need together; a job that needs more runs alone.
    """

    def __init__(self, inner: Executor, width: int, memory: float = math.inf) -> None:
        self._inner, self.width, self._memory = inner, width, memory
        self._waiting: JobQueue[tuple[Future[Any], Callable[[], Future[Any]]]] = JobQueue()
        self._running: list[int] = []
        self._change = threading.Condition()
        self._closed = False

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Run a call when its turn has come, by the cost and memory that its first argument tells."""
        promise: Future[R] = Future()
        with self._change:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._waiting.add(args[0] if args else None, (promise, partial(self._inner.submit, fn, *args, **kwargs)))
        self._begin()
        return promise

    @property
    def closed(self) -> bool:
        """Whether it was shut down: what runs may end early."""
        return self._closed

    def resize(self, width: int) -> None:
        """Have another number of jobs at a time."""
        self.width = width
        self._begin()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do what waits and end, or drop it: if it is to be cancelled, or nobody is to wait for it."""
        with self._change:
            self._closed = True
            while (cancel_futures or not wait) and (taken := self._waiting.take()):
                taken[1][0].cancel()
            if wait:
                self._change.wait_for(lambda: not self._running and not len(self._waiting))
        self._inner.shutdown(wait=wait)

    def _begin(self) -> None:
        with self._change:
            while len(self._running) < self.width:
                free = self._memory - sum(self._running) if self._running else math.inf
                taken = self._waiting.take(free)
                if taken is None:
                    return
                needed, (promise, submit) = taken
                if promise.set_running_or_notify_cancel():
                    try:
                        running = submit()
                    except Exception as error:  # each kind of executor refuses in its own way
                        promise.set_exception(error)
                        self._change.notify_all()
                        continue
                    self._running.append(needed)
                    running.add_done_callback(partial(self._ended, promise, needed))

    def _ended(self, promise: Future[Any], needed: int, done: Future[Any]) -> None:
        with self._change:
            self._running.remove(needed)
            self._change.notify_all()
        if done.cancelled():
            promise.set_exception(CancelledError())
        elif error := done.exception():
            promise.set_exception(error)
        else:
            promise.set_result(done.result())
        self._begin()


class LocalExecutor(ThrottledExecutor):
    """Workers of this machine: threads, because each job waits for processes and for kernels that hold no lock.

    Parameters
    ----------
    workers : int
        Jobs at a time. Every encoder runs on one thread, so as many as there are cores keep all of them busy.
    memory : float, optional
        Bytes that the jobs may need together; by default a large share of what is free. A job that needs more runs
        alone.
    """

    def __init__(self, workers: int, memory: float | None = None) -> None:
        pool = ThreadPoolExecutor(workers, thread_name_prefix="job")
        super().__init__(pool, workers, MEMORY_SHARE * free_memory() if memory is None else memory)


def run_concurrently(executor: Executor, calls: Sequence[Callable[[], R]]) -> list[R]:
    """Make calls that each give rounds of jobs to one executor, so that one's jobs fill the ends of another's rounds.

    Parameters
    ----------
    executor : Executor
        Shut down when this is interrupted.
    calls : sequence of callable

    Returns
    -------
    list
        What each returned. If some failed, the first one's error is raised when all have ended.
    """
    # all that the caller's thread waits on: an interrupt amid what futures do would leave their locks held for good
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    results: dict[int, R] = {}
    errors: dict[int, BaseException] = {}

    def make(n: int) -> None:
        try:
            results[n] = calls[n]()
        except BaseException as error:  # whatever it is, it is the caller's
            errors[n] = error
        ended.put(n)

    threads = [threading.Thread(target=make, args=(n,), name=f"side {n}", daemon=True) for n in range(len(calls))]
    try:
        for thread in threads:
            thread.start()
        for _ in threads:
            ended.get()
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        stop_all()
        for thread in threads:
            if thread.is_alive():
                thread.join()
        raise
    if errors:
        raise errors[min(errors)]
    return [results[n] for n in range(len(calls))]


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
