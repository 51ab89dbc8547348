"""Shots: where they begin, what opens them, how hard each is to code; in one decode of the film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from encoder import Source, SourceError
from ladders.complexity.complexity_meter import Complexity, pool
from ladders.shots.scan import Progress, ScanResult, ShotParameters, Transition, scan

__all__ = ["LONG_HOLD", "Analysis", "Shot", "analyse", "assemble", "choose", "detect_shots"]

#: Black or white held for this many frames between fades is a shot.
LONG_HOLD = 12


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames that one camera took in one go.

    Attributes
    ----------
    first, last : int
        Frames [first, last); the shots of a film tile it. In a dissolve or wipe the new shot begins at the
        first frame that is more new than old; in a fade in, at the first frame with a trace of picture; after a
        fade out into a black that is held, at the first black frame.
    transition : str
        What opens it: "start" (of the film), "cut", "dissolve", "fade" or "wipe".
    mixed : tuple of int, optional
        The frames [first, last) of that transition which show a mixture; None for a cut.
    complexity : Complexity
        How hard it is to code.
    """

    start: int
    stop: int
    transition: str
    mixed: tuple[int, int] | None
    complexity: Complexity

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Analysis:
    """A film's shots, the transitions between them and at its ends, and the frames that could not be decoded."""

    shots: tuple[Shot, ...]
    transitions: tuple[Transition, ...]
    lost: tuple[tuple[int, int], ...]


def detect_shots(
    source: Source,
    parameters: ShotParameters | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[Shot, ...]:
    """Find the shots of a film and measure their complexity, in one decode.

    Parameters
    ----------
    source : Source
        What `encoder.inspect` found.
    parameters : ShotParameters, optional
        What decides.
    threads : int, optional
        Threads of the decoder, 0 for one a core; None costs the least CPU.
    progress : callable, optional
        Called with (frames done, frames in all).

    Returns
    -------
    tuple of Shot
        They tile [0, source.frame_count).

    Raises
    ------
    SourceError
        If no frame decodes.

    Examples
    --------
    >>> import encoder
    >>> [shot.first for shot in detect_shots(encoder.inspect("film.mp4"))]  # doctest: +SKIP
    [0, 95, 211]
    """
    return analyse(source, parameters, threads=threads, progress=progress).shots


def analyse(
    source: Source,
    parameters: ShotParameters | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Do what `detect_shots` does, and tell of the transitions at both ends and of lost frames too."""
    evidence = scan(source, parameters=parameters, threads=threads, progress=progress)
    return assemble(source, evidence, parameters)


def assemble(source: Source, evidence: ScanResult, parameters: ShotParameters | None = None) -> Analysis:
    """Decide about the transitions of a whole film and pool the complexity of its shots.

    Raises
    ------
    ValueError
        If the evidence is not of the whole film.
    SourceError
        If no frame decodes.
    """
    if (evidence.start, evidence.stop) != (0, source.frame_count):
        raise ValueError(f"evidence of frames {evidence.start} to {evidence.stop} is not of the whole film")
    if evidence.lost == ((0, source.frame_count),):
        raise SourceError(f"{source.path}: no frame of it decodes")
    transitions = choose(evidence.transitions, parameters or ShotParameters())
    openings: dict[int, tuple[str, tuple[int, int] | None]] = {0: ("start", None)}
    for first, kind, mixed in _openings(transitions, source.frame_count):
        if 0 < first < source.frame_count:
            openings[first] = (kind, mixed)
    edges = [*sorted(openings), source.frame_count]
    shots = [
        Shot(first, last, *openings[first], pool(evidence.complexity[first:last])) for first, last in pairwise(edges)
    ]
    return Analysis(tuple(shots), transitions, evidence.lost)


def _openings(transitions: Sequence[Transition], frame_count: int) -> Iterator[tuple[int, str, tuple[int, int] | None]]:
    """Yield the first frame of each shot but the first, what opens it, and the frames of that which show a mixture.

    Black (or white) between fades is a shot of its own if it is held for `LONG_HOLD` frames; else it belongs to the
    shot that fades in, or to the one that fades out where none follows.
    """
    for n, transition in enumerate(transitions):
        before = transitions[n - 1] if n else None
        after = transitions[n + 1] if n + 1 < len(transitions) else None
        mixed = (transition.start, transition.stop)
        if transition.kind == "cut":
            yield transition.start, "cut", None
        elif transition.kind == "fade_in":
            start = before.stop if before else 0
            if transition.start - start >= LONG_HOLD:
                yield transition.start, "fade", mixed
            elif before and before.kind == "fade_out":
                yield transition.start, "fade", (before.start, transition.stop)
            elif before and before.kind != "cut":
                yield transition.start, "fade", mixed
        elif transition.kind == "fade_out":
            end = after.start if after else frame_count
            if end - transition.stop >= LONG_HOLD:
                yield transition.stop, "fade", mixed
        else:
            yield (transition.start + transition.stop + 1) // 2, transition.kind, mixed


def choose(candidates: Sequence[Transition], parameters: ShotParameters) -> tuple[Transition, ...]:
    """Keep what is sure enough; of those that are in each other's way, the surest."""
    kept: list[Transition] = []
    for candidate in sorted(candidates, key=lambda t: (-t.score, t.start, t.stop)):
        sure = candidate.score >= parameters.least(candidate.kind)
        if sure and not any(_exclude(candidate, other, parameters) for other in kept):
            kept.append(candidate)
    return tuple(sorted(kept, key=lambda t: (t.start, t.stop)))


def _exclude(one: Transition, other: Transition, parameters: ShotParameters) -> bool:
    """Whether two transitions cannot both be there."""
    if one.kind == other.kind == "cut":
        return abs(one.start - other.start) < parameters.min_shot_frames
    # a cut next to a mixture's ends is one of its own steps
    beside = 2 if "cut" in (one.kind, other.kind) else 0
    return max(one.start, other.start) < min(one.stop, other.stop) + beside
