"""Find the chunks of an encoded rung at which a constraint is active, so that they are not at equal slope."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from encoder import Chunk, Source
from ladders.allocation.constraints import Constraints
from ladders.final.final_encodes import FinalChunk, final_point
from ladders.ladder_request import EncodeSettings

__all__ = ["AT_PEAK", "active_constraints"]

#: Fraction of the peak bitrate from which the peak counts as active at a chunk. Chosen by hand.
AT_PEAK = 0.9
#: VMAF distance to another constraint within which that counts as active. Chosen by hand.
NEAR_CONSTRAINT = 0.5


def active_constraints(
    source: Source,
    chunks: Sequence[Chunk],
    quantisers: Sequence[float],
    row: Sequence[FinalChunk],
    constraints: Constraints,
    encoding: EncodeSettings,
) -> dict[str, list[int]]:
    """Return the indices of the chunks at which each constraint is active.

    Parameters
    ----------
    source : Source
    chunks : sequence of Chunk
        All chunks of the source.
    quantisers : sequence of float
        Of each chunk.
    row : sequence of FinalChunk
        Encode of each chunk.
    constraints : Constraints
    encoding : EncodeSettings

    Returns
    -------
    dict
        With the keys "floor", "cap", "peak" and "max_quality_step". A chunk may be in several lists, or in none.
    """
    seconds = np.array([float(source.time(chunk.stop) - source.time(chunk.start)) for chunk in chunks])
    points = [
        final_point(source, chunk, quantiser, final, encoding)
        for chunk, quantiser, final in zip(chunks, quantisers, row, strict=True)
    ]
    quality = np.array([point.quality for point in points])
    peak_bitrates = np.array([point.peak_to_average * point.bits for point in points]) / seconds
    mean = encoding.pool(np.concatenate([final.quality for final in row]))
    peak = constraints.peak_ratio * sum(point.bits for point in points) / seconds.sum()
    steps = np.abs(np.diff(quality))
    max_steps = np.maximum(np.append(0.0, steps), np.append(steps, 0.0))
    max_quality_step = np.inf if constraints.max_quality_step is None else constraints.max_quality_step
    worst = quality - [point.worst_shot_deficit for point in points]
    active = {
        "floor": worst <= mean - constraints.floor_below_mean + NEAR_CONSTRAINT,
        "cap": quality >= constraints.cap - NEAR_CONSTRAINT,
        "peak": peak_bitrates >= AT_PEAK * peak,
        "max_quality_step": max_steps >= max_quality_step - NEAR_CONSTRAINT,
    }
    return {name: np.flatnonzero(at).tolist() for name, at in active.items()}
