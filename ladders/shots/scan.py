"""Scan a range of frames in one pass: complexity of each frame, and candidates for transitions with their scores.

What is found at a frame depends only on the frames within `ShotParameters.context_frames` of it. So ranges that are
scanned separately, each decoded with that many frames on either side, join to exactly what one pass finds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from encoder.media.frames import Frame, decode
from encoder.media.source import Source
from ladders.complexity.complexity_meter import COMPLEXITY_COLUMNS, ComplexityMeter
from ladders.shots.classifier import Classifier
from ladders.shots.cuts import CUT_FEATURES, cut_candidates, cut_features
from ladders.shots.frame_window import FrameWindow
from ladders.shots.gradual.dissolve_detection import (
    GRADUAL_REACH,
    describe_candidate,
    gradual_candidates,
    window_lengths,
)
from ladders.shots.gradual.gradual_features import GRADUAL_FEATURES

__all__ = ["Progress", "ScanResult", "Scanner", "ShotParameters", "Transition", "scan"]

Progress = Callable[[float, float], None]

#: Minimum score of a transition in a `ScanResult`; far below every useful threshold.
MIN_SCORE = 0.05
#: Shortest and longest limit of gradual transitions, in frames, whatever `max_transition_seconds` is.
_MIN_TRANSITION, _MAX_TRANSITION = 8, 120
#: Frames between two calls of `progress`.
_PROGRESS_INTERVAL = 64
#: Minimum frames that are examined together, between the context on either side.
_MIN_BATCH = 64


@dataclass(frozen=True, slots=True)
class ShotParameters:
    """Parameters of shot detection.

    Attributes
    ----------
    cut_threshold, gradual_threshold, wipe_threshold : float
        Minimum score of a cut, of a dissolve or fade, and of a wipe, 0 to 1. Wipes need a higher one because they are
        much rarer in real sources than in the clips that the classifier was trained on.
    min_shot_frames : int
        Minimum number of frames between two cuts; of nearer ones the one with the higher score stays.
    max_transition_seconds : float
        Longest dissolve, fade or wipe that is detected, in seconds; at most 120 frames.
    cut_model, gradual_model : str or path
        Classifiers: "cut" and "gradual" are those that ship; anything else is the path of an .npz file that
        `training.train_classifiers` wrote.
    """

    cut_threshold: float = 0.55
    gradual_threshold: float = 0.3
    wipe_threshold: float = 0.5
    min_shot_frames: int = 4
    max_transition_seconds: float = 2.5
    cut_model: str | os.PathLike[str] = "cut"
    gradual_model: str | os.PathLike[str] = "gradual"

    def max_transition_frames(self, source: Source) -> int:
        """Return the longest gradual transition that is detected, in frames."""
        frames = round(self.max_transition_seconds * float(source.frame_rate))
        return max(_MIN_TRANSITION, min(_MAX_TRANSITION, frames))

    def threshold(self, kind: str) -> float:
        """Return the minimum score of a transition of a kind."""
        return {"cut": self.cut_threshold, "wipe": self.wipe_threshold}.get(kind, self.gradual_threshold)

    def context_frames(self, source: Source) -> int:
        """Return how many frames on either side influence what is found at a frame."""
        return self.max_transition_frames(source) + GRADUAL_REACH


@dataclass(frozen=True, slots=True)
class Transition:
    """A transition from one shot to the next, or at an end of a source.

    Attributes
    ----------
    kind : str
        "cut", "dissolve", "wipe", "fade_in" or "fade_out".
    start, stop : int
        The frames [start, stop) inside the transition; for a cut both are the first frame of the new shot.
    score : float
        Estimated probability, 0 to 1.
    """

    kind: str
    start: int
    stop: int
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class ScanResult:
    """What a scan of the frames [start, stop) found; adjacent ranges can be joined.

    Attributes
    ----------
    start, stop : int
        The range of frames.
    transitions : tuple of Transition
        All candidates with a score above 0.05, in order.
    complexity : float32 array, shape (stop - start, len(COMPLEXITY_COLUMNS))
        Complexity of each frame, NaN where it was not measured.
    undecodable : tuple of (int, int)
        Ranges [start, stop) of frames that could not be decoded; the scan repeats the frame before them.
    """

    start: int
    stop: int
    transitions: tuple[Transition, ...]
    complexity: NDArray[np.float32]
    undecodable: tuple[tuple[int, int], ...]

    @staticmethod
    def join(parts: Iterable[ScanResult]) -> ScanResult:
        """Join the results of ranges that tile a source, in any order.

        Raises
        ------
        ValueError
            If there is a gap between ranges, or they overlap.
        """
        ordered = sorted(parts, key=lambda part: part.start)
        for a, b in pairwise(ordered):
            if a.stop != b.start:
                raise ValueError(f"scanned ranges are not adjacent: {a.stop} is followed by {b.start}")
        return ScanResult(
            ordered[0].start,
            ordered[-1].stop,
            _ordered(t for part in ordered for t in part.transitions),
            np.concatenate([part.complexity for part in ordered]),
            _merged([span for part in ordered for span in part.undecodable]),
        )


def scan(
    source: Source,
    start: int = 0,
    stop: int | None = None,
    *,
    parameters: ShotParameters | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ScanResult:
    """Scan a range of frames.

    The frames around the range that influence its result are decoded too, so that ranges joined by `ScanResult.join`
    are equal to one pass over the source.

    Parameters
    ----------
    source : Source
    start, stop : int
        The range [start, stop) of frames; None is the end of the source.
    parameters : ShotParameters, optional
    threads : int, optional
        Threads of the decoder, 0 for one a core; None costs the least CPU time.
    progress : callable, optional
        Called with (frames done, frames in total).

    Raises
    ------
    SourceError
        If the source no longer opens, or its content has changed.
    ModelError
        If a classifier cannot be loaded.
    """
    stop = source.frame_count if stop is None else stop
    return Scanner(source, start, stop, parameters or ShotParameters()).run(threads, progress)


class Scanner:
    """One pass over a range of frames; each instance runs once.

    Frames are decoded in order into a `FrameWindow`. When the window is full, the frames that have enough context on
    both sides are examined, and those that are no longer needed as context are discarded.

    Parameters
    ----------
    source : Source
    start, stop : int
        The range [start, stop) of frames.
    parameters : ShotParameters
    """

    def __init__(self, source: Source, start: int, stop: int, parameters: ShotParameters) -> None:
        self._source, self._start, self._stop = source, start, stop
        self._cut_classifier = Classifier.load(parameters.cut_model, CUT_FEATURES)
        self._gradual_classifier = Classifier.load(parameters.gradual_model, GRADUAL_FEATURES)
        self._context = parameters.context_frames(source)
        self._lengths = window_lengths(parameters.max_transition_frames(source))
        self._decode_start = max(0, start - self._context)
        self._decode_stop = min(source.frame_count, stop + self._context)
        self._examined = start
        self._window: FrameWindow | None = None
        self._meter: ComplexityMeter | None = None
        self._transitions: list[Transition] = []
        self._undecodable: list[tuple[int, int]] = []
        self._complexity = np.full((stop - start, len(COMPLEXITY_COLUMNS)), np.nan, np.float32)

    def run(self, threads: int | None = None, progress: Progress | None = None) -> ScanResult:
        """Decode and examine the range; parameters as of `scan`."""
        total = self._stop - self._start
        frames = decode(
            self._source,
            self._decode_start,
            self._decode_stop,
            threads=threads,
            # no cut and few dissolves depend on the loop filter: benchmarks/deblocking.py
            deblock=False,
            on_undecodable=self._push_undecodable,
        )
        for frame in frames:
            if self._window is None:
                self._open(frame)
            self._push(frame)
            if progress is not None and frame.number % _PROGRESS_INTERVAL == 0:
                progress(max(0, min(frame.number, self._stop) - self._start), total)
        if self._window is not None:
            self._examine(self._stop)
        if progress is not None:
            progress(total, total)
        undecodable = [(max(a, self._start), min(b, self._stop)) for a, b in self._undecodable]
        undecodable = [(a, b) for a, b in undecodable if a < b]
        return ScanResult(self._start, self._stop, _ordered(self._transitions), self._complexity, _merged(undecodable))

    def _open(self, frame: Frame) -> None:
        capacity = 2 * self._context + max(_MIN_BATCH, self._context) + 2
        self._window = FrameWindow(self._source, frame, min(capacity, self._decode_stop - self._decode_start))
        downscaler = self._window.downscaler
        self._meter = ComplexityMeter(self._source, downscaler.shape, downscaler.chroma_shape, downscaler.factor)

    def _push(self, frame: Frame) -> None:
        assert self._window is not None and self._meter is not None
        self._make_room()
        window = self._window
        window.push(frame)
        # the frame before the range too: the meter compares each frame with the one before it
        if self._start - 1 <= frame.number < self._stop:
            n = window.count - 1
            planes = (window.luma[n], window.blue[n], window.red[n])
            row = np.empty(len(COMPLEXITY_COLUMNS), np.float32)
            self._meter.measure(frame, planes, window.vectors, row)
            if frame.number >= self._start:
                self._complexity[frame.number - self._start] = row

    def _push_undecodable(self, start: int, stop: int) -> None:
        self._undecodable.append((start, stop))
        if self._window is not None:
            for _ in range(start, stop):
                self._make_room()
                self._window.push_undecodable()

    def _make_room(self) -> None:
        window = self._window
        assert window is not None
        if window.is_full:
            self._examine(min(self._stop, window.stop - self._context))
            window.discard_before(min(self._examined, window.stop - self._context) - self._context)

    def _examine(self, stop: int) -> None:
        """Find the transitions up to frame `stop`; the window contains the context of all of them."""
        window = self._window
        assert window is not None
        start = max(self._examined, window.start)
        if start < stop:
            self._transitions += self._find_cuts(window, start, stop)
            self._transitions += self._find_graduals(window, start, stop)
        self._examined = max(self._examined, stop)

    def _find_cuts(self, window: FrameWindow, start: int, stop: int) -> Iterator[Transition]:
        for n in cut_candidates(window.changes[: window.count]):
            frame = int(n) + window.start
            if start <= frame < stop and n:
                score = self._cut_classifier.score(cut_features(window, frame, self._source.frame_count))
                if score > MIN_SCORE:
                    yield Transition("cut", frame, frame, score)
        # a frame of another size cannot belong to the same shot
        yield from (Transition("cut", n, n, 1.0) for n in window.resized_frames() if start <= n < stop)

    def _find_graduals(self, window: FrameWindow, start: int, stop: int) -> Iterator[Transition]:
        for centre, s, e in gradual_candidates(window, self._lengths):
            if start <= centre + window.start < stop:
                found = describe_candidate(window, s, e)
                score = 0.0 if found is None else self._gradual_classifier.score(found.features)
                if found is not None and score > MIN_SCORE:
                    yield Transition(found.kind, found.start, found.stop, score)


def _ordered(transitions: Iterable[Transition]) -> tuple[Transition, ...]:
    """Sort transitions; one that two windows led to appears once."""
    return tuple(sorted(set(transitions), key=lambda t: (t.start, t.stop, t.kind, t.score)))


def _merged(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Join ranges that touch or overlap."""
    out: list[tuple[int, int]] = []
    for a, b in sorted(ranges):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(b, out[-1][1]))
        else:
            out.append((a, b))
    return tuple(out)
