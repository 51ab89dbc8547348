"""One pass over a range of frames: complexity of each, and every place that might be a transition.

What is found at a frame depends on the frames at most `ShotParameters.reach` away and on nothing else. So ranges
that are gathered apart, each decoded with that much on either side, join to exactly what one pass gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from encoder import Frame, Source, decode
from ladders.complexity.complexity_meter import COMPLEXITY_COLUMNS, ComplexityMeter
from ladders.shots.classifier_weights import CUT_CLASSIFIER, GRADUAL_CLASSIFIER
from ladders.shots.cuts import cut_candidates, cut_features
from ladders.shots.frame_window import FrameWindow
from ladders.shots.gradual.gradual_transitions import GRADUAL_REACH, describe, gradual_candidates, lags_up_to

__all__ = ["ScanResult", "ShotParameters", "Transition", "scan"]

Progress = Callable[[float, float], None]

#: What is less sure than this is not even kept as evidence.
_WORTH_KEEPING = 0.05


@dataclass(frozen=True, slots=True)
class ShotParameters:
    """What decides about shots.

    Attributes
    ----------
    cut_threshold, gradual_threshold, wipe_score : float
        How sure a cut, a dissolve or fade, and a wipe must be, 0 to 1. Films have far fewer wipes than the clips that
        the judge was trained on.
    min_shot_frames : int
        Two boundaries are at least this many frames apart; of nearer ones the surer stays.
    max_transition_seconds : float
        The longest dissolve, fade or wipe that is looked for, up to 120 frames.
    """

    cut_threshold: float = 0.55
    gradual_threshold: float = 0.3
    wipe_score: float = 0.5
    min_shot_frames: int = 4
    max_transition_seconds: float = 2.5

    def longest(self, source: Source) -> int:
        """Return the longest gradual transition that is looked for, in frames."""
        return max(8, min(120, round(self.max_transition_seconds * float(source.frame_rate))))

    def least(self, kind: str) -> float:
        """Return how sure a transition of a kind must be."""
        return {"cut": self.cut_threshold, "wipe": self.wipe_score}.get(kind, self.gradual_threshold)

    def reach(self, source: Source) -> int:
        """Return how many frames on either side bear on what is found at one."""
        return self.longest(source) + GRADUAL_REACH


@dataclass(frozen=True, slots=True)
class Transition:
    """A way from one shot to the next, or into or out of a film.

    Attributes
    ----------
    kind : str
        "cut", "dissolve", "wipe", "fade_in" or "fade_out".
    first, last : int
        The frames that show a mixture, half-open; for a cut both are the first frame of the new shot.
    score : float
        How sure it is, 0 to 1.
    """

    kind: str
    start: int
    stop: int
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class ScanResult:
    """What one pass over the frames [first, last) found; ranges that meet can be joined.

    Attributes
    ----------
    first, last : int
        The frames it is about.
    transitions : tuple of Transition
        All that were considered, in order, sure or not.
    complexity : float32 array, shape (last - first, len(COMPLEXITY_COLUMNS))
        Measures of each frame, NaN where there is none.
    lost : tuple of (int, int)
        Frames that could not be decoded; they count as standing still.
    """

    start: int
    stop: int
    transitions: tuple[Transition, ...]
    complexity: NDArray[np.float32]
    lost: tuple[tuple[int, int], ...]

    @staticmethod
    def join(parts: Iterable[ScanResult]) -> ScanResult:
        """Join ranges that tile a film, in any order."""
        ordered = sorted(parts, key=lambda part: part.start)
        if any(a.stop != b.start for a, b in pairwise(ordered)):
            raise ValueError("ranges of evidence do not meet")
        return ScanResult(
            ordered[0].start,
            ordered[-1].stop,
            _ordered(t for part in ordered for t in part.transitions),
            np.concatenate([part.complexity for part in ordered]),
            _merged([span for part in ordered for span in part.lost]),
        )


def scan(
    source: Source,
    first: int = 0,
    last: int | None = None,
    *,
    parameters: ShotParameters | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ScanResult:
    """Analyse a range of frames.

    The decoder also gets the frames around the range that bear on it, so that ranges joined by
    `ScanResult.join` hold exactly what one pass over the film does.

    Raises
    ------
    SourceError
        If the film no longer opens, or is another one.
    """
    stop = source.frame_count if last is None else last
    return _Pass(source, first, stop, parameters or ShotParameters()).run(threads, progress)


class _Pass:
    """One pass over a range: a window of small pictures slides along, what lies deep enough in it is judged."""

    def __init__(self, source: Source, first: int, last: int, parameters: ShotParameters) -> None:
        self._source, self._first, self._last = source, first, last
        self._parameters = parameters
        self._reach = parameters.reach(source)
        self._lags = lags_up_to(parameters.longest(source))
        self._start = max(0, first - self._reach)
        self._stop = min(source.frame_count, last + self._reach)
        self._judged = first
        self._pictures: FrameWindow | None = None
        self._meter: ComplexityMeter | None = None
        self._transitions: list[Transition] = []
        self._lost: list[tuple[int, int]] = []
        self._unseen = 0
        self._rows = np.full((last - first, len(COMPLEXITY_COLUMNS)), np.nan, np.float32)

    def run(self, threads: int | None, progress: Progress | None) -> ScanResult:
        frames = decode(
            self._source,
            self._start,
            self._stop,
            threads=threads,
            deblock=False,
            on_undecodable=lambda a, b: self._lose(a, b),
        )
        for frame in frames:
            if self._pictures is None:
                self._open(frame)
            self._take(frame)
            if progress is not None and frame.number % 64 == 0:
                progress(max(0, min(frame.number, self._last) - self._first), self._last - self._first)
        if self._pictures is not None:
            self._judge(self._last)
        if progress is not None:
            progress(self._last - self._first, self._last - self._first)
        lost = [(max(a, self._first), min(b, self._last)) for a, b in self._lost]
        lost = [(a, b) for a, b in lost if a < b]
        return ScanResult(self._first, self._last, _ordered(self._transitions), self._rows, _merged(lost))

    def _open(self, frame: Frame) -> None:
        # enough for both reaches and a stretch to judge between them
        most = 2 * self._reach + max(64, self._reach) + 2
        self._pictures = FrameWindow(self._source, frame, min(most, self._stop - self._start))
        reduction = self._pictures.reduction
        self._meter = ComplexityMeter(self._source, reduction.shape, reduction.chroma_shape, reduction.factor)

    def _take(self, frame: Frame) -> None:
        assert self._pictures is not None and self._meter is not None
        self._make_room()
        pictures = self._pictures
        pictures.push(frame)
        if self._first - 1 <= frame.number < self._last:
            n = pictures.count - 1
            small = (pictures.luma[n], pictures.blue[n], pictures.red[n])
            row = np.empty(len(COMPLEXITY_COLUMNS), np.float32)
            self._meter.measure(frame, small, pictures.vectors, row)
            if frame.number >= self._first:
                self._rows[frame.number - self._first] = row

    def _lose(self, first: int, last: int) -> None:
        self._lost.append((first, last))
        if self._pictures is not None:
            for _ in range(first, last):
                self._make_room()
                self._pictures.repeat()

    def _make_room(self) -> None:
        pictures = self._pictures
        assert pictures is not None
        if pictures.full:
            self._judge(min(self._last, pictures.last - self._reach))
            pictures.drop(min(self._judged, pictures.last - self._reach) - self._reach)

    def _judge(self, stop: int) -> None:
        """Decide about the frames up to `stop`, all of whose neighbours are there."""
        pictures = self._pictures
        assert pictures is not None
        first = max(self._judged, pictures.start)
        if first < stop:
            self._transitions += self._cuts(pictures, first, stop)
            self._transitions += self._graduals(pictures, first, stop)
        self._judged = max(self._judged, stop)

    def _cuts(self, pictures: FrameWindow, first: int, stop: int) -> Iterator[Transition]:
        for n in cut_candidates(pictures.changes[: pictures.count]):
            frame = int(n) + pictures.start
            if first <= frame < stop and n:
                score = CUT_CLASSIFIER.score(cut_features(pictures, frame, self._source.frame_count))
                if score > _WORTH_KEEPING:
                    yield Transition("cut", frame, frame, score)
        # what changes size cannot be the same shot
        yield from (Transition("cut", n, n, 1.0) for n in pictures.resized() if first <= n < stop)

    def _graduals(self, pictures: FrameWindow, first: int, stop: int) -> Iterator[Transition]:
        for centre, s, e in gradual_candidates(pictures, self._lags):
            if first <= centre + pictures.start < stop:
                found = describe(pictures, s, e)
                score = 0.0 if found is None else GRADUAL_CLASSIFIER.score(found.features)
                if found is not None and score > _WORTH_KEEPING:
                    yield Transition(found.kind, found.start, found.stop, score)


def _ordered(transitions: Iterable[Transition]) -> tuple[Transition, ...]:
    """Sort them, and tell those once that two windows led to."""
    return tuple(sorted(set(transitions), key=lambda t: (t.start, t.stop, t.kind, t.score)))


def _merged(spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Join spans that touch."""
    out: list[tuple[int, int]] = []
    for a, b in sorted(spans):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(b, out[-1][1]))
        else:
            out.append((a, b))
    return tuple(out)
