"""Predict what a title will cost: do all of it to a few short pieces, and search the whole title on their curves."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from encoder import Chunk, Segment, Source, read_track_samples
from ladders.api import ladder_from
from ladders.construction.ladder_builder import LadderBuilder
from ladders.final.final_encodes import FinalEncodes, encode_final_chunks
from ladders.final.fixed_baseline import fixed_anchor
from ladders.ladder import Ladder
from ladders.ladder_request import LadderRequest
from ladders.probing.curve_fit import fitted
from ladders.probing.prober import ProbePoint, Prober, Progress, stride
from ladders.probing.search import DEARER
from ladders.rd.curves import Curve, RatePoint, Size
from ladders.rd.uncertainty import LENT
from shotladder_runtime.store import Store

__all__ = ["predict_cost"]

#: How many pieces, and the frames of each at most.
PIECES, PIECE = 3, 32
#: Share of the final encodes that is made again because it missed: what the films of our benchmarks needed.
AGAIN = 0.05
#: What it takes to decode the film for a job, in encodes of the tallest size; and to decode a frame that is not
#: measured, in measurements.
DECODED, SKIPPED = 0.25, 0.1


@dataclass(frozen=True, slots=True)
class _Work:
    """Something to do: frames to encode, in those of the tallest size, frames to measure, and jobs to begin."""

    encode: float = 0.0
    measure: float = 0.0
    jobs: int = 0

    def __add__(self, other: _Work) -> _Work:
        return _Work(self.encode + other.encode, self.measure + other.measure, self.jobs + other.jobs)

    def times(self, frames: float, jobs: float) -> _Work:
        """Return the work on so many times as many frames, in so many times as many jobs."""
        return _Work(self.encode * frames, self.measure * frames, round(self.jobs * jobs))


@dataclass(slots=True)
class _Counting(Prober):
    """Notes the work of its trials, and what of it is for overrides."""

    work: _Work = _Work()
    refining: _Work = _Work()

    def run(self, points: Iterable[ProbePoint], progress: Progress | None = None) -> None:
        """Try all points that have not been tried."""
        new = sorted((p for p in dict.fromkeys(points) if p.quantiser not in self.known(p)), key=lambda p: p.chunk)
        for number, group in groupby(new, key=lambda p: p.chunk):
            chunk, tried = self.chunks[number], list(group)
            rough = self.encoding.trial_preset is not None
            pixels = [p.size[0] * p.size[1] * (DEARER if rough and not p.rough else 1.0) for p in tried]
            measured = math.ceil(chunk.frame_count / stride(chunk, self.every))
            work = _work(self.source, chunk, pixels, measured)
            self.work += work
            if tried[0].override:
                self.refining += work
        self.answer(new, progress)

    def answer(self, points: Sequence[ProbePoint], progress: Progress | None) -> None:
        """Find out what points give."""
        # a dataclass with slots is not the class that `super` without arguments knows
        Prober.run(self, points, progress)


@dataclass(slots=True)
class _Imagined(_Counting):
    """Trials of a whole title that are not run: its chunks have the curves of the pieces next to them."""

    pieces: Sequence[Chunk] = ()
    curves: Mapping[Size, Sequence[Curve]] = field(default_factory=dict)
    #: Share of a piece's bits that its first frame has.
    first: float = 0.0

    def apart(self, point: ProbePoint) -> float:
        """Return how many times its piece's bits a chunk has at a size: as far apart as searches expect of lent curves.

        Were they alike, no size would compete with another in some chunks only, and the search end too soon.
        """
        return float(np.exp(np.random.default_rng((point.chunk, *point.size)).normal(0, LENT)))

    def drawn(self, chunk: Chunk, size: Size) -> Curve:
        """Return the curve that a chunk as long as it is has, were it like its piece."""
        place = min(range(len(self.pieces)), key=lambda n: abs(self.pieces[n].start - chunk.start))
        curve, frames = self.curves[size][place], self.pieces[place].frame_count
        longer = self.first + (1 - self.first) * (chunk.frame_count - 1) / max(frames - 1, 1)
        return replace(curve, bits=curve.bits * longer)

    def answer(self, points: Sequence[ProbePoint], progress: Progress | None) -> None:
        """Take what points give from the curves of pieces."""
        for point in points:
            curve = self.drawn(self.chunks[point.chunk], point.size)
            step = int(np.searchsorted(curve.quantisers, point.quantiser))
            bits = max(round(curve.bits[step] * self.apart(point)), 1)
            self.known(point)[point.quantiser] = RatePoint(point.quantiser, bits, float(curve.quality[step]))

    def ladder(self, request: LadderRequest) -> Ladder:
        """Return the title's ladder: it takes the trials of chunks that differ, but has the rungs of their pieces."""
        found = ladder_from(self, _segments(self.chunks), request)
        curves = {size: [self.drawn(chunk, size) for chunk in self.chunks] for size in self.curves}
        return replace(found, rungs=LadderBuilder(self.source, self.chunks, request).rungs(curves))


