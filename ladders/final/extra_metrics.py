"""Measure final encodes by further metrics on request; no decision depends on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import vmaf
from encoder import Chunk, Source, estimate_memory
from ladders.final.final_encodes import FinalEncodes
from ladders.ladder import Ladder
from ladders.ladder_request import EncodeSettings
from ladders.metric import LOSSLESS_XPSNR, XPSNR
from ladders.probing.chunk_measurement import measuring
from ladders.probing.prober import Prober
from shotladder_runtime.jobs import report_job_progress, run_all
from shotladder_runtime.store import Store

__all__ = ["EXTRA_METRICS", "measure_extra"]

#: Metrics beside VMAF, with the series of `vmaf.Scores` that states each.
EXTRA_METRICS = {"neg": "vmaf_neg", "psnr": "psnr_y", "ssim": "ssim_y", "xpsnr": "xpsnr_y", "cambi": "cambi"}

Progress = Callable[[float, float], None]


@dataclass(frozen=True, slots=True)
class ExtraJob:
    """The further measurement of all encodes of one chunk, as a job that an executor runs."""

    source: Source
    chunk: Chunk
    paths: tuple[Path, ...]
    metrics: tuple[str, ...]
    encoding: EncodeSettings
    store: Store

    @property
    def cost(self) -> float:
        """Relative duration: the number of pixels that are compared."""
        return float(self.chunk.frame_count * self.source.width * self.source.height * len(self.paths))

    @property
    def memory(self) -> int:
        """Estimated memory in bytes."""
        return estimate_memory(self.source.width * self.source.height)

    def split(self, count: int) -> list[ExtraJob]:
        """Return up to `count` jobs that together have the same encodes."""
        parts = (self.paths[n::count] for n in range(min(count, len(self.paths))))
        return [replace(self, paths=paths) for paths in parts]


def measure_extra(
    prober: Prober, ladder: Ladder, finals: FinalEncodes, metrics: Sequence[str], progress: Progress | None = None
) -> tuple[tuple[dict[str, float], ...], float]:
    """Measure every frame of final encodes by further metrics.

    Parameters
    ----------
    prober : Prober
        With the source, the settings, the store and the executor.
    ladder : Ladder
    finals : FinalEncodes
        Of the ladder.
    metrics : sequence of str
        Keys of `EXTRA_METRICS`.
    progress : callable, optional
        Receives (done, total).

    Returns
    -------
    tuple of dict
        For each rung, the score of the title by metric: the mean over frames, of XPSNR as FFmpeg pools it. PSNR and
        XPSNR are of luma; equal frames count as 100 dB.
    float
        CPU seconds.
    """
    jobs = [
        ExtraJob(prober.source, chunk, tuple(paths), tuple(metrics), prober.encoding, prober.store)
        for chunk, paths in zip(ladder.chunks, zip(*_paths(finals), strict=True), strict=True)
    ]
    found: dict[Path, dict[str, Any]] = {}
    for _, values in run_all(prober.executor, run_job, jobs, progress):
        found |= values
    rungs = []
    for row in _paths(finals):
        series = {name: np.concatenate([found[path][name]["frames"] for path in row]) for name in metrics}
        rungs.append({name: XPSNR.pool(s) if name == "xpsnr" else float(s.mean()) for name, s in series.items()})
    return tuple(rungs), sum(each["cpu_seconds"] for values in found.values() for each in values.values())


def _paths(finals: FinalEncodes) -> list[list[Path]]:
    return [[final.path for final in row] for row in finals.chunks]


def run_job(job: ExtraJob) -> dict[Path, dict[str, Any]]:
    """Return the frames' scores of each metric by encode; measure those that are not in the store."""
    requested = [(path, name) for path in job.paths for name in job.metrics]
    keys = [{"encode": path.stem, "metric": name, **measuring(job.encoding)} for path, name in requested]
    values = job.store.memoise("extra", keys, lambda missing: _measure(job, [requested[n] for n in missing]))
    found: dict[Path, dict[str, Any]] = {path: {} for path in job.paths}
    for (path, name), value in zip(requested, values, strict=True):
        found[path][name] = value
    return found


def _measure(job: ExtraJob, requested: Sequence[tuple[Path, str]]) -> Iterator[dict[str, Any]]:
    paths = list(dict.fromkeys(path for path, _ in requested))
    names = list(dict.fromkeys(name for _, name in requested))
    scores = vmaf.score(
        job.source,
        [job.store.fetch(path) for path in paths],
        model=job.encoding.model,
        metrics=names,
        engine=job.encoding.engine,
        frames=(job.chunk.start, job.chunk.stop),
        offset=job.chunk.start,
        threads=1,
        match_times=False,
        progress=report_job_progress,
    )
    by_path = dict(zip(paths, scores, strict=True))
    for path, name in requested:
        frames = by_path[path].series[EXTRA_METRICS[name]]
        if name in ("psnr", "xpsnr"):
            frames = np.minimum(frames, LOSSLESS_XPSNR)
        yield {"frames": frames.tolist(), "cpu_seconds": by_path[path].cpu_seconds / len(names)}
