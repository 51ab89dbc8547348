"""Find the ladder of a title by probe encodes, and adjust the quantisers of rungs to measured encodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from encoder import Segment
from ladders.allocation.constraints import RungTarget
from ladders.construction.ladder_builder import LadderBuilder, unique_rungs
from ladders.ladder import Ladder, LadderError
from ladders.ladder_request import MODES, LadderRequest
from ladders.probing.curve_fit import fit_all
from ladders.probing.overrides import refine
from ladders.probing.prober import Prober
from ladders.probing.search import explore, sub_range

__all__ = ["find_ladder", "requantise"]


def find_ladder(
    prober: Prober,
    segments: Sequence[Segment],
    request: LadderRequest,
    progress: Callable[[float, float], None] | None = None,
) -> Ladder:
    """Make a ladder with a prober that may know probes already."""
    if request.mode not in MODES:
        raise LadderError(f"{request.mode}: the modes are {', '.join(MODES)}")
    builder = LadderBuilder(prober.source, prober.chunks, request)
    sizes = list(builder.sizes.values())
    found = explore(
        prober, sizes, builder.wanted, sub_range(progress, 0.0, 0.8 if request.traffic else 1.0), request.stopping
    )
    curves = found.curves
    if request.traffic:
        rungs = builder.rungs(curves)
        shares = request.rules.view_fractions([rung.rate for rung in rungs])
        advance = sub_range(progress, 0.8, 1.0)
        refine(prober, curves, rungs, shares, request.traffic, budget=request.stopping.budget, progress=advance)
        curves = fit_all(prober, sizes)
    return Ladder(
        mode=request.mode,
        codec=request.encoding.codec,
        preset=request.encoding.preset,
        tune=request.encoding.tune,
        pooling=request.encoding.pooling,
        target=request.target_for(prober.source),
        content_id=prober.source.content_id,
        chunks=prober.chunks,
        segments=tuple(segments),
        rungs=builder.rungs(curves),
        hull=builder.hull(curves),
        cost=prober.cost,
        expected_excess_rate=found.expected_excess_rate,
        overrides=tuple(prober.overrides.get(n, "") for n in range(len(prober.chunks)) if prober.overrides),
    )


def requantise(
    prober: Prober, ladder: Ladder, request: LadderRequest, rung_targets: Mapping[int, RungTarget]
) -> Ladder:
    """Choose the quantisers of some rungs again, by all that is known now; what is asked of each stays.

    Parameters
    ----------
    prober : Prober
        Knows the probes, and the final encodes by `add_final_encodes`.
    ladder : Ladder
    request : LadderRequest
        That the ladder was made for.
    rung_targets : mapping
        From the numbers of the rungs that missed to what is asked of each, counted from the bits that it has.
    """
    builder = LadderBuilder(prober.source, prober.chunks, request)
    curves = fit_all(prober, list(builder.sizes.values()))
    again = [
        replace(rung, quantisers=builder.requantise(curves, rung, rung_targets[n])) if n in rung_targets else rung
        for n, rung in enumerate(ladder.rungs)
    ]
    return replace(ladder, rungs=unique_rungs(again))
