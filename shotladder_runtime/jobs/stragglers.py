"""Find jobs that are much slower than others of their kind, so that other workers run them a second time.

Two rules use the times at which jobs of a kind reach checkpoints, per cost. A job is late if it has not reached a
checkpoint when nearly all others would have; it is repeated ahead of waiting jobs. A job is overdue if it runs longer
than the median suggests; it is repeated only on workers that are idle. The executors and the simulation of
`benchmarks.farm` use these classes.
"""

from __future__ import annotations

import heapq
import itertools
import math
from bisect import insort
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["CHECKPOINTS", "DurationModel", "Stragglers"]

#: Fractions of a job at which its progress is compared; the last one is its end. Chosen by hand: a job that is three
#: times slower is found before a tenth of it is done.
CHECKPOINTS = (0.1, 0.3, 1.0)
#: Fraction of the jobs of a kind that reach a checkpoint before a late one. Chosen by hand.
LATE_QUANTILE = 0.95
#: A job is late after this number of times in which that fraction reaches the checkpoint. Chosen by hand.
LATE_FACTOR = 1.25
#: Seconds that a late job has in addition, in which a process starts on a loaded machine. Chosen by hand.
LATE_SLACK = 2.0
#: Number of jobs of a kind that must reach a checkpoint before others are late. Chosen by hand.
LATE_SAMPLES = 20
#: Fraction of the workers that repeat late jobs ahead of waiting ones. Chosen by hand: it bounds the work that is done
#: twice when durations differ from the costs of the jobs.
LATE_WORKERS = 0.05
#: A job is overdue after this number of expected durations. Chosen by hand.
OVERDUE_FACTOR = 1.25
#: Number of finished jobs of a kind before others are overdue. Chosen by hand.
MIN_SAMPLES = 5
#: Number of last jobs of a kind that count. Chosen by hand.
MAX_SAMPLES = 201
#: Seconds of a job that count as its duration. Chosen by hand: the result of a shorter one was in the store.
MIN_SECONDS = 1.0
#: Attempts of one job at the same time. Chosen by hand.
MAX_ATTEMPTS = 5
#: Index of the end of a job among the checkpoints.
_END = len(CHECKPOINTS) - 1

K = TypeVar("K", bound=Hashable)


class DurationModel:
    """Times in which jobs reach a checkpoint, from those that have reached it."""

    def __init__(self) -> None:
        self._ratios: dict[object, tuple[deque[float], list[float]]] = {}

    def add(self, kind: object, cost: float, seconds: float) -> None:
        """Record the time of a job, s; jobs of one kind have times that are proportional to costs."""
        if cost <= 0:
            return
        recent, ordered = self._ratios.setdefault(kind, (deque(), []))
        recent.append(seconds / cost)
        insort(ordered, seconds / cost)
        if len(recent) > MAX_SAMPLES:
            ordered.remove(recent.popleft())

    def expect(self, kind: object, cost: float, quantile: float = 0.5, min_samples: int = MIN_SAMPLES) -> float | None:
        """Return a quantile of the time of a job, s; None before enough jobs of its kind have a time."""
        _, ordered = self._ratios.get(kind, ((), []))
        if cost <= 0 or len(ordered) < min_samples:
            return None
        return cost * ordered[int(quantile * len(ordered))]


@dataclass(slots=True)
class _Running:
    """A running job; `passed` is the number of its checkpoints that it is known to have reached."""

    kind: object
    cost: float
    started: float
    passed: int = 0
    attempts: int = 1
    #: Its time to the last checkpoint over that of the median job, if it has reached that one late; otherwise 0.
    slowness: float = 0.0


