"""The view of one of several runs on an executor that they share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_all
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from shotladder_runtime.jobs.job_executor import JobExecutor
from shotladder_runtime.jobs.job_queue import Rank

if TYPE_CHECKING:
    from shotladder_runtime.jobs.executor import ThrottledExecutor

__all__ = ["SharedExecutor"]

R = TypeVar("R")


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
        return self._submit(partial(fn, *args, **kwargs), args[0] if args else None, 0.0, alone=False)

    def submit_job(self, fn: Callable[[Any], R], job: object, *, tail: float = 0.0, alone: bool = False) -> Future[R]:
        """Queue a call with a job behind those of smaller rank."""
        return self._submit(partial(fn, job), job, tail, alone=alone)

    def _submit(self, function: Callable[[], R], job: object, tail: float, *, alone: bool) -> Future[R]:
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            future = self._base.submit_ranked(self._rank, function, job, tail, alone=alone)
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