def predict_cost(
    source: Source,
    chunks: Sequence[Chunk],
    request: LadderRequest,
    executor: Executor,
    progress: Progress | None = None,
    *,
    compare: bool = False,
) -> dict[str, float]:
    """Predict the CPU seconds of trials, final encodes and measuring.

    Parameters
    ----------
    source : Source
    chunks : sequence of Chunk
        Of the whole title.
    request : LadderRequest
    executor : Executor
        Runs the trials and encodes of the pieces.
    progress : callable, optional
        Takes (share done, 1).
    compare : bool
        Whether the fixed ladder is to be tried as well.

    Returns
    -------
    dict
        CPU seconds by stage: "probes", "comparison", "encode", "measure".

    Notes
    -----
    The first frames of a few chunks, spread over the title, get a ladder of their own and are encoded and measured in
    it; so is the first frame of each alone, which tells what a chunk costs whatever its length (a process, and the
    frames from the last key frame on that it decodes to get there). How many trials the title takes, a search of the
    whole title tells whose trials are answered by the curves of the pieces, as far apart as chunks are; its rungs are
    those of the curves themselves. Refinements are tried on as large a share of its chunks as on the pieces. Trials
    cost no more than their budget.
    """
    pieces = _pieces(chunks)
    with tempfile.TemporaryDirectory(prefix="shotladder-") as folder:
        prober = _Counting(source, pieces, request.encoding, Store(Path(folder)), executor, every=request.every)
        small = ladder_from(prober, _segments(pieces), request, progress)
        finals = encode_final_chunks(prober, small)
        singles = tuple(replace(piece, stop=piece.start + 1) for piece in pieces)
        begun = encode_final_chunks(prober, replace(small, chunks=singles))
        first = _first_share(finals)
        curves = fitted(prober, list(dict.fromkeys(size for _, size in prober.found | prober.rough)))
    title = _Imagined(
        source, tuple(chunks), request.encoding, prober.store, executor, request.every, pieces=pieces, curves=curves,
        first=first,
    )  # fmt: skip
    whole = title.ladder(replace(request, views=None))
    compared = replace(title.sibling(), work=_Work())
    if compare and request.mode != "fixed":
        # the final encodes are known by then
        compared.answer(_points(whole), None)
        fixed_anchor(compared, whole, request)
    frames = [sum(chunk.frame_count for chunk in part) for part in (chunks, pieces)]
    refining = prober.refining.times(frames[0] / frames[1], len(chunks) / len(pieces))
    done, single, todo = (_finals_work(source, ladder) for ladder in (small, replace(small, chunks=singles), whole))
    costs = {
        "encode": (finals.encode_cpu_seconds, begun.encode_cpu_seconds, small.cost.encode_cpu_seconds),
        "measure": (finals.measure_cpu_seconds, begun.measure_cpu_seconds, small.cost.measure_cpu_seconds),
    }
    trials = title.work + refining
    said: dict[str, float] = {"probes": 0.0, "comparison": 0.0}
    for stage, (pieces_cost, singles_cost, trials_cost) in costs.items():
        parts = [getattr(work, stage) for work in (done, single, todo, prober.work)]
        each = max(pieces_cost - singles_cost, 0.0) / max(parts[0] - parts[1], 1e-9)
        job = max(pieces_cost - each * parts[0], 0.0) / done.jobs
        said[stage] = (each * parts[2] + job * todo.jobs) * (1 + AGAIN)
        # the preset of trials is another
        per_trial = max(trials_cost - job * prober.work.jobs, trials_cost / 2) / parts[3]
        for name, work in (("probes", trials), ("comparison", compared.work)):
            said[name] += per_trial * getattr(work, stage) + job * work.jobs
    if request.stop.budget is not None:
        said["probes"] = min(said["probes"], request.stop.budget)
    return {stage: round(seconds, 1) for stage, seconds in said.items()}


def _points(ladder: Ladder) -> list[ProbePoint]:
    """Return what a ladder encodes."""
    return [
        ProbePoint(n, (rung.width, rung.height), quantiser)
        for rung in ladder.rungs
        for n, quantiser in enumerate(rung.quantisers)
    ]


def _work(source: Source, chunk: Chunk, pixels: Sequence[float], measured: int) -> _Work:
    """Return the work of one job: encodes of so many pixels a frame each, measured on some frames."""
    width, height = source.display_size
    encode = chunk.frame_count * (DECODED + sum(pixels) / (width * height))
    return _Work(encode, len(pixels) * (measured + SKIPPED * chunk.frame_count), 1)


def _finals_work(source: Source, ladder: Ladder) -> _Work:
    """Return the work of a ladder's final encodes."""
    pixels = [float(rung.width * rung.height) for rung in ladder.rungs]
    return sum((_work(source, chunk, pixels, chunk.frame_count) for chunk in ladder.chunks), _Work())


def _first_share(finals: FinalEncodes) -> float:
    """Return the share of all bits that chunks' first frames have."""
    samples = [read_track_samples(chunk.path)[0] for row in finals.chunks for chunk in row]
    return float(sum(bits[0] for bits in samples) / sum(bits.sum() for bits in samples))


def _segments(chunks: Sequence[Chunk]) -> tuple[Segment, ...]:
    return tuple(Segment(chunk.start, chunk.stop) for chunk in chunks)


def _pieces(chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
    """Return the beginnings of chunks that lie evenly over the title's frames."""
    count = min(PIECES, len(chunks))
    due = [chunks[-1].stop * (2 * n + 1) / (2 * count) for n in range(count)]
    chosen = dict.fromkeys(next(chunk for chunk in chunks if chunk.stop > frame) for frame in due)
    return tuple(
        replace(chunk, stop=min(chunk.start + PIECE, chunk.stop), keyframes=(chunk.start,), cuts=()) for chunk in chosen
    )
