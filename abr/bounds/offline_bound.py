"""The offline optimum of a session, between an upper and a lower bound; the regret of a policy is relative to it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from abr.errors import PolicyError
from abr.player.presentation_arrays import join_traces, presentation_arrays
from abr.player.session_model import SessionModel, as_session_model
from abr.policy_interface.policy import Floats
from abr.presentations.device import for_device
from abr.presentations.presentation import Presentation
from abr.presentations.presentation_files import as_presentation
from abr.traces.trace import Trace
from abr.traces.trace_files import as_trace

if TYPE_CHECKING:
    from abr.bounds.bound_kernel import BoundProblem, Multipliers

__all__ = ["STALL_COST", "Bound", "can_bound", "compute_upper_bounds", "objective", "offline_bound"]

#: Mbit/s that a second of startup delay or stall costs: the rebuffering penalty of Pensieve's linear QoE
STALL_COST = 4.3
#: states that the upper bound keeps for each rung; chosen by hand
MAX_STATES = 1000
#: states that the search for a plan keeps for each rung; chosen by hand
BEAM_WIDTH = 100
#: Lagrange multipliers that the kernel uses: those with the lowest bounds of `_GRID`; chosen by hand
MULTIPLIERS = 12
#: Lagrange multipliers that are examined, relative to the value per bit of a segment of mean duration; chosen by hand
_GRID = np.geomspace(0.02, 50, 60)
#: largest multiplier relative to the one at which the bits that arrive during a stall pay for it, and bound nothing
_MAX_MULTIPLIER = 0.999
#: fields of the session model that may have any value
_FREE_FIELDS = (
    "buffer",
    "payload",
    "first_rung",
    "abandonment",
    "honours_abandon_target",
    "exact",
    "half_lives",
    "target_vmaf",
)


@dataclass(frozen=True, slots=True)
class Bound:
    """Bounds of the best `objective` of a session.

    Attributes
    ----------
    upper : float
        No policy reaches a larger objective.
    lower : float
        The objective of `rungs`, which a session reaches that plays them.
    rungs : tuple of int
        Rung of each segment.
    """

    upper: float
    lower: float
    rungs: tuple[int, ...]

    @property
    def gap(self) -> float:
        """Difference between the bounds as a fraction of the absolute lower bound."""
        return (self.upper - self.lower) / max(abs(self.lower), 1e-9)


def objective(qoe_lin: Floats, startup_delay: Floats) -> Floats:
    """Return the objective that is bounded: Pensieve's linear QoE with the startup delay charged like a stall.

    Pensieve's training charges the startup delay in this way. Without it, the optimum would delay playback for free.

    Parameters
    ----------
    qoe_lin : ndarray of float64
        The metric `qoe_lin` of sessions.
    startup_delay : ndarray of float64
        Seconds, same shape.
    """
    return qoe_lin - STALL_COST * startup_delay


def can_bound(model: SessionModel) -> bool:
    """Return whether `offline_bound` covers a session model."""
    free = {name: getattr(model, name) for name in _FREE_FIELDS}
    return replace(SessionModel(), **free) == model


def offline_bound(
    presentation: Presentation | str | Path,
    trace: Trace | str | Path,
    *,
    start: float = 0.0,
    model: str | SessionModel = "default",
    buffer: float | None = None,
    device: str = "tv-1080p",
    states: int = MAX_STATES,
) -> Bound:
    """Bound the best objective that any policy can reach in a session, even one that knows the whole trace.

    The video, the latency, the buffer and the startup are those of `abr.simulate`. The dynamic program rounds only in
    favour of the optimum, so that `upper` holds for every policy.

    Parameters
    ----------
    presentation, trace, start, model, buffer, device
        As for `abr.simulate`.
    states : int
        States of the dynamic program that are kept for each rung; more of them give a tighter upper bound.

    Returns
    -------
    Bound

    Raises
    ------
    PolicyError
        For a model whose network or buffer the bound does not cover, such as that of Pensieve.
    PresentationError
        When the presentation cannot be read, or the buffer cannot hold its segments.
    TraceError
        When the trace cannot be read.
    """
    chosen = as_session_model(model, buffer)
    if not can_bound(chosen):
        raise PolicyError(
            "the offline bound covers only session models of on-demand video without audio that take the latency from "
            "the trace, start and resume with one segment, and use neither slow start, replacement nor skipped segments"
        )
    from abr.bounds.bound_kernel import BoundProblem, search_plans

    fitted = for_device(as_presentation(presentation), device)
    chosen.check_buffer(float(fitted.durations.max()))
    tables = presentation_arrays(fitted, chosen, chosen.target_vmaf)
    traces = join_traces([as_trace(trace)], chosen)
    problem = BoundProblem(
        tables.sizes,
        # a copy, because a view of one segment would stay read-only, which the kernel does not take
        np.broadcast_to(tables.bitrates / 1e3, tables.sizes.shape).copy(),
        tables.durations,
        tables.edges,
        1.0,
        STALL_COST / 1e3,
        chosen.buffer * 1e3,
        traces.arrays,
        (start * 1e3) % float(traces.lengths[0]),
    )
    multipliers = _choose_multipliers(problem)
    plan = np.full(len(tables.durations), -1, np.int64)
    lower = float(search_plans(problem, multipliers, -np.inf, BEAM_WIDTH, False, plan))
    upper = float(search_plans(problem, multipliers, lower, states, True, np.empty_like(plan)))
    return Bound(max(upper, lower), lower, tuple(int(rung) for rung in plan))


def _choose_multipliers(problem: BoundProblem) -> Multipliers:
    """Return the Lagrange multipliers of `_GRID` whose bounds of the whole session are lowest."""
    from abr.bounds.bound_kernel import Multipliers, relax_rest

    trace, start, stall_cost = problem.trace, problem.start, problem.stall_cost
    bits = np.cumsum(trace.durations * trace.rates)
    length = trace.ends[-1]
    max_multiplier = _MAX_MULTIPLIER * stall_cost * length / bits[-1]
    value_per_bit = 1.0 / (1e3 * float(problem.durations.mean()))
    grid = np.unique(np.minimum(value_per_bit * _GRID, max_multiplier))
    rest = np.zeros((len(grid), *problem.sizes.shape))
    relax_rest(problem.sizes, problem.values, problem.change, grid, rest)
    # two rounds of the trace are enough, because the best end is at most one round after the earliest possible one
    ends = np.concatenate((trace.ends, trace.ends + length))
    arrived = np.concatenate((bits, bits + bits[-1]))
    end_values = grid[:, None] * arrived - stall_cost * ends
    best_end = np.maximum.accumulate(end_values[:, ::-1], axis=1)[:, ::-1][:, : len(bits)]
    end = start + float(problem.edges[-2])
    first = (problem.values[0] + rest[:, 0, :] - grid[:, None] * problem.sizes[0]).max(axis=1)
    is_possible = ends >= end
    last = end_values[:, is_possible].max(axis=1) if is_possible.any() else np.zeros(len(grid))
    bound = first + last + stall_cost * end - grid * np.interp(start, ends, arrived)
    chosen = np.sort(np.argsort(bound)[:MULTIPLIERS])
    return Multipliers(grid[chosen], np.ascontiguousarray(rest[chosen]), np.ascontiguousarray(best_end[chosen]), bits)


def compute_upper_bounds(
    presentation: Presentation,
    traces: Sequence[Trace],
    offsets: Floats,
    *,
    model: SessionModel,
    device: str,
) -> Floats:
    """Return the upper bound of the sessions that start at `offsets`, s; both arrays have shape (traces, starts)."""
    cells = list(np.ndindex(*offsets.shape))

    def compute_cell(cell: tuple[int, ...]) -> float:
        start = float(offsets[cell])
        return offline_bound(presentation, traces[cell[0]], start=start, model=model, device=device).upper

    with ThreadPoolExecutor() as pool:
        return np.array(list(pool.map(compute_cell, cells))).reshape(offsets.shape)
