"""What is to be encoded: chunks, segments, renditions, and a quantiser for each chunk of each rendition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from encoder.media.source import Source

__all__ = ["Chunk", "EncodePlan", "Rendition", "Segment", "plan_chunks", "plan_segments"]

#: Shots shorter than this (s) ride with a neighbour: a key frame costs more than they could save.
SHORTEST_CHUNK = Fraction(3, 4)
#: Takes longer than this (s) are encoded in several chunks, so that many workers can share them.
LONGEST_CHUNK = 24
#: A segment lasts from half to one and a half times what was asked for.
SHORTEST_SEGMENT = Fraction(1, 2)
LONGEST_SEGMENT = Fraction(3, 2)
#: Moments between the starts of units at which a segment may start, to a segment's length.
STEPS = 8
#: What it costs to start a segment inside a unit, and for each second that it is out of bounds; a segment that is twice
#: as long as asked for costs 1.
INSIDE_UNIT, OUT_OF_BOUNDS = 0.9, 1000.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames [first, last) of the source, encoded by one process with one quantiser per rendition.

    Attributes
    ----------
    first, last : int
        The frames.
    keyframes : tuple of int
        Frames of the source at which key frames stand; the first is `first`.
    shots : tuple of int
        Numbers of the shots that it holds, wholly or in part.
    cuts : tuple of int
        First frames of its shots, but for the first one.
    """

    start: int
    stop: int
    keyframes: tuple[int, ...]
    shots: tuple[int, ...]
    cuts: tuple[int, ...] = ()

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Segment:
    """What a player fetches: frames [first, last)."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Rendition:
    """One quality level of a title.

    Attributes
    ----------
    id : str
        Names it in manifests and folders.
    codec : str
        A row of `encoder.CODECS`.
    width, height : int
        In square pixels, even.
    preset : str
        Of the encoder.
    tune : str
        "visual" or "metric".
    peak_rate : int or None
        Bits/s that the decoder's buffer is filled with at most (VBV); None without a bound.
    buffer_size : int or None
        Bits that the decoder's buffer holds.
    override : str
        Name of what the codec's row has beyond the preset; empty for nothing.
    """

    id: str
    codec: str
    width: int
    height: int
    preset: str
    tune: str = "visual"
    peak_rate: int | None = None
    buffer_size: int | None = None
    override: str = ""


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """Renditions x chunks with a quantiser for each: all that the farm needs to know.

    Attributes
    ----------
    source : Source
    chunks : tuple of Chunk
        Tile the film.
    renditions : tuple of Rendition
    quantisers : tuple of tuple of float
        By rendition, then chunk.
    """

    source: Source
    chunks: tuple[Chunk, ...]
    renditions: tuple[Rendition, ...]
    quantisers: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Check that the parts fit."""
        edges = [0, *(chunk.stop for chunk in self.chunks)]
        if [chunk.start for chunk in self.chunks] != edges[:-1] or edges[-1] != self.source.frame_count:
            raise ValueError("chunks do not tile the film")
        rows = {len(row) for row in self.quantisers}
        if len(self.quantisers) != len(self.renditions) or rows - {len(self.chunks)}:
            raise ValueError("one quantiser is needed per rendition and chunk")


def plan_chunks(
    source: Source, shot_starts: Sequence[int], segment_duration: Fraction
) -> tuple[tuple[Chunk, ...], tuple[Segment, ...]]:
    """Plan chunks and segments, both on shots.

    Parameters
    ----------
    source : Source
        The film.
    shot_starts : sequence of int
        First frame of every shot, increasing; the first is 0.
    segment_duration : Fraction
        What a segment should last, s.

    Returns
    -------
    chunks : tuple of Chunk
        Shots, but short ones ride together and long ones are split.
    segments : tuple of Segment
        Every one starts on a key frame; see `plan_segments`.
    """
    units = _join_short(source, shot_starts)
    segments = plan_segments(source, units, segment_duration)
    cuts = {segment.start for segment in segments}
    starts = sorted(set(units) | _splits_of_long(source, units, cuts))
    chunks = []
    for first, last in zip(starts, [*starts[1:], source.frame_count], strict=True):
        inner = sorted(cut for cut in cuts if first < cut < last)
        held = [n for n, shot in enumerate(shot_starts) if first <= shot < last]
        before = max(n for n, shot in enumerate(shot_starts) if shot <= first)
        shots = tuple(sorted({before, *held}))
        riding = tuple(shot_starts[n] for n in held if shot_starts[n] > first)
        chunks.append(Chunk(first, last, (first, *inner), shots, riding))
    return tuple(chunks), segments


