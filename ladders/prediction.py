"""Predict what a title will cost, by doing all of it to a few short pieces."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from encoder import Chunk, Segment, Source, Store
from ladders.finals import encode_finals
from ladders.making import LadderRequest, ladder_from
from ladders.probes import Prober, Progress

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
    The first frames of a few chunks, spread over the title, get a ladder of their own and are encoded and
    measured in it; the title costs as many times more as it has more frames.
    """
    pieces = _pieces(chunks)
    segments = tuple(Segment(piece.first, piece.last) for piece in pieces)
    with tempfile.TemporaryDirectory(prefix="shotladder-") as folder:
        prober = Prober(source, pieces, request.encoding, Store(Path(folder)), executor, every=request.every)
        ladder = ladder_from(prober, segments, request, progress)
        finals = encode_finals(prober, ladder)
    scale = source.frame_count / sum(piece.frame_count for piece in pieces)
    return {
        "probes": round(scale * ladder.cost.cpu_seconds, 1),
        "encode": round(scale * finals.encode_cpu_seconds * (1 + AGAIN), 1),
        "measure": round(scale * finals.measure_cpu_seconds * (1 + AGAIN), 1),
    }


def _pieces(chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
    """Return the beginnings of chunks that lie evenly over the title's frames."""
    count = min(PIECES, len(chunks))
    due = [chunks[-1].last * (2 * n + 1) / (2 * count) for n in range(count)]
    chosen = dict.fromkeys(next(chunk for chunk in chunks if chunk.last > frame) for frame in due)
    return tuple(
        replace(chunk, last=min(chunk.first + PIECE, chunk.last), keyframes=(chunk.first,)) for chunk in chosen
    )
