"""Which chunks of an encoded rung stand at a limit, and so not where bits are best spent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from encoder import Chunk, Source
from ladders.allocation.constraints import Constraints
from ladders.final.final_encodes import FinalChunk, final_point
from ladders.ladder_request import EncodeSettings

__all__ = ["AT_PEAK", "active_constraints"]

#: A chunk that has such a share of the peak stands at it; one that is so near (VMAF) to another limit, at that.
AT_PEAK, NEAR = 0.9, 0.5


def active_constraints(
    source: Source,
    chunks: Sequence[Chunk],
    quantisers: Sequence[float],
    row: Sequence[FinalChunk],
    constraints: Constraints,
    encoding: EncodeSettings,
) -> dict[str, list[int]]:
    """Return the numbers of the chunks that stand at each limit.

    Parameters
    ----------
    source : Source
    chunks : sequence of Chunk
        They tile the film.
    quantisers : sequence of float
        Of each chunk.
    row : sequence of FinalChunk
        Their encodes.
    constraints : Limits
    encoding : Encoding

    Returns
    -------
    dict
        By "floor", "cap", "peak" and "max_quality_step". A chunk may stand at several, or at none, as most do.
    """
    seconds = np.array([float(source.time(chunk.stop) - source.time(chunk.start)) for chunk in chunks])
    points = [
        final_point(source, chunk, quantiser, final, encoding)
        for chunk, quantiser, final in zip(chunks, quantisers, row, strict=True)
    ]
    quality = np.array([point.quality for point in points])
    heaviest = np.array([point.peak_to_average * point.bits for point in points]) / seconds
    mean = encoding.pool(np.concatenate([final.vmaf for final in row]))
    peak = constraints.peak_ratio * sum(point.bits for point in points) / seconds.sum()
    steps = np.abs(np.diff(quality))
    furthest = np.maximum(np.append(0.0, steps), np.append(steps, 0.0))
    held = {
        "floor": quality - [point.worst_shot_deficit for point in points] <= mean - constraints.floor_below_mean + NEAR,
        "cap": quality >= constraints.cap - NEAR,
        "peak": heaviest >= AT_PEAK * peak,
        "max_quality_step": furthest
        >= (np.inf if constraints.max_quality_step is None else constraints.max_quality_step) - NEAR,
    }
    return {name: np.flatnonzero(at).tolist() for name, at in held.items()}