def plan_segments(source: Source, units: Sequence[int], duration: Fraction) -> tuple[Segment, ...]:
    """Place segments of half to one and a half times `duration`, on the starts of units as far as that goes.

    Parameters
    ----------
    source : Source
        The film.
    units : sequence of int
        First frames of what is encoded apart; the first is 0.
    duration : Fraction
        What a segment should last, s.

    Returns
    -------
    tuple of Segment
        They tile the film. Only a film shorter than half of `duration` has one that is shorter.

    Notes
    -----
    Dynamic programming over the starts of units and moments between them: each segment costs by how much it is longer
    or shorter than asked for, and nearly as much again when it starts inside a unit, where it needs a key frame
    that the picture does not.
    """
    starts = _candidates(source, units, duration)
    times = [float(source.time(frame)) for frame in (*starts, source.frame_count)]
    on_units = set(units)
    target, shortest, longest = (float(duration * factor) for factor in (1, SHORTEST_SEGMENT, LONGEST_SEGMENT))
    best, came = [0.0], [0]
    for end in range(1, len(times)):
        costs = []
        begin = end - 1
        # a frozen picture may leave nothing within the bounds; then the least that is out of them
        while begin >= 0 and (begin >= end - 3 or times[end] - times[begin] <= 2 * longest):
            length = times[end] - times[begin]
            # too short is worse: a frozen picture that lasts costs nothing
            outside = max(1000 * (shortest - length), length - longest, 0.0)
            inside = begin > 0 and starts[begin] not in on_units
            cost = abs(length - target) / target + INSIDE_UNIT * inside + OUT_OF_BOUNDS * outside
            costs.append((best[begin] + cost, begin))
            begin -= 1
        cost, begin = min(costs)
        best.append(cost)
        came.append(begin)
    edges = [len(times) - 1]
    while edges[-1] > 0:
        edges.append(came[edges[-1]])
    frames = [*starts, source.frame_count]
    return tuple(Segment(frames[a], frames[b]) for b, a in pairwise(edges))[::-1]


def _candidates(source: Source, units: Sequence[int], duration: Fraction) -> list[int]:
    """Return the frames at which a segment may start: starts of units, and moments in between."""
    frames = set(units)
    step = duration / STEPS
    due = step
    for frame in range(1, source.frame_count):
        time = source.time(frame)
        if time >= due:
            frames.add(frame)
            due = (time // step + 1) * step
    return sorted(frames)


def _join_short(source: Source, shot_starts: Sequence[int]) -> list[int]:
    """Return the starts of shots without those that are too short to stand alone."""
    units = [0]
    for start in shot_starts[1:]:
        # a short shot rides with what follows it
        if source.time(start) - source.time(units[-1]) >= SHORTEST_CHUNK:
            units.append(start)
    return units


def _splits_of_long(source: Source, units: Sequence[int], cuts: set[int]) -> set[int]:
    """Return the segment starts at which long takes are split into chunks."""
    splits: set[int] = set()
    for first, last in zip(units, [*units[1:], source.frame_count], strict=True):
        begun = first
        for cut in sorted(c for c in cuts if first < c < last):
            if source.time(last) - source.time(first) > LONGEST_CHUNK and (
                source.time(cut) - source.time(begun) >= LONGEST_CHUNK // 2
            ):
                splits.add(cut)
                begun = cut
    return splits
