"""Trial encodes of chunks, measured: what a quantiser at a resolution costs and gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, Self

import encoder
from encoder import Chunk, ChunkJob, Rendition, Source
from ladders.ladder import ProbeCost
from ladders.probing.chunk_measurement import (
    EncodeSettings,
    MeasuredJob,
    measure_chunk,
    measuring,
    of_chunk,
    of_shots,
    rate_point,
)
from ladders.rd.curves import RatePoint
from shotladder_runtime.jobs import run_all
from shotladder_runtime.store import Store

__all__ = ["ProbePoint", "Prober", "spread", "stride"]

#: Frames of a chunk that trials are measured on at least, if it has as many.
SAMPLES = 6

Progress = Callable[[float, float], None]
Found = dict[tuple[int, tuple[int, int]], dict[float, RatePoint]]


@dataclass(frozen=True, slots=True)
class ProbePoint:
    """What to try: a chunk's number, a size, a quantiser; roughly, by the preset of trials, or as final encodes are.

    Those may be refined, by what the codec's row has of this name.
    """

    chunk: int
    size: tuple[int, int]
    quantiser: float
    rough: bool = False
    override: str = ""


@dataclass(frozen=True, slots=True)
class Probed:
    """What one job found: a rate point for each of its points, and its cost."""

    points: tuple[tuple[ProbePoint, RatePoint], ...]
    cost: ProbeCost


@dataclass(frozen=True, slots=True)
class _Job(MeasuredJob):
    points: tuple[ProbePoint, ...]
    every: int

    @property
    def encodes(self) -> ChunkJob:
        """What it encodes."""
        renditions = tuple(self.rendition(point) for point in self.points)
        return ChunkJob(self.source, self.chunk, renditions, tuple(p.quantiser for p in self.points), self.store)

    def rendition(self, point: ProbePoint) -> Rendition:
        """Return what a point is encoded as."""
        preset = self.encoding.trial_preset if point.rough else None
        return self.encoding.rendition(point.size, preset, point.override)

    def split(self, count: int) -> list[_Job]:
        """Return at most so many jobs that try the same points."""
        # taken in turn, so that each gets of all sizes
        parts = (self.points[n::count] for n in range(min(count, len(self.points))))
        return [replace(self, points=points) for points in parts]


@dataclass(slots=True)
class Prober:
    """Runs trials of one title and keeps what they found.

    Attributes
    ----------
    source : Source
    chunks : tuple of Chunk
    encoding : Encoding
    store : Store
        Trials are artefacts: what is there is not done again, and final encodes may use them.
    executor : Executor
    every : int
        Frames to measure: each so many-th, more often in short chunks; odd, or the encoder's picture groups bias the
        mean.
    cost : ProbeCost
        Of all trials so far.
    found, rough : dict
        From (chunk, size) to rate points by quantiser: encodes as the final ones, and those by the preset of trials.
    overrides : dict
        From chunks to what refines their final encodes, where something does.
    refined : dict
        From overrides to what was found with them.
    """

    source: Source
    chunks: tuple[Chunk, ...]
    encoding: EncodeSettings
    store: Store
    executor: Executor
    every: int = 9
    cost: ProbeCost = field(default_factory=ProbeCost)
    found: Found = field(default_factory=lambda: defaultdict(dict))
    rough: Found = field(default_factory=lambda: defaultdict(dict))
    overrides: dict[int, str] = field(default_factory=dict)
    refined: dict[str, Found] = field(default_factory=lambda: defaultdict(lambda: defaultdict(dict)))

    def known(self, point: ProbePoint) -> dict[float, RatePoint]:
        """Return what is known beside a point: same chunk, size, preset and override."""
        if point.override:
            return self.refined[point.override][point.chunk, point.size]
        return (self.rough if point.rough else self.found)[point.chunk, point.size]

    def sibling(self) -> Self:
        """Return one that knows and finds the same of plain encodes, on a bill of its own."""
        return replace(self, overrides={}, cost=ProbeCost())

    def run(self, points: Iterable[ProbePoint], progress: Progress | None = None) -> None:
        """Try all points that have not been tried; one job takes all of a chunk, so that it is decoded once."""
        by_chunk: dict[int, list[ProbePoint]] = defaultdict(list)
        for point in dict.fromkeys(points):
            if point.quantiser not in self.known(point):
                by_chunk[point.chunk].append(point)
        jobs = [
            _Job(self.source, chunk, self.encoding, self.store, tuple(points), stride(chunk, self.every))
            for chunk, points in ((self.chunks[n], points) for n, points in by_chunk.items())
        ]
        done, total = 0, sum(map(len, by_chunk.values()))
        for _, probed in run_all(self.executor, run_job, jobs):
            for point, found in probed.points:
                self.known(point)[point.quantiser] = found
            self.cost += probed.cost
            done += len(probed.points)
            if progress:
                progress(done, total)


def run_job(job: _Job) -> Probed:
    """Encode and measure the points of one chunk.

    The chunk is decoded once for all encodes and once for all measurements.
    """
    cache_keys = [_recipe(job, point) for point in job.points]
    with job.store.lock_job("trial", cache_keys):
        known = _known(job, cache_keys)
    found = [(point, _rate_point(job, point, value)) for point, value in zip(job.points, known, strict=True)]
    # what is in the store has cost as much once: a ladder's cost does not depend on when it was found
    costs = [sum(value[key] for value in known) for key in ("encode_cpu_seconds", "measure_cpu_seconds")]
    return Probed(tuple(found), ProbeCost(len(known), *costs))


def _rate_point(job: _Job, point: ProbePoint, value: dict[str, Any]) -> RatePoint:
    shots = value["shots"] if job.chunk.cuts else ()
    return rate_point(job.source, job.chunk, point.quantiser, value["parts"], value["quality"], shots, job.every)


def _known(job: _Job, cache_keys: Sequence[dict[str, Any]]) -> list[Any]:
    """Return what is known of each point, found out now where it is not in the store."""
    known = [job.store.read_json("trial", cache_key) for cache_key in cache_keys]
    missing = [n for n, value in enumerate(known) if value is None]
    if missing:
        chunk_job = replace(job, points=tuple(job.points[n] for n in missing)).encodes
        encode_cpu = encoder.encode_chunk(chunk_job)
        paths = [job.store.fetch(encoder.chunk_path(chunk_job, k)) for k in range(len(missing))]
        scores = measure_chunk(job.source, job.chunk, paths, job.encoding, job.every)
        for n, path, score in zip(missing, paths, scores, strict=True):
            known[n] = {
                "parts": encoder.count_part_bits(path),
                "quality": of_chunk(score, job.chunk, job.encoding, job.every),
                "shots": of_shots(job.chunk, score.frames, score.vmaf, job.encoding, job.every),
                "encode_cpu_seconds": encode_cpu / len(missing),
                "measure_cpu_seconds": score.cpu_seconds,
            }
            job.store.write_json("trial", cache_keys[n], known[n])
    return known


def spread(count: int, total: int) -> list[int]:
    """Return the places of so many things, as far as there are, that lie evenly among all.

    Examples
    --------
    >>> spread(3, 20), spread(3, 2)
    ([3, 10, 16], [0, 1])
    """
    count = min(count, total)
    return [total * (2 * n + 1) // (2 * count) for n in range(count)]


def stride(chunk: Chunk, most: int) -> int:
    """Return the largest odd stride, not above `most`, that measures a fair number of a chunk's frames."""
    return max(n for n in range(1, most + 1, 2) if n == 1 or chunk.frame_count >= SAMPLES * n)


def _recipe(job: _Job, point: ProbePoint) -> dict[str, Any]:
    """Return what decides a trial's result: the encode and the way of measuring."""
    single = ChunkJob(job.source, job.chunk, (job.rendition(point),), (point.quantiser,), job.store)
    # most have one shot and the plain mean, which need no word, nor does a mean over all frames
    weighing = "firsts by themselves" if job.every > 1 else "alike"
    special = {"shots": job.chunk.cuts, "pooling": job.encoding.pooling, "weighing": weighing}
    usual: dict[str, Any] = {"shots": (), "pooling": "mean", "weighing": "alike"}
    return {
        "encode": encoder.chunk_path(single, 0).stem,
        "every": job.every,
        **{key: value for key, value in special.items() if value != usual[key]},
        **measuring(job.encoding),
    }
