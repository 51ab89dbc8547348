"""The analysis of a film as jobs: ranges of frames whose evidence is kept in the store, and joined."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import CancelledError, Executor
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache, partial
from importlib import resources
from typing import Any

import numpy as np

import encoder
from encoder import Source, SourceError
from ladders.shots.detector import Analysis, assemble
from ladders.shots.scan import Progress, ScanResult, ShotParameters, Transition, scan
from shotladder_runtime.errors import JobsError
from shotladder_runtime.jobs import LocalExecutor, run_all
from shotladder_runtime.store import Store

__all__ = ["analyse_in_ranges", "plan_ranges"]

#: A range lasts about so long (s): each also decodes what bears on its ends, some seconds on either side.
RANGE = Fraction(120)


@dataclass(frozen=True, slots=True)
class _Job:
    source: Source
    start: int
    stop: int
    parameters: ShotParameters
    store: Store

    @property
    def cost(self) -> float:
        """About how long it takes: the pixels that are looked at."""
        return float((self.stop - self.start) * self.source.width * self.source.height)

    @property
    def memory(self) -> int:
        """About how many bytes it needs."""
        return encoder.estimate_memory(self.source.width * self.source.height)

    def split(self, count: int) -> list[_Job]:
        """Return itself: ranges are the same for any number of workers, so that the store knows them."""
        return [self]

    @property
    def cache_key(self) -> dict[str, Any]:
        """All that decides what is found."""
        source = self.source
        return {
            "source": source.content_id,
            "stream": source.stream_index,
            "frames": [self.start, self.stop],
            # a damaged film is numbered anew
            "ticks": [source.pts[self.start], source.pts[self.stop - 1], source.frame_count],
            "parameters": asdict(self.parameters),
            "code": _code(),
        }


def analyse_in_ranges(
    source: Source,
    executor: Executor,
    store: Store,
    parameters: ShotParameters | None = None,
    progress: Progress | None = None,
) -> tuple[Analysis, float]:
    """Find a film's shots as `analyse` does, many workers at once; ranges that are in the store are taken from there.

    Parameters
    ----------
    source : Source
    executor : Executor
        Gets a job a range.
    store : Store
        Keeps what was found.
    parameters : ShotParameters, optional
        What decides.
    progress : callable, optional
        Called with (frames done, frames in all).

    Returns
    -------
    analysis : Analysis
        Exactly what one pass over the film finds.
    cpu_seconds : float
        What it took, now or when it was put in the store.

    Raises
    ------
    SourceError
        If the film no longer opens, is another one, or no frame of it decodes.
    JobsError
        If a range fails for another reason.
    """
    chosen = parameters or ShotParameters()
    jobs = [_Job(source, first, last, chosen, store) for first, last in plan_ranges(source)]
    # another machine tells of a range when it is done
    local = executor if isinstance(executor, LocalExecutor) else None
    counter = _Counter(source.frame_count, progress, local)
    function = partial(run_job, counter=counter) if local else run_job
    parts, cpu = [], 0.0
    try:
        for job, value in run_all(executor, function, jobs):
            counter.count(job.start, job.stop - job.start)
            parts.append(_evidence(job, value))
            cpu += value["cpu_seconds"]
    except JobsError as error:
        # the film is at fault, and says it best itself
        if isinstance(error.__cause__, SourceError):
            raise error.__cause__ from None
        raise
    finally:
        counter.close()
    return assemble(source, ScanResult.join(parts), chosen), cpu


def plan_ranges(source: Source) -> list[tuple[int, int]]:
    """Return the ranges [first, last) that a film is analysed in, from key frames about two minutes apart."""
    edges = [0]
    for key in source.keyframes:
        long_enough = source.time(key) - source.time(edges[-1]) >= RANGE
        if long_enough and source.duration - source.time(key) >= RANGE / 2:
            edges.append(key)
    return list(zip(edges, [*edges[1:], source.frame_count], strict=True))


def run_job(job: _Job, counter: _Counter | None = None) -> Any:
    """Return what was found in a range, as JSON holds it."""
    with job.store.lock_job("evidence", [job.cache_key]):
        known = job.store.read_json("evidence", job.cache_key)
        if known is None:
            # all on one thread, whose time is counted
            begun = time.thread_time()
            advance: Progress | None = (lambda done, _: counter.count(job.start, done)) if counter else None
            found = scan(job.source, job.start, job.stop, parameters=job.parameters, threads=1, progress=advance)
            known = {
                "transitions": [asdict(transition) for transition in found.transitions],
                "complexity": found.complexity.tolist(),
                "lost": found.lost,
                "cpu_seconds": time.thread_time() - begun,
            }
            job.store.write_json("evidence", job.cache_key, known)
    return known


def _evidence(job: _Job, value: dict[str, Any]) -> ScanResult:
    return ScanResult(
        job.start,
        job.stop,
        tuple(Transition(**each) for each in value["transitions"]),
        np.array(value["complexity"], np.float32),
        tuple((first, last) for first, last in value["lost"]),
    )


class _Counter:
    """Adds up what is done of ranges that are analysed at the same time, and stops them when nobody counts any more."""

    def __init__(self, total: int, progress: Progress | None, farm: LocalExecutor | None) -> None:
        self._total, self._progress, self._farm = total, progress, farm
        self._done: dict[int, float] = {}
        self._lock = threading.Lock()
        self._closed = False

    def count(self, first: int, done: float) -> None:
        with self._lock:
            if self._closed or (self._farm and self._farm.closed):
                raise CancelledError
            self._done[first] = done
            if self._progress:
                self._progress(sum(self._done.values()), self._total)

    def close(self) -> None:
        with self._lock:
            self._closed = True


@lru_cache(1)
def _code() -> str:
    """Return a hash of what decodes pictures and looks at them, so that a newer version looks again."""
    ladders, encoder = resources.files("ladders"), resources.files("encoder")
    modules = [ladders / "blocks.py", *(encoder / "media" / name for name in ("frames.py", "tolerant_decoding.py"))]
    for folder in ("shots", "shots/gradual", "shots/kernels", "complexity"):
        here = (ladders / folder).iterdir()
        modules += sorted((entry for entry in here if entry.name.endswith(".py")), key=lambda entry: entry.name)
    return hashlib.blake2b(b"".join(entry.read_bytes() for entry in modules), digest_size=16).hexdigest()
