"""One ladder a codec: found by trials or read from a file, then encoded, measured and corrected."""

from __future__ import annotations

from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial

import encoder
import vmaf
from encoder import Source
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
    Shot,
    add_final_encodes,
    choose_preset,
    encode_final_chunks,
    encode_with_correction,
    find_ladder,
    fixed_anchor,
    load_ladders,
)
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.progress import Advance, Reporter
from shotladder_runtime.jobs import run_concurrently

__all__ = ["CodecLadder", "EncodedLadder", "codec_ladders"]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedLadder:
    """The ladder of one codec as it was encoded, and the fixed ladder beside it, if that was asked for."""

    ladder: Ladder
    finals: FinalEncodes
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CodecLadder:
    """The ladder of one codec, before it is encoded.

    Attributes
    ----------
    wanted : LadderRequest
    prober : Prober
        Knows the trials that it was made of.
    ladder : Ladder
    from_file : bool
        Such a ladder is made as it says, and not corrected.
    several : bool
        Whether other codecs are made beside it.
    compare : bool
        Whether to find out what a fixed ladder would have given.
    """

    wanted: LadderRequest
    prober: Prober
    ladder: Ladder
    from_file: bool
    several: bool
    compare: bool

    def encode_with_correction(self, reporter: Reporter) -> EncodedLadder:
        """Encode and measure, correct the rungs that missed, and measure what they are compared with."""

        def stage(title: str) -> AbstractContextManager[Advance]:
            return reporter.stage(f"{self.ladder.codec}: {title}" if self.several else title)

        if self.from_file:
            with stage("encode and measure") as advance:
                return EncodedLadder(self.ladder, encode_final_chunks(self.prober, self.ladder, advance))
        ladder, finals = encode_with_correction(self.prober, self.ladder, self.wanted, stage)
        if not self.compare or ladder.mode == "fixed":
            return EncodedLadder(ladder, finals)
        with stage("compare with the fixed ladder") as advance:
            self.prober.results = add_final_encodes(self.prober, ladder, finals)
            return EncodedLadder(ladder, finals, fixed_anchor(self.prober.sibling(), ladder, self.wanted, advance))


def codec_ladders(
    request: EncodeRequest, source: Source, shots: tuple[Shot, ...], executor: Executor, reporter: Reporter
) -> list[CodecLadder]:
    """Find the ladder of each codec by trials, or take them from the file that the request names.

    Raises
    ------
    LadderError
        If ladders of a file do not fit the film, or each other.
    """
    requests = request.ladder_requests(source)
    if request.engine == "native":
        # compiled once here, not by every worker and not on a trial's bill
        vmaf.warm_up(source.bit_depth)
    if request.ladder not in MODES:
        ladders = _loaded(request.ladder, source)
        found = []
        for ladder in ladders:
            settings = {name: getattr(ladder, name) for name in ("codec", "preset", "tune", "pooling")}
            wanted = replace(requests[0], encoding=replace(requests[0].encoding, **settings))
            prober = Prober(source, ladder.chunks, wanted.encoding, request.store, executor)
            found.append(CodecLadder(wanted, prober, ladder, from_file=True, several=len(ladders) > 1, compare=False))
        return found
    chunks, segments = encoder.plan_chunks(source, [shot.start for shot in shots], request.segment)
    several = len(requests) > 1

    def named(stage: str, wanted: LadderRequest) -> str:
        return f"{wanted.encoding.codec}: {stage}" if several else stage

    def find(wanted: LadderRequest) -> CodecLadder:
        spent = ProbeCost()
        if wanted.encoding.preset == AUTO:
            with reporter.stage(named("choose a preset", wanted)):
                wanted, spent = choose_preset(wanted, source, chunks, request.store, executor)
        prober = Prober(
            source, chunks, wanted.encoding, request.store, executor, frame_stride=wanted.frame_stride, cost=spent
        )
        with reporter.stage(named("trial encodes", wanted)) as advance:
            ladder = find_ladder(prober, segments, wanted, advance)
        return CodecLadder(wanted, prober, ladder, from_file=False, several=several, compare=request.compare)

    return run_concurrently(executor, [partial(find, wanted) for wanted in requests])


def _loaded(path: str, source: Source) -> tuple[Ladder, ...]:
    ladders = load_ladders(path)
    for ladder in ladders:
        ladder.check_belongs_to(source)
        if ladder.segments != ladders[0].segments:
            raise LadderError(f"{path}: its ladders have different segments")
    if len({ladder.codec for ladder in ladders}) < len(ladders):
        raise LadderError(f"{path}: holds two ladders of one codec")
    return ladders
