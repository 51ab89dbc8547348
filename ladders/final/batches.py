"""Encode a ladder in batches of chunks: the later batches compensate for the prediction errors of the earlier ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from encoder import Chunk
from ladders.construction.find_ladder import requantise_chunks
from ladders.final.final_encodes import FinalEncodes, Progress, add_final_chunks, encode_chunks, encode_final_chunks
from ladders.ladder import Ladder
from ladders.ladder_request import LadderRequest
from ladders.probing.prober import Prober
from ladders.probing.progress_range import sub_range

__all__ = ["encode_in_batches", "order_batches", "reuse_probes"]

#: Fractions of the frames at which batches end. Chosen by hand: the error of a batch is unknown until it is encoded,
#: so that the last batch, which nothing compensates, is the smallest.
BATCH_ENDS = (0.4, 0.75, 1.0)
#: Quantiser units; maximum distance of a probe whose encode takes the place of a final encode. Chosen by hand: an error
#: of one unit in the allocation costs about 0.4 percent of the bits of the chunk.
MAX_REUSE_DISTANCE = 1.0


def encode_in_batches(
    prober: Prober,
    ladder: Ladder,
    request: LadderRequest,
    progress: Progress | None = None,
    before: FinalEncodes | None = None,
    frame_stride: int = 1,
) -> tuple[Ladder, FinalEncodes]:
    """Encode and measure a ladder batch by batch; choose the quantisers of the rest again after each batch.

    Parameters
    ----------
    prober : Prober
        The encodes of all batches but the last are added to its results.
    ladder : Ladder
    request : LadderRequest
        For which the ladder was made.
    progress : callable, optional
        Receives (finished, all) frames of the encodes.
    before : FinalEncodes, optional
        Earlier encodes, as in `encode_final_chunks`.
    frame_stride : int
        Maximum frame stride of the measurement, odd.

    Returns
    -------
    Ladder
        With the quantisers that were encoded.
    FinalEncodes

    Notes
    -----
    Encodes of probes are used where their quantiser is near. Only in mode per-shot without a maximum quality step may
    the quantiser of a chunk be chosen by itself; other ladders are one batch.
    """
    if ladder.mode != "per-shot" or request.constraints.max_quality_step is not None:
        return ladder, encode_final_chunks(prober, ladder, progress, before, frame_stride)
    ladder, reused = reuse_probes(prober, ladder)
    batches = [[], *order_batches(ladder.chunks)]
    done, total = 0, sum(chunk.frame_count for chunk in ladder.chunks)
    for n, batch in enumerate(batches[:-1]):
        stop = done + sum(ladder.chunks[index].frame_count for index in batch)
        rows = encode_chunks(prober, ladder, batch, sub_range(progress, done / total, stop / total), frame_stride)
        prober.results = add_final_chunks(prober, ladder, rows)
        rest = [index for later in batches[n + 1 :] for index in later]
        ladder = requantise_chunks(prober, ladder, request, [sorted(set(rest) - each) for each in reused])
        done = stop
    # the encodes of the earlier batches are in the store
    rest_of_progress = sub_range(progress, done / total, 1.0)
    return ladder, encode_final_chunks(prober, ladder, rest_of_progress, before, frame_stride)


def reuse_probes(prober: Prober, ladder: Ladder) -> tuple[Ladder, list[set[int]]]:
    """Replace quantisers by near ones of target-preset probes, whose encodes are in the store.

    Returns
    -------
    Ladder
    list of set of int
        For each rung the indices of the chunks that have the quantiser of a probe.
    """
    other = ladder.overrides_except(prober.encoding.default_override())
    rungs, reused = [], []
    for rung in ladder.rungs:
        quantisers = list(rung.quantisers)
        near = set()
        for n, quantiser in enumerate(quantisers):
            probed = prober.results.exact(n, (rung.width, rung.height), other.get(n, ""))
            distances = [(abs(each - quantiser), each) for each in probed]
            distance, nearest = min(distances, default=(math.inf, quantiser))
            if distance <= MAX_REUSE_DISTANCE:
                quantisers[n] = nearest
                near.add(n)
        rungs.append(replace(rung, quantisers=tuple(quantisers)))
        reused.append(near)
    return replace(ladder, rungs=tuple(rungs)), reused


def order_batches(chunks: Sequence[Chunk]) -> list[list[int]]:
    """Return the indices of the chunks of each batch, longest chunks first."""
    frames = np.array([chunk.frame_count for chunk in chunks])
    order = np.argsort(-frames, kind="stable")
    middles = (np.cumsum(frames[order]) - frames[order] / 2) / frames.sum()
    batch = np.searchsorted(BATCH_ENDS, middles)
    return [sorted(order[batch == n].tolist()) for n in range(len(BATCH_ENDS)) if np.any(batch == n)]
