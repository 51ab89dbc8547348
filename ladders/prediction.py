"""Predict what a title will cost, by doing all of it to a few short pieces."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from encoder import Chunk, Segment, Source, Store
from ladders.finals import encode_finals
from ladders.making import LadderRequest, ladder_from
from ladders.probes import Prober, Progress, stride

__all__ = ["predict_cost"]

#: How many pieces, and the frames of each at most.
PIECES, PIECE = 3, 32
#: Share of the final encodes that is made again because it missed: what the films of our benchmarks needed.
AGAIN = 0.2


def predict_cost(
    source: Source,
    chunks: Sequence[Chunk],
    request: LadderRequest,
    executor: Executor,
    progress: Progress | None = None,
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

    Returns
    -------
    dict
        CPU seconds by stage: "probes", "encode", "measure".

    Notes
    -----
    The first frames of a few chunks, spread over the title, get a ladder of their own and are encoded and measured in
    it; so is the first frame of each alone, which tells what a chunk costs whatever its length (a process, and the
    frames from the last key frame on that it decodes to get there). Trials cost no more than their budget.
    """
    pieces = _pieces(chunks)
    segments = tuple(Segment(piece.first, piece.last) for piece in pieces)
    with tempfile.TemporaryDirectory(prefix="shotladder-") as folder:
        prober = Prober(source, pieces, request.encoding, Store(Path(folder)), executor, every=request.every)
        ladder = ladder_from(prober, segments, request, progress)
        finals = encode_finals(prober, ladder)
        singles = tuple(replace(piece, last=piece.first + 1) for piece in pieces)
        begun = encode_finals(prober, replace(ladder, chunks=singles))
    encode = _times_more(chunks, pieces, begun.encode_cpu_seconds / finals.encode_cpu_seconds)
    measure = _times_more(chunks, pieces, begun.measure_cpu_seconds / finals.measure_cpu_seconds)
    # long chunks have fewer of their frames measured in trials
    sampled = _share_measured(chunks, request.every) / _share_measured(pieces, request.every)
    probes = encode * ladder.cost.encode_cpu_seconds + measure * sampled * ladder.cost.measure_cpu_seconds
    return {
        "probes": round(probes if request.stop.budget is None else min(probes, request.stop.budget), 1),
        "encode": round(encode * finals.encode_cpu_seconds * (1 + AGAIN), 1),
        "measure": round(measure * finals.measure_cpu_seconds * (1 + AGAIN), 1),
    }


def _times_more(chunks: Sequence[Chunk], pieces: Sequence[Chunk], singles: float) -> float:
    """Return how many times more chunks cost than pieces, whose first frames alone cost such a share of them."""
    frames, whole = (sum(chunk.frame_count for chunk in part) for part in (pieces, chunks))
    per_frame = max(1 - singles, 0.0) / max(frames - len(pieces), 1)
    per_chunk = max(1 - per_frame * frames, 0.0) / len(pieces)
    return per_frame * whole + per_chunk * len(chunks)


def _share_measured(chunks: Sequence[Chunk], every: int) -> float:
    """Return the share of chunks' frames that a trial measures."""
    frames = sum(chunk.frame_count for chunk in chunks)
    return sum(math.ceil(chunk.frame_count / stride(chunk, every)) for chunk in chunks) / frames


def _pieces(chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
    """Return the beginnings of chunks that lie evenly over the title's frames."""
    count = min(PIECES, len(chunks))
    due = [chunks[-1].last * (2 * n + 1) / (2 * count) for n in range(count)]
    chosen = dict.fromkeys(next(chunk for chunk in chunks if chunk.last > frame) for frame in due)
    return tuple(
        replace(chunk, last=min(chunk.first + PIECE, chunk.last), keyframes=(chunk.first,), cuts=()) for chunk in chosen
    )
