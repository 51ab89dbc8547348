"""Deliver a ladder: encode it, measure it, and correct the rungs that missed what was declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from encoder import Source, codec_named
from ladders.allocation import Limits
from ladders.finals import FinalChunk, Finals, Progress, encode_finals, final_point, with_finals
from ladders.ladder import Ladder, Rung
from ladders.making import LadderRequest, corrected
from ladders.measured_chunks import Encoding
from ladders.probes import Prober

__all__ = ["deliver", "missed", "segment_rates"]

#: Names a stage and gives what is to be told of its progress.
Stage = Callable[[str], AbstractContextManager[Progress]]

#: A rung whose measured mean is further than this (VMAF) from what was asked of it is corrected, and one with a shot
#: that lies further below the floor.
TOLERANCE, FLOOR_TOLERANCE = 0.4, 0.25
#: A chunk that has such a share of the peak can have no more, also if it is below the floor.
AT_PEAK = 0.9
#: Times that rungs which missed are encoded again.
CORRECTIONS = 2


def deliver(
    prober: Prober, ladder: Ladder, request: LadderRequest, stage: Stage | None = None
) -> tuple[Ladder, Finals]:
    """Encode and measure a ladder, and encode again what missed.

    Parameters
    ----------
    prober : Prober
        Knows the trials that the ladder was made of.
    ladder : Ladder
    request : LadderRequest
        That the ladder was made for.
    stage : callable, optional
        Told of each round.

    Returns
    -------
    Ladder
        As corrected: what is asked of each rung stays, the quantisers of some chunks change.
    Finals
        Its encodes.
    """
    begin = stage or (lambda _: nullcontext(lambda done, total: None))
    with begin("encode and measure") as advance:
        finals = encode_finals(prober, ladder, advance)
    if ladder.mode == "fixed":
        return ladder, finals
    for _ in range(CORRECTIONS):
        again = missed(prober.source, ladder, finals, request.limits, prober.encoding)
        if not again:
            break
        with_finals(prober, ladder, finals)
        better = corrected(prober, ladder, request, {n: sum(c.bits for c in finals.chunks[n]) for n in again})
        if better == ladder:
            break
        with begin(f"correct {len(again)} of {len(ladder.rungs)} rungs") as advance:
            ladder, finals = better, encode_finals(prober, better, advance, finals)
    return ladder, finals


def missed(
    source: Source, ladder: Ladder, finals: Finals, limits: Limits, encoding: Encoding | None = None
) -> list[int]:
    """Return the rungs that, measured, do not give what was asked of them, pooled as the encoding has it."""
    encoding = encoding or Encoding()
    return [
        n
        for n, (rung, row) in enumerate(zip(ladder.rungs, finals.chunks, strict=True))
        if abs(encoding.pooled(finals.vmaf(n)) - rung.quality) > TOLERANCE
        or (ladder.mode == "per-shot" and _crosses(source, ladder, rung, row, limits, encoding))
    ]


def segment_rates(source: Source, ladder: Ladder, row: Sequence[FinalChunk]) -> list[float]:
    """Return the rate of every segment of one encoded rung, bits/s."""
    keys = [key for chunk in ladder.chunks for key in chunk.keyframes]
    parts = [part for final in row for part in final.parts]
    bits = np.zeros(len(ladder.segments))
    starts = [segment.first for segment in ladder.segments]
    np.add.at(bits, np.searchsorted(starts, keys, side="right") - 1, parts)
    return [float(b / (source.time(s.last) - source.time(s.first))) for b, s in zip(bits, ladder.segments, strict=True)]


def _crosses(
    source: Source, ladder: Ladder, rung: Rung, row: Sequence[FinalChunk], limits: Limits, encoding: Encoding
) -> bool:
    """Tell whether a segment is above the peak, or a shot below the floor that could have more."""
    seconds = sum(source.time(segment.last) - source.time(segment.first) for segment in ladder.segments)
    peak = limits.peak_ratio * sum(final.bits for final in row) / float(seconds)
    if max(segment_rates(source, ladder, row)) > peak:
        return True
    floor = encoding.pooled(np.concatenate([final.vmaf for final in row])) - limits.floor_below_mean
    finest = codec_named(encoding.codec).quantisers[0]
    for chunk, quantiser, final in zip(ladder.chunks, rung.quantisers, row, strict=True):
        point = final_point(source, chunk, quantiser, final, encoding)
        heaviest = point.burst * point.bits / float(source.time(chunk.last) - source.time(chunk.first))
        below = point.quality - point.dip < floor - FLOOR_TOLERANCE
        if below and heaviest < AT_PEAK * peak and quantiser > finest:
            return True
    return False
