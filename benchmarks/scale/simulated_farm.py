"""A simulated farm: workers with one core each, rounds of jobs, lost workers, and slow jobs that are repeated."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from encoder import ChunkJob
from shotladder_runtime.jobs import JobQueue, longest_first, split_long_jobs
from shotladder_runtime.jobs.stragglers import DurationModel, RunningJobs

__all__ = ["Chain", "Farm", "Faults", "Job", "bound", "makespan"]

SEED = 1
#: A slow job takes this many times as long.
SLOWER = 3.0


@dataclass(frozen=True)
class Job:
    """A job as the farm sees it, and how long it takes (s): decoding first, then each of its encodes.

    Decoding counts in the time of parts that a job is divided into, once for each, and so does the reference's side of
    measuring, for which the time of measuring one rendition stands.
    """

    encodes: ChunkJob
    decoding: float
    each: tuple[float, ...]
    memory: int = 0

    @cached_property
    def cost(self) -> float:
        """What the product takes it to cost."""
        return self.encodes.cost

    @cached_property
    def seconds(self) -> float:
        """What it costs."""
        return self.decoding + sum(self.each)

    def split(self, count: int) -> list[Job]:
        """Return what the product makes of it."""
        parts = enumerate(self.encodes.split(count)) if self.each else ()
        return [Job(part, self.decoding, self.each[n::count]) for n, part in parts] or [self]


@dataclass(frozen=True)
class Chain:
    """The rounds of the analysis or of one codec, each of which begins when the one before has ended."""

    name: str
    rounds: tuple[tuple[Job, ...], ...]


@dataclass(frozen=True)
class Faults:
    """Fraction of the jobs that are lost with their worker, fraction that are slow, whether slow ones are repeated."""

    lost: float = 0.0
    slow: float = 0.0
    repeats: bool = True


class Farm:
    """Runs chains side by side on a number of workers, each round when the one before has ended."""

    def __init__(self, chains: list[Chain], workers: int, seed: int, faults: Faults) -> None:
        self.chains, self.workers, self.faults = chains, workers, faults
        self.rng = np.random.default_rng([SEED, workers, seed])
        self.waiting: JobQueue[tuple[int, Job]] = JobQueue()
        self.left, self.at = [0] * len(chains), [-1] * len(chains)
        #: Time of the end, attempt, number of the job, whether the worker is lost.
        self.events: list[tuple[float, int, int, bool]] = []
        self.jobs: list[tuple[int, Job, float]] = []
        self.done: set[int] = set()
        self.idle, self.now, self.attempts, self.repeated = workers, 0.0, 0, 0
        self.model, self.running = DurationModel(), RunningJobs[int]()
        #: Jobs that started before enough jobs of their kind had ended.
        self.without_deadline: dict[tuple[int, int], list[int]] = {}

    def run(self) -> float:
        """Return the makespan, s."""
        for n in range(len(self.chains)):
            self.advance(n)
        while len(self.done) < len(self.jobs) or len(self.waiting):
            self.start_jobs()
            due = self.running.next_due() if self.idle and self.faults.repeats and not len(self.waiting) else None
            if due is not None and due > self.now and due < self.events[0][0]:
                self.now = due
            else:
                self.finish(*heapq.heappop(self.events))
        return self.now

    def advance(self, n: int) -> None:
        """Queue the next round of a chain whose round has ended."""
        while self.left[n] == 0 and self.at[n] + 1 < len(self.chains[n].rounds):
            self.at[n] += 1
            jobs = split_long_jobs(self.chains[n].rounds[self.at[n]], self.workers)
            self.left[n] = len(jobs)
            for job in longest_first(jobs):
                self.waiting.add(job, (n, job))

    def start_jobs(self) -> None:
        """Start waiting jobs, then overdue ones a second time."""
        while self.idle and (taken := self.waiting.take()):
            n, job = taken[1]
            number = len(self.jobs)
            self.jobs.append((n, job, self.now))
            expected = self.model.expect(self.kind(n), job.cost)
            if expected is None:
                self.without_deadline.setdefault(self.kind(n), []).append(number)
            self.running.add(number, self.now, expected)
            self.start(number)
        while self.idle and self.faults.repeats and (again := self.running.take_overdue(self.now)) is not None:
            self.repeated += 1
            self.start(again)

    def start(self, number: int) -> None:
        """Begin an attempt of a job."""
        seconds = self.jobs[number][1].seconds * (SLOWER if self.rng.random() < self.faults.slow else 1.0)
        fails = self.rng.random() < self.faults.lost
        end = self.now + seconds * (self.rng.random() if fails else 1.0)
        heapq.heappush(self.events, (end, self.attempts, number, fails))
        self.attempts, self.idle = self.attempts + 1, self.idle - 1

    def finish(self, now: float, attempt: int, number: int, fails: bool) -> None:
        """End an attempt; the first that succeeds counts, and the worker of the other is free at its own end."""
        self.now, self.idle = now, self.idle + 1
        n, job, started = self.jobs[number]
        if number in self.done:
            return
        self.done.add(number)
        self.running.discard(number)
        if fails:
            self.waiting.add(job, (n, job))
            return
        self.model.add(self.kind(n), job.cost, now - started)
        self.set_deadlines(self.kind(n))
        self.left[n] -= 1
        self.advance(n)

    def set_deadlines(self, kind: tuple[int, int]) -> None:
        """Set the deadlines of jobs that started before enough jobs of their kind had ended."""
        if self.model.expect(kind, 1.0) is None:
            return
        for number in self.without_deadline.pop(kind, ()):
            if number not in self.done:
                _, job, started = self.jobs[number]
                self.running.add(number, started, self.model.expect(kind, job.cost))

    def kind(self, n: int) -> tuple[int, int]:
        """Return what has durations of its own: the round of a chain."""
        return n, self.at[n]


def makespan(chains: list[Chain], workers: int, seed: int, faults: Faults) -> float:
    """Run the chains side by side on a number of workers; return seconds."""
    return Farm(chains, workers, seed, faults).run()


def bound(chains: list[Chain], workers: int) -> float:
    """Return a time (s) that nothing can beat, were no job ever lost."""
    area = sum(job.seconds for each in chains for jobs in each.rounds for job in jobs) / workers
    longest = max(sum(at_least(jobs, workers) for jobs in each.rounds) for each in chains)
    return max(area, longest)


def at_least(jobs: tuple[Job, ...], workers: int) -> float:
    """Return how long a round lasts at least."""
    seconds = [job.seconds for job in split_long_jobs(jobs, workers)]
    return max(max(seconds, default=0.0), sum(job.seconds for job in jobs) / workers)