class Stragglers(Generic[K]):
    """The running jobs of an executor, of which late and overdue ones are taken to be repeated."""

    def __init__(self) -> None:
        self._model = DurationModel()
        self._running: dict[K, _Running] = {}
        self._repeated: set[K] = set()
        #: Deadlines: time, order, job, checkpoint of a late job or attempts of an overdue one.
        self._late: list[tuple[float, int, K, int]] = []
        self._overdue: list[tuple[float, int, K, int]] = []
        #: Jobs without a deadline, by kind and checkpoint; they started before enough others had reached it.
        self._without_late: dict[tuple[object, int], set[K]] = {}
        self._without_overdue: dict[object, set[K]] = {}
        self._count = itertools.count()

    def start(self, key: K, kind: object, cost: float, now: float) -> None:
        """Add a job that starts now."""
        self._running[key] = _Running(kind, cost, now)
        for n in range(len(CHECKPOINTS)):
            self._set_late(key, n)
        self._set_overdue(key)

    def report(self, key: K, fraction: float, now: float) -> None:
        """Record what fraction of the first attempt of a job is done; 0 if a worker begins it, perhaps once more."""
        job = self._running.get(key)
        if job is not None and job.attempts == 1 and fraction == 0:
            passed, job.started, job.passed, job.slowness = job.passed, now, 0, 0.0
            for n in range(passed):
                self._set_late(key, n)
        while job is not None and job.passed < _END and fraction >= CHECKPOINTS[job.passed]:
            n = job.passed
            job.passed += 1
            self._without_late.get((job.kind, n), set()).discard(key)
            median = self._model.expect((job.kind, n), job.cost)
            job.slowness = (now - job.started) / median if median and now > self._late_time(job, n) else 0.0
            self._learn(job, n, now - job.started)

    def end(self, key: K, seconds: float | None = None) -> None:
        """Remove a job; `seconds` is the duration of the attempt that succeeded."""
        job = self._running.pop(key, None)
        if job is None:
            return
        self._repeated.discard(key)
        for n in range(len(CHECKPOINTS)):
            self._without_late.get((job.kind, n), set()).discard(key)
        self._without_overdue.get(job.kind, set()).discard(key)
        if seconds is not None and seconds >= MIN_SECONDS:
            self._learn(job, _END, seconds)

    def take_late(self, now: float, width: int) -> K | None:
        """Return a late job to be repeated ahead of waiting jobs; it counts as repeated from now on.

        Returns None without a late job, and while enough of the `width` workers repeat jobs.
        """
        due = self._first_late()
        while due is not None and due <= now and len(self._repeated) < max(1.0, LATE_WORKERS * width):
            _, _, key, n = heapq.heappop(self._late)
            job = self._running[key]
            if self._is_late(job, n, now):
                self._repeat(key, now)
                return key
            if not job.slowness:
                # more jobs of its kind have ended since the deadline was set
                self._set_late(key, n)
            due = self._first_late()
        return None

    def take_overdue(self, now: float) -> K | None:
        """Return a job that runs too long, to be repeated on an idle worker; it counts as repeated from now on."""
        while (due := self._first_overdue()) is not None and due <= now:
            _, _, key, _ = heapq.heappop(self._overdue)
            if self._overdue_time(self._running[key]) <= now:
                self._repeat(key, now)
                return key
            self._set_overdue(key)
        return None

    def next_due(self) -> float | None:
        """Return a time before which no job becomes late or overdue."""
        times = [time for time in (self._first_late(), self._first_overdue()) if time is not None]
        return min(times, default=None)

    def _first_late(self) -> float | None:
        while self._late:
            due, _, key, n = self._late[0]
            job = self._running.get(key)
            if job is not None and job.attempts == 1 and (job.passed <= n or job.slowness):
                return due
            heapq.heappop(self._late)
        return None

    def _first_overdue(self) -> float | None:
        while self._overdue:
            due, _, key, attempts = self._overdue[0]
            job = self._running.get(key)
            if job is not None and job.attempts == attempts:
                return due
            heapq.heappop(self._overdue)
        return None

    def _is_late(self, job: _Running, n: int, now: float) -> bool:
        """Return whether a job has missed a checkpoint, and would end after another attempt that begins now."""
        if not job.slowness:
            return self._late_time(job, n) <= now
        whole = self._model.expect((job.kind, _END), job.cost)
        return whole is None or now - job.started < (job.slowness - 1) * whole

    def _repeat(self, key: K, now: float) -> None:
        self._repeated.add(key)
        job = self._running[key]
        job.attempts += 1
        job.started = now
        # only the first attempt reports its progress
        job.passed = len(CHECKPOINTS)
        if job.attempts < MAX_ATTEMPTS:
            self._set_overdue(key)

    def _learn(self, job: _Running, n: int, seconds: float) -> None:
        """Record when a job has reached a checkpoint, and set the deadlines of others that had none."""
        group = (job.kind, n)
        self._model.add(group, job.cost, seconds)
        if group in self._without_late and self._late_time(job, n) < math.inf:
            for key in self._without_late.pop(group):
                self._set_late(key, n)
        if n == _END and job.kind in self._without_overdue and self._overdue_time(job) < math.inf:
            for key in self._without_overdue.pop(job.kind):
                self._set_overdue(key)

    def _set_late(self, key: K, n: int) -> None:
        job = self._running[key]
        if (due := self._late_time(job, n)) < math.inf:
            heapq.heappush(self._late, (due, next(self._count), key, n))
        elif job.cost > 0:
            self._without_late.setdefault((job.kind, n), set()).add(key)

    def _set_overdue(self, key: K) -> None:
        job = self._running[key]
        if (due := self._overdue_time(job)) < math.inf:
            heapq.heappush(self._overdue, (due, next(self._count), key, job.attempts))
        elif job.cost > 0:
            self._without_overdue.setdefault(job.kind, set()).add(key)

    def _late_time(self, job: _Running, n: int) -> float:
        """Return when a job is late at a checkpoint; infinite before enough others have reached it."""
        seconds = self._model.expect((job.kind, n), job.cost, LATE_QUANTILE, LATE_SAMPLES)
        return math.inf if seconds is None else job.started + LATE_FACTOR * seconds + LATE_SLACK

    def _overdue_time(self, job: _Running) -> float:
        """Return when a job is overdue; infinite before enough others have ended."""
        seconds = self._model.expect((job.kind, _END), job.cost)
        # a suspended worker may receive the next attempt as well; each further one waits twice as long
        return math.inf if seconds is None else job.started + OVERDUE_FACTOR * 2 ** (job.attempts - 1) * seconds
