"""Executors that choose the next job as late as possible, by cost and free memory."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_all
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from shotladder_runtime.errors import JobLockedError
from shotladder_runtime.jobs.job_log import JobEntry, JobObserver, Measured, make_entry, run_measured
from shotladder_runtime.jobs.job_queue import JobQueue, Rank
from shotladder_runtime.jobs.stragglers import DurationModel, RunningJobs
from shotladder_runtime.store.locks import number_attempt

__all__ = ["JobExecutor", "LocalExecutor", "SharedExecutor", "ThrottledExecutor", "read_free_memory"]

#: Fraction of the free memory that jobs may use (chosen by hand).
MEMORY_FRACTION = 0.8

#: Attempts of one job at the same time (chosen by hand).
MAX_ATTEMPTS = 5

R = TypeVar("R")


class JobExecutor(Executor):
    """An executor that knows how many jobs run at once, and where."""

    #: Whether jobs run in threads of this process, so that they can report their progress.
    is_local = False
    #: Number of concurrent jobs.
    width: int

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether the executor was shut down: running jobs may end early."""

    @abstractmethod
    def submit_alone(self, fn: Callable[[Any], R], job: object) -> Future[R]:
        """Queue a call that runs when no other job runs, if jobs share the memory of this machine."""


@dataclass(frozen=True, slots=True)
class _WholeMemory:
    """In place of a job that needs all memory."""

    cost: float
    memory: int = sys.maxsize


