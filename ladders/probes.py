"""Trial encodes of chunks, measured: what a quantiser at a resolution costs and gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import encoder
import vmaf
from encoder import Chunk, ChunkJob, Rendition, Source, Store, run_all
from ladders.curves import RatePoint
from ladders.ladder import ProbeCost
from ladders.pooling import POOLINGS

__all__ = ["Encoding", "Point", "Prober", "measure_chunk", "measuring", "of_shots", "rate_point", "stride"]

#: Frames of a chunk that trials are measured on at least, if it has as many.
SAMPLES = 6

Progress = Callable[[float, float], None]
Found = dict[tuple[int, tuple[int, int]], dict[float, RatePoint]]


@dataclass(frozen=True, slots=True)
class Encoding:
    """What stays the same in all encodes of a title.

    Attributes
    ----------
    codec, preset, tune : str
    model : str or None
        VMAF model; None chooses by the film's size.
    engine : str
        That measures.
    pooling : str
        One of `POOLINGS`: how the VMAF of frames makes that of a chunk, and of a rung.
    """

    codec: str = "h264"
    preset: str = "medium"
    tune: str = "visual"
    model: str | None = None
    engine: str = vmaf.DEFAULT_ENGINE
    pooling: str = "mean"

    def pooled(self, scores: NDArray[np.float64]) -> float:
        """Return the quality of frames that have such scores."""
        return float(POOLINGS[self.pooling].pooled(scores))

    @property
    def trial_preset(self) -> str | None:
        """A faster preset for most trials; None if the one of the final encodes is fast itself."""
        return encoder.codec_named(self.codec).trials_for(self.preset)

    def rendition(self, size: tuple[int, int], preset: str | None = None) -> Rendition:
        """Return the rendition of a size."""
        return Rendition("", self.codec, *size, preset or self.preset, self.tune)


@dataclass(frozen=True, slots=True)
class Point:
    """What to try: a chunk's number, a size, a quantiser; roughly, by the preset of trials, or as final encodes are."""

    chunk: int
    size: tuple[int, int]
    quantiser: float
    rough: bool = False


@dataclass(frozen=True, slots=True)
class Probed:
    """What one job found: a rate point for each of its points, and its cost."""

    points: tuple[tuple[Point, RatePoint], ...]
    cost: ProbeCost


@dataclass(frozen=True, slots=True)
class _Job:
    source: Source
    chunk: Chunk
    points: tuple[Point, ...]
    encoding: Encoding
    every: int
    store: Store

    @property
    def encodes(self) -> ChunkJob:
        """What it encodes."""
        renditions = tuple(self.rendition(point) for point in self.points)
        return ChunkJob(self.source, self.chunk, renditions, tuple(p.quantiser for p in self.points), self.store)

    def rendition(self, point: Point) -> Rendition:
        """Return what a point is encoded as."""
        return self.encoding.rendition(point.size, self.encoding.trial_preset if point.rough else None)

    @property
    def cost(self) -> float:
        """About how long it takes."""
        return self.encodes.cost

    @property
    def memory(self) -> int:
        """About how many bytes it needs."""
        return self.encodes.memory

    def divided(self, count: int) -> list[_Job]:
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
    """

    source: Source
    chunks: tuple[Chunk, ...]
    encoding: Encoding
    store: Store
    executor: Executor
    every: int = 9
    cost: ProbeCost = field(default_factory=ProbeCost)
    found: Found = field(default_factory=lambda: defaultdict(dict))
    rough: Found = field(default_factory=lambda: defaultdict(dict))

    def known(self, point: Point) -> dict[float, RatePoint]:
        """Return what is known beside a point: same chunk, size and preset."""
        return (self.rough if point.rough else self.found)[point.chunk, point.size]

    def run(self, points: Iterable[Point], progress: Progress | None = None) -> None:
        """Try all points that have not been tried; one job takes all of a chunk, so that it is decoded once."""
        by_chunk: dict[int, list[Point]] = defaultdict(list)
        for point in dict.fromkeys(points):
            if point.quantiser not in self.known(point):
                by_chunk[point.chunk].append(point)
        jobs = [
            _Job(self.source, chunk, tuple(points), self.encoding, stride(chunk, self.every), self.store)
            for chunk, points in ((self.chunks[n], points) for n, points in by_chunk.items())
        ]
        done, total = 0, sum(map(len, by_chunk.values()))
        for _, probed in run_all(self.executor, run_job, jobs):
            for point, rate_point in probed.points:
                self.known(point)[point.quantiser] = rate_point
            self.cost = ProbeCost(
                self.cost.probes + probed.cost.probes,
                self.cost.encode_cpu_seconds + probed.cost.encode_cpu_seconds,
                self.cost.measure_cpu_seconds + probed.cost.measure_cpu_seconds,
            )
            done += len(probed.points)
            if progress:
                progress(done, total)


def run_job(job: _Job) -> Probed:
    """Encode and measure the points of one chunk.

    The chunk is decoded once for all encodes and once for all measurements.
    """
    recipes = [_recipe(job, point) for point in job.points]
    with job.store.claim("trial", recipes):
        known = _known(job, recipes)
    found = [(point, _rate_point(job, point, value)) for point, value in zip(job.points, known, strict=True)]
    # what is in the store has cost as much once: a ladder's cost does not depend on when it was found
    costs = [sum(value[key] for value in known) for key in ("encode_cpu_seconds", "measure_cpu_seconds")]
    return Probed(tuple(found), ProbeCost(len(known), *costs))


def _rate_point(job: _Job, point: Point, value: dict[str, Any]) -> RatePoint:
    shots = value["shots"] if job.chunk.cuts else ()
    return rate_point(job.source, job.chunk, point.quantiser, value["parts"], value["quality"], shots, job.every)


def _known(job: _Job, recipes: Sequence[dict[str, Any]]) -> list[Any]:
    """Return what is known of each point, found out now where it is not in the store."""
    known = [job.store.read_json("trial", recipe) for recipe in recipes]
    missing = [n for n, value in enumerate(known) if value is None]
    if missing:
        chunk_job = replace(job, points=tuple(job.points[n] for n in missing)).encodes
        encode_cpu = encoder.encode_chunk(chunk_job)
        paths = [job.store.fetch(encoder.chunk_path(chunk_job, k)) for k in range(len(missing))]
        scores = measure_chunk(job.source, job.chunk, paths, job.encoding, job.every)
        for n, path, score in zip(missing, paths, scores, strict=True):
            known[n] = {
                "parts": encoder.part_bits(path),
                "quality": job.encoding.pooled(score.vmaf),
                "shots": of_shots(job.chunk, score.frames, score.vmaf, job.encoding),
                "encode_cpu_seconds": encode_cpu / len(missing),
                "measure_cpu_seconds": score.cpu_seconds,
            }
            job.store.write_json("trial", recipes[n], known[n])
    return known


def stride(chunk: Chunk, most: int) -> int:
    """Return the largest odd stride, not above `most`, that measures a fair number of a chunk's frames."""
    return max(n for n in range(1, most + 1, 2) if n == 1 or chunk.frame_count >= SAMPLES * n)


