"""Run jobs on any executor: longest first, repeated after a failure, within the available memory."""

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

#: Attempts per job (chosen by hand).
ATTEMPTS = 2
#: Number of failed jobs after which a round ends, because the cause is probably common (chosen by hand).
MAX_FAILURES = 10
#: Seconds between attempts to start a job that another run has locked (chosen by hand).
PAUSE = 0.3
#: Fraction of the free memory that jobs may use (chosen by hand).
MEMORY_FRACTION = 0.8


class Job(Protocol):
    """A unit of work for one worker; it can be pickled and contains all of its inputs."""

    @property
    def cost(self) -> float:
        """Approximate duration, in a unit that all jobs of a round share."""

    @property
    def memory(self) -> int:
        """Approximate memory, bytes."""

    def split(self, count: int) -> Sequence[Self]:
        """Return at most `count` jobs that together do the same work."""


J = TypeVar("J", bound=Job)
R = TypeVar("R")


def longest_first(jobs: Iterable[J]) -> list[J]:
    """Sort jobs by falling cost, so that no long job starts last; jobs of equal cost keep their order."""
    return sorted(jobs, key=lambda job: -job.cost)


def split_long_jobs(jobs: Iterable[J], width: int) -> list[J]:
    """Split the jobs that cost more than the average work of one worker.

    Each part of a job decodes the frames of the whole job again, so that a job is not split further than necessary.

    Parameters
    ----------
    jobs : iterable of Job
    width : int
        Number of workers.
    """
    whole = list(jobs)
    mean = sum(job.cost for job in whole) / width
    return [part for job in whole for part in (job.split(math.ceil(job.cost / mean)) if job.cost > mean else [job])]


def run_all(executor: Executor, function: Callable[[J], R], jobs: Iterable[J]) -> Iterator[tuple[J, R]]:
    """Run jobs and yield each job, or each part of a split job, with its result as soon as it is done.

    Parameters
    ----------
    executor : Executor
        Runs the jobs in the order in which they are submitted.
    function : callable
        Function of a module, so that it can be pickled.
    jobs : iterable of Job

    Raises
    ------
    JobsError
        When all other jobs are done, if some failed in every attempt.
    MissingToolError, StoreError, OSError
        At once, because a missing tool, an unusable store or a full disk affects every job.
    """
    events: queue.SimpleQueue[tuple[J, Future[R]]] = queue.SimpleQueue()

    def submit(job: J) -> None:
        executor.submit(function, job).add_done_callback(lambda future: events.put((job, future)))

    waiting = longest_first(split_long_jobs(jobs, executor.width if isinstance(executor, ThrottledExecutor) else 1))
    total = left = len(waiting)
    for job in waiting:
        submit(job)
    attempts: Counter[int] = Counter()
    locked: list[J] = []
    failures: list[BaseException] = []
    while left:
        try:
            job, future = events.get(timeout=PAUSE if locked else None)
        except queue.Empty:
            for job in locked:
                submit(job)
            locked.clear()
            continue
        error = future.exception()
        attempts[id(job)] += 1
        if error is None:
            left -= 1
            yield job, future.result()
        elif isinstance(error, JobLockedError):
            # another run computes the same result, which will be in the store later
            attempts[id(job)] -= 1
            locked.append(job)
        elif _affects_all_jobs(error):
            raise error
        elif attempts[id(job)] < ATTEMPTS:
            submit(job)
        else:
            left -= 1
            failures.append(error)
            if len(failures) == MAX_FAILURES:
                break
    if failures:
        raise _summarise_failures(failures, total) from failures[0]


def _affects_all_jobs(error: BaseException) -> bool:
    """Return whether an error affects every job: a missing tool, an unusable store, a full disk."""
    if isinstance(error, MissingToolError | StoreError):
        return True
    # an artefact that was deleted meanwhile is made again in the next attempt
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError)


def _summarise_failures(failures: Sequence[BaseException], total: int) -> JobsError:
    first = failures[0]
    reason = str(first) if isinstance(first, ShotladderError) else f"{type(first).__name__}: {first}"
    if isinstance(first, ProcessError):
        reason += f"; the command was: {shlex.join(first.argv)}"
    is_complete = len(failures) < MAX_FAILURES
    rest = "the others are done and in the store" if is_complete else "the remaining jobs are skipped"
    return JobsError(f"{len(failures)} of {total} jobs failed {ATTEMPTS} times, {rest}; the first failure: {reason}")


