"""Encode the rungs of a ladder, measure them, and correct the rungs that violate their targets (closed loop)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from encoder import Chunk, Source, get_codec, min_vbv_bitrate, read_stitched_samples
from ladders.allocation.constraints import PEAK_MARGIN, Constraints, RungTarget
from ladders.allocation.vbv_constraint import kept_fractions
from ladders.construction.find_ladder import rebuild_rungs, requantise
from ladders.construction.ladder_builder import LadderBuilder, unique_rungs
from ladders.final.active_constraints import AT_PEAK
from ladders.final.final_encodes import (
    FinalChunk,
    FinalEncodes,
    Progress,
    add_final_encodes,
    encode_final_chunks,
    final_point,
)
from ladders.final.top_rung import encode_top_rung
from ladders.ladder import Ladder, Rung
from ladders.ladder_request import EncodeSettings, LadderRequest
from ladders.probing.curve_fit import fit_all
from ladders.probing.prober import Prober
from ladders.rd.curves import VMAF_CEILING
from ladders.rd.uncertainty import DEFICIT_EXPONENT

__all__ = ["encode_with_correction", "find_violations", "segment_rates"]

#: From the title of a stage to a context that gives the progress callback of the stage.
Stage = Callable[[str], AbstractContextManager[Progress]]

#: Bits of the samples of a track, and their decoding times in seconds.
Samples = tuple[NDArray[np.int64], NDArray[np.float64]]

#: Width, height and predicted bitrate of a rung.
RungIdentity = tuple[int, int, int]

#: Constraint violations of a rung in priority order: VMAF (or bitrate), peak, floor or quality step. Each is divided by
#: its tolerance; 1 means satisfied.
Violations = tuple[float, ...]

#: VMAF; tolerance of the measured mean of a rung. Chosen by hand: below what a quantiser step changes on short titles.
TOLERANCE = 0.4
#: VMAF; tolerance of the floor and of the quality step. Chosen by hand.
FLOOR_TOLERANCE = 0.25
#: Factor by which the ratio of two measured bitrates may be outside of the rules of the ladder. Chosen by hand: less
#: than a quarter of the way between the minimum and the maximum ratio.
RATIO_SLACK = 1.1
#: Factor by which the bitrate of the lowest rung may exceed its prediction: it is chosen for the slowest networks.
#: Chosen by hand: the precision of predictions of most videos.
LOWEST_RATE_SLACK = 1.15
#: Relative tolerance of the bitrate of a rung of the fixed ladder. Chosen by hand.
RATE_TOLERANCE = 0.05
#: Number of violations, from the first, whose constraints are promises: VMAF (or bitrate) and peak.
PROMISED = 2
#: Maximum number of corrections. Chosen by hand.
MAX_CORRECTIONS = 3
#: Maximum number of corrections with a decoder buffer: large frames shrink less than their chunk. Chosen by hand.
MAX_BUFFER_CORRECTIONS = 4


@dataclass(frozen=True, slots=True, eq=False)
class CorrectionRound:
    """A ladder, its encodes, and the violations of each rung."""

    ladder: Ladder
    finals: FinalEncodes
    violations: Sequence[Violations]


def encode_with_correction(
    prober: Prober, ladder: Ladder, request: LadderRequest, stage: Stage | None = None
) -> tuple[Ladder, FinalEncodes]:
    """Encode and measure a ladder, and encode the rungs that violate their targets again with other quantisers.

    Only the VMAF of the top rung is requested. The other rungs keep the VMAF that their first encodes have if the
    rungs remain as far apart as the rules permit.

    Parameters
    ----------
    prober : Prober
        With the probes of the ladder. The final encodes of corrected rounds are added to its results.
    ladder : Ladder
    request : LadderRequest
        For which the ladder was made.
    stage : callable, optional
        Receives the title of each round.

    Returns
    -------
    Ladder
        The VMAF of rungs below the top one, and the quantisers of some chunks change.
    FinalEncodes
        Of that ladder.
    """
    begin = stage or (lambda _: nullcontext(lambda done, total: None))
    top = None
    if ladder.mode != "fixed":
        # the curve of the coarsest quantiser, which may be extrapolated, can end above the target
        highest = ladder.rungs[-1]
        highest = replace(highest, quality=min(highest.quality, ladder.target))
        ladder = replace(ladder, rungs=(*ladder.rungs[:-1], highest))
    if ladder.mode != "fixed" and len(ladder.rungs) > 1:
        with begin("encode the top rung") as advance:
            highest_only, top = encode_top_rung(prober, replace(ladder, rungs=ladder.rungs[-1:]), request, advance)
        ladder = replace(ladder, rungs=(*ladder.rungs[:-1], *highest_only.rungs))
        ladder = _rebuild(prober, ladder, top, request)
    with begin("encode the other rungs" if top else "encode") as advance:
        finals = encode_final_chunks(prober, ladder, advance, top)
    corrections = MAX_CORRECTIONS if request.constraints.vbv_seconds is None else MAX_BUFFER_CORRECTIONS
    rounds: list[CorrectionRound] = []
    max_bits: dict[RungIdentity, NDArray[np.float64] | float] = {}
    while True:
        if top:
            ladder = accept_measured_vmaf(prober.source, ladder, finals, request, is_first=not rounds)
        uniform = _vmaf_with_one_quantiser(prober, ladder, request)
        violations = measure_violations(prober.source, ladder, finals, request.constraints, prober.encoding, uniform)
        rounds.append(CorrectionRound(ladder, finals, violations))
        # floor and quality step are corrected once: later rounds would follow the noise of the curves
        counted = None if len(rounds) == 1 else PROMISED
        violating = [n for n, each in enumerate(violations) if max(each[:counted]) > 1]
        if not violating or len(rounds) > corrections:
            return best_encodes(rounds)
        prober.results = add_final_encodes(prober, ladder, finals)
        rung_targets = {}
        for n in violating:
            rung_target = _measured_target(prober.source, ladder, finals, request, n)
            identity = _identity(ladder.rungs[n])
            # a maximum that one round has shown holds in later rounds
            max_bits[identity] = np.minimum(rung_target.max_bits, max_bits.get(identity, np.inf))
            rung_targets[n] = replace(rung_target, max_bits=max_bits[identity])
        flexible = [n for n in violating if n < len(ladder.rungs) - 1 and violations[n][0] <= 1]
        better = requantise(prober, ladder, request, rung_targets, flexible)
        if better == ladder:
            return best_encodes(rounds)
        with begin(f"correct {len(violating)} of {len(ladder.rungs)} rungs") as advance:
            ladder, finals = better, encode_final_chunks(prober, better, advance, finals)


def accept_measured_vmaf(
    source: Source, ladder: Ladder, finals: FinalEncodes, request: LadderRequest, *, is_first: bool = True
) -> Ladder:
    """Return the ladder with the measured VMAF of the rungs below the top one, where their distances permit it.

    The VMAF of these rungs follows from their bitrates, which are chosen by predicted curves: another VMAF at another
    bitrate serves viewers as well, as long as adjacent rungs differ as much as the rules require. From the top down,
    a rung that is too near or too far from the rung above it keeps its target. The lowest rung gets a lower target if
    its first encodes have more bits than predicted; later ones have bits that a constraint requires.
    """
    rules, seconds = request.rules, _seconds(ladder, source)
    near, far = rules.ratio[0] / RATIO_SLACK, rules.ratio[1] * RATIO_SLACK
    rungs = list(ladder.rungs)
    rates = [sum(final.bits for final in row) / seconds for row in finals.chunks]
    above_rate, above_vmaf = rates[-1], rungs[-1].quality
    for n in range(len(rungs) - 2, -1, -1):
        measured = request.encoding.pool(finals.quality(n))
        ratio, gain = above_rate / rates[n], above_vmaf - measured
        # the rung above may have more bits than predicted: then the distance is large although this rung is right
        is_near_enough = ratio <= far or rates[n] >= rungs[n].rate / RATIO_SLACK
        if n == 0 and is_first and rates[0] > LOWEST_RATE_SLACK * rungs[0].rate:
            deficit = (VMAF_CEILING - measured) * (rates[0] / rungs[0].rate) ** DEFICIT_EXPONENT
            rungs[0] = replace(rungs[0], quality=max(VMAF_CEILING - deficit, 0.0))
        elif ratio >= near and is_near_enough and gain >= min(rules.min_gain, above_vmaf - rungs[n].quality):
            rungs[n] = replace(rungs[n], quality=measured)
        above_rate, above_vmaf = rates[n], rungs[n].quality
    return replace(ladder, rungs=tuple(rungs))


def _rebuild(prober: Prober, ladder: Ladder, top: FinalEncodes, request: LadderRequest) -> Ladder:
    """Return the ladder by the curves that also pass through the final encodes of its top rung.

    Final encodes cost as much as probes by the target preset, and show where transferred curves are wrong. The top rung
    itself is kept if it does not violate a constraint, so that its encodes are used.
    """
    first = replace(ladder, rungs=ladder.rungs[-1:])
    uniform = _vmaf_with_one_quantiser(prober, first, request)
    (violations,) = measure_violations(prober.source, first, top, request.constraints, prober.encoding, uniform)
    prober.results = add_final_encodes(prober, first, top)
    rungs = rebuild_rungs(prober, ladder, request)
    kept = first.rungs[0]
    if max(violations) > 1:
        rung_target = _measured_target(prober.source, first, top, request, 0)
        kept = requantise(prober, first, request, {0: rung_target}).rungs[0]
    if (rungs[-1].width, rungs[-1].height) == (kept.width, kept.height):
        rungs = unique_rungs((*rungs[:-1], kept))
    return replace(ladder, rungs=rungs)


def _identity(rung: Rung) -> RungIdentity:
    """Return the part of a rung that corrections do not change, which identifies it across rounds."""
    return rung.width, rung.height, rung.rate


def best_encodes(rounds: Sequence[CorrectionRound]) -> tuple[Ladder, FinalEncodes]:
    """Return the last ladder, with the encodes of the round in which each rung has the least violations."""
    last = rounds[-1]
    rungs, rows = list(last.ladder.rungs), list(last.finals.chunks)
    best = {_identity(rung): (each, n) for n, (rung, each) in enumerate(zip(rungs, last.violations, strict=True))}
    for other in reversed(rounds[:-1]):
        for rung, row, violations in zip(other.ladder.rungs, other.finals.chunks, other.violations, strict=True):
            identity = _identity(rung)
            if identity in best and violations < best[identity][0]:
                n = best[identity][1]
                rungs[n], rows[n], best[identity] = rung, row, (violations, n)
    return replace(last.ladder, rungs=tuple(rungs)), replace(last.finals, chunks=tuple(rows))


def find_violations(
    source: Source,
    ladder: Ladder,
    finals: FinalEncodes,
    constraints: Constraints,
    encoding: EncodeSettings | None = None,
) -> list[int]:
    """Return the indices of the rungs whose measured encodes violate their targets or constraints.

    The target of a rung of the fixed ladder is a bitrate, that of other rungs a VMAF.
    """
    violations = measure_violations(source, ladder, finals, constraints, encoding or EncodeSettings())
    return [n for n, each in enumerate(violations) if max(each) > 1]


def segment_rates(source: Source, ladder: Ladder, row: Sequence[FinalChunk]) -> list[float]:
    """Return the bitrate of every segment of one encoded rung, bits/s."""
    keys = [key for chunk in ladder.chunks for key in chunk.keyframes]
    parts = [part for final in row for part in final.parts]
    bits = np.zeros(len(ladder.segments))
    starts = [segment.start for segment in ladder.segments]
    np.add.at(bits, np.searchsorted(starts, keys, side="right") - 1, parts)
    return [float(b / (source.time(s.stop) - source.time(s.start))) for b, s in zip(bits, ladder.segments, strict=True)]


def _measured_target(
    source: Source, ladder: Ladder, finals: FinalEncodes, request: LadderRequest, index: int
) -> RungTarget:
    """Return the target of a rung, with the maximum bits of the chunks that underflow the decoder buffer."""
    row = finals.chunks[index]
    bits = np.array([final.bits for final in row])
    rung_target = RungTarget(ladder.rungs[index].quality, float(bits.sum()))
    if request.constraints.vbv_seconds is None or ladder.mode != "per-shot":
        return rung_target
    peak = PEAK_MARGIN * request.constraints.peak_ratio * rung_target.bits / _seconds(ladder, source)
    owners = np.repeat(np.arange(len(row)), [chunk.frame_count for chunk in ladder.chunks])
    kept = kept_fractions(*_samples(source, ladder, row), owners, peak, request.constraints.vbv_seconds)
    return replace(rung_target, max_bits=np.where(kept < 1, kept * bits, np.inf))


def _samples(source: Source, ladder: Ladder, row: Sequence[FinalChunk]) -> Samples:
    return read_stitched_samples(source, ladder.chunks, [final.path for final in row])


def _seconds(ladder: Ladder, source: Source) -> float:
    return float(sum(source.time(segment.stop) - source.time(segment.start) for segment in ladder.segments))


def _vmaf_with_one_quantiser(prober: Prober, ladder: Ladder, request: LadderRequest) -> list[NDArray[np.float64]]:
    """Return, for each rung, the VMAF of the worst shot of each chunk if the rung had one quantiser, by the curves."""
    if ladder.mode != "per-shot":
        return []
    builder = LadderBuilder(prober.source, prober.chunks, request)
    overrides = ladder.overrides_except(request.encoding.default_override())
    curves = fit_all(prober, list(builder.sizes.values()), overrides)
    return [builder.vmaf_with_one_quantiser(curves, rung) for rung in ladder.rungs]


def measure_violations(
    source: Source,
    ladder: Ladder,
    finals: FinalEncodes,
    constraints: Constraints,
    encoding: EncodeSettings,
    uniform_vmaf: Sequence[NDArray[np.float64]] = (),
) -> list[Violations]:
    """Return the violations of each rung, divided by their tolerances.

    `uniform_vmaf` has the VMAF of the worst shot of each chunk with one quantiser for the rung, which the floor does
    not exceed; empty if it is not known.
    """
    if ladder.mode == "fixed":
        rates = [sum(final.bits for final in row) / _seconds(ladder, source) for row in finals.chunks]
        pairs = zip(ladder.rungs, rates, strict=True)
        return [(max(abs(rate / rung.rate - 1) / RATE_TOLERANCE, 1.0),) for rung, rate in pairs]
    violations = []
    for n, (rung, row) in enumerate(zip(ladder.rungs, finals.chunks, strict=True)):
        quality = abs(encoding.pool(finals.quality(n)) - rung.quality) / TOLERANCE
        of_chunks = (
            _chunk_violations(
                source, ladder, rung, row, constraints, encoding, uniform_vmaf[n] if uniform_vmaf else None
            )
            if ladder.mode == "per-shot"
            else ()
        )
        violations.append(tuple(max(each, 1.0) for each in (quality, *of_chunks)))
    return violations


def _chunk_violations(
    source: Source,
    ladder: Ladder,
    rung: Rung,
    row: Sequence[FinalChunk],
    constraints: Constraints,
    encoding: EncodeSettings,
    uniform_vmaf: NDArray[np.float64] | None,
) -> Violations:
    """Return the violation of the peak, and of the quality step or of the floor where a chunk can have more bits."""
    peak = constraints.peak_ratio * sum(final.bits for final in row) / _seconds(ladder, source)
    samples = None if constraints.vbv_seconds is None else _samples(source, ladder, row)
    highest = max(*segment_rates(source, ladder, row), _min_buffer_rate(samples, constraints))
    worst = 0.0
    if constraints.max_quality_step is not None and len(row) > 1:
        jumps = np.abs(np.diff([encoding.pool(final.quality) for final in row]))
        worst = float(jumps.max() - constraints.max_quality_step) / FLOOR_TOLERANCE
    floor = encoding.pool(np.concatenate([final.quality for final in row])) - constraints.floor_below_mean
    finest = get_codec(encoding.codec).quantisers[0]
    floors = np.full(len(row), floor) if uniform_vmaf is None else np.minimum(floor, uniform_vmaf)
    for chunk, quantiser, final, least in zip(ladder.chunks, rung.quantisers, row, floors, strict=True):
        point = final_point(source, chunk, quantiser, final, encoding)
        peak_bitrate = point.peak_to_average * point.bits / float(source.time(chunk.stop) - source.time(chunk.start))
        # a chunk near the peak or the limit of the buffer cannot have more bits, even below the floor
        if max(peak_bitrate / AT_PEAK, _min_buffer_rate(samples, constraints, chunk)) < peak and quantiser > finest:
            worst = max(worst, (least - (point.quality - point.worst_shot_deficit)) / FLOOR_TOLERANCE)
    return highest / peak, worst


def _min_buffer_rate(samples: Samples | None, constraints: Constraints, grown: Chunk | None = None) -> float:
    """Return the bitrate at which the decoder buffer does not underflow if a chunk grows to the peak; 0 without it."""
    if samples is None or constraints.vbv_seconds is None:
        return 0.0
    bits, times = samples
    if grown is not None:
        bits = bits.copy()
        bits[grown.start : grown.stop] = np.ceil(bits[grown.start : grown.stop] / AT_PEAK)
    return min_vbv_bitrate(bits, times, constraints.vbv_seconds)