def of_shots(chunk: Chunk, frames: NDArray[np.int64], vmaf: NDArray[np.float64], encoding: Encoding) -> list[float]:
    """Return the quality of each shot of a chunk that was measured."""
    return [encoding.pooled(shot) for shot in np.split(vmaf, np.searchsorted(frames, chunk.cuts)) if len(shot)]


def rate_point(
    source: Source,
    chunk: Chunk,
    quantiser: float,
    parts: Sequence[int],
    quality: float,
    shots: Sequence[float] = (),
    every: int = 1,
) -> RatePoint:
    """Make a rate point of an encode's bits from key frame to key frame, its quality, and that of its shots."""
    edges = [source.time(frame) for frame in (*chunk.keyframes, chunk.last)]
    seconds = [float(b - a) for a, b in pairwise(edges)]
    heaviest = max(bits / s for bits, s in zip(parts, seconds, strict=True))
    mean = max(sum(parts), 1) / sum(seconds)
    return RatePoint(quantiser, sum(parts), quality, every, heaviest / mean, quality - min((quality, *shots)))


def measure_chunk(
    source: Source, chunk: Chunk, paths: list[Path], encoding: Encoding, every: int
) -> tuple[vmaf.Scores, ...]:
    """Measure encodes of one chunk against the film; the scores are those of a run over the whole film."""
    return vmaf.score(
        source,
        paths,
        encoding.model,
        every,
        encoding.engine,
        frames=(chunk.first, chunk.last),
        offset=chunk.first,
        threads=1,
        match_times=False,
    )


def measuring(encoding: Encoding) -> dict[str, Any]:
    """Return what decides a score beside the pictures, for the names of artefacts."""
    return {"model": encoding.model, "engine": encoding.engine, "generation": vmaf.GENERATION}


def _recipe(job: _Job, point: Point) -> dict[str, Any]:
    """Return what decides a trial's result: the encode and the way of measuring."""
    single = ChunkJob(job.source, job.chunk, (job.rendition(point),), (point.quantiser,), job.store)
    # most have one shot and the plain mean, which need no word
    special = {"shots": job.chunk.cuts, "pooling": job.encoding.pooling}
    usual: dict[str, Any] = {"shots": (), "pooling": "mean"}
    return {
        "encode": encoder.chunk_path(single, 0).stem,
        "every": job.every,
        **{key: value for key, value in special.items() if value != usual[key]},
        **measuring(job.encoding),
    }
