"""Make ladders in every mode; the same trials and curves serve all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from encoder import Segment, Source, plan_chunks
from ladders.allocation.equal_slope import RungTarget
from ladders.allocation.rung_placement import RungRules
from ladders.construction.ladder_builder import LadderBuilder, distinct
from ladders.ladder import Ladder, LadderError
from ladders.ladder_request import MODES, LadderRequest, default_target
from ladders.probing.curve_fit import fitted
from ladders.probing.overrides import refine
from ladders.probing.preset_choice import choose_preset
from ladders.probing.prober import Prober
from ladders.probing.search import explore, part_of
from ladders.shots.detector import Shot
from shotladder_runtime.jobs import LocalExecutor
from shotladder_runtime.store import Store

__all__ = ["corrected", "fixed", "ladder_from", "make_ladder", "per_shot", "per_title"]


def per_shot(source: Source, shots: Sequence[Shot], codec: str = "h264", **options: object) -> Ladder:
    """Make a ladder in which every shot of a rung has the quantiser of equal slope.

    Parameters
    ----------
    source : Source
    shots : sequence of Shot
        From `detect_shots`.
    codec : str
    **options
        Any of `make_ladder`'s: request, store, executor, progress.

    Returns
    -------
    Ladder
    """
    return _with_mode(source, shots, "per-shot", codec, options)


def per_title(source: Source, shots: Sequence[Shot], codec: str = "h264", **options: object) -> Ladder:
    """Make a ladder in which every rung has one quantiser; see `per_shot`."""
    return _with_mode(source, shots, "per-title", codec, options)


def fixed(source: Source, shots: Sequence[Shot], codec: str = "h264", **options: object) -> Ladder:
    """Make the ladder that Apple recommends, whatever the film; see `per_shot`.

    Each rung has the one quantiser that brings the film to the rung's rate, as two-pass rate control would.
    """
    return _with_mode(source, shots, "fixed", codec, options)


def _with_mode(source: Source, shots: Sequence[Shot], mode: str, codec: str, options: dict[str, object]) -> Ladder:
    request = options.pop("request", None) or LadderRequest(rules=RungRules(target=default_target(source)))
    assert isinstance(request, LadderRequest)
    request = replace(request, mode=mode, encoding=replace(request.encoding, codec=codec))
    return make_ladder(source, shots, request, **options)  # type: ignore[arg-type]


def make_ladder(
    source: Source,
    shots: Sequence[Shot],
    request: LadderRequest,
    *,
    store: Store | None = None,
    executor: Executor | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> Ladder:
    """Make a ladder by trial encodes.

    Parameters
    ----------
    source : Source
    shots : sequence of Shot
    request : LadderRequest
    store : Store, optional
        Where trials are kept; by default the user's cache.
    executor : Executor, optional
        Runs the trials; by default a worker for each core.
    progress : callable, optional
        Takes (done, total).

    Returns
    -------
    Ladder

    Raises
    ------
    LadderError
        If the mode is unknown, or the codec has no fixed ladder.
    """
    planned = plan_chunks(source, [shot.start for shot in shots], request.segment_duration)
    store = store or Store.default()
    with LocalExecutor(os.cpu_count() or 1) as pool, store.hold():
        request, spent = choose_preset(request, source, planned[0], store, executor or pool)
        prober = Prober(source, planned[0], request.encoding, store, executor or pool, every=request.every, cost=spent)
        return ladder_from(prober, planned[1], request, progress)


def ladder_from(
    prober: Prober,
    segments: Sequence[Segment],
    request: LadderRequest,
    progress: Callable[[float, float], None] | None = None,
) -> Ladder:
    """Make a ladder with a prober that may know trials already."""
    if request.mode not in MODES:
        raise LadderError(f"{request.mode}: the modes are {', '.join(MODES)}")
    maker = LadderBuilder(prober.source, prober.chunks, request)
    sizes = list(maker.sizes.values())
    found = explore(prober, sizes, maker.wanted, part_of(progress, 0.0, 0.8 if request.views else 1.0), request.stop)
    curves = found.curves
    if request.views:
        rungs = maker.rungs(curves)
        shares = request.rules.shares([rung.rate for rung in rungs])
        advance = part_of(progress, 0.8, 1.0)
        refine(prober, curves, rungs, shares, request.views, budget=request.stop.budget, progress=advance)
        curves = fitted(prober, sizes)
    return Ladder(
        mode=request.mode,
        codec=request.encoding.codec,
        preset=request.encoding.preset,
        tune=request.encoding.tune,
        pooling=request.encoding.pooling,
        target=request.rules.target,
        content_id=prober.source.content_id,
        chunks=prober.chunks,
        segments=tuple(segments),
        rungs=maker.rungs(curves),
        hull=maker.hull(curves),
        cost=prober.cost,
        expected_excess_rate=found.expected_excess_rate,
        overrides=tuple(prober.overrides.get(n, "") for n in range(len(prober.chunks)) if prober.overrides),
    )


def corrected(prober: Prober, ladder: Ladder, request: LadderRequest, aims: Mapping[int, RungTarget]) -> Ladder:
    """Choose the quantisers of some rungs again, by all that is known now; what is asked of each stays.

    Parameters
    ----------
    prober : Prober
        Knows the trials, and the final encodes by `add_final_encodes`.
    ladder : Ladder
    request : LadderRequest
        That the ladder was made for.
    aims : mapping
        From the numbers of the rungs that missed to what is asked of each, counted from the bits that it has.
    """
    maker = LadderBuilder(prober.source, prober.chunks, request)
    curves = fitted(prober, list(maker.sizes.values()))
    again = [
        replace(rung, quantisers=maker.corrected(curves, rung, aims[n])) if n in aims else rung
        for n, rung in enumerate(ladder.rungs)
    ]
    return replace(ladder, rungs=distinct(again))
