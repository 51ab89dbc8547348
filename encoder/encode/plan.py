"""The encode plan: chunks, segments, renditions, and a quantiser for each chunk of each rendition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from encoder.media.inspection import as_source
from encoder.media.source import Source

__all__ = ["Chunk", "EncodePlan", "Rendition", "Segment", "plan_chunks", "plan_segments"]

#: Seconds. Shorter shots are merged with the next one, because a key frame costs more bits than a separate quantiser
#: saves (chosen by hand, not tuned).
MIN_CHUNK = Fraction(3, 4)
#: Seconds. Longer shots are split into several chunks, so that several workers can encode them (chosen by hand).
MAX_CHUNK = 24
#: Min duration of a segment, relative to the requested duration (chosen by hand).
MIN_SEGMENT = Fraction(1, 2)
#: Max duration of a segment, relative to the requested duration: RFC 8216 (4.1) counts peaks over up to 1.5 of it.
MAX_SEGMENT = Fraction(3, 2)
#: Number of candidate starts per requested segment duration inside an encode unit (chosen by hand).
CANDIDATES_PER_SEGMENT = 8
#: Cost of a segment that starts inside an encode unit; a segment of twice the requested duration costs 1 (chosen by
#: hand).
INSIDE_UNIT_COST = 0.9
#: Cost per second by which a segment is longer than the maximum (chosen by hand, above any sum of other costs).
OUT_OF_BOUNDS_COST = 1000.0
#: Weight of a second below the minimum duration, relative to a second above the maximum (chosen by hand).
TOO_SHORT_WEIGHT = 1000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames [start, stop) of the source, encoded by one process with one quantiser per rendition.

    Attributes
    ----------
    start, stop : int
        Frame numbers, half-open.
    keyframes : tuple of int
        Numbers of the source frames that are encoded as key frames; the first is `start`.
    shots : tuple of int
        Indices of the shots that the chunk contains, completely or in part.
    cuts : tuple of int
        First frame of each shot that begins after `start`.
    film_grain : int
        Strength of synthesised film grain, 1 to 50; 0 for none, and for encoders that cannot synthesise it.
    """

    start: int
    stop: int
    keyframes: tuple[int, ...]
    shots: tuple[int, ...]
    cuts: tuple[int, ...] = ()
    film_grain: int = 0

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Segment:
    """Frames [start, stop) that a player downloads at once."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Rendition:
    """One video representation of a title.

    Attributes
    ----------
    id : str
        Its name in manifests and folders.
    codec : str
        Name of a codec; see `encoder.load_codecs`.
    width, height : int
        Size in square pixels, even.
    preset : str
        Preset of the encoder.
    tune : str
        "visual" or "metric".
    peak_rate : int or None
        Maximum fill rate of the VBV, bits/s; None without a VBV.
    buffer_size : int or None
        Size of the VBV, bits.
    override : str
        Name of an `EncoderOverride` of the codec; empty for none.
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
    """Renditions, chunks and a quantiser for each chunk of each rendition: everything that the encode jobs need.

    Attributes
    ----------
    source : Source
    chunks : tuple of Chunk
        Consecutive; together they contain every frame of the source.
    renditions : tuple of Rendition
    quantisers : tuple of tuple of float
        Indexed by rendition, then chunk.
    """

    source: Source
    chunks: tuple[Chunk, ...]
    renditions: tuple[Rendition, ...]
    quantisers: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Check that chunks and quantisers are complete."""
        edges = [0, *(chunk.stop for chunk in self.chunks)]
        if [chunk.start for chunk in self.chunks] != edges[:-1] or edges[-1] != self.source.frame_count:
            raise ValueError("the chunks do not cover every frame of the source exactly once")
        rows = {len(row) for row in self.quantisers}
        if len(self.quantisers) != len(self.renditions) or rows - {len(self.chunks)}:
            raise ValueError("one quantiser is needed per rendition and chunk")


def plan_chunks(
    source: Source | str | Path, shot_starts: Sequence[int], segment_duration: Fraction
) -> tuple[tuple[Chunk, ...], tuple[Segment, ...]]:
    """Plan chunks and segments along shots.

    Parameters
    ----------
    source : Source, str or Path
        A path or a URL is inspected first.
    shot_starts : sequence of int
        First frame of every shot, increasing; the first is 0.
    segment_duration : Fraction
        Requested duration of a segment, s.

    Returns
    -------
    chunks : tuple of Chunk
        Shots, with short ones merged and long ones split.
    segments : tuple of Segment
        Each starts with a key frame; see `plan_segments`.
    """
    source = as_source(source)
    units = _merge_short_shots(source, shot_starts)
    segments = plan_segments(source, units, segment_duration)
    segment_starts = {segment.start for segment in segments}
    starts = sorted(set(units) | _split_long_shots(source, units, segment_starts))
    chunks = []
    for start, stop in zip(starts, [*starts[1:], source.frame_count], strict=True):
        inner = sorted(edge for edge in segment_starts if start < edge < stop)
        begun = [n for n, shot in enumerate(shot_starts) if start <= shot < stop]
        first_shot = max(n for n, shot in enumerate(shot_starts) if shot <= start)
        merged_shots = tuple(shot_starts[n] for n in begun if shot_starts[n] > start)
        chunks.append(Chunk(start, stop, (start, *inner), tuple(sorted({first_shot, *begun})), merged_shots))
    return tuple(chunks), segments


def plan_segments(source: Source, units: Sequence[int], duration: Fraction) -> tuple[Segment, ...]:
    """Plan segments of half to one and a half times `duration` that start at encode units where possible.

    Parameters
    ----------
    source : Source
    units : sequence of int
        First frames of the encode units (merged shots); the first is 0.
    duration : Fraction
        Requested duration of a segment, s.

    Returns
    -------
    tuple of Segment
        Consecutive; together they contain every frame. Only a source shorter than half of `duration` has a shorter one.

    Notes
    -----
    Dynamic programming over the starts of units and candidates between them. The cost of a segment is the relative
    deviation from the requested duration, plus `INSIDE_UNIT_COST` if it starts inside a unit, where the content does
    not need a key frame.
    """
    starts = _candidates(source, units, duration)
    times = [float(source.time(frame)) for frame in (*starts, source.frame_count)]
    on_units = set(units)
    target, shortest, longest = (float(duration * factor) for factor in (1, MIN_SEGMENT, MAX_SEGMENT))
    best, previous = [0.0], [0]
    for end in range(1, len(times)):
        costs = []
        begin = end - 1
        # a long frame may leave no segment within the bounds; then the one closest to them is chosen, and what is too
        # short beside a long frame belongs to its segment
        while begin >= 0 and (begin >= end - CANDIDATES_PER_SEGMENT or times[end] - times[begin] <= 2 * longest):
            length = times[end] - times[begin]
            # too short is worse than too long: a frame that is shown for long costs no bits
            outside = max(TOO_SHORT_WEIGHT * (shortest - length), length - longest, 0.0)
            is_inside = begin > 0 and starts[begin] not in on_units
            cost = abs(length - target) / target + INSIDE_UNIT_COST * is_inside + OUT_OF_BOUNDS_COST * outside
            costs.append((best[begin] + cost, begin))
            begin -= 1
        cost, begin = min(costs)
        best.append(cost)
        previous.append(begin)
    edges = [len(times) - 1]
    while edges[-1] > 0:
        edges.append(previous[edges[-1]])
    frames = [*starts, source.frame_count]
    return tuple(Segment(frames[a], frames[b]) for b, a in pairwise(edges))[::-1]


def _candidates(source: Source, units: Sequence[int], duration: Fraction) -> list[int]:
    """Return the frames at which a segment may start: starts of units, and candidates between them."""
    frames = set(units)
    step = duration / CANDIDATES_PER_SEGMENT
    due = step
    for frame in range(1, source.frame_count):
        time = source.time(frame)
        if time >= due:
            frames.add(frame)
            due = (time // step + 1) * step
    return sorted(frames)


def _merge_short_shots(source: Source, shot_starts: Sequence[int]) -> list[int]:
    """Return the starts of encode units: a short shot is merged with the next one."""
    units = [0]
    for start in shot_starts[1:]:
        if source.time(start) - source.time(units[-1]) >= MIN_CHUNK:
            units.append(start)
    return units


def _split_long_shots(source: Source, units: Sequence[int], segment_starts: set[int]) -> set[int]:
    """Return the segment starts at which long units are split into chunks."""
    splits: set[int] = set()
    for start, stop in zip(units, [*units[1:], source.frame_count], strict=True):
        chunk_start = start
        for edge in sorted(each for each in segment_starts if start < each < stop):
            if source.time(stop) - source.time(start) > MAX_CHUNK and (
                source.time(edge) - source.time(chunk_start) >= MAX_CHUNK // 2
            ):
                splits.add(edge)
                chunk_start = edge
    return splits
