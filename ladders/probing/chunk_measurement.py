"""Measure encodes of chunks: VMAF, bits and bitrate peaks."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import vmaf
from encoder import Chunk, ChunkJob, Source
from ladders.ladder_request import EncodeSettings
from ladders.rd.curves import RatePoint
from shotladder_runtime.jobs import report_job_progress
from shotladder_runtime.process import record_usage
from shotladder_runtime.store import Store

__all__ = [
    "ENCODE_PART",
    "FrameQuality",
    "MeasuredJob",
    "chunk_vmaf",
    "measure_chunk",
    "measure_quality",
    "measuring",
    "of_all_frames",
    "rate_point",
    "shot_vmaf",
]


#: Fraction of the time of a job that its encodes take; the measurement takes the rest. Chosen by hand.
ENCODE_PART = 0.6


@dataclass(frozen=True, slots=True)
class MeasuredJob(ABC):
    """A job of one worker: encode a chunk and measure it.

    Attributes
    ----------
    source : Source
    chunk : Chunk
    encoding : EncodeSettings
    store : Store
    """

    source: Source
    chunk: Chunk
    encoding: EncodeSettings
    store: Store

    @property
    @abstractmethod
    def encodes(self) -> ChunkJob:
        """The encodes of the job."""

    @property
    def cost(self) -> float:
        """Approximate cost, in the unit of `ChunkJob.cost`."""
        return self.encodes.cost

    @property
    def memory(self) -> int:
        """Approximate memory, bytes."""
        return self.encodes.memory

    @property
    def kind(self) -> tuple[str, str]:
        """What jobs share whose durations are proportional to their costs: probe or final encode, and the codec."""
        return type(self).__module__, self.encoding.codec


class FrameQuality(NamedTuple):
    """VMAF of measured frames, or the score of the metric of the settings on its scale, and CPU seconds."""

    frames: NDArray[np.int64]
    quality: NDArray[np.float64]
    cpu_seconds: float


def chunk_vmaf(measured: FrameQuality, chunk: Chunk, encoding: EncodeSettings, frame_stride: int = 1) -> float:
    """Return the VMAF of a chunk of which every `frame_stride`-th frame was measured."""
    return encoding.pool(measured.quality, _weights(chunk, measured.frames, frame_stride))


def shot_vmaf(
    chunk: Chunk, frames: NDArray[np.int64], vmaf: NDArray[np.float64], encoding: EncodeSettings, frame_stride: int = 1
) -> list[float]:
    """Return the VMAF of each shot of a chunk with measured frames; every `frame_stride`-th frame was measured."""
    indices = np.searchsorted(frames, chunk.cuts)
    shots = zip(np.split(vmaf, indices), np.split(_weights(chunk, frames, frame_stride), indices), strict=True)
    return [encoding.pool(*shot) for shot in shots if len(shot[0])]


def of_all_frames(chunk: Chunk, frames: NDArray[np.int64], vmaf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the VMAF of all frames of a chunk of which some were measured: that of the nearest one in their shot.

    The first frame of a shot (an IDR frame, above average VMAF) does not stand for other frames, unless it is the only
    measured one.
    """
    if len(frames) == chunk.frame_count:
        return vmaf
    filled = np.empty(chunk.frame_count)
    for start, stop in pairwise((chunk.start, *chunk.cuts, chunk.stop)):
        own = np.flatnonzero((frames > start) & (frames < stop))
        if not own.size:
            own = np.array([int(np.argmin(abs(frames - start)))])
        # the frames from half of the distance of two measured frames on take the later one
        borders = (frames[own[:-1]] + frames[own[1:]]) / 2
        nearest = np.searchsorted(borders, np.arange(start, stop))
        filled[start - chunk.start : stop - chunk.start] = vmaf[own[nearest]]
    filled[frames - chunk.start] = vmaf
    return filled


def _weights(chunk: Chunk, frames: NDArray[np.int64], frame_stride: int) -> NDArray[np.float64]:
    """Return the weight of each measured frame.

    The first frame of a shot (an IDR frame, above average VMAF) counts once, the others `frame_stride` times.
    """
    return np.where(np.isin(frames, (chunk.start, *chunk.cuts)), 1.0, frame_stride)


def rate_point(
    source: Source,
    chunk: Chunk,
    quantiser: float,
    parts: Sequence[int],
    quality: float,
    shots: Sequence[float] = (),
    frame_stride: int = 1,
) -> RatePoint:
    """Return the rate point of an encode.

    Parameters
    ----------
    source : Source
    chunk : Chunk
    quantiser : float
    parts : sequence of int
        Bits from each key frame to the next.
    quality : float
        VMAF of the chunk.
    shots : sequence of float
        VMAF of each of its shots.
    frame_stride : int
        Of the measurement.
    """
    edges = [source.time(frame) for frame in (*chunk.keyframes, chunk.stop)]
    seconds = [float(b - a) for a, b in pairwise(edges)]
    peak = max(bits / s for bits, s in zip(parts, seconds, strict=True))
    mean = max(sum(parts), 1) / sum(seconds)
    return RatePoint(quantiser, sum(parts), quality, frame_stride, peak / mean, quality - min((quality, *shots)))


def measure_chunk(
    source: Source, chunk: Chunk, paths: list[Path], encoding: EncodeSettings, frame_stride: int
) -> tuple[vmaf.Scores, ...]:
    """Measure encodes of one chunk against the source; the scores equal those of a run over the whole source."""
    return vmaf.score(
        source,
        paths,
        model=encoding.model,
        frame_stride=frame_stride,
        engine=encoding.engine,
        frames=(chunk.start, chunk.stop),
        offset=chunk.start,
        threads=1,
        match_times=False,
        progress=report_job_progress,
    )


def measure_quality(
    source: Source, chunk: Chunk, paths: list[Path], encoding: EncodeSettings, frame_stride: int
) -> list[FrameQuality]:
    """Measure encodes of one chunk by the metric of the settings."""
    metric = encoding.metric
    if metric is None:
        scores = measure_chunk(source, chunk, paths, encoding, frame_stride)
        return [FrameQuality(each.frames, each.vmaf, each.cpu_seconds) for each in scores]
    # the frames that VMAF would be measured on
    frames = np.arange(-(-chunk.start // frame_stride) * frame_stride, chunk.stop, frame_stride)
    found = []
    for path in paths:
        began = time.thread_time()
        with record_usage() as usages:
            values = metric.score_frames(source, path, chunk.start, frames)
        cpu = time.thread_time() - began + sum(usage.cpu_seconds for usage in usages)
        found.append(FrameQuality(frames, metric.scale.to_quality(values), cpu))
    return found


def measuring(encoding: EncodeSettings) -> dict[str, Any]:
    """Return the settings of the measurement that cache keys contain."""
    return {"model": encoding.model, "engine": encoding.engine, "generation": vmaf.LIBVMAF_VERSION}
