"""Deliver a ladder: encode it, measure it, and correct the rungs that missed what was declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from encoder import Chunk, Source, get_codec, min_vbv_bitrate, read_stitched_samples
from ladders.allocation.decoder_buffer import kept_shares
from ladders.allocation.equal_slope import PEAK_MARGIN, Constraints, RungTarget
from ladders.api import corrected
from ladders.final.active_constraints import AT_PEAK
from ladders.final.final_encodes import (
    FinalChunk,
    FinalEncodes,
    Progress,
    add_final_encodes,
    encode_final_chunks,
    final_point,
)
from ladders.ladder import Ladder, Rung
from ladders.ladder_request import LadderRequest
from ladders.probing.chunk_measurement import EncodeSettings
from ladders.probing.prober import Prober

__all__ = ["encode_with_correction", "find_violations", "segment_rates"]

#: Names a stage and gives what is to be told of its progress.
Stage = Callable[[str], AbstractContextManager[Progress]]

#: Bits of a track's samples, and when each is decoded, s.
Samples = tuple[NDArray[np.int64], NDArray[np.float64]]

#: How far a rung is from what is asked of it, what comes first first: its quality (or rate), its peak, its floor and
#: jumps; each in what is tolerated, and 1 where it is kept to.
_Miss = tuple[float, ...]

#: A rung whose measured mean is further than this (VMAF) from what was asked of it is corrected, and one with a shot
#: that lies further below the floor, or jumps further than it may.
TOLERANCE, FLOOR_TOLERANCE = 0.4, 0.25
#: A rung of the fixed ladder is corrected if its rate is further off than such a share of it.
RATE_TOLERANCE = 0.05
#: Times that rungs which missed are encoded again; more often for a decoder's buffer, as large frames shrink less than
#: their chunk.
CORRECTIONS, BUFFER_CORRECTIONS = 3, 4


@dataclass(frozen=True, slots=True, eq=False)
class _Round:
    """A ladder as it was encoded, and what each rung misses."""

    ladder: Ladder
    finals: FinalEncodes
    misses: Sequence[_Miss]


def encode_with_correction(
    prober: Prober, ladder: Ladder, request: LadderRequest, stage: Stage | None = None
) -> tuple[Ladder, FinalEncodes]:
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
    FinalEncodes
        Its encodes.
    """
    begin = stage or (lambda _: nullcontext(lambda done, total: None))
    with begin("encode and measure") as advance:
        finals = encode_final_chunks(prober, ladder, advance)
    rounds: list[_Round] = []
    most: dict[Rung, NDArray[np.float64] | float] = {}
    corrections = CORRECTIONS if request.limits.buffer is None else BUFFER_CORRECTIONS
    while True:
        misses = _misses(prober.source, ladder, finals, request.limits, prober.encoding)
        rounds.append(_Round(ladder, finals, misses))
        again = [n for n, miss in enumerate(misses) if max(miss) > 1]
        if not again or len(rounds) > corrections:
            break
        add_final_encodes(prober, ladder, finals)
        aims = {}
        for n in again:
            aim, asked = _aim(prober.source, ladder, finals, request, n), _asked(ladder.rungs[n])
            # what a chunk was found not to get it does not get in a later round
            most[asked] = np.minimum(aim.most, most.get(asked, np.inf))
            aims[n] = replace(aim, most=most[asked])
        better = corrected(prober, ladder, request, aims)
        if better == ladder:
            break
        with begin(f"correct {len(again)} of {len(ladder.rungs)} rungs") as advance:
            ladder, finals = better, encode_final_chunks(prober, better, advance, finals)
    return _best(rounds)


def _asked(rung: Rung) -> Rung:
    """Return what no correction changes of a rung."""
    return replace(rung, quantisers=())


def _best(rounds: Sequence[_Round]) -> tuple[Ladder, FinalEncodes]:
    """Return, of each rung that the last round has, the encodes that miss least of what is asked."""
    last = rounds[-1]
    rungs, rows = list(last.ladder.rungs), list(last.finals.chunks)
    least = {_asked(rung): (miss, n) for n, (rung, miss) in enumerate(zip(rungs, last.misses, strict=True))}
    for other in reversed(rounds[:-1]):
        for rung, row, miss in zip(other.ladder.rungs, other.finals.chunks, other.misses, strict=True):
            asked = _asked(rung)
            if asked in least and miss < least[asked][0]:
                n = least[asked][1]
                rungs[n], rows[n], least[asked] = rung, row, (miss, n)
    return replace(last.ladder, rungs=tuple(rungs)), replace(last.finals, chunks=tuple(rows))


def find_violations(
    source: Source, ladder: Ladder, finals: FinalEncodes, limits: Constraints, encoding: EncodeSettings | None = None
) -> list[int]:
    """Return the rungs that, measured, do not give what was asked of them, pooled as the encoding has it.

    Of the fixed ladder a rate is asked, of others a quality.
    """
    misses = _misses(source, ladder, finals, limits, encoding or EncodeSettings())
    return [n for n, miss in enumerate(misses) if max(miss) > 1]


