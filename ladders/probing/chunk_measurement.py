"""Chunks encoded and measured: with which settings, at what cost, and what rate and quality that gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import encoder
import vmaf
from encoder import Chunk, ChunkJob, Rendition, Source
from ladders.rd.curves import RatePoint
from ladders.rd.pooling import POOLINGS
from shotladder_runtime.store import Store

__all__ = ["EncodeSettings", "MeasuredJob", "measure_chunk", "measuring", "of_chunk", "of_shots", "rate_point"]


@dataclass(frozen=True, slots=True)
class EncodeSettings:
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

    def pooled(self, scores: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> float:
        """Return the quality of frames that have such scores."""
        return float(POOLINGS[self.pooling].pooled(scores, weights))

    @property
    def trial_preset(self) -> str | None:
        """A faster preset for most trials; None if the one of the final encodes is fast itself."""
        return encoder.get_codec(self.codec).fast_preset_for(self.preset)

    @property
    def overrides(self) -> tuple[str, ...]:
        """Names of what single chunks may have beyond the preset."""
        codec = encoder.get_codec(self.codec)
        return tuple(each.name for each in codec.overrides_for(self.preset, self.tune))

    def rendition(self, size: tuple[int, int], preset: str | None = None, override: str = "") -> Rendition:
        """Return the rendition of a size."""
        return Rendition("", self.codec, *size, preset or self.preset, self.tune, override=override)


@dataclass(frozen=True, slots=True)
class MeasuredJob(ABC):
    """What one worker does at a time: encode a chunk and measure it.

    Attributes
    ----------
    source : Source
    chunk : Chunk
    encoding : Encoding
    store : Store
    """

    source: Source
    chunk: Chunk
    encoding: EncodeSettings
    store: Store

    @property
    @abstractmethod
    def encodes(self) -> ChunkJob:
        """What it encodes."""

    @property
    def cost(self) -> float:
        """About how long it takes."""
        return self.encodes.cost

    @property
    def memory(self) -> int:
        """About how many bytes it needs."""
        return self.encodes.memory


def of_chunk(scores: vmaf.Scores, chunk: Chunk, encoding: EncodeSettings, every: int = 1) -> float:
    """Return the quality of a chunk of which each so many-th frame was measured."""
    return encoding.pooled(scores.vmaf, _weights(chunk, scores.frames, every))


def of_shots(
    chunk: Chunk, frames: NDArray[np.int64], vmaf: NDArray[np.float64], encoding: EncodeSettings, every: int = 1
) -> list[float]:
    """Return the quality of each shot of a chunk that was measured, on each so many-th frame."""
    places = np.searchsorted(frames, chunk.cuts)
    shots = zip(np.split(vmaf, places), np.split(_weights(chunk, frames, every), places), strict=True)
    return [encoding.pooled(*shot) for shot in shots if len(shot[0])]


def _weights(chunk: Chunk, frames: NDArray[np.int64], every: int) -> NDArray[np.float64]:
    """Return for how many frames each speaks: a shot's first, the best of all, for itself only."""
    return np.where(np.isin(frames, (chunk.start, *chunk.cuts)), 1.0, every)


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
    edges = [source.time(frame) for frame in (*chunk.keyframes, chunk.stop)]
    seconds = [float(b - a) for a, b in pairwise(edges)]
    heaviest = max(bits / s for bits, s in zip(parts, seconds, strict=True))
    mean = max(sum(parts), 1) / sum(seconds)
    return RatePoint(quantiser, sum(parts), quality, every, heaviest / mean, quality - min((quality, *shots)))


def measure_chunk(
    source: Source, chunk: Chunk, paths: list[Path], encoding: EncodeSettings, every: int
) -> tuple[vmaf.Scores, ...]:
    """Measure encodes of one chunk against the film; the scores are those of a run over the whole film."""
    return vmaf.score(
        source,
        paths,
        encoding.model,
        every,
        encoding.engine,
        frames=(chunk.start, chunk.stop),
        offset=chunk.start,
        threads=1,
        match_times=False,
    )


def measuring(encoding: EncodeSettings) -> dict[str, Any]:
    """Return what decides a score beside the pictures, for the names of artefacts."""
    return {"model": encoding.model, "engine": encoding.engine, "generation": vmaf.GENERATION}
