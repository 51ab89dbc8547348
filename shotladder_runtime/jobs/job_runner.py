"""Run rounds of jobs on an executor: longest first, repeated after a failure, with a report of what failed."""

from __future__ import annotations

import math
import queue
import shlex
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from functools import partial, update_wrapper
from typing import Protocol, Self, TypeVar

from shotladder_runtime.errors import (
    ClusterError,
    JobLockedError,
    JobsError,
    MissingToolError,
    ProcessError,
    ShotladderError,
    StoreError,
)
from shotladder_runtime.jobs.job_executor import JobExecutor
from shotladder_runtime.jobs.job_progress import receive_job_progress
from shotladder_runtime.process import stop_all

__all__ = ["ATTEMPTS", "Job", "longest_first", "run_all", "run_concurrently", "split_long_jobs"]

#: Attempts per job (chosen by hand).
ATTEMPTS = 2
#: Number of failed jobs after which a round ends, because the cause is probably common (chosen by hand).
MAX_FAILURES = 10
#: Seconds between attempts to start a job that another run has locked (chosen by hand).
PAUSE = 0.3


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


def run_all(
    executor: Executor,
    function: Callable[[J], R],
    jobs: Iterable[J],
    progress: Callable[[float, float], None] | None = None,
    *,
    tail: float = 0.0,
) -> Iterator[tuple[J, R]]:
    """Run jobs and yield each job, or each part of a split job, with its result as soon as it is done.

    Parameters
    ----------
    executor : Executor
        Runs the jobs in the order in which they are submitted.
    function : callable
        Function of a module, so that it can be pickled.
    jobs : iterable of Job
    progress : callable, optional
        Receives (done, total) in the unit of `Job.cost`, several times during a job on a local worker.
    tail : float, optional
        Cost of the longest chain of jobs that can start only after this round, in the unit of `Job.cost`. Waiting jobs
        of the longest remaining chain start first.

    Raises
    ------
    JobsError
        When all other jobs are done, if some failed in every attempt. A job whose process was killed, probably for
        lack of memory, has its second attempt when no other job runs.
    MissingToolError, StoreError, ClusterError, OSError
        At once, because a missing tool, an unusable store or a full disk affects every job.
    """
    events: queue.SimpleQueue[tuple[J, Future[R]]] = queue.SimpleQueue()

    def submit(job: J, *, alone: bool = False) -> None:
        if isinstance(executor, JobExecutor):
            future = executor.submit_job(call, job, tail=tail, alone=alone)
        else:
            future = executor.submit(call, job)
        future.add_done_callback(lambda future: events.put((job, future)))

    waiting = longest_first(split_long_jobs(jobs, executor.width if isinstance(executor, JobExecutor) else 1))
    total = left = len(waiting)
    tally = _Tally(waiting, progress) if progress else None
    is_local = isinstance(executor, JobExecutor) and executor.is_local
    # the log of jobs has the name of the function
    call = update_wrapper(partial(_run_and_report, function, tally), function) if tally and is_local else function
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
            if tally:
                tally.set(job, 1.0)
            yield job, future.result()
        elif isinstance(error, JobLockedError):
            # another run computes the same result, which will be in the store later
            attempts[id(job)] -= 1
            locked.append(job)
        elif _affects_all_jobs(error):
            raise error
        elif attempts[id(job)] < ATTEMPTS:
            submit(job, alone=_was_killed(error))
        else:
            left -= 1
            failures.append(error)
            if len(failures) == MAX_FAILURES:
                break
    if failures:
        raise _summarise_failures(failures, total) from failures[0]


class _Tally:
    """The part of a round of jobs that is done, by the fractions that running jobs report."""

    def __init__(self, jobs: Iterable[Job], progress: Callable[[float, float], None]) -> None:
        self._progress = progress
        self._costs = {id(job): max(job.cost, 0.0) for job in jobs}
        self._fractions = dict.fromkeys(self._costs, 0.0)
        self._total, self._done, self._left = sum(self._costs.values()), 0.0, len(self._costs)
        self._lock = threading.Lock()

    def set(self, job: Job, fraction: float) -> None:
        """Set the fraction of a job that is done; a second attempt does not count from 0 again."""
        with self._lock:
            before = self._fractions[id(job)]
            if fraction <= before:
                return
            self._fractions[id(job)] = fraction
            self._done += self._costs[id(job)] * (fraction - before)
            self._left -= fraction == 1.0
            # the parts that were added do not give the exact sum
            done = min(self._done, self._total) if self._left else self._total
        self._progress(done, self._total)


def _run_and_report(function: Callable[[J], R], tally: _Tally, job: J) -> R:
    """Run a job on a thread of this process, and tally the fractions that it reports."""
    with receive_job_progress(partial(tally.set, job)):
        return function(job)


def _affects_all_jobs(error: BaseException) -> bool:
    """Return whether an error affects every job: a missing tool, an unusable store, a lost cluster, a full disk."""
    if isinstance(error, MissingToolError | StoreError | ClusterError):
        return True
    # an artefact that was deleted meanwhile is made again in the next attempt
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError)


def _was_killed(error: BaseException) -> bool:
    """Return whether the system ended a tool or a worker, which it does when memory runs out."""
    if isinstance(error, ProcessError):
        return error.returncode == -signal.SIGKILL
    # Dask raises KilledWorker for a job whose workers died; it is named, because Dask is optional
    return isinstance(error, MemoryError) or type(error).__name__ == "KilledWorker"


def _summarise_failures(failures: Sequence[BaseException], total: int) -> JobsError:
    first = failures[0]
    reason = str(first) if isinstance(first, ShotladderError) else f"{type(first).__name__}: {first}"
    if _was_killed(first):
        reason += (
            "; the system killed it, probably for lack of memory, also when no other job ran: reduce --max-height, or"
            " use a machine with more memory"
        )
    if isinstance(first, ProcessError):
        reason += f"; the command was: {shlex.join(first.argv)}"
    is_complete = len(failures) < MAX_FAILURES
    rest = "the others are done and in the store" if is_complete else "the remaining jobs are skipped"
    return JobsError(f"{len(failures)} of {total} jobs failed {ATTEMPTS} times, {rest}; the first failure: {reason}")


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
