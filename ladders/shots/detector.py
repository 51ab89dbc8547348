"""Shot detection: where shots start, which transition opens them, and their complexity, in one decode of the source."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import encoder
from encoder.errors import SourceError
from encoder.media.source import Source
from ladders.complexity.complexity_meter import Complexity, pool
from ladders.shots.scan import Progress, ScanResult, ShotParameters, Transition, scan

__all__ = [
    "MIN_HOLD_FRAMES",
    "Analysis",
    "Opening",
    "Shot",
    "analyse_shots",
    "assemble_shots",
    "detect_shots",
    "select_transitions",
]

#: Minimum length, in frames, of the black or white between two fades that counts as a shot; chosen by hand, not tuned.
MIN_HOLD_FRAMES = 12

#: How a shot starts: the transition, and the frames [start, stop) inside it, None for a cut.
Opening = tuple[str, tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class Shot:
    """A run of frames without a transition: one take of one camera.

    Attributes
    ----------
    start, stop : int
        The frames [start, stop); the shots of a source tile it. In a dissolve or wipe the new shot starts at the first
        frame that shows more of the new shot than of the old one; in a fade in, at the first frame that is not black;
        after a fade out to a black that is held, at the first black frame.
    transition : str
        How the shot starts: "start" (of the source), "cut", "dissolve", "fade" or "wipe".
    transition_frames : tuple of int, optional
        The frames [start, stop) inside that transition; None for a cut and for the start.
    complexity : Complexity
        How difficult the shot is to encode.
    """

    start: int
    stop: int
    transition: str
    transition_frames: tuple[int, int] | None
    complexity: Complexity

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Analysis:
    """The result of shot detection.

    Attributes
    ----------
    shots : tuple of Shot
        They tile the source.
    transitions : tuple of Transition
        The selected transitions, including fades at the start and the end of the source, which open no shot.
    undecodable : tuple of (int, int)
        Ranges [start, stop) of frames that could not be decoded.
    """

    shots: tuple[Shot, ...]
    transitions: tuple[Transition, ...]
    undecodable: tuple[tuple[int, int], ...]

    def to_pandas(self) -> Any:
        """Return the shots as a pandas DataFrame, a row a shot (needs the extra `pandas`).

        Columns are `start`, `stop`, `frame_count`, `transition`, `transition_start`, `transition_stop`, and mean, std
        and p95 of each measure of complexity, as in `ti_mean`. A value that does not exist is NaN or NA.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        import pandas

        rows = [_row_of(shot) for shot in self.shots]
        frame = pandas.DataFrame(rows)
        ranges = ["transition_start", "transition_stop"]
        return frame.astype(dict.fromkeys(ranges, "Int64"))


def _row_of(shot: Shot) -> dict[str, Any]:
    """Return a shot as a flat mapping of column names to values."""
    start, stop = shot.transition_frames or (None, None)
    row = {
        "start": shot.start,
        "stop": shot.stop,
        "frame_count": shot.frame_count,
        "transition": shot.transition,
        "transition_start": start,
        "transition_stop": stop,
    }
    for name, pooled in asdict(shot.complexity).items():
        for statistic in ("mean", "std", "p95"):
            row[f"{name}_{statistic}"] = float("nan") if pooled is None else pooled[statistic]
    return row


