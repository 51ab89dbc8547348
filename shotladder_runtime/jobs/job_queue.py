"""The waiting jobs of an executor, in the order in which they start."""

from __future__ import annotations

import itertools
import math
from bisect import insort
from typing import Generic, TypeVar

__all__ = ["JobQueue", "Rank"]

R = TypeVar("R")

#: Order of the jobs of several runs on one executor: jobs with a smaller value come first.
Rank = tuple[float, ...]


class JobQueue(Generic[R]):
    """A priority queue of waiting jobs: by rank, then the costliest job that fits into the free memory first."""

    def __init__(self) -> None:
        self._entries: list[tuple[Rank, float, int, int, R]] = []
        self._count = itertools.count()

    def __len__(self) -> int:
        """Return the number of waiting jobs."""
        return len(self._entries)

    def add(self, job: object, item: R, rank: Rank = ()) -> None:
        """Add an item with the cost and the memory of a job; an item whose job has neither comes last in its rank."""
        cost, memory = float(getattr(job, "cost", 0.0)), int(getattr(job, "memory", 0))
        # the count keeps the order of items with equal cost
        insort(self._entries, (rank, -cost, next(self._count), memory, item))

    def take(self, memory: float = math.inf) -> tuple[int, R] | None:
        """Remove and return the first item that fits into `memory` (bytes), with its memory; None if none fits."""
        index = next((n for n, entry in enumerate(self._entries) if entry[3] <= memory), None)
        if index is None:
            return None
        *_, needed, item = self._entries.pop(index)
        return needed, item
