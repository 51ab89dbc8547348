"""A simulated farm: workers with one core each, rounds of jobs, lost workers, and slow jobs that are repeated."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from encoder import ChunkJob
from shotladder.catalogue.catalogue_run import MAX_OPEN
from shotladder_runtime.jobs import JobQueue, longest_first, split_long_jobs
from shotladder_runtime.jobs.stragglers import CHECKPOINTS, Stragglers

__all__ = ["Chain", "Farm", "Faults", "Job", "Title", "bound"]

SEED = 1
#: A slow job takes this many times as long.
SLOWER = 3.0
#: Seconds until a worker ends an attempt whose job has another result: a look of the coordinator and a line of ffmpeg.
CANCEL_SECONDS = 3.0


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


@dataclass(frozen=True, eq=False)
class Chain:
    """The rounds of the analysis or of one codec, each of which begins when the one before has ended.

    `tails` has, for each round, what follows it, in the unit of `Job.cost`, as `ladders` passes it to `run_all`.
    """

    name: str
    rounds: tuple[tuple[Job, ...], ...]
    tails: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Title:
    """The jobs of a title: its analysis, and the chains of its codecs, which wait for it."""

    analysis: Chain
    codecs: tuple[Chain, ...]

    @property
    def chains(self) -> tuple[Chain, ...]:
        """All chains."""
        return self.analysis, *self.codecs


@dataclass(frozen=True)
class Faults:
    """Fraction of the jobs that are lost with their worker, fraction that are slow, whether slow ones are repeated."""

    lost: float = 0.0
    slow: float = 0.0
    repeats: bool = True


@dataclass(eq=False)
class _Chain:
    """A chain in progress: its title, its round, and how many jobs of the round have not ended."""

    jobs: Chain
    title: int
    at: int = -1
    left: int = 0


@dataclass(eq=False)
class _Run:
    """A job in progress, and when its attempts began, by their numbers."""

    chain: _Chain
    job: Job
    attempts: dict[int, float] = field(default_factory=dict)

    @property
    def kind(self) -> tuple[str, str]:
        """What shares durations: the codec, and whether the job is a probe or a final encode."""
        return self.chain.jobs.name, "probe" if self.chain.at < 2 else "final"


class Farm:
    """Runs titles on a number of workers, as `catalogue_run` opens them and `ThrottledExecutor` starts their jobs."""

    def __init__(self, titles: list[Title], workers: int, seed: int, faults: Faults) -> None:
        self.titles, self.workers, self.faults = titles, workers, faults
        self.rng = np.random.default_rng([SEED, workers, seed])
        self.waiting: JobQueue[_Run] = JobQueue()
        #: Time, number of the attempt, checkpoint that it reaches, job, whether the worker is lost.
        self.events: list[tuple[float, int, float, _Run, bool]] = []
        self.idle, self.now, self.started, self.repeated = workers, 0.0, 0, 0
        self.numbers = itertools.count()
        self.opened, self.left = 0, [len(title.codecs) for title in titles]
        self.stragglers = Stragglers[_Run]()
        self.parts: dict[int, list[Job]] = {}

    def run(self) -> float:
        """Return the makespan, s."""
        self.open_titles()
        while any(self.left):
            due = self.stragglers.next_due() if self.idle and self.faults.repeats and not len(self.waiting) else None
            if due is not None and self.now < due < self.events[0][0]:
                self.now = due
            else:
                self.handle(*heapq.heappop(self.events))
            self.start_jobs()
            self.open_titles()
        return self.now

    def open_titles(self) -> None:
        """Open titles while workers are idle and no job waits."""
        while self.opened < len(self.titles) and self.idle and not len(self.waiting):
            if sum(1 for left in self.left[: self.opened] if left) >= MAX_OPEN:
                return
            self.opened += 1
            self.advance(_Chain(self.titles[self.opened - 1].analysis, self.opened - 1))
            self.start_jobs()

    def advance(self, chain: _Chain) -> None:
        """Queue the next round of a chain whose round has ended."""
        rounds = chain.jobs.rounds
        while chain.left == 0 and chain.at + 1 < len(rounds):
            chain.at += 1
            # titles share the rounds
            key = id(rounds[chain.at])
            if key not in self.parts:
                self.parts[key] = longest_first(split_long_jobs(rounds[chain.at], self.workers))
            chain.left = len(self.parts[key])
            for job in self.parts[key]:
                self.queue(_Run(chain, job))
        if chain.left:
            return
        title = self.titles[chain.title]
        if chain.jobs is title.analysis:
            for codec in title.codecs:
                self.advance(_Chain(codec, chain.title))
        else:
            self.left[chain.title] -= 1

    def queue(self, run: _Run) -> None:
        """Queue a job."""
        self.waiting.add(run.job, run, (run.chain.title,), run.chain.jobs.tails[run.chain.at])

    def start_jobs(self) -> None:
        """Start late jobs a second time, then waiting ones, then overdue ones a second time."""
        while self.idle:
            repeats = self.faults.repeats
            again = self.stragglers.take_late(self.now, self.workers) if repeats else None
            if again is None and (taken := self.waiting.take(workers=self.workers)):
                run = taken[1]
                self.stragglers.start(run, run.kind, run.job.cost, self.now)
                self.start(run)
                continue
            if again is None and repeats:
                again = self.stragglers.take_overdue(self.now)
            if again is None:
                return
            self.repeated += 1
            self.start(again)

    def start(self, run: _Run) -> None:
        """Begin an attempt of a job; only the first one reports its progress."""
        reports = self.faults.repeats and not run.attempts
        run.attempts[next(self.numbers)] = self.now
        self.idle -= 1
        self.started += 1
        self.begin(run, next(reversed(run.attempts)), reports=reports)

    def begin(self, run: _Run, number: int, *, reports: bool) -> None:
        """Put the events of an attempt into the future: the checkpoints that it reports, and its end."""
        seconds = run.job.seconds * (SLOWER if self.rng.random() < self.faults.slow else 1.0)
        fails = self.rng.random() < self.faults.lost
        part = self.rng.random() if fails else 1.0
        for fraction in CHECKPOINTS[:-1] if reports else ():
            if fraction < part:
                heapq.heappush(self.events, (self.now + fraction * seconds, number, fraction, run, False))
        heapq.heappush(self.events, (self.now + part * seconds, number, 1.0, run, fails))

    def handle(self, now: float, number: int, fraction: float, run: _Run, fails: bool) -> None:
        """Pass a checkpoint, or end an attempt; the first that succeeds counts, and the others are cancelled."""
        self.now = now
        if number not in run.attempts:
            # cancelled; its worker is free when it has noticed that
            self.idle += number < 0
        elif fraction < 1.0:
            self.stragglers.report(run, fraction, now)
        elif fails:
            # Dask runs the task again on the next worker that is free
            self.stragglers.report(run, 0.0, now)
            self.begin(run, number, reports=number == next(iter(run.attempts)))
        else:
            self.stragglers.end(run, now - run.attempts.pop(number))
            self.idle += 1
            for _ in run.attempts:
                heapq.heappush(self.events, (now + CANCEL_SECONDS, -next(self.numbers) - 1, 1.0, run, False))
            run.attempts.clear()
            run.chain.left -= 1
            self.advance(run.chain)


def bound(titles: list[Title], workers: int) -> float:
    """Return a time (s) that nothing can beat, were no job ever lost."""
    chains = [chain for title in titles for chain in title.chains]
    each = [_bound([title.analysis], workers) + _bound(title.codecs, workers) for title in dict.fromkeys(titles)]
    return max(_area(chains, workers), *each)


def _bound(chains: Sequence[Chain], workers: int) -> float:
    """Return a bound of chains that run side by side."""
    longest = max(sum(at_least(jobs, workers) for jobs in each.rounds) for each in chains)
    return max(_area(chains, workers), longest)


def _area(chains: Sequence[Chain], workers: int) -> float:
    return sum(job.seconds for each in chains for jobs in each.rounds for job in jobs) / workers


def at_least(jobs: tuple[Job, ...], workers: int) -> float:
    """Return how long a round lasts at least."""
    seconds = [job.seconds for job in split_long_jobs(jobs, workers)]
    return max(max(seconds, default=0.0), sum(job.seconds for job in jobs) / workers)
