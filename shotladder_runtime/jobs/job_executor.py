"""What an executor of jobs offers beside `concurrent.futures.Executor`."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["JobExecutor", "WholeMemory"]

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
    def submit_job(self, fn: Callable[[Any], R], job: object, *, tail: float = 0.0, alone: bool = False) -> Future[R]:
        """Queue a call with a job.

        Parameters
        ----------
        fn : callable
        job : Job
        tail : float, optional
            Cost of the longest chain of jobs that can start only after this one; see `JobQueue`.
        alone : bool, optional
            Whether it runs when no other job runs, if jobs share the memory of this machine.
        """


@dataclass(frozen=True, slots=True)
class WholeMemory:
    """In place of a job that needs all memory."""

    cost: float
    memory: int = sys.maxsize
