"""Run probe encodes: encode chunks and measure them against the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import encoder
from encoder import Chunk, ChunkJob, Rendition, Source
from ladders.ladder import ProbeCost
from ladders.ladder_request import EncodeSettings
from ladders.probing.chunk_measurement import (
    ENCODE_PART,
    MeasuredJob,
    chunk_vmaf,
    measure_quality,
    measuring,
    rate_point,
    shot_vmaf,
)
from ladders.probing.probe_results import ProbeBatch, ProbePoint
from ladders.probing.round_tail import final_tail
from ladders.probing.sampling import frame_stride_for
from ladders.rd.curves import RatePoint
from shotladder_runtime.jobs import job_part, run_all
from shotladder_runtime.store import Store

__all__ = ["EncodeRunner", "ProbeRunner", "Progress"]

#: Takes the finished part and the total of the work.
Progress = Callable[[float, float], None]


class ProbeRunner(Protocol):
    """Measures probe points, by encodes or by a simulation."""

    def run(self, points: Sequence[ProbePoint], progress: Progress | None = None) -> ProbeBatch:
        """Return the results of all points and their cost."""


@dataclass(frozen=True, slots=True)
class EncodeRunner:
    """Measures probe points by encodes.

    Attributes
    ----------
    source : Source
    chunks : tuple of Chunk
    encoding : EncodeSettings
    store : Store
        Cache of the probes; final encodes may use them.
    executor : Executor
    frame_stride : int
        Maximum frame stride of the measurement.
    """

    source: Source
    chunks: tuple[Chunk, ...]
    encoding: EncodeSettings
    store: Store
    executor: Executor
    frame_stride: int

    def run(self, points: Sequence[ProbePoint], progress: Progress | None = None) -> ProbeBatch:
        """Encode and measure all points; one job has all points of a chunk, so that the chunk is decoded once."""
        by_chunk: dict[int, list[ProbePoint]] = defaultdict(list)
        for point in points:
            by_chunk[point.chunk].append(point)
        jobs = [
            _Job(self.source, chunk, self.encoding, self.store, tuple(each), frame_stride_for(chunk, self.frame_stride))
            for chunk, each in ((self.chunks[n], each) for n, each in by_chunk.items())
        ]
        results: list[tuple[ProbePoint, RatePoint]] = []
        cost = ProbeCost()
        tail = final_tail(self.source, self.chunks, self.encoding, self.store)
        for _, batch in run_all(self.executor, run_job, jobs, progress, tail=tail):
            results += batch.points
            cost += batch.cost
        return ProbeBatch(tuple(results), cost)


@dataclass(frozen=True, slots=True)
class _Job(MeasuredJob):
    points: tuple[ProbePoint, ...]
    frame_stride: int

    @property
    def encodes(self) -> ChunkJob:
        """The encodes of the job."""
        renditions = tuple(self.rendition(point) for point in self.points)
        return ChunkJob(self.source, self.chunk, renditions, tuple(p.quantiser for p in self.points), self.store)

    def rendition(self, point: ProbePoint) -> Rendition:
        """Return the rendition of a point."""
        preset = self.encoding.fast_preset if point.fast else None
        return self.encoding.rendition(point.size, preset, point.override or None)

    def split(self, count: int) -> list[_Job]:
        """Return up to `count` jobs that together have the same points."""
        # every count-th point, so that each job has all sizes
        parts = (self.points[n::count] for n in range(min(count, len(self.points))))
        return [replace(self, points=points) for points in parts]


def run_job(job: _Job) -> ProbeBatch:
    """Encode and measure the points of one chunk.

    The chunk is decoded once for all encodes and once for all measurements.
    """
    cache_keys = [_cache_key(job, point) for point in job.points]
    with job.store.lock_job("probe", cache_keys):
        measured = _measured(job, cache_keys)
    found = [(point, _rate_point(job, point, value)) for point, value in zip(job.points, measured, strict=True)]
    # cached probes count with their original cost: the cost of a ladder does not depend on the state of the store
    costs = [sum(value[key] for value in measured) for key in ("encode_cpu_seconds", "measure_cpu_seconds")]
    return ProbeBatch(tuple(found), ProbeCost(len(measured), *costs))


def _rate_point(job: _Job, point: ProbePoint, value: dict[str, Any]) -> RatePoint:
    shots = value["shots"] if job.chunk.cuts else ()
    return rate_point(job.source, job.chunk, point.quantiser, value["parts"], value["quality"], shots, job.frame_stride)


def _measured(job: _Job, cache_keys: Sequence[dict[str, Any]]) -> list[Any]:
    """Return the measurements of each point; encode and measure the points that are not in the store."""
    measured = [job.store.read_json("probe", cache_key) for cache_key in cache_keys]
    missing = [n for n, value in enumerate(measured) if value is None]
    if missing:
        chunk_job = replace(job, points=tuple(job.points[n] for n in missing)).encodes
        with job_part(0, ENCODE_PART):
            encode_cpu = encoder.encode_chunk(chunk_job)
        paths = [job.store.fetch(encoder.chunk_path(chunk_job, k)) for k in range(len(missing))]
        with job_part(ENCODE_PART, 1):
            scores = measure_quality(job.source, job.chunk, paths, job.encoding, job.frame_stride)
        for n, path, score in zip(missing, paths, scores, strict=True):
            measured[n] = {
                "parts": encoder.count_part_bits(path),
                "quality": chunk_vmaf(score, job.chunk, job.encoding, job.frame_stride),
                "shots": shot_vmaf(job.chunk, score.frames, score.quality, job.encoding, job.frame_stride),
                "encode_cpu_seconds": encode_cpu / len(missing),
                "measure_cpu_seconds": score.cpu_seconds,
            }
            job.store.write_json("probe", cache_keys[n], measured[n])
    return measured


def _cache_key(job: _Job, point: ProbePoint) -> dict[str, Any]:
    """Return the cache key of a probe: the encode and the settings of the measurement."""
    single = ChunkJob(job.source, job.chunk, (job.rendition(point),), (point.quantiser,), job.store)
    # default values are not part of the key
    weighing = "first frame of a shot counts once" if job.frame_stride > 1 else "equal"
    metric = job.encoding.metric.key if job.encoding.metric else "vmaf"
    special = {"shots": job.chunk.cuts, "pooling": job.encoding.pooling, "weighing": weighing, "metric": metric}
    defaults: dict[str, Any] = {"shots": (), "pooling": "mean", "weighing": "equal", "metric": "vmaf"}
    return {
        "encode": encoder.chunk_path(single, 0).stem,
        "frame_stride": job.frame_stride,
        **{key: value for key, value in special.items() if value != defaults[key]},
        **measuring(job.encoding),
    }
