"""Metrics that a search can use instead of VMAF, and the scale of 0 to 100 on which curves and allocations are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

import vmaf
from encoder import Source

__all__ = ["LOSSLESS_XPSNR", "METRICS", "XPSNR", "ErrorScale", "LinearScale", "Metric", "QualityScale"]

#: XPSNR that counts as no quality, dB. Chosen by hand: below the lowest rung of most videos.
WORST_XPSNR = 20.0
#: XPSNR of equal frames, dB; they have no error. Chosen by hand: above that of every encode with an error.
LOSSLESS_XPSNR = 100.0
#: Target XPSNR of the top rung, dB. Chosen by hand: a sports clip at VMAF 94 has 37.8 dB.
XPSNR_TARGET = 38.0


class QualityScale(Protocol):
    """An increasing mapping of scores to 0 to 100, whose mean over frames is the pooled score."""

    def to_quality(self, score: ArrayLike) -> NDArray[np.float64]:
        """Return the quality of scores, 0 to 100."""

    def to_score(self, quality: float) -> float:
        """Return the score of a quality."""


@dataclass(frozen=True, slots=True)
class LinearScale:
    """A scale on which the worst score has 0 and the best score 100, for metrics that are pooled by their mean.

    Attributes
    ----------
    worst, best : float
        Scores outside of them count as these.

    Examples
    --------
    >>> float(LinearScale(0.5, 1.0).to_quality(0.9))
    80.0
    """

    worst: float
    best: float

    def to_quality(self, score: ArrayLike) -> NDArray[np.float64]:
        """Return the quality of scores, 0 to 100."""
        fraction = (np.asarray(score, np.float64) - self.worst) / (self.best - self.worst)
        return np.clip(100.0 * fraction, 0.0, 100.0)

    def to_score(self, quality: float) -> float:
        """Return the score of a quality."""
        return self.worst + (self.best - self.worst) * quality / 100.0


@dataclass(frozen=True, slots=True)
class ErrorScale:
    """A scale for decibels: 100 minus the root of the squared error, in percent of that error at `worst`.

    Its mean over frames is the square-mean-root average by which FFmpeg pools XPSNR. The deficit falls by the same
    factor with each step of the quantiser, as that of VMAF does, so that the curves of VMAF fit.

    Attributes
    ----------
    worst : float
        Decibels with a quality of 0.

    Examples
    --------
    >>> ErrorScale(20.0).to_quality([20.0, 40.0, np.inf]).tolist()
    [0.0, 90.0, 100.0]
    """

    worst: float

    def to_quality(self, score: ArrayLike) -> NDArray[np.float64]:
        """Return the quality of scores, 0 to 100."""
        decibels = np.asarray(score, np.float64)
        return np.clip(100.0 - 100.0 * 10.0 ** ((self.worst - decibels) / 20.0), 0.0, 100.0)

    def to_score(self, quality: float) -> float:
        """Return the decibels of a quality."""
        return self.worst - 20.0 * float(np.log10(max(1.0 - quality / 100.0, 1e-6)))


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that increases with quality.

    Attributes
    ----------
    name : str
        Identifies the scores in the store: change it when they change.
    unit : str
        Of the scores; empty for none.
    target : float
        Target score of the top rung.
    scale : QualityScale
    measure : callable
        Takes the source, the path of an encode, the source frame that is the first of the encode, and the numbers of
        the source frames to score, ascending; returns a score for each of them. A function of a module, so that other
        processes can run it. `vmaf.frame_pairs` reads the frames.
    """

    name: str
    unit: str
    target: float
    scale: QualityScale
    measure: Callable[[Source, Path, int, NDArray[np.int64]], Sequence[float] | NDArray[np.float64]]

    @property
    def target_quality(self) -> float:
        """The target on the scale of 0 to 100."""
        return float(self.scale.to_quality(self.target))

    @property
    def key(self) -> dict[str, Any]:
        """What identifies the quality of frames in the store."""
        scale: Any = self.scale
        return {"name": self.name, "scale": [type(scale).__name__, asdict(scale)]}

    def score_frames(self, source: Source, path: Path, start: int, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the checked scores of frames of an encode; parameters as of `measure`.

        Raises
        ------
        MeasureError
            If a frame has no score.
        """
        scores = np.asarray(self.measure(source, path, start, frames), np.float64)
        if scores.shape != frames.shape or np.isnan(scores).any():
            raise vmaf.MeasureError(f"{path}: the metric {self.name} does not return a number for each of its frames")
        return scores

    def pool(self, scores: ArrayLike) -> float:
        """Return the score of a whole from the scores of its frames."""
        return self.scale.to_score(float(self.scale.to_quality(scores).mean()))


def _measure_xpsnr(source: Source, path: Path, start: int, frames: NDArray[np.int64]) -> NDArray[np.float64]:
    first, last = int(frames[0]), int(frames[-1])
    scores = vmaf.xpsnr(source, path, frames=(first, last + 1), offset=start)
    return np.minimum(scores[frames - first], LOSSLESS_XPSNR)


#: XPSNR of luma (dB), as FFmpeg measures and pools it.
XPSNR = Metric("xpsnr", "dB", XPSNR_TARGET, ErrorScale(WORST_XPSNR), _measure_xpsnr)

#: Metrics by name that a search can use instead of VMAF.
METRICS = {"xpsnr": XPSNR}
