"""The ladder of each codec: find it by probe encodes or load it, then encode, measure and correct it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial

import encoder
import vmaf
from encoder import Chunk, Segment, Source
from ladders import (
    AUTO,
    MODES,
    Anchor,
    FinalEncodes,
    Ladder,
    LadderError,
    LadderRequest,
    ProbeCost,
    Prober,
    Rung,
    Shot,
    add_final_encodes,
    choose_preset,
    constraint_costs,
    encode_final_chunks,
    encode_with_correction,
    find_ladder,
    fixed_anchor,
    load_ladders,
    measure_extra,
)
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.source.film_grain import choose_film_grain
from shotladder.pipeline.source.source_analysis import SourceAnalysis
from shotladder.pipeline.source.zones import FrameZone, choose_overrides, limit_chunks, place_zones, read_zones
from shotladder.pipeline.timing.followed_probes import FollowedProbes
from shotladder.pipeline.timing.remaining_time import TimeLeft
from shotladder.pipeline.timing.run_estimate import estimate_finals
from shotladder.reporter import Advance, Reporter
from shotladder_runtime.jobs import run_concurrently

__all__ = [
    "CodecLadder",
    "EncodedLadder",
    "encode_ladder",
    "encode_ladders",
    "find_codec_ladder",
    "find_codec_ladders",
    "with_film_grain",
]

Stage = Callable[[str], AbstractContextManager[Advance]]


@dataclass(frozen=True, slots=True, eq=False)
class CodecLadder:
    """The ladder of one codec before its final encodes.

    Attributes
    ----------
    request : LadderRequest
    prober : Prober
        Holds the probe encodes that the ladder is based on.
    ladder : Ladder
    is_from_file : bool
        Whether it was loaded from a file; such a ladder is encoded unchanged, without correction.
    film_grain : tuple of int
        Strength of synthesised film grain for each chunk; empty for none.
    """

    request: LadderRequest
    prober: Prober
    ladder: Ladder
    is_from_file: bool
    film_grain: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class EncodedLadder:
    """The ladder of one codec with its final encodes, and the fixed ladder if a comparison was requested.

    `constraint_costs` has the percentage of bits by constraint for each rung; it is empty for a ladder from a file.
    `source_grain` has the encodes at the same quantisers with the grain of the source, if `finals` synthesise it.
    `scores` has the score of each rung by the metrics beside VMAF; it is empty without such metrics.
    """

    ladder: Ladder
    finals: FinalEncodes
    anchor: Anchor | None = None
    constraint_costs: Sequence[Mapping[str, float]] = ()
    source_grain: FinalEncodes | None = None
    scores: Sequence[Mapping[str, float]] = ()


def find_codec_ladders(
    request: EncodeRequest,
    ladder_requests: Sequence[LadderRequest],
    analysis: SourceAnalysis,
    executor: Executor,
    reporter: Reporter,
    time_left: TimeLeft | None = None,
) -> list[CodecLadder]:
    """Find the ladder of each codec by probe encodes, or load the ladders from the file that the request names.

    Raises
    ------
    LadderError
        If the ladders of a file do not belong to the source, or do not have the same segments.
    """
    if request.engine == "native":
        # compile once here: not in every worker, and not on the cost of a probe
        vmaf.warm_up(analysis.source.bit_depth)
    if request.ladder not in MODES:
        return _load_codec_ladders(request, ladder_requests[0], analysis.source, executor)
    chunks, segments = encoder.plan_chunks(analysis.source, [shot.start for shot in analysis.shots], request.segment)
    zones = place_zones(read_zones(request.zones), analysis.source, analysis.shots) if request.zones else ()
    calls = [
        partial(
            find_codec_ladder,
            _with_zones(each, zones, analysis.source, chunks),
            (analysis.source, chunks, segments),
            request,
            executor,
            _stages(reporter, each.encoding.codec, len(ladder_requests)),
            time_left,
        )
        for each in ladder_requests
    ]
    return run_concurrently(executor, calls)


def _with_zones(
    request: LadderRequest, zones: Sequence[FrameZone], source: Source, chunks: Sequence[Chunk]
) -> LadderRequest:
    if not zones:
        return request
    limits = limit_chunks(zones, chunks, request.encoding.codec, request.target_for(source))
    overrides = choose_overrides(zones, chunks, request.encoding)
    return replace(request, constraints=replace(request.constraints, zones=limits), overrides=overrides)


def find_codec_ladder(
    ladder_request: LadderRequest,
    plan: tuple[Source, tuple[Chunk, ...], tuple[Segment, ...]],
    request: EncodeRequest,
    executor: Executor,
    stage: Stage,
    time_left: TimeLeft | None = None,
) -> CodecLadder:
    """Find the ladder of one codec by probe encodes.

    Parameters
    ----------
    ladder_request : LadderRequest
        Of the codec; the preset may be "auto".
    plan : tuple
        Source, chunks and segments.
    request : EncodeRequest
        Names the store.
    executor : Executor
    stage : callable
        Opens a progress stage.
    time_left : TimeLeft, optional
        Learns from the probes what the rest of the run takes.
    """
    source, chunks, segments = plan
    spent = ProbeCost()
    if ladder_request.encoding.preset == AUTO:
        with stage("choose a preset"):
            ladder_request, spent = choose_preset(ladder_request, source, chunks, request.store, executor)
    prober = Prober(
        source,
        chunks,
        ladder_request.encoding,
        request.store,
        executor,
        frame_stride=ladder_request.frame_stride,
        cost=spent,
    )
    with stage("probe encodes") as advance:
        prober.runner = followed = _follow_probes(prober, ladder_request, request, advance, time_left)
        ladder = find_ladder(prober, segments, ladder_request)
        followed.finish()
        # later encodes have other settings
        prober.runner = None
    return CodecLadder(ladder_request, prober, ladder, is_from_file=False)


def _follow_probes(
    prober: Prober,
    ladder_request: LadderRequest,
    request: EncodeRequest,
    advance: Advance,
    time_left: TimeLeft | None,
) -> FollowedProbes:
    """Return the runner of probes that passes its progress and its expectations on."""
    codec = prober.encoding.codec

    def show(done: float, total: float) -> None:
        if time_left is not None:
            time_left.set_progress(codec, "probes", done, total)
        advance(done, total)

    def expect(rungs: Sequence[Rung], probed: int) -> None:
        if time_left is not None:
            stages = estimate_finals(request, prober.source, codec, rungs, len(prober.chunks))
            # chunks differ, and the estimate before the run counts as one of them
            time_left.refine(stages, probed / (probed + 1))

    return FollowedProbes(prober, ladder_request, show, expect)


def with_film_grain(found: CodecLadder, choice: str, shots: Sequence[Shot], reporter: Reporter) -> CodecLadder:
    """Return a ladder whose final encodes synthesise film grain where its codec can; report what is done."""
    strengths, note = choose_film_grain(found.ladder, choice, shots)
    reporter.say(note)
    return replace(found, film_grain=strengths)


def encode_ladders(
    ladders: Sequence[CodecLadder], request: EncodeRequest, executor: Executor, reporter: Reporter
) -> list[EncodedLadder]:
    """Encode and measure the ladders of all codecs concurrently; see `encode_ladder`."""
    stride = max(each.prober.encoding.final_frame_stride for each in ladders)
    if stride > 1:
        reporter.say(f"effort fast: the VMAF of the final encodes is measured on one frame in {stride}")
    compare = request.compare and request.metric is None
    if request.compare and not compare:
        reporter.say("no comparison with a fixed ladder is made, because the search does not measure VMAF")
    calls = [
        partial(_encode_and_score, each, request, _stages(reporter, each.ladder.codec, len(ladders)), compare=compare)
        for each in ladders
    ]
    return run_concurrently(executor, calls)


def _encode_and_score(found: CodecLadder, request: EncodeRequest, stage: Stage, *, compare: bool) -> EncodedLadder:
    """Encode a ladder, and measure its final encodes by the metrics beside VMAF."""
    encoded = encode_ladder(found, stage, compare=compare)
    metric = found.request.encoding.metric
    scores: list[dict[str, float]] = [{} for _ in encoded.finals.chunks]
    if metric is not None:
        for n, each in enumerate(scores):
            each[metric.name] = metric.scale.to_score(float(encoded.finals.quality(n).mean()))
    names = [name for name in request.measure if metric is None or name != metric.name]
    if names:
        with stage(f"measure {', '.join(names)}") as advance:
            measured, cpu = measure_extra(found.prober, encoded.ladder, encoded.finals, names, advance)
        scores = [each | extra for each, extra in zip(scores, measured, strict=True)]
        finals = replace(encoded.finals, measure_cpu_seconds=encoded.finals.measure_cpu_seconds + cpu)
        encoded = replace(encoded, finals=finals)
    return replace(encoded, scores=tuple(scores)) if any(scores) else encoded


def encode_ladder(found: CodecLadder, stage: Stage, *, compare: bool) -> EncodedLadder:
    """Encode and measure the rungs of a ladder, correct those that miss their target, and measure the fixed ladder.

    Parameters
    ----------
    found : CodecLadder
    stage : callable
        Opens a progress stage.
    compare : bool
        Whether to measure the fixed ladder on a sample of chunks.
    """
    if found.film_grain:
        # synthesised grain lowers the VMAF of every quantiser, so that a correction would spend the saved bits
        plain = encode_ladder(replace(found, film_grain=()), stage, compare=False)
        chunks = [replace(c, film_grain=n) for c, n in zip(found.ladder.chunks, found.film_grain, strict=True)]
        ladder = replace(plain.ladder, chunks=tuple(chunks))
        with stage("encode with synthesised film grain") as advance:
            finals = encode_final_chunks(found.prober, ladder, advance, plain.finals)
        return EncodedLadder(ladder, finals, constraint_costs=plain.constraint_costs, source_grain=plain.finals)
    if found.is_from_file:
        with stage("encode and measure") as advance:
            return EncodedLadder(found.ladder, encode_final_chunks(found.prober, found.ladder, advance))
    ladder, finals = encode_with_correction(found.prober, found.ladder, found.request, stage)
    found.prober.results = add_final_encodes(found.prober, ladder, finals)
    costs = constraint_costs(found.prober, ladder, found.request)
    if not compare or ladder.mode == "fixed":
        return EncodedLadder(ladder, finals, constraint_costs=costs)
    with stage("compare with the fixed ladder") as advance:
        anchor = fixed_anchor(found.prober, ladder, found.request, advance)
        return EncodedLadder(ladder, finals, anchor, costs)


def _stages(reporter: Reporter, codec: str, codec_count: int) -> Stage:
    """Return a function that opens a progress stage, named with the codec if there are several codecs."""

    def stage(title: str) -> AbstractContextManager[Advance]:
        return reporter.stage(f"{codec}: {title}" if codec_count > 1 else title)

    return stage


def _load_codec_ladders(
    request: EncodeRequest, base: LadderRequest, source: Source, executor: Executor
) -> list[CodecLadder]:
    ladders = _load_ladders(request.ladder, source)
    found = []
    for ladder in ladders:
        settings = {name: getattr(ladder, name) for name in ("codec", "preset", "tune", "pooling")}
        ladder_request = replace(base, encoding=replace(base.encoding, **settings))
        prober = Prober(source, ladder.chunks, ladder_request.encoding, request.store, executor)
        found.append(CodecLadder(ladder_request, prober, ladder, is_from_file=True))
    return found


def _load_ladders(path: str, source: Source) -> tuple[Ladder, ...]:
    ladders = load_ladders(path)
    for ladder in ladders:
        ladder.check_belongs_to(source)
        if ladder.segments != ladders[0].segments:
            raise LadderError(f"{path}: the ladders have different segments")
    if len({ladder.codec for ladder in ladders}) < len(ladders):
        raise LadderError(f"{path}: contains two ladders of one codec")
    return ladders
