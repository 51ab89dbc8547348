"""Encode all rungs of a ladder, and measure them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    measure_chunk,
    measure_quality,
    measuring,
    of_all_frames,
    rate_point,
    shot_vmaf,
)
from ladders.probing.probe_results import ProbePoint, ProbeResults
from ladders.probing.prober import Prober
from ladders.probing.round_tail import correction_tail
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
        Of every frame. A frame that was not measured has the VMAF of the nearest measured frame of its shot.
    engine, model : str
        VMAF implementation and model.
    encode_cpu_seconds, measure_cpu_seconds : float
    frame_stride : int
        Every `frame_stride`-th frame was measured.
    score : ndarray of float64, shape (frames,), or None
        Of the metric of the search on its scale of 0 to 100; None if that is VMAF.
    """

    path: Path
    parts: tuple[int, ...]
    vmaf: NDArray[np.float64]
    engine: str
    model: str
    encode_cpu_seconds: float
    measure_cpu_seconds: float
    frame_stride: int = 1
    score: NDArray[np.float64] | None = None

    @property
    def bits(self) -> int:
        """Bits of the chunk."""
        return sum(self.parts)

    @property
    def quality(self) -> NDArray[np.float64]:
        """VMAF of every frame, or the score of the metric of the search."""
        return self.vmaf if self.score is None else self.score


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

    @property
    def frame_stride(self) -> int:
        """Largest frame stride of the measurements."""
        return max(chunk.frame_stride for row in self.chunks for chunk in row)

    def vmaf(self, rung: int) -> NDArray[np.float64]:
        """Return the VMAF of every frame of a rung."""
        return np.concatenate([chunk.vmaf for chunk in self.chunks[rung]])

    def quality(self, rung: int) -> NDArray[np.float64]:
        """Return the quality of every frame of a rung, by the metric of the search."""
        return np.concatenate([chunk.quality for chunk in self.chunks[rung]])


@dataclass(frozen=True, slots=True)
class _Job(MeasuredJob):
    renditions: tuple[Rendition, ...]
    quantisers: tuple[float, ...]

    @property
    def frame_stride(self) -> int:
        """Every `frame_stride`-th frame is measured."""
        return frame_stride_for(self.chunk, self.encoding.final_frame_stride)

    @property
    def encodes(self) -> ChunkJob:
        """The encodes of the job."""
        return ChunkJob(self.source, self.chunk, self.renditions, self.quantisers, self.store)

    def split(self, count: int) -> list[_Job]:
        """Return up to `count` jobs that together have the same renditions."""
        parts = self.encodes.split(count)
        return [replace(self, renditions=part.renditions, quantisers=part.quantisers) for part in parts]


def encode_final_chunks(
    prober: Prober, ladder: Ladder, progress: Progress | None = None, before: FinalEncodes | None = None
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
        )
        for n, (chunk, override) in enumerate(zip(ladder.chunks, ladder.chunk_overrides, strict=True))
    ]
    made: dict[tuple[Chunk, str], FinalChunk] = {}
    # corrections follow the first round only
    tail = 0.0 if before else correction_tail(prober.source, ladder.chunks, prober.encoding, prober.store)
    for job, row in run_all(prober.executor, run_job, jobs, progress, tail=tail):
        for rendition, final in zip(job.renditions, row, strict=True):
            # another machine may have encoded it
            made[job.chunk, rendition.id] = replace(final, path=prober.store.fetch(final.path))
    rows = [[made[chunk, rendition.id] for rendition in renditions] for chunk in ladder.chunks]
    known = {final.path for row in before.chunks for final in row} if before else set()
    new = [final for row in rows for final in row if final.path not in known]
    return FinalEncodes(
        tuple(zip(*rows, strict=True)),
        sum(final.encode_cpu_seconds for final in new) + (before.encode_cpu_seconds if before else 0.0),
        sum(final.measure_cpu_seconds for final in new) + (before.measure_cpu_seconds if before else 0.0),
    )


def run_job(job: _Job) -> tuple[FinalChunk, ...]:
    """Encode one chunk in all renditions and measure it."""
    paths = [encoder.chunk_path(job.encodes, n) for n in range(len(job.renditions))]
    # default values are not part of the key
    stride = {"frame_stride": job.frame_stride} if job.frame_stride > 1 else {}
    cache_keys: list[dict[str, Any]] = [{"encode": path.stem, **stride, **measuring(job.encoding)} for path in paths]
    with job.store.lock_job("final", cache_keys):
        measured = _measured(job, paths, cache_keys)
    finals = tuple(
        FinalChunk(
            path,
            tuple(value["parts"]),
            np.array(value["vmaf"]),
            value["engine"],
            value["model"],
            value["encode_cpu_seconds"],
            value["measure_cpu_seconds"],
            job.frame_stride,
        )
        for path, value in zip(paths, measured, strict=True)
    )
    return finals if job.encoding.metric is None else tuple(_add_score(job, final) for final in finals)


def _add_score(job: _Job, final: FinalChunk) -> FinalChunk:
    """Return a final encode with the score of the metric of the search, measured or from the store."""
    assert job.encoding.metric is not None
    key = {"encode": final.path.stem, "metric": job.encoding.metric.key}

    def measure(_: Sequence[int]) -> Iterator[dict[str, Any]]:
        (found,) = measure_quality(job.source, job.chunk, [job.store.fetch(final.path)], job.encoding, 1)
        yield {"quality": found.quality.tolist(), "cpu_seconds": found.cpu_seconds}

    (value,) = job.store.memoise("metric", [key], measure)
    cpu_seconds = final.measure_cpu_seconds + value["cpu_seconds"]
    return replace(final, score=np.array(value["quality"]), measure_cpu_seconds=cpu_seconds)


def _measured(job: _Job, paths: Sequence[Path], cache_keys: Sequence[dict[str, Any]]) -> list[Any]:
    """Return the measurements of each rendition; measure the renditions that are not in the store."""
    with job_part(0, ENCODE_PART):
        cpu = encoder.encode_chunk(job.encodes)
    measured = [job.store.read_json("final", cache_key) for cache_key in cache_keys]
    missing = [n for n, value in enumerate(measured) if value is None]
    if missing:
        here = [job.store.fetch(paths[n]) for n in missing]
        with job_part(ENCODE_PART, 1):
            scores = measure_chunk(job.source, job.chunk, here, job.encoding, job.frame_stride)
        for n, path, score in zip(missing, here, scores, strict=True):
            measured[n] = {
                "vmaf": of_all_frames(job.chunk, score.frames, score.vmaf).tolist(),
                "engine": score.engine,
                "model": score.model,
                "parts": encoder.count_part_bits(path),
                "encode_cpu_seconds": cpu / len(missing),
                "measure_cpu_seconds": score.cpu_seconds,
            }
            job.store.write_json("final", cache_keys[n], measured[n])
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
    shots = shot_vmaf(chunk, np.arange(chunk.start, chunk.stop), final.quality, encoding)
    return rate_point(source, chunk, quantiser, final.parts, encoding.pool(final.quality), shots)