def detect_shots(
    source: Source | str | os.PathLike[str],
    *,
    parameters: ShotParameters | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[Shot, ...]:
    """Find the shots of a source and measure their complexity, in one decode.

    Parameters
    ----------
    source : Source or path
        What `encoder.inspect` returned, or a path, which is inspected first.
    parameters : ShotParameters, optional
        Thresholds and classifiers.
    threads : int, optional
        Threads of the decoder, 0 for one a core; None costs the least CPU time.
    progress : callable, optional
        Called with (frames done, frames in total).

    Returns
    -------
    tuple of Shot
        They tile [0, source.frame_count).

    Raises
    ------
    SourceError
        If no frame can be decoded.

    See Also
    --------
    analyse_shots : Also returns the transitions and the frames that could not be decoded.
    measure_changes : Returns the metrics of every frame that detection is based on.

    Examples
    --------
    >>> [shot.start for shot in detect_shots("source.mp4")]  # doctest: +SKIP
    [0, 95, 211]
    """
    return analyse_shots(source, parameters=parameters, threads=threads, progress=progress).shots


def analyse_shots(
    source: Source | str | os.PathLike[str],
    *,
    parameters: ShotParameters | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Find the shots and the transitions of a source; parameters and errors as of `detect_shots`."""
    opened = source if isinstance(source, Source) else encoder.inspect(Path(source))
    result = scan(opened, parameters=parameters, threads=threads, progress=progress)
    return assemble_shots(opened, result, parameters)


def assemble_shots(
    source: Source,
    result: ScanResult,
    parameters: ShotParameters | None = None,
    given: Mapping[int, Opening] | None = None,
) -> Analysis:
    """Select the transitions of a scanned source, split it into shots and pool the complexity of each.

    With `given`, the shots are those that start at its frames, whatever the transitions are.

    Raises
    ------
    ValueError
        If the scan does not cover the whole source.
    SourceError
        If no frame could be decoded.
    """
    if (result.start, result.stop) != (0, source.frame_count):
        raise ValueError(
            f"the scan covers frames {result.start} to {result.stop - 1}, not all {source.frame_count} of the source"
        )
    if result.undecodable == ((0, source.frame_count),):
        raise SourceError(f"{source.path}: no frame can be decoded")
    transitions = select_transitions(result.transitions, parameters or ShotParameters())
    openings: dict[int, Opening] = {0: ("start", None)}
    found = _openings(transitions, source.frame_count) if given is None else ((n, *given[n]) for n in given)
    for start, kind, inside in found:
        if 0 < start < source.frame_count:
            openings[start] = (kind, inside)
    edges = [*sorted(openings), source.frame_count]
    shots = [
        Shot(start, stop, *openings[start], pool(result.complexity[start:stop])) for start, stop in pairwise(edges)
    ]
    return Analysis(tuple(shots), transitions, result.undecodable)


def _openings(transitions: Sequence[Transition], frame_count: int) -> Iterator[tuple[int, str, tuple[int, int] | None]]:
    """Yield the start of each shot except the first, the kind of its transition, and the frames inside that.

    Black or white between fades is a shot if it lasts for `MIN_HOLD_FRAMES`. Otherwise it belongs to the shot that
    fades in, or to the one that fades out if no shot follows.
    """
    for n, transition in enumerate(transitions):
        before = transitions[n - 1] if n else None
        after = transitions[n + 1] if n + 1 < len(transitions) else None
        inside = (transition.start, transition.stop)
        if transition.kind == "cut":
            yield transition.start, "cut", None
        elif transition.kind == "fade_in":
            start = before.stop if before else 0
            if transition.start - start >= MIN_HOLD_FRAMES:
                yield transition.start, "fade", inside
            elif before and before.kind == "fade_out":
                yield transition.start, "fade", (before.start, transition.stop)
            elif before and before.kind != "cut":
                yield transition.start, "fade", inside
        elif transition.kind == "fade_out":
            end = after.start if after else frame_count
            if end - transition.stop >= MIN_HOLD_FRAMES:
                yield transition.stop, "fade", inside
        else:
            yield (transition.start + transition.stop + 1) // 2, transition.kind, inside


def select_transitions(candidates: Sequence[Transition], parameters: ShotParameters) -> tuple[Transition, ...]:
    """Keep the candidates above their threshold; of those that exclude each other, the one with the highest score."""
    kept: list[Transition] = []
    for candidate in sorted(candidates, key=lambda t: (-t.score, t.start, t.stop)):
        is_likely = candidate.score >= parameters.threshold(candidate.kind)
        if is_likely and not any(_exclude(candidate, other, parameters) for other in kept):
            kept.append(candidate)
    return tuple(sorted(kept, key=lambda t: (t.start, t.stop)))


def _exclude(one: Transition, other: Transition, parameters: ShotParameters) -> bool:
    """Return whether two transitions cannot both exist: they overlap, or are cuts that are too close."""
    if one.kind == other.kind == "cut":
        return abs(one.start - other.start) < parameters.min_shot_frames
    # a cut adjacent to a gradual transition is one of its own steps
    margin = 2 if "cut" in (one.kind, other.kind) else 0
    return max(one.start, other.start) < min(one.stop, other.stop) + margin
