"""Encode all rungs of a ladder, and measure them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import encoder
from encoder import Chunk, ChunkJob, Rendition, Source
from ladders.ladder import Ladder
from ladders.ladder_request import EncodeSettings
from ladders.probing.chunk_measurement import (
    ENCODE_PART,
    MeasuredJob,
    interpolate_frames,
    measure_chunk,
    measuring,
    rate_point,
    shot_vmaf,
)
from ladders.probing.probe_results import ProbePoint, ProbeResults
from ladders.probing.prober import Prober
from ladders.probing.sampling import frame_stride_for
from ladders.rd.curves import RatePoint
from shotladder_runtime.jobs import job_part, run_all

__all__ = ["FinalChunk", "FinalEncodes", "add_final_encodes", "encode_final_chunks", "final_point"]

Progress = Callable[[float, float], None]


@dataclass(frozen=True, slots=True, eq=False)
class FinalChunk:
    """The final encode of one chunk in one rendition.

    Attributes
    ----------
    path : Path
    parts : tuple of int
        Bits from each key frame to the next.
    vmaf : ndarray of float64, shape (frames,)
        Interpolated between the measured frames.
    engine, model : str
        VMAF implementation and model.
    encode_cpu_seconds, measure_cpu_seconds : float
    frame_stride : int
        Every `frame_stride`-th frame was measured.
    """

    path: Path
    parts: tuple[int, ...]
    vmaf: NDArray[np.float64]
    engine: str
    model: str
    encode_cpu_seconds: float
    measure_cpu_seconds: float
    frame_stride: int = 1

    @property
    def bits(self) -> int:
        """Bits of the chunk."""
        return sum(self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class FinalEncodes:
    """The final encodes of all chunks of all rungs.

    Attributes
    ----------
    chunks : tuple of tuple of FinalChunk
        By rung, then by chunk.
    encode_cpu_seconds, measure_cpu_seconds : float
        Of all encodes, including corrected ones.
    """

    chunks: tuple[tuple[FinalChunk, ...], ...]
    encode_cpu_seconds: float
    measure_cpu_seconds: float

    def vmaf(self, rung: int) -> NDArray[np.float64]:
        """Return the VMAF of every frame of a rung."""
        return np.concatenate([chunk.vmaf for chunk in self.chunks[rung]])


@dataclass(frozen=True, slots=True)
class _Job(MeasuredJob):
    renditions: tuple[Rendition, ...]
    quantisers: tuple[float, ...]
    frame_stride: int

    @property
    def encodes(self) -> ChunkJob:
        """The encodes of the job."""
        return ChunkJob(self.source, self.chunk, self.renditions, self.quantisers, self.store)

    def split(self, count: int) -> list[_Job]:
        """Return up to `count` jobs that together have the same renditions."""
        parts = self.encodes.split(count)
        return [replace(self, renditions=part.renditions, quantisers=part.quantisers) for part in parts]


def encode_final_chunks(
    prober: Prober,
    ladder: Ladder,
    progress: Progress | None = None,
    before: FinalEncodes | None = None,
    frame_stride: int = 1,
) -> FinalEncodes:
    """Encode and measure every chunk of every rung that is not in the store.

    Parameters
    ----------
    prober : Prober
        With the source, the settings, the store and the executor.
    ladder : Ladder
    progress : callable, optional
        Receives (done, total), in the unit of `ChunkJob.cost`.
    before : FinalEncodes, optional
        Encodes of the round before a correction; their cost is included.
    frame_stride : int
        Maximum frame stride of the measurement, odd.

    Returns
    -------
    FinalEncodes
    """
    renditions = ladder.renditions()
    jobs = [
        _Job(
            prober.source,
            chunk,
            prober.encoding,
            prober.store,
            tuple(replace(rendition, override=override) for rendition in renditions),
            tuple(r.quantisers[n] for r in ladder.rungs),
            frame_stride_for(chunk, frame_stride),
        )
        for n, (chunk, override) in enumerate(zip(ladder.chunks, ladder.chunk_overrides, strict=True))
    ]
    made: dict[tuple[Chunk, str], FinalChunk] = {}
    for job, row in run_all(prober.executor, run_job, jobs, progress):
        for rendition, final in zip(job.renditions, row, strict=True):
            # another machine may have encoded it
            made[job.chunk, rendition.id] = replace(final, path=prober.store.fetch(final.path))
    rows = [[made[chunk, rendition.id] for rendition in renditions] for chunk in ladder.chunks]
    known = {(final.path, final.frame_stride) for row in before.chunks for final in row} if before else set()
    new = [final for row in rows for final in row if (final.path, final.frame_stride) not in known]
    return FinalEncodes(
        tuple(zip(*rows, strict=True)),
        sum(final.encode_cpu_seconds for final in new) + (before.encode_cpu_seconds if before else 0.0),
        sum(final.measure_cpu_seconds for final in new) + (before.measure_cpu_seconds if before else 0.0),
    )


def run_job(job: _Job) -> tuple[FinalChunk, ...]:
    """Encode one chunk in all renditions and measure it."""
    paths = [encoder.chunk_path(job.encodes, n) for n in range(len(job.renditions))]
    with job.store.lock_job("final", [_cache_key(job, path) for path in paths]):
        measured = _measured(job, paths)
    return tuple(
        FinalChunk(path=path, **{**value, "parts": tuple(value["parts"]), "vmaf": np.array(value["vmaf"])})
        for path, value in zip(paths, measured, strict=True)
    )


def _cache_key(job: _Job, path: Path) -> dict[str, Any]:
    """Return the cache key of a measurement; the default frame stride is not part of it."""
    stride = {"frame_stride": job.frame_stride} if job.frame_stride > 1 else {}
    return {"encode": path.stem, **stride, **measuring(job.encoding)}


def _measured(job: _Job, paths: Sequence[Path]) -> list[Any]:
    """Return the measurements of each rendition; measure the renditions that are not in the store."""
    with job_part(0, ENCODE_PART):
        cpu = encoder.encode_chunk(job.encodes)
    # a measurement of every frame does not take the place of one on a stride: decisions depend on no earlier run
    measured = [job.store.read_json("final", _cache_key(job, path)) for path in paths]
    missing = [n for n, value in enumerate(measured) if value is None]
    if missing:
        here = [job.store.fetch(paths[n]) for n in missing]
        with job_part(ENCODE_PART, 1):
            scores = measure_chunk(job.source, job.chunk, here, job.encoding, job.frame_stride)
        for n, path, score in zip(missing, here, scores, strict=True):
            measured[n] = {
                "vmaf": interpolate_frames(job.chunk, score.frames, score.vmaf).tolist(),
                "engine": score.engine,
                "model": score.model,
                "parts": encoder.count_part_bits(path),
                "encode_cpu_seconds": cpu / len(missing),
                "measure_cpu_seconds": score.cpu_seconds,
                "frame_stride": job.frame_stride,
            }
            job.store.write_json("final", _cache_key(job, paths[n]), measured[n])
    return measured


def add_final_encodes(prober: Prober, ladder: Ladder, finals: FinalEncodes) -> ProbeResults:
    """Return the results of a prober and, as exact results, those of final encodes."""
    points = []
    other = ladder.overrides_except(prober.encoding.default_override())
    for rung, row in zip(ladder.rungs, finals.chunks, strict=True):
        for n, final in enumerate(row):
            point = ProbePoint(n, (rung.width, rung.height), rung.quantisers[n], override=other.get(n, ""))
            result = final_point(prober.source, ladder.chunks[n], point.quantiser, final, prober.encoding)
            points.append((point, result))
    return prober.results.extended(points)


def final_point(
    source: Source, chunk: Chunk, quantiser: float, final: FinalChunk, encoding: EncodeSettings
) -> RatePoint:
    """Return the rate point of a final encode."""
    shots = shot_vmaf(chunk, np.arange(chunk.start, chunk.stop), final.vmaf, encoding)
    return rate_point(source, chunk, quantiser, final.parts, encoding.pool(final.vmaf), shots)