class JobQueue(Generic[R]):
    """A priority queue of waiting jobs: the costliest job that fits into the free memory is taken first."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, int, R]] = []
        self._count = itertools.count()

    def __len__(self) -> int:
        """Return the number of waiting jobs."""
        return len(self._entries)

    def add(self, job: object, item: R) -> None:
        """Add an item with the cost and the memory of a job; an item whose job has neither comes last."""
        cost, memory = float(getattr(job, "cost", 0.0)), int(getattr(job, "memory", 0))
        # the count keeps the order of items with equal cost
        insort(self._entries, (-cost, next(self._count), memory, item))

    def take(self, memory: float = math.inf) -> tuple[int, R] | None:
        """Remove and return the first item that fits into `memory` (bytes), with its memory; None if none fits."""
        index = next((n for n, entry in enumerate(self._entries) if entry[2] <= memory), None)
        if index is None:
            return None
        _, _, needed, item = self._entries.pop(index)
        return needed, item


class ThrottledExecutor(Executor):
    """Submits to another executor only as many jobs as run at once, so that the next job is chosen as late as possible.

    Parameters
    ----------
    inner : Executor
        Runs the jobs.
    width : int
        Number of concurrent jobs.
    memory : float
        Bytes that concurrent jobs may use together; a job that needs more runs alone.
    """

    def __init__(self, inner: Executor, width: int, memory: float = math.inf) -> None:
        self._inner, self.width, self._memory = inner, width, memory
        self._waiting: JobQueue[tuple[Future[Any], Callable[[], Future[Any]]]] = JobQueue()
        self._running: list[int] = []
        self._change = threading.Condition()
        self._closed = False

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Queue a call by cost and memory of its first argument (a `Job`)."""
        future: Future[R] = Future()
        with self._change:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._waiting.add(args[0] if args else None, (future, partial(self._inner.submit, fn, *args, **kwargs)))
        self._start_jobs()
        return future

    @property
    def closed(self) -> bool:
        """Whether the executor was shut down: running jobs may end early."""
        return self._closed

    def resize(self, width: int) -> None:
        """Set the number of concurrent jobs."""
        self.width = width
        self._start_jobs()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Finish all waiting jobs and end; cancel them if `cancel_futures` is set or `wait` is not."""
        with self._change:
            self._closed = True
            while (cancel_futures or not wait) and (taken := self._waiting.take()):
                taken[1][0].cancel()
            if wait:
                self._change.wait_for(lambda: not self._running and not len(self._waiting))
        self._inner.shutdown(wait=wait)

    def _start_jobs(self) -> None:
        with self._change:
            while len(self._running) < self.width:
                free = self._memory - sum(self._running) if self._running else math.inf
                taken = self._waiting.take(free)
                if taken is None:
                    return
                needed, (future, submit) = taken
                if future.set_running_or_notify_cancel():
                    try:
                        running = submit()
                    except Exception as error:  # each kind of executor refuses jobs with its own error
                        future.set_exception(error)
                        self._change.notify_all()
                        continue
                    self._running.append(needed)
                    running.add_done_callback(partial(self._finish, future, needed))

    def _finish(self, future: Future[Any], needed: int, done: Future[Any]) -> None:
        with self._change:
            self._running.remove(needed)
            self._change.notify_all()
        if done.cancelled():
            future.set_exception(CancelledError())
        elif error := done.exception():
            future.set_exception(error)
        else:
            future.set_result(done.result())
        self._start_jobs()


class LocalExecutor(ThrottledExecutor):
    """Runs jobs in threads of this machine, because jobs wait for processes and for kernels without the GIL.

    Parameters
    ----------
    workers : int
        Number of concurrent jobs. Every encoder runs on one thread, so that one job per core uses all cores.
    memory : float, optional
        Bytes that concurrent jobs may use together; by default `MEMORY_FRACTION` of the free memory. A job that needs
        more runs alone.
    """

    def __init__(self, workers: int, memory: float | None = None) -> None:
        pool = ThreadPoolExecutor(workers, thread_name_prefix="job")
        super().__init__(pool, workers, MEMORY_FRACTION * free_memory() if memory is None else memory)


def run_concurrently(executor: Executor, calls: Sequence[Callable[[], R]]) -> list[R]:
    """Run several producers of jobs concurrently on one executor.

    Workers that are idle at the end of a round of one producer then serve the others.

    Parameters
    ----------
    executor : Executor
        Shut down if the calls are interrupted.
    calls : sequence of callable

    Returns
    -------
    list
        Result of each call. If some calls fail, the error of the first of them is raised when all have ended.
    """
    # The main thread waits on this queue only. KeyboardInterrupt is raised in the main thread at any bytecode; inside
    # the code of a future it could leave a lock of the future held for ever.
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    results: dict[int, R] = {}
    errors: dict[int, BaseException] = {}

    def make(n: int) -> None:
        try:
            results[n] = calls[n]()
        except BaseException as error:  # raised again in the thread of the caller
            errors[n] = error
        ended.put(n)

    threads = [threading.Thread(target=make, args=(n,), name=f"producer {n}", daemon=True) for n in range(len(calls))]
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
    """Return the bytes that processes can still allocate, on this machine or in this container."""
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