def segment_rates(source: Source, ladder: Ladder, row: Sequence[FinalChunk]) -> list[float]:
    """Return the rate of every segment of one encoded rung, bits/s."""
    keys = [key for chunk in ladder.chunks for key in chunk.keyframes]
    parts = [part for final in row for part in final.parts]
    bits = np.zeros(len(ladder.segments))
    starts = [segment.start for segment in ladder.segments]
    np.add.at(bits, np.searchsorted(starts, keys, side="right") - 1, parts)
    return [float(b / (source.time(s.stop) - source.time(s.start))) for b, s in zip(bits, ladder.segments, strict=True)]


def _aim(source: Source, ladder: Ladder, finals: FinalEncodes, request: LadderRequest, number: int) -> RungTarget:
    """Return what is asked of a rung, with what its encode shows that a decoder's buffer can take."""
    row = finals.chunks[number]
    each = np.array([final.bits for final in row])
    aim = RungTarget(ladder.rungs[number].quality, float(each.sum()))
    if request.limits.buffer is None or ladder.mode != "per-shot":
        return aim
    peak = PEAK_MARGIN * request.limits.peak_ratio * aim.bits / _seconds(ladder, source)
    owners = np.repeat(np.arange(len(row)), [chunk.frame_count for chunk in ladder.chunks])
    shares = kept_shares(*_samples(source, ladder, row), owners, peak, request.limits.buffer)
    return replace(aim, most=np.where(shares < 1, shares * each, np.inf))


def _samples(source: Source, ladder: Ladder, row: Sequence[FinalChunk]) -> Samples:
    return read_stitched_samples(source, ladder.chunks, [final.path for final in row])


def _seconds(ladder: Ladder, source: Source) -> float:
    return float(sum(source.time(segment.stop) - source.time(segment.start) for segment in ladder.segments))


def _misses(
    source: Source, ladder: Ladder, finals: FinalEncodes, limits: Constraints, encoding: EncodeSettings
) -> list[_Miss]:
    """Return how far each rung is from what is asked of it."""
    if ladder.mode == "fixed":
        rates = [sum(final.bits for final in row) / _seconds(ladder, source) for row in finals.chunks]
        pairs = zip(ladder.rungs, rates, strict=True)
        return [(max(abs(rate / rung.rate - 1) / RATE_TOLERANCE, 1.0),) for rung, rate in pairs]
    misses = []
    for n, (rung, row) in enumerate(zip(ladder.rungs, finals.chunks, strict=True)):
        quality = abs(encoding.pooled(finals.vmaf(n)) - rung.quality) / TOLERANCE
        crossed = _crossed(source, ladder, rung, row, limits, encoding) if ladder.mode == "per-shot" else ()
        misses.append(tuple(max(miss, 1.0) for miss in (quality, *crossed)))
    return misses


def _crossed(
    source: Source, ladder: Ladder, rung: Rung, row: Sequence[FinalChunk], limits: Constraints, encoding: EncodeSettings
) -> _Miss:
    """Return how far the peak is crossed, and the jump or the floor of what could have more."""
    peak = limits.peak_ratio * sum(final.bits for final in row) / _seconds(ladder, source)
    samples = None if limits.buffer is None else _samples(source, ladder, row)
    highest = max(*segment_rates(source, ladder, row), _needed_rate(samples, limits))
    worst = 0.0
    if limits.jump is not None and len(row) > 1:
        jumps = np.abs(np.diff([encoding.pooled(final.vmaf) for final in row]))
        worst = float(jumps.max() - limits.jump) / FLOOR_TOLERANCE
    floor = encoding.pooled(np.concatenate([final.vmaf for final in row])) - limits.floor_below_mean
    finest = get_codec(encoding.codec).quantisers[0]
    for chunk, quantiser, final in zip(ladder.chunks, rung.quantisers, row, strict=True):
        point = final_point(source, chunk, quantiser, final, encoding)
        heaviest = point.burst * point.bits / float(source.time(chunk.stop) - source.time(chunk.start))
        # what has nearly all that a peak or a buffer takes can have no more, below the floor or not
        if max(heaviest / AT_PEAK, _needed_rate(samples, limits, chunk)) < peak and quantiser > finest:
            worst = max(worst, (floor - (point.quality - point.dip)) / FLOOR_TOLERANCE)
    return highest / peak, worst


def _needed_rate(samples: Samples | None, limits: Constraints, grown: Chunk | None = None) -> float:
    """Return the rate that the buffer asked for needs, had one chunk a little more; 0 where none is asked for."""
    if samples is None or limits.buffer is None:
        return 0.0
    bits, times = samples
    if grown is not None:
        bits = bits.copy()
        bits[grown.start : grown.stop] = np.ceil(bits[grown.start : grown.stop] / AT_PEAK)
    return min_vbv_bitrate(bits, times, limits.buffer)