class ThrottledExecutor(JobExecutor):
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
        self._waiting: JobQueue[_Call] = JobQueue()
        self._running: list[int] = []
        self._overdue, self._durations = RunningJobs[_Call](), DurationModel()
        self._started: set[_Call] = set()
        #: Attempts whose job has another result.
        self._losers: deque[Future[Any]] = deque()
        #: Calls whose attempts the cluster cancelled, because the connection to it was lost.
        self._cancelled: deque[_Call] = deque()
        self._change = threading.Condition()
        self._closed = self._has_lost_locks = False
        #: Receive every attempt of a job; to be added before the first job.
        self.observers: list[JobObserver] = []

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Queue a call by cost and memory of its first argument (a `Job`)."""
        return self.submit_ranked((), partial(fn, *args, **kwargs), args[0] if args else None)

    def submit_ranked(self, rank: Rank, function: Callable[[], R], job: object) -> Future[R]:
        """Queue a call by rank, then by cost and memory of its job."""
        call = _Call(function, type(job), float(getattr(job, "cost", 0.0)))
        with self._change:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._waiting.add(job, call, rank)
        self._start_jobs()
        return call.future

    def submit_alone(self, fn: Callable[[Any], R], job: object) -> Future[R]:
        """Queue a call that runs when no other job runs; a cluster has the memory of many machines."""
        return self.submit_ranked((), partial(fn, job), _WholeMemory(float(getattr(job, "cost", 0.0))))

    def share(self, *rank: float) -> SharedExecutor:
        """Return an executor of one of several runs on the same workers; jobs of a smaller rank come first."""
        return SharedExecutor(self, rank)

    @property
    def waiting_count(self) -> int:
        """Number of waiting jobs."""
        return len(self._waiting)

    @property
    def running_count(self) -> int:
        """Number of running attempts."""
        return len(self._running)

    @property
    def is_idle(self) -> bool:
        """Whether a worker is free and no job waits."""
        with self._change:
            return len(self._running) < self.width and not len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether the executor was shut down: running jobs may end early."""
        return self._closed

    def resize(self, width: int) -> None:
        """Set the number of concurrent jobs."""
        self.width = width
        self._start_jobs()

    def repeat_overdue(self) -> int:
        """Run overdue jobs again on idle workers, if no job waits; return their number.

        Jobs that a cluster cancelled, because the connection to it was lost, begin again first: the caller has reached
        the cluster.

        The first result counts, and the next call of this method cancels the other attempt. Attempts of one job never
        write one artefact at the same time; see `lock_publication`.
        """
        while self._losers:
            self._losers.popleft().cancel()
        count = 0
        with self._change:
            while self._cancelled:
                self._begin_again(self._cancelled.popleft())
            # these started before enough jobs of their kind had ended
            for late in [call for call in self._started if not call.has_deadline]:
                self._set_deadline(late)
            while not self._closed and len(self._running) < self.width and not len(self._waiting):
                call = self._overdue.take_overdue(time.monotonic())
                if call is None:
                    break
                count += 1
                self._begin_again(call)
                expected = self._durations.expect(call.kind, call.cost)
                # a suspended worker may receive this attempt as well; each further one waits twice as long
                if expected is not None and len(call.attempts) < MAX_ATTEMPTS:
                    self._overdue.add(call, time.monotonic(), 2 ** len(call.attempts) * expected)
        return count

    def expect_lost_locks(self) -> None:
        """Expect locks that nobody releases, because a worker was removed and is suspended."""
        self._has_lost_locks = True

    def abort(self, error: Exception) -> None:
        """Fail all waiting and running calls, because nothing will run them; accept no more."""
        with self._change:
            self._closed = True
            self._cancelled.clear()
            calls = [*self._started]
            while taken := self._waiting.take():
                if taken[1].future.set_running_or_notify_cancel():
                    calls.append(taken[1])
            self._started.clear()
            for call in calls:
                call.is_over = True
        for call in calls:
            call.future.set_exception(error)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Finish all waiting jobs and end; cancel them if `cancel_futures` is set or `wait` is not."""
        with self._change:
            self._closed = True
            while self._cancelled:
                call = self._cancelled.popleft()
                call.is_over = True
                call.future.set_exception(CancelledError())
            while (cancel_futures or not wait) and (taken := self._waiting.take()):
                taken[1].future.cancel()
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
                memory, call = taken
                if call.future.set_running_or_notify_cancel():
                    call.memory, call.started = memory, time.monotonic()
                    self._set_deadline(call)
                    self._begin(call, call.function, memory)

    def _set_deadline(self, call: _Call) -> None:
        expected = self._durations.expect(call.kind, call.cost)
        call.has_deadline = expected is not None
        self._overdue.add(call, call.started, expected)

    def _begin_again(self, call: _Call) -> None:
        self._begin(call, partial(run_attempt, call.attempt_count + 1, call.function), call.memory)

    def _begin(self, call: _Call, function: Callable[[], Any], memory: int) -> None:
        if self.observers:
            function = partial(run_measured, function)
        try:
            running = self._inner.submit(function)
        except Exception as error:  # each kind of executor refuses jobs with its own error
            if not call.attempts:
                self._overdue.discard(call)
                call.is_over = True
                call.future.set_exception(error)
            self._change.notify_all()
            return
        self._running.append(memory)
        call.attempt_count += 1
        self._started.add(call)
        call.attempts.append(running)
        running.add_done_callback(partial(self._finish, call, memory))

    def _finish(self, call: _Call, memory: int, done: Future[Any]) -> None:
        entry: JobEntry | None = None
        with self._change:
            self._running.remove(memory)
            call.attempts.remove(done)
            error = CancelledError() if done.cancelled() else done.exception()
            result = None if error is not None else done.result()
            if isinstance(result, Measured):
                call.ended_attempts += 1
                entry = make_entry(call.function, result, memory, call.ended_attempts)
                result, error = result.value, result.error
            is_open = not call.is_over and not call.attempts and call.attempt_count < MAX_ATTEMPTS
            if is_open and self._has_lost_locks and isinstance(error, JobLockedError):
                # a removed worker may hold the lock of an earlier attempt
                self._begin_again(call)
            # not by us: the connection to the cluster is lost, and the job waits until it is there again
            is_lost = done.cancelled() and not (call.is_over or call.attempts or self._closed)
            if is_lost:
                self._cancelled.append(call)
            # a failure counts only if no other attempt can still succeed
            is_decisive = not call.is_over and (error is None or not call.attempts) and not is_lost
            if is_decisive:
                call.is_over = True
                self._started.discard(call)
                self._overdue.discard(call)
                if error is None:
                    self._durations.add(call.kind, call.cost, time.monotonic() - call.started)
            others = list(call.attempts) if is_decisive else []
            self._change.notify_all()
        if entry is not None:
            for observe in self.observers:
                observe(entry)
        if is_decisive and error is not None:
            call.future.set_exception(error)
        elif is_decisive:
            call.future.set_result(result)
        # not here: Dask calls this method in its event loop, where it cannot cancel
        self._losers.extend(others)
        self._start_jobs()


def run_attempt(number: int, function: Callable[[], R]) -> R:
    """Run a call again while its earlier attempts may still run elsewhere."""
    with number_attempt(number):
        return function()


@dataclass(slots=True, eq=False)
class _Call:
    """A call: its job, its future, and its attempts that run now."""

    function: Callable[[], Any]
    kind: object
    cost: float
    future: Future[Any] = field(default_factory=Future)
    attempts: list[Future[Any]] = field(default_factory=list)
    started: float = 0.0
    memory: int = 0
    attempt_count: int = 0
    ended_attempts: int = 0
    is_over: bool = False
    has_deadline: bool = False


class SharedExecutor(JobExecutor):
    """The view of one run on an executor that several runs share; a shutdown cancels the waiting jobs of this run only.

    Parameters
    ----------
    base : ThrottledExecutor
    rank : tuple of float
        Order of the runs; jobs of a smaller rank come first.
    """

    def __init__(self, base: ThrottledExecutor, rank: Rank) -> None:
        self._base, self._rank = base, rank
        self.is_local = base.is_local
        #: Whether a job was submitted.
        self.has_begun = False
        self._futures: set[Future[Any]] = set()
        self._closed = False
        self._lock = threading.Lock()

    @property
    def width(self) -> int:  # type: ignore[override]
        """Number of concurrent jobs of all runs."""
        return self._base.width

    @property
    def closed(self) -> bool:
        """Whether this run or the shared executor was shut down: running jobs may end early."""
        return self._closed or self._base.closed

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Queue a call behind those of smaller rank."""
        return self._submit(partial(fn, *args, **kwargs), args[0] if args else None)

    def submit_alone(self, fn: Callable[[Any], R], job: object) -> Future[R]:
        """Queue a call that runs when no job of any run runs."""
        return self._submit(partial(fn, job), _WholeMemory(float(getattr(job, "cost", 0.0))))

    def _submit(self, function: Callable[[], R], job: object) -> Future[R]:
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            future = self._base.submit_ranked(self._rank, function, job)
            self._futures.add(future)
            self.has_begun = True
        future.add_done_callback(self._forget)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more jobs; cancel those that wait if `cancel_futures` is set or `wait` is not."""
        with self._lock:
            self._closed = True
            left = list(self._futures)
        if cancel_futures or not wait:
            for future in left:
                future.cancel()
        if wait:
            wait_for_all(left)

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            self._futures.discard(future)


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

    is_local = True

    def __init__(self, workers: int, memory: float | None = None) -> None:
        pool = ThreadPoolExecutor(workers, thread_name_prefix="job")
        super().__init__(pool, workers, MEMORY_FRACTION * read_free_memory() if memory is None else memory)


def read_free_memory() -> int:
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
