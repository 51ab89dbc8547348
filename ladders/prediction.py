"""Predict what a title will cost before anything is encoded, from a second of it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from encoder import Chunk, ChunkJob, Source, Store, chunk_path, codec_named, encode_chunk
from ladders.making import LadderRequest
from ladders.probes import measure_chunk
from ladders.search import FIRST_TRIALS

__all__ = ["predict_cost"]

#: Frames that are encoded at each size to see how fast encoding and measuring are.
SAMPLE = 25
#: Trials of a chunk that follow the first ones, and rungs, both of middling size: what the films of our benchmarks
#: needed.
LATER_TRIALS, RUNGS = 2.5, 5.0
#: Where in the encoder's range of quantisers the sample is taken.
MIDDLING = 0.45
#: Share of the final encodes that is made again because it missed.
AGAIN = 0.2


def predict_cost(
    source: Source, chunks: Sequence[Chunk], sizes: Sequence[tuple[int, int]], request: LadderRequest
) -> dict[str, float]:
    """Predict the CPU seconds of trials, final encodes and measuring.

    Parameters
    ----------
    source : Source
    chunks : sequence of Chunk
        Of the whole title.
    sizes : sequence of (int, int)
        That may be encoded.
    request : LadderRequest

    Returns
    -------
    dict
        CPU seconds by stage: "probes", "encode", "measure".
    """
    middle = max(chunks, key=lambda chunk: chunk.frame_count)
    count = min(SAMPLE, middle.frame_count)
    sample = Chunk(middle.first, middle.first + count, (middle.first,), middle.shots)
    renditions = tuple(request.encoding.rendition(size) for size in sizes)
    quantiser = codec_named(request.encoding.codec).at_share(MIDDLING)
    with tempfile.TemporaryDirectory(prefix="shotladder-") as folder:
        job = ChunkJob(source, sample, renditions, (quantiser,) * len(sizes), Store(Path(folder)))
        encode = encode_chunk(job)
        paths = [chunk_path(job, n) for n in range(len(sizes))]
        measure = sum(s.cpu_seconds for s in measure_chunk(source, sample, paths, request.encoding, 1))
    scale = source.frame_count / count
    trials = len(FIRST_TRIALS) + LATER_TRIALS / len(sizes)
    trial_encode, trial_measure = trials * encode, trials * measure / request.every
    finals = RUNGS / len(sizes) * (1 + AGAIN)
    return {
        "probes": round(scale * (trial_encode + trial_measure), 1),
        "encode": round(scale * encode * finals, 1),
        "measure": round(scale * measure * finals, 1),
    }
