"""Parallel shot detection: ranges of frames are scanned as jobs, and their results kept in the store and joined."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError, Executor
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache, partial
from typing import Any

import numpy as np

import encoder
from encoder.errors import SourceError
from encoder.media.source import Source
from ladders.shots.classifier import model_digest
from ladders.shots.detector import Analysis, Opening, assemble_shots
from ladders.shots.scan import Progress, ScanResult, ShotParameters, Transition, scan
from shotladder_runtime.errors import JobsError
from shotladder_runtime.jobs import JobExecutor, run_all
from shotladder_runtime.kernels.compiler import source_files
from shotladder_runtime.store import Store

__all__ = ["ScanJob", "analyse_shots_in_parallel", "code_digest", "plan_ranges", "run_job"]

#: Approximate duration of a range in seconds. Each range also decodes its context on either side: 158 frames at
#: 25 frames/s. Chosen by hand, not tuned.
RANGE_SECONDS = Fraction(120)


@dataclass(frozen=True, slots=True)
class ScanJob:
    """The scan of one range of frames, as a job that an executor runs.

    Attributes
    ----------
    source : Source
    start, stop : int
        The range [start, stop) of frames.
    parameters : ShotParameters
    store : Store
        Where the result is kept.
    """

    source: Source
    start: int
    stop: int
    parameters: ShotParameters
    store: Store

    @property
    def cost(self) -> float:
        """Relative duration: the number of pixels that are scanned."""
        return float((self.stop - self.start) * self.source.width * self.source.height)

    @property
    def memory(self) -> int:
        """Estimated memory in bytes."""
        return encoder.estimate_memory(self.source.width * self.source.height)

    def split(self, count: int) -> list[ScanJob]:
        """Return the job itself: ranges do not depend on the number of workers, so that the store finds them again."""
        return [self]

    @property
    def cache_key(self) -> dict[str, Any]:
        """Everything that the result of the scan depends on.

        Thresholds are not part of it: they are applied to the joined results.
        """
        source = self.source
        return {
            "source": source.content_id,
            "stream": source.stream_index,
            "frames": [self.start, self.stop],
            # frames of a damaged source may be numbered differently after a repair
            "ticks": [source.pts[self.start], source.pts[self.stop - 1], source.frame_count],
            "max_transition_seconds": self.parameters.max_transition_seconds,
            "models": [model_digest(self.parameters.cut_model), model_digest(self.parameters.gradual_model)],
            "code": code_digest(),
        }


def analyse_shots_in_parallel(
    source: Source,
    executor: Executor,
    store: Store,
    parameters: ShotParameters | None = None,
    progress: Progress | None = None,
    given: Mapping[int, Opening] | None = None,
) -> tuple[Analysis, float]:
    """Find the shots of a source as `analyse_shots` does, but by several workers and with the store as a cache.

    Parameters
    ----------
    source : Source
    executor : Executor
        Runs one job a range.
    store : Store
        Keeps the result of each range; a range that it contains is not scanned again.
    parameters : ShotParameters, optional
        Thresholds and classifiers.
    progress : callable, optional
        Called with (frames done, frames in total).
    given : mapping of int to Opening, optional
        How each shot starts, by its first frame; by default shots start at the transitions that are found.

    Returns
    -------
    analysis : Analysis
        Equal to the result of `analyse_shots`.
    cpu_seconds : float
        CPU time of all ranges, including those that the store contains, in seconds.

    Raises
    ------
    SourceError
        If the source no longer opens, its content has changed, or no frame can be decoded.
    JobsError
        If a range fails for another reason.
    """
    chosen = parameters or ShotParameters()
    jobs = [ScanJob(source, start, stop, chosen, store) for start, stop in plan_ranges(source)]
    # other machines report a range only when it is done
    local = executor if isinstance(executor, JobExecutor) and executor.is_local else None
    counter = _Counter(source.frame_count, progress, local)
    function = partial(run_job, counter=counter) if local else run_job
    parts, cpu = [], 0.0
    try:
        for job, value in run_all(executor, function, jobs):
            counter.count(job.start, job.stop - job.start)
            parts.append(_scan_result(job, value))
            cpu += value["cpu_seconds"]
    except JobsError as error:
        # the error of the source itself is clearer than that of the job
        if isinstance(error.__cause__, SourceError):
            raise error.__cause__ from None
        raise
    finally:
        counter.close()
    return assemble_shots(source, ScanResult.join(parts), chosen, given), cpu


def plan_ranges(source: Source) -> list[tuple[int, int]]:
    """Return the ranges [start, stop) in which a source is scanned, split at key frames about two minutes apart."""
    edges = [0]
    for key in source.keyframes:
        long_enough = source.time(key) - source.time(edges[-1]) >= RANGE_SECONDS
        if long_enough and source.duration - source.time(key) >= RANGE_SECONDS / 2:
            edges.append(key)
    return list(zip(edges, [*edges[1:], source.frame_count], strict=True))


def run_job(job: ScanJob, counter: _Counter | None = None) -> Any:
    """Scan a range, or read its result from the store; return it as a JSON value."""
    with job.store.lock_job("scan", [job.cache_key]):
        known = job.store.read_json("scan", job.cache_key)
        if known is None:
            # one thread, so that its CPU time is that of the scan
            started = time.thread_time()
            advance: Progress | None = (lambda done, _: counter.count(job.start, done)) if counter else None
            result = scan(job.source, job.start, job.stop, parameters=job.parameters, threads=1, progress=advance)
            known = {
                "transitions": [asdict(transition) for transition in result.transitions],
                "complexity": result.complexity.tolist(),
                "undecodable": result.undecodable,
                "cpu_seconds": time.thread_time() - started,
            }
            job.store.write_json("scan", job.cache_key, known)
    return known


def _scan_result(job: ScanJob, value: dict[str, Any]) -> ScanResult:
    return ScanResult(
        job.start,
        job.stop,
        tuple(Transition(**each) for each in value["transitions"]),
        np.array(value["complexity"], np.float32),
        tuple((start, stop) for start, stop in value["undecodable"]),
    )


class _Counter:
    """Add up the progress of ranges that are scanned at the same time; after `close`, counting cancels the scan."""

    def __init__(self, total: int, progress: Progress | None, executor: JobExecutor | None) -> None:
        self._total, self._progress, self._executor = total, progress, executor
        self._done: dict[int, float] = {}
        self._lock = threading.Lock()
        self._closed = False

    def count(self, start: int, done: float) -> None:
        with self._lock:
            if self._closed or (self._executor and self._executor.closed):
                raise CancelledError
            self._done[start] = done
            if self._progress:
                self._progress(sum(self._done.values()), self._total)

    def close(self) -> None:
        with self._lock:
            self._closed = True


@cache
def code_digest(module: str = "ladders.shots.scan") -> str:
    """Return the hash of every source file that decides a scan's result, so that an edit of one causes a new scan.

    Files are those that the scan imports, directly or through other modules: `ladders.shots`, `ladders.complexity`,
    `ladders.blocks`, the kernel compiler and the decoder. The models are not among them: `ScanJob.cache_key` adds them.
    """
    digest = hashlib.blake2b(digest_size=16)
    # the decoder is named as well: an installed package is followed only if it is that of a named module
    for path in source_files(module, "encoder.media.frames"):
        digest.update(path.read_bytes())
    return digest.hexdigest()
