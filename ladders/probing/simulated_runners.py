"""Probe runners that do not encode a title, or that count the work of those that do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from encoder import Chunk, Source
from ladders.ladder import ProbeCost
from ladders.ladder_request import EncodeSettings
from ladders.probing.probe_results import ProbeBatch, ProbePoint
from ladders.probing.probe_runner import ProbeRunner, Progress
from ladders.probing.sampling import frame_stride_for
from ladders.probing.search import EXACT_COST_RATIO
from ladders.rd.curves import Curve, RatePoint, Size
from ladders.rd.uncertainty import SIGMA_TRANSFER

__all__ = ["SimulatedRunner", "Work", "WorkCountingRunner", "job_work"]

#: Cost of decoding a frame for an encode job, in frames encoded at the tallest size. From benchmarks.farm.
DECODE_COST = 0.25
#: Cost of decoding a frame that is not measured, in measured frames. From benchmarks.farm.
SKIPPED_FRAME_COST = 0.1


@dataclass(frozen=True, slots=True)
class Work:
    """Amount of work.

    Attributes
    ----------
    encode : float
        Frames to encode, in frames of the tallest size.
    measure : float
        Frames to measure.
    jobs : int
        Jobs to start.
    """

    encode: float = 0.0
    measure: float = 0.0
    jobs: int = 0

    def __add__(self, other: Work) -> Work:
        """Return the sum of both."""
        return Work(self.encode + other.encode, self.measure + other.measure, self.jobs + other.jobs)

    def scaled(self, frames: float, jobs: float) -> Work:
        """Return the work with its frames and its jobs multiplied by two factors."""
        return Work(self.encode * frames, self.measure * frames, round(self.jobs * jobs))


def job_work(source: Source, chunk: Chunk, pixels: Sequence[float], measured: int) -> Work:
    """Return the work of one job.

    Parameters
    ----------
    source : Source
    chunk : Chunk
    pixels : sequence of float
        Pixels per frame of each encode.
    measured : int
        Measured frames of each encode.
    """
    width, height = source.display_size
    encode = chunk.frame_count * (DECODE_COST + sum(pixels) / (width * height))
    return Work(encode, len(pixels) * (measured + SKIPPED_FRAME_COST * chunk.frame_count), 1)


@dataclass(slots=True)
class WorkCountingRunner:
    """Counts the work of the points that another runner measures.

    Attributes
    ----------
    runner : ProbeRunner
    source : Source
    chunks : tuple of Chunk
    encoding : EncodeSettings
    frame_stride : int
        Maximum frame stride of the measurement.
    work : Work
        Of all points so far.
    override_work : Work
        The part of it for encoder overrides.
    """

    runner: ProbeRunner
    source: Source
    chunks: tuple[Chunk, ...]
    encoding: EncodeSettings
    frame_stride: int
    work: Work = field(default_factory=Work)
    override_work: Work = field(default_factory=Work)

    def run(self, points: Sequence[ProbePoint], progress: Progress | None = None) -> ProbeBatch:
        """Count the work of points, and let the other runner measure them."""
        ordered = sorted(points, key=lambda p: p.chunk)
        uses_fast = self.encoding.fast_preset is not None
        for number, group in groupby(ordered, key=lambda p: p.chunk):
            chunk, probed = self.chunks[number], list(group)
            pixels = [p.size[0] * p.size[1] * (EXACT_COST_RATIO if uses_fast and not p.fast else 1.0) for p in probed]
            measured = math.ceil(chunk.frame_count / frame_stride_for(chunk, self.frame_stride))
            work = job_work(self.source, chunk, pixels, measured)
            self.work += work
            if probed[0].override:
                self.override_work += work
        return self.runner.run(ordered, progress)


@dataclass(frozen=True, slots=True)
class SimulatedRunner:
    """Measures probe points of a title by the curves of excerpts: every chunk has the curves of the nearest excerpt.

    Attributes
    ----------
    chunks : tuple of Chunk
        Of the title.
    excerpts : sequence of Chunk
    curves : mapping
        From every size to the curves of the excerpts.
    first_frame_fraction : float
        Bits of the first frame of an excerpt as a fraction of its bits.
    """

    chunks: tuple[Chunk, ...]
    excerpts: Sequence[Chunk]
    curves: Mapping[Size, Sequence[Curve]]
    first_frame_fraction: float = 0.0

    def run(self, points: Sequence[ProbePoint], progress: Progress | None = None) -> ProbeBatch:
        """Return results from the curves of the excerpts, at no cost."""
        return ProbeBatch(tuple((point, self._result(point)) for point in points), ProbeCost())

    def bits_factor(self, point: ProbePoint) -> float:
        """Return the random factor on the bits of a chunk at a size, log-normal with the sigma of a transferred curve.

        With equal chunks no size would compete with another in some chunks only, and the search would stop too early.
        """
        return float(np.exp(np.random.default_rng((point.chunk, *point.size)).normal(0, SIGMA_TRANSFER)))

    def curve(self, chunk: Chunk, size: Size) -> Curve:
        """Return the curve of the nearest excerpt, scaled to the length of a chunk."""
        nearest = min(range(len(self.excerpts)), key=lambda n: abs(self.excerpts[n].start - chunk.start))
        curve, frames = self.curves[size][nearest], self.excerpts[nearest].frame_count
        first = self.first_frame_fraction
        factor = first + (1 - first) * (chunk.frame_count - 1) / max(frames - 1, 1)
        return replace(curve, bits=curve.bits * factor)

    def _result(self, point: ProbePoint) -> RatePoint:
        curve = self.curve(self.chunks[point.chunk], point.size)
        index = int(np.searchsorted(curve.quantisers, point.quantiser))
        bits = max(round(curve.bits[index] * self.bits_factor(point)), 1)
        return RatePoint(point.quantiser, bits, float(curve.quality[index]))
