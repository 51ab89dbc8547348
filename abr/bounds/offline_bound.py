"""The offline optimum of a session, between an upper and a lower bound; regret of policies against it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abr.errors import PolicyError
from abr.player.presentation_arrays import join_traces, presentation_arrays
from abr.player.session_arrays import PresentationArrays, TraceArrays
from abr.player.session_model import SessionModel, as_session_model
from abr.policy_interface.policy import Floats
from abr.presentations.device import DEVICES, for_device
from abr.presentations.presentation import Presentation
from abr.presentations.presentation_files import as_presentation
from abr.traces.trace import Trace
from abr.traces.trace_files import as_trace

__all__ = ["PRICE", "Bound", "can_bound", "compute_upper_bounds", "objective", "offline_bound"]

#: Mbit/s a second of startup or stall costs, as in Pensieve's linear QoE
PRICE = 4.3
STATES = 1000  #: kept for every rung
BEAM = 100  #: kept for every rung while looking for a plan
PRICES = 12  #: of a bit
#: fields of the session model that may be what they like
_FREE = (
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
    """What no policy exceeds, and what one plan reaches; of `objective`.

    Attributes
    ----------
    upper : float
        No policy's objective is larger.
    lower : float
        The objective of `rungs`, a plan that was played.
    rungs : tuple of int
        That plan.
    """

    upper: float
    lower: float
    rungs: tuple[int, ...]

    @property
    def gap(self) -> float:
        """Upper less lower, as a share of the lower's size."""
        return (self.upper - self.lower) / max(abs(self.lower), 1e-9)


def objective(qoe_lin: Floats, startup_delay: Floats) -> Floats:
    """Return what is bounded: Pensieve's linear QoE, startup charged like a stall, as its training does.

    Without that charge, waiting before the first request could pay, and no bound would mean much.
    """
    return qoe_lin - PRICE * startup_delay


def can_bound(model: SessionModel) -> bool:
    """Say whether `offline_bound` covers a session model."""
    free = {name: getattr(model, name) for name in _FREE}
    return replace(SessionModel(), **free) == model


def offline_bound(
    presentation: Presentation | str | Path,
    trace: Trace | str | Path,
    *,
    start: float = 0.0,
    model: str | SessionModel = "default",
    buffer: float | None = None,
    device: str = "tv-1080p",
    states: int = STATES,
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
            "the bound covers models with the trace's latency and playback from the first segment on, in which only "
            "video is fetched, once and at full speed, and all of it is there"
        )
    from abr.bounds.bound_kernel import search

    fitted = for_device(as_presentation(presentation), DEVICES[device])
    chosen.check_buffer(float(fitted.durations.max()))
    tables = presentation_arrays(fitted, chosen, chosen.target_vmaf)
    traces = join_traces([as_trace(trace)], chosen)
    began = (start * 1e3) % float(traces.lengths[0])
    worth = np.ascontiguousarray(np.broadcast_to(tables.bitrates / 1e3, tables.sizes.shape))
    prices, ahead, highest, bits = _prices(tables, worth, traces.arrays, began)

    def run(known: float, most: int, relax: bool) -> tuple[float, NDArray[np.int64]]:
        plan = np.full(len(tables.durations), -1, np.int64)
        value = search(
            tables.sizes, worth, tables.durations, tables.edges, 1.0, PRICE / 1e3, chosen.buffer * 1e3,
            traces.arrays, began, most, known, relax, prices,
            ahead, highest, bits, plan,
        )  # fmt: skip
        return float(value), plan

    lower, plan = run(-np.inf, BEAM, False)
    upper, _ = run(lower, states, True)
    return Bound(max(upper, lower), lower, tuple(int(rung) for rung in plan))


def _prices(tables: PresentationArrays, worth: Floats, traces: TraceArrays, start: float) -> tuple[Floats, ...]:
    """Return prices of a bit that limit well, and what the kernel needs to know of each."""
    from abr.bounds.bound_kernel import limits

    bits = np.cumsum(traces.durations * traces.rates)
    length = traces.ends[-1]
    price = PRICE / 1e3
    # above this a stall would pay for itself, and nothing would be limited
    most = 0.999 * price * length / bits[-1]
    usual = 1.0 / (1e3 * float(tables.durations.mean()))
    grid = np.unique(np.minimum(usual * np.geomspace(0.02, 50, 60), most))
    ahead = np.zeros((len(grid), *tables.sizes.shape))
    limits(tables.sizes, worth, 1.0, grid, ahead)
    # over two rounds of the trace: the best time to end is within one round
    ends = np.concatenate((traces.ends, traces.ends + length))
    come = np.concatenate((bits, bits + bits[-1]))
    value = grid[:, None] * come - price * ends
    highest = np.maximum.accumulate(value[:, ::-1], axis=1)[:, ::-1][:, : len(bits)]
    end = float(tables.edges[-2])
    root = (worth[0] + ahead[:, 0, :] - grid[:, None] * tables.sizes[0]).max(axis=1)
    reach = np.array(
        [value[i][ends >= start + end].max() if (ends >= start + end).any() else 0 for i in range(len(grid))]
    )
    bound = root + reach + price * (start + end) - grid * np.interp(start, ends, come)
    chosen = np.sort(np.argsort(bound)[:PRICES])
    return grid[chosen], np.ascontiguousarray(ahead[chosen]), np.ascontiguousarray(highest[chosen]), bits


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
