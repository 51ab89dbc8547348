"""Executors that choose the next job as late as possible, by cost and free memory."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from shotladder_runtime.errors import JobLockedError
from shotladder_runtime.jobs.job_executor import JobExecutor, WholeMemory
from shotladder_runtime.jobs.job_log import JobEntry, JobObserver, Measured, make_entry, run_measured
from shotladder_runtime.jobs.job_queue import JobQueue, Rank
from shotladder_runtime.jobs.shared_executor import SharedExecutor
from shotladder_runtime.jobs.stragglers import MAX_ATTEMPTS, Stragglers
from shotladder_runtime.store.locks import number_attempt

__all__ = ["Call", "LocalExecutor", "ThrottledExecutor", "read_free_memory"]

#: Fraction of the free memory that jobs may use (chosen by hand).
MEMORY_FRACTION = 0.8

R = TypeVar("R")


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

    #: Whether jobs that are slower than others of their kind run a second time.
    repeats = True

    def __init__(self, inner: Executor, width: int, memory: float = math.inf) -> None:
        self._inner, self.width, self._memory = inner, width, memory
        self._waiting: JobQueue[Call] = JobQueue()
        self._running_count = self._used_memory = 0
        self._stragglers = Stragglers[Call]()
        self._started: set[Call] = set()
        #: Attempts whose job has another result.
        self._losers: deque[Future[Any]] = deque()
        #: Calls whose attempts the cluster cancelled, because the connection to it was lost.
        self._cancelled: deque[Call] = deque()
        self._change = threading.Condition()
        self._closed = self._has_lost_locks = False
        #: Receive every attempt of a job; to be added before the first job.
        self.observers: list[JobObserver] = []

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Queue a call by cost and memory of its first argument (a `Job`)."""
        return self.submit_ranked((), partial(fn, *args, **kwargs), args[0] if args else None)

    def submit_job(self, fn: Callable[[Any], R], job: object, *, tail: float = 0.0, alone: bool = False) -> Future[R]:
        """Queue a call with a job; on a cluster, which has the memory of many machines, `alone` means nothing."""
        return self.submit_ranked((), partial(fn, job), job, tail, alone=alone)

    def submit_ranked(
        self, rank: Rank, function: Callable[[], R], job: object, tail: float = 0.0, *, alone: bool = False
    ) -> Future[R]:
        """Queue a call by rank, then by cost, tail and memory of its job; see `JobQueue` and `submit_job`."""
        cost = float(getattr(job, "cost", 0.0))
        call = Call(function, getattr(job, "kind", type(job)), cost)
        with self._change:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._waiting.add(WholeMemory(cost) if alone else job, call, rank, tail)
        self._start_jobs()
        return call.future

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
        return self._running_count

    @property
    def is_idle(self) -> bool:
        """Whether a worker is free and no job waits."""
        with self._change:
            return self._running_count < self.width and not len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether the executor was shut down: running jobs may end early."""
        return self._closed

    def resize(self, width: int) -> None:
        """Set the number of concurrent jobs."""
        self.width = width
        self._start_jobs()

    def repeat_overdue(self) -> int:
        """Run late jobs again, and overdue ones too if no job waits, on idle workers; return their number.

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
            while not self._closed and self._running_count < self.width:
                call = self._stragglers.take_late(time.monotonic(), self.width)
                if call is None and not len(self._waiting):
                    call = self._stragglers.take_overdue(time.monotonic())
                if call is None:
                    break
                self._begin_again(call)
                count += 1
        return count

    def report(self, call: Call, fraction: float) -> None:
        """Take what fraction of the first attempt of a call is done."""
        with self._change:
            self._stragglers.report(call, fraction, time.monotonic())

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
                self._change.wait_for(lambda: not self._running_count and not len(self._waiting))
        self._inner.shutdown(wait=wait)

    def _start_jobs(self) -> None:
        with self._change:
            while self._running_count < self.width:
                late = None if self._closed else self._stragglers.take_late(time.monotonic(), self.width)
                if late is not None:
                    self._begin_again(late)
                    continue
                free = self._memory - self._used_memory if self._running_count else math.inf
                taken = self._waiting.take(free, self.width)
                if taken is None:
                    return
                memory, call = taken
                if call.future.set_running_or_notify_cancel():
                    call.memory = memory
                    if self.repeats:
                        self._stragglers.start(call, call.kind, call.cost, time.monotonic())
                    self._begin(call, call.function)

    def prepare_attempt(self, call: Call, function: Callable[[], Any]) -> Callable[[], Any]:
        """Return what a worker runs as the next attempt of a call; a subclass may wrap it."""
        return function

    def _begin_again(self, call: Call) -> None:
        self._begin(call, partial(run_attempt, call.attempt_count + 1, call.function))

    def _begin(self, call: Call, function: Callable[[], Any]) -> None:
        function = self.prepare_attempt(call, function)
        if self.observers:
            function = partial(run_measured, function)
        try:
            running = self._inner.submit(function)
        except Exception as error:  # each kind of executor refuses jobs with its own error
            if not call.attempts:
                self._stragglers.end(call)
                call.is_over = True
                call.future.set_exception(error)
            self._change.notify_all()
            return
        self._running_count += 1
        self._used_memory += call.memory
        call.attempt_count += 1
        self._started.add(call)
        call.attempts[running] = time.monotonic()
        running.add_done_callback(partial(self._finish, call))

    def _finish(self, call: Call, done: Future[Any]) -> None:
        entry: JobEntry | None = None
        with self._change:
            self._running_count -= 1
            self._used_memory -= call.memory
            started = call.attempts.pop(done)
            error = CancelledError() if done.cancelled() else done.exception()
            result = None if error is not None else done.result()
            if isinstance(result, Measured):
                call.ended_attempts += 1
                entry = make_entry(call.function, result, call.memory, call.ended_attempts)
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
                self._stragglers.end(call, time.monotonic() - started if error is None else None)
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


@dataclass(slots=True, eq=False, weakref_slot=True)
class Call:
    """A call: its job, its future, and its attempts that run now, with the times of their starts."""

    function: Callable[[], Any]
    kind: object
    cost: float
    future: Future[Any] = field(default_factory=Future)
    attempts: dict[Future[Any], float] = field(default_factory=dict)
    memory: int = 0
    attempt_count: int = 0
    ended_attempts: int = 0
    is_over: bool = False


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
    #: All workers of one machine are equally fast.
    repeats = False

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
