"""Shots: where they begin, what opens them, how hard each is to code; in one decode of the film."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from encoder import Source
from ladders.complexity import Complexity, pool
from ladders.shot_evidence import Progress, ShotEvidence, ShotParameters, Transition, gather

__all__ = ["Analysis", "Shot", "analyse", "assemble", "detect_shots"]


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames that one camera took in one go.

    Attributes
    ----------
    first, last : int
        Frames [first, last); the shots of a film tile it. In a dissolve or wipe the new shot begins at the
        first frame that is more new than old; in a fade in, at the first frame with a trace of picture.
    transition : str
        What opens it: "start" (of the film), "cut", "dissolve", "fade" or "wipe".
    mixed : tuple of int, optional
        The frames [first, last) of that transition which show a mixture; None for a cut.
    complexity : Complexity
        How hard it is to code.
    """

    first: int
    last: int
    transition: str
    mixed: tuple[int, int] | None
    complexity: Complexity

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return self.last - self.first


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
    evidence = gather(source, parameters=parameters, threads=threads, progress=progress)
    return assemble(source, evidence, parameters)


def assemble(source: Source, evidence: ShotEvidence, parameters: ShotParameters | None = None) -> Analysis:
    """Decide about the transitions of a whole film and pool the complexity of its shots.

    Raises
    ------
    ValueError
        If the evidence is not of the whole film.
    """
    if (evidence.first, evidence.last) != (0, source.frame_count):
        raise ValueError(f"evidence of frames {evidence.first} to {evidence.last} is not of the whole film")
    chosen = parameters or ShotParameters()
    transitions = _sure(evidence.transitions, chosen)
    openings: dict[int, Transition | None] = {0: None}
    for transition in transitions:
        boundary = transition.first
        if 0 < boundary < source.frame_count:
            openings[boundary] = transition
    shots = []
    for (first, opening), (last, _) in pairwise([*sorted(openings.items()), (source.frame_count, None)]):
        kind = "start" if opening is None else opening.kind
        shots.append(Shot(first, last, kind, None, pool(evidence.complexity[first:last])))
    return Analysis(tuple(shots), transitions, evidence.lost)


def _sure(candidates: tuple[Transition, ...], parameters: ShotParameters) -> tuple[Transition, ...]:
    """Keep what is sure enough; of two that are too near each other, the surer."""
    kept: list[Transition] = []
    for candidate in sorted(candidates, key=lambda t: (-t.score, t.first)):
        if candidate.score < parameters.cut_score:
            break
        if all(abs(candidate.first - other.first) >= parameters.least_frames for other in kept):
            kept.append(candidate)
    return tuple(sorted(kept, key=lambda t: (t.first, t.last)))
