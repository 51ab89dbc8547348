"""Find jobs that run much longer than expected, so that idle workers run them a second time.

The expected duration of a job is its cost times the median duration per cost of the finished jobs of its kind. Both the
executors and the simulation of `benchmarks.farm` use these classes.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import insort
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["DurationModel", "RunningJobs"]

#: A job is overdue after this number of expected durations. Chosen by hand.
OVERDUE_FACTOR = 1.25
#: Number of finished jobs of a kind before durations are expected. Chosen by hand.
MIN_SAMPLES = 5
#: Number of last finished jobs of a kind that count. Chosen by hand.
MAX_SAMPLES = 201

K = TypeVar("K", bound=Hashable)


class DurationModel:
    """Expected durations of jobs, from the finished ones."""

    def __init__(self) -> None:
        self._ratios: dict[object, tuple[deque[float], list[float]]] = {}

    def add(self, kind: object, cost: float, seconds: float) -> None:
        """Record the duration of a finished job, s; jobs of one kind have durations that are proportional to costs."""
        if cost <= 0:
            return
        recent, ordered = self._ratios.setdefault(kind, (deque(), []))
        recent.append(seconds / cost)
        insort(ordered, seconds / cost)
        if len(recent) > MAX_SAMPLES:
            ordered.remove(recent.popleft())

    def expect(self, kind: object, cost: float) -> float | None:
        """Return the expected duration of a job, s; None before enough jobs of its kind have finished."""
        _, ordered = self._ratios.get(kind, ((), []))
        if cost <= 0 or len(ordered) < MIN_SAMPLES:
            return None
        return cost * ordered[len(ordered) // 2]


class RunningJobs(Generic[K]):
    """The running jobs that were started once, by the time at which they are overdue."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, K]] = []
        self._running: set[K] = set()
        self._count = itertools.count()

    def add(self, key: K, now: float, expected: float | None) -> None:
        """Add a job that starts now; without an expected duration it is never overdue."""
        if expected is not None:
            self._running.add(key)
            heapq.heappush(self._due, (now + OVERDUE_FACTOR * expected, next(self._count), key))

    def discard(self, key: K) -> None:
        """Remove a job that ended."""
        self._running.discard(key)

    def next_due(self) -> float | None:
        """Return when the next job becomes overdue."""
        while self._due and self._due[0][2] not in self._running:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def take_overdue(self, now: float) -> K | None:
        """Remove and return an overdue job; None if all jobs are in time."""
        due = self.next_due()
        if due is None or due > now:
            return None
        key = heapq.heappop(self._due)[2]
        self._running.discard(key)
        return key
