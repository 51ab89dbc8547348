"""Final encodes, measured on every frame."""

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
from ladders.probing.chunk_measurement import (
    EncodeSettings,
    MeasuredJob,
    measure_chunk,
    measuring,
    of_shots,
    rate_point,
)
from ladders.probing.prober import ProbePoint, Prober
from ladders.rd.curves import RatePoint
from shotladder_runtime.jobs import run_all

__all__ = ["FinalChunk", "FinalEncodes", "add_final_encodes", "encode_final_chunks", "final_point"]

Progress = Callable[[float, float], None]


@dataclass(frozen=True, slots=True, eq=False)
class FinalChunk:
    """One chunk in one rendition: its file, bits of its parts, VMAF of every frame, what measured it, what it cost.

    A part goes from one key frame to the next.
    """

    path: Path
    parts: tuple[int, ...]
    vmaf: NDArray[np.float64]
    engine: str
    model: str
    encode_cpu_seconds: float
    measure_cpu_seconds: float

    @property
    def bits(self) -> int:
        """Bits in all."""
        return sum(self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class FinalEncodes:
    """All chunks of all rungs.

    Attributes
    ----------
    chunks : tuple of tuple of FinalChunk
        By rung, then chunk.
    encode_cpu_seconds, measure_cpu_seconds : float
        Of everything, corrections included.
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

    @property
    def encodes(self) -> ChunkJob:
        """What it encodes."""
        return ChunkJob(self.source, self.chunk, self.renditions, self.quantisers, self.store)

    def split(self, count: int) -> list[_Job]:
        """Return at most so many jobs that make the same renditions."""
        parts = self.encodes.split(count)
        return [replace(self, renditions=part.renditions, quantisers=part.quantisers) for part in parts]


def encode_final_chunks(
    prober: Prober, ladder: Ladder, progress: Progress | None = None, before: FinalEncodes | None = None
) -> FinalEncodes:
    """Encode and measure every chunk of every rung; what is in the store is taken from there.

    Parameters
    ----------
    prober : Prober
        Names the film, the settings, the store and the executor.
    ladder : Ladder
    progress : callable, optional
        Takes (frames done, frames in all).
    before : FinalEncodes, optional
        Of the round that this one corrects, so that its cost is counted too.

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
        for n, (chunk, override) in enumerate(zip(ladder.chunks, ladder.refined, strict=True))
    ]
    made: dict[tuple[Chunk, str], FinalChunk] = {}
    done = 0
    for job, row in run_all(prober.executor, run_job, jobs):
        for rendition, final in zip(job.renditions, row, strict=True):
            # another machine may have made it
            made[job.chunk, rendition.id] = replace(final, path=prober.store.fetch(final.path))
        done += job.chunk.frame_count * len(row)
        if progress:
            progress(done, prober.source.frame_count * len(renditions))
    rows = [[made[chunk, rendition.id] for rendition in renditions] for chunk in ladder.chunks]
    known = {final.path for row in before.chunks for final in row} if before else set()
    new = [final for row in rows for final in row if final.path not in known]
    return FinalEncodes(
        tuple(zip(*rows, strict=True)),
        sum(final.encode_cpu_seconds for final in new) + (before.encode_cpu_seconds if before else 0.0),
        sum(final.measure_cpu_seconds for final in new) + (before.measure_cpu_seconds if before else 0.0),
    )


def run_job(job: _Job) -> tuple[FinalChunk, ...]:
    """Encode one chunk in all renditions and measure it on every frame."""
    paths = [encoder.chunk_path(job.encodes, n) for n in range(len(job.renditions))]
    cache_keys: list[dict[str, Any]] = [{"encode": path.stem, **measuring(job.encoding)} for path in paths]
    with job.store.lock_job("final", cache_keys):
        known = _known(job, paths, cache_keys)
    return tuple(
        FinalChunk(path=path, **{**value, "parts": tuple(value["parts"]), "vmaf": np.array(value["vmaf"])})
        for path, value in zip(paths, known, strict=True)
    )


def _known(job: _Job, paths: Sequence[Path], cache_keys: Sequence[dict[str, Any]]) -> list[Any]:
    """Return what is known of each rendition, found out now where it is not in the store."""
    cpu = encoder.encode_chunk(job.encodes)
    known = [job.store.read_json("final", cache_key) for cache_key in cache_keys]
    missing = [n for n, value in enumerate(known) if value is None]
    if missing:
        here = [job.store.fetch(paths[n]) for n in missing]
        scores = measure_chunk(job.source, job.chunk, here, job.encoding, 1)
        for n, path, score in zip(missing, here, scores, strict=True):
            known[n] = {
                "vmaf": score.vmaf.tolist(),
                "engine": score.engine,
                "model": score.model,
                "parts": encoder.count_part_bits(path),
                "encode_cpu_seconds": cpu / len(missing),
                "measure_cpu_seconds": score.cpu_seconds,
            }
            job.store.write_json("final", cache_keys[n], known[n])
    return known


def add_final_encodes(prober: Prober, ladder: Ladder, finals: FinalEncodes) -> None:
    """Let the prober know what the final encodes gave: they are trials too, and exact."""
    for rung, row in zip(ladder.rungs, finals.chunks, strict=True):
        for n, final in enumerate(row):
            quantiser = rung.quantisers[n]
            point = final_point(prober.source, ladder.chunks[n], quantiser, final, prober.encoding)
            size = rung.width, rung.height
            prober.known(ProbePoint(n, size, quantiser, override=ladder.refined[n]))[quantiser] = point


def final_point(
    source: Source, chunk: Chunk, quantiser: float, final: FinalChunk, encoding: EncodeSettings
) -> RatePoint:
    """Return what a final encode cost and gave."""
    shots = of_shots(chunk, np.arange(chunk.start, chunk.stop), final.vmaf, encoding)
    return rate_point(source, chunk, quantiser, final.parts, encoding.pooled(final.vmaf), shots)
