"""The waiting jobs of an executor, in the order in which they start."""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["JobQueue", "Rank"]

R = TypeVar("R")

#: Order of the jobs of several runs on one executor: jobs with a smaller value come first. The last number is the order
#: of runs of one priority.
Rank = tuple[float, ...]


@dataclass(slots=True, eq=False)
class _Entry(Generic[R]):
    """A job in both heaps; one of them may keep it when it was taken from the other, without its item."""

    rank: Rank
    chain: float
    cost: float
    memory: int
    item: R | None
    is_waiting: bool = True


class JobQueue(Generic[R]):
    """A priority queue of waiting jobs: by rank, then the job with the longest remaining chain that fits into memory.

    The remaining chain of a job is its own cost and the `tail` that can start only after it. A job without a cost may
    have a long one. A chain that is longer than all waiting jobs take on all workers decides when the last job ends; it
    does not wait for earlier runs of the same priority. Executors and the simulation of `benchmarks.farm` use this
    class.
    """

    def __init__(self) -> None:
        self._by_rank: list[tuple[Rank, float, int, _Entry[R]]] = []
        self._by_chain: list[tuple[Rank, float, int, _Entry[R]]] = []
        self._count = itertools.count()
        self._length, self._cost = 0, 0.0

    def __len__(self) -> int:
        """Return the number of waiting jobs."""
        return self._length

    def add(self, job: object, item: R, rank: Rank = (), tail: float = 0.0) -> None:
        """Add an item with the cost and the memory of a job; an item whose job has no cost comes first in its rank.

        Parameters
        ----------
        job : Job
        item : object
        rank : tuple of float, optional
        tail : float, optional
            Cost of the longest chain of jobs that can start only after this one, in the unit of `Job.cost`.
        """
        cost, memory = float(getattr(job, "cost", 0.0)), int(getattr(job, "memory", 0))
        chain = cost + tail if hasattr(job, "cost") else math.inf
        # the count keeps the order of items with equal chains
        number, entry = next(self._count), _Entry(rank, chain, cost, memory, item)
        heapq.heappush(self._by_rank, (rank, -entry.chain, number, entry))
        if entry.chain < math.inf:
            heapq.heappush(self._by_chain, (rank[:-1], -entry.chain, number, entry))
        self._length += 1
        self._cost += cost

    def take(self, memory: float = math.inf, workers: int = 1) -> tuple[int, R] | None:
        """Remove and return the first item that fits into `memory` (bytes), with its memory; None if none fits.

        `workers` is the number of workers that share the waiting jobs.
        """
        entry = self._take_longest(memory, workers) or _pop(self._by_rank, memory)
        if entry is None:
            return None
        entry.is_waiting = False
        self._length -= 1
        self._cost = self._cost - entry.cost if self._length else 0.0
        item, entry.item = entry.item, None
        assert item is not None
        return entry.memory, item

    def _take_longest(self, memory: float, workers: int) -> _Entry[R] | None:
        """Return the job of a later run of the same priority whose chain decides when the last job ends."""
        for heap in (self._by_rank, self._by_chain):
            while heap and not heap[0][3].is_waiting:
                heapq.heappop(heap)
        if not self._by_chain:
            return None
        longest, first = self._by_chain[0][3], self._by_rank[0][3]
        is_later = longest.rank != first.rank and longest.rank[:-1] == first.rank[:-1]
        if first.chain == math.inf or not is_later or longest.chain * workers <= self._cost or longest.memory > memory:
            return None
        return longest


def _pop(heap: list[tuple[Rank, float, int, _Entry[R]]], memory: float) -> _Entry[R] | None:
    """Remove and return the first waiting entry that fits."""
    too_large, found = [], None
    while heap and found is None:
        row = heapq.heappop(heap)
        if not row[3].is_waiting:
            continue
        if row[3].memory <= memory:
            found = row[3]
        else:
            too_large.append(row)
    for row in too_large:
        heapq.heappush(heap, row)
    return found
