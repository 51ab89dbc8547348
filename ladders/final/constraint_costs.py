"""The bits that each constraint of the allocation costs on every rung."""

from __future__ import annotations

from dataclasses import replace

from ladders.allocation.constraints import RungTarget
from ladders.construction.ladder_builder import LadderBuilder
from ladders.ladder import Ladder
from ladders.ladder_request import LadderRequest
from ladders.probing.curve_fit import fit_all
from ladders.probing.prober import Prober

__all__ = ["constraint_costs"]

#: Values that constrain no chunk.
_INACTIVE = {"floor": {"floor_below_mean": 100.0}, "cap": {"cap": 100.0}, "peak": {"peak_ratio": 100.0}}
_INACTIVE_STEP = {"max_quality_step": {"max_quality_step": None}}


def constraint_costs(prober: Prober, ladder: Ladder, request: LadderRequest) -> tuple[dict[str, float], ...]:
    """Return the additional bits of each constraint on every rung, at the VMAF of the rung.

    Parameters
    ----------
    prober : Prober
        With the probes of the ladder, and preferably its final encodes.
    ladder : Ladder
    request : LadderRequest
        For which the ladder was made.

    Returns
    -------
    tuple of dict
        For each rung: percentage of the bits by the name of the constraint, relative to an allocation without this
        constraint; empty unless the mode is per-shot. By the fitted curves, not by encodes.
    """
    if ladder.mode != "per-shot":
        return tuple({} for _ in ladder.rungs)
    with_all = LadderBuilder(prober.source, prober.chunks, request)
    sizes = {size: height for height, size in with_all.sizes.items()}
    curves = fit_all(prober, list(sizes), ladder.overrides_except(request.encoding.default_override()))
    inactive = _INACTIVE | (_INACTIVE_STEP if request.constraints.max_quality_step is not None else {})
    without = {
        name: LadderBuilder(
            prober.source, prober.chunks, replace(request, constraints=replace(request.constraints, **values))
        )
        for name, values in inactive.items()
    }
    costs = []
    for rung in ladder.rungs:
        height = sizes[rung.width, rung.height]
        rung_target = RungTarget(rung.quality, rung.rate * with_all.duration)
        bits = with_all.allocate(curves, height, rung_target).bits
        relaxed = {name: each.allocate(curves, height, rung_target).bits for name, each in without.items()}
        costs.append({name: round(100 * max(bits / least - 1, 0.0), 2) for name, least in relaxed.items()})
    return tuple(costs)
