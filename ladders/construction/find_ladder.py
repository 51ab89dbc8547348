"""Find the ladder of a title by probe encodes, and adjust the quantisers of rungs to measured encodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from encoder import Segment
from ladders.allocation.constraints import RungTarget
from ladders.construction.ladder_builder import LadderBuilder, unique_rungs
from ladders.ladder import Ladder, LadderError, Rung
from ladders.ladder_request import MODES, LadderRequest
from ladders.probing.curve_fit import fit_all
from ladders.probing.overrides import OverrideChoice, probe_overrides
from ladders.probing.probe_runner import Progress
from ladders.probing.prober import Prober
from ladders.probing.progress_range import sub_range
from ladders.probing.search import ProbeSearch

__all__ = ["find_ladder", "rebuild_rungs", "requantise"]

#: Fraction of the progress that the search has, if overrides are chosen after it. Chosen by hand.
SEARCH_PROGRESS = 0.8


def find_ladder(
    prober: Prober, segments: Sequence[Segment], request: LadderRequest, progress: Progress | None = None
) -> Ladder:
    """Find a ladder with a prober, which may have results already.

    Parameters
    ----------
    prober : Prober
    segments : sequence of Segment
        Of the presentation.
    request : LadderRequest
    progress : callable, optional
        Receives (done, total).

    Returns
    -------
    Ladder

    Raises
    ------
    LadderError
        If the mode is unknown, or the codec has no fixed ladder.
    """
    if request.mode not in MODES:
        raise LadderError(f"unknown mode {request.mode}: choose from {', '.join(MODES)}")
    request = request.resolved_for(prober.source)
    builder = LadderBuilder(prober.source, prober.chunks, request)
    sizes = list(builder.sizes.values())
    search_end = SEARCH_PROGRESS if request.traffic else 1.0
    found = ProbeSearch(prober, sizes, builder, request.stopping).run(sub_range(progress, 0.0, search_end))
    curves, overrides = found.curves, dict[int, str]()
    if request.traffic:
        rungs = builder.rungs(curves)
        fractions = request.rules.view_fractions([rung.rate for rung in rungs])
        choice = OverrideChoice(prober, curves, rungs, fractions, request.traffic, request.stopping.budget)
        overrides = choice.run(sub_range(progress, search_end, 1.0))
        curves = fit_all(prober, sizes, overrides)
    given = {
        n: name for n, name in enumerate(request.overrides) if name not in ("", request.encoding.default_override())
    }
    if given:
        probe_overrides(prober, given, sizes)
        overrides |= given
        curves = fit_all(prober, sizes, overrides)
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
        overrides=_all_overrides(overrides, request, len(prober.chunks)),
        metric=request.encoding.metric.name if request.encoding.metric else "vmaf",
    )


def _all_overrides(chosen: Mapping[int, str], request: LadderRequest, chunks: int) -> tuple[str, ...]:
    """Return the override of every chunk; empty if no chunk has one."""
    default = request.encoding.default_override()
    return tuple(chosen.get(n, default) for n in range(chunks)) if chosen or default else ()


def rebuild_rungs(prober: Prober, ladder: Ladder, request: LadderRequest) -> tuple[Rung, ...]:
    """Return the rungs of a ladder by all results so far; sizes, bitrates and quantisers may change.

    Parameters
    ----------
    prober : Prober
        With the probes and, by `add_final_encodes`, final encodes.
    ladder : Ladder
    request : LadderRequest
        For which the ladder was made.
    """
    builder = LadderBuilder(prober.source, prober.chunks, request)
    overrides = ladder.overrides_except(request.encoding.default_override())
    return builder.rungs(fit_all(prober, list(builder.sizes.values()), overrides))


def requantise(
    prober: Prober,
    ladder: Ladder,
    request: LadderRequest,
    rung_targets: Mapping[int, RungTarget],
    flexible: Collection[int] = (),
) -> Ladder:
    """Choose the quantisers of some rungs again by all results so far; the targets of the rungs do not change.

    Parameters
    ----------
    prober : Prober
        With the probes, and with the final encodes by `add_final_encodes`.
    ladder : Ladder
    request : LadderRequest
        For which the ladder was made.
    rung_targets : mapping
        From the indices of rungs that violate their targets to these targets, with the measured bits.
    flexible : collection of int
        Indices of rungs whose mean VMAF may change when constraints are corrected.

    Returns
    -------
    Ladder
    """
    builder = LadderBuilder(prober.source, prober.chunks, request)
    overrides = ladder.overrides_except(request.encoding.default_override())
    curves = fit_all(prober, list(builder.sizes.values()), overrides)
    rungs = [
        replace(rung, quantisers=builder.requantise(curves, rung, rung_targets[n], keep_mean=n not in flexible))
        if n in rung_targets
        else rung
        for n, rung in enumerate(ladder.rungs)
    ]
    return replace(ladder, rungs=unique_rungs(rungs))
