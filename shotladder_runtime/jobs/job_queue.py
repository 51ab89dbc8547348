"""The waiting jobs of an executor, in the order in which they start."""

from __future__ import annotations

import heapq
import itertools
import math
from typing import Generic, TypeVar

__all__ = ["JobQueue", "Rank"]

R = TypeVar("R")

#: Order of the jobs of several runs on one executor: jobs with a smaller value come first.
Rank = tuple[float, ...]


class JobQueue(Generic[R]):
    """A priority queue of waiting jobs: by rank, then the job with the longest remaining chain that fits into memory.

    The remaining chain of a job is its own cost and the `tail` that can start only after it. Executors and the
    simulation of `benchmarks.farm` use this class.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[Rank, float, int, int, R]] = []
        self._count = itertools.count()

    def __len__(self) -> int:
        """Return the number of waiting jobs."""
        return len(self._entries)

    def add(self, job: object, item: R, rank: Rank = (), tail: float = 0.0) -> None:
        """Add an item with the cost and the memory of a job; an item whose job has neither comes last in its rank.

        Parameters
        ----------
        job : Job
        item : object
        rank : tuple of float, optional
        tail : float, optional
            Cost of the longest chain of jobs that can start only after this one, in the unit of `Job.cost`.
        """
        cost, memory = float(getattr(job, "cost", 0.0)), int(getattr(job, "memory", 0))
        # the count keeps the order of items with equal chains
        heapq.heappush(self._entries, (rank, -(cost + tail), next(self._count), memory, item))

    def take(self, memory: float = math.inf) -> tuple[int, R] | None:
        """Remove and return the first item that fits into `memory` (bytes), with its memory; None if none fits."""
        too_large = []
        taken = None
        while self._entries and taken is None:
            entry = heapq.heappop(self._entries)
            if entry[3] <= memory:
                taken = entry[3], entry[4]
            else:
                too_large.append(entry)
        for entry in too_large:
            heapq.heappush(self._entries, entry)
        return taken
