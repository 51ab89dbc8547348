"""What is to be encoded: chunks, segments, renditions, and a quantiser for each chunk of each rendition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from encoder.source import Source

__all__ = ["Chunk", "EncodePlan", "Rendition", "Segment", "plan_chunks", "plan_segments"]

#: Shots shorter than this (s) ride with a neighbour: a key frame costs more than they could save.
SHORTEST_CHUNK = Fraction(3, 4)
#: Takes longer than this (s) are encoded in several chunks, so that many workers can share them.
LONGEST_CHUNK = 24
#: A segment lasts from half to one and a half times what was asked for.
SHORTEST_SEGMENT = Fraction(1, 2)
LONGEST_SEGMENT = Fraction(3, 2)


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
    """

    first: int
    last: int
    keyframes: tuple[int, ...]
    shots: tuple[int, ...]

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class Segment:
    """What a player fetches: frames [first, last)."""

    first: int
    last: int


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
    """

    id: str
    codec: str
    width: int
    height: int
    preset: str
    tune: str = "visual"
    peak_rate: int | None = None
    buffer_size: int | None = None


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
        edges = [0, *(chunk.last for chunk in self.chunks)]
        if [chunk.first for chunk in self.chunks] != edges[:-1] or edges[-1] != self.source.frame_count:
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
    units = _join_short(source, shot_starts, segment_duration)
    segments = plan_segments(source, units, segment_duration)
    cuts = {segment.first for segment in segments}
    starts = sorted(set(units) | _splits_of_long(source, units, cuts))
    chunks = []
    for first, last in zip(starts, [*starts[1:], source.frame_count], strict=True):
        inner = sorted(cut for cut in cuts if first < cut < last)
        held = [n for n, shot in enumerate(shot_starts) if first <= shot < last]
        before = max(n for n, shot in enumerate(shot_starts) if shot <= first)
        shots = tuple(sorted({before, *held}))
        chunks.append(Chunk(first, last, (first, *inner), shots))
    return tuple(chunks), segments


def plan_segments(source: Source, units: Sequence[int], duration: Fraction) -> tuple[Segment, ...]:
    """Place segments of half to one and a half times `duration` on the starts of units.

    A packager ends a segment at the first key frame that comes at least its minimum after the segment's start, and
    every unit starts with a key frame. So a segment ends with the first unit that brings it to the minimum; where
    that is too long, key frames are added inside the unit at equal distances.

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
        They tile the film. Only the last may be shorter than the minimum.
    """
    shortest, longest = duration * SHORTEST_SEGMENT, duration * LONGEST_SEGMENT
    starts = [0]
    ends = [*units[1:], source.frame_count]
    for end in ends:
        length = source.time(end) - source.time(starts[-1])
        if length > longest:
            pieces = max(math.ceil(length / longest), round(length / duration))
            starts += _inner_cuts(source, starts[-1], end, pieces, shortest)
        if end < source.frame_count and source.time(end) - source.time(starts[-1]) >= shortest:
            starts.append(end)
    return tuple(Segment(a, b) for a, b in zip(starts, [*starts[1:], source.frame_count], strict=True))


def _inner_cuts(source: Source, first: int, last: int, pieces: int, shortest: Fraction) -> list[int]:
    """Return frames that part [first, last) into about equal pieces, each at least `shortest` long."""
    length = (source.time(last) - source.time(first)) / pieces
    cuts: list[int] = []
    frame = first
    for piece in range(1, pieces):
        due = source.time(first) + piece * length
        while frame < last and source.time(frame) < due:
            frame += 1
        previous = cuts[-1] if cuts else first
        if frame < last and source.time(frame) - source.time(previous) >= shortest:
            cuts.append(frame)
    return cuts


def _join_short(source: Source, shot_starts: Sequence[int], duration: Fraction) -> list[int]:
    """Return the starts of shots without those that are too short to stand alone."""
    units = [0]
    for start in shot_starts[1:]:
        # a short shot rides with what follows it
        if source.time(start) - source.time(units[-1]) >= SHORTEST_CHUNK:
            units.append(start)
    # the end of the film may not be a segment of its own that is too short
    while len(units) > 1 and source.duration - source.time(units[-1]) < duration * SHORTEST_SEGMENT:
        units.pop()
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
