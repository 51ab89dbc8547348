"""The offline optimum of a session, between an upper and a lower bound; regret of policies against it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abr.errors import PolicyError
from abr.player.presentation_arrays import join_traces, presentation_arrays
from abr.player.session_arrays import PresentationArrays, TraceArrays
from abr.player.session_model import SessionModel, session_model
from abr.policy_interface.policy import Floats
from abr.presentations.device import DEVICES, for_device
from abr.presentations.presentation import Presentation
from abr.traces.trace import Trace

__all__ = ["PRICE", "Bound", "can_bound", "many_bounds", "objective", "offline_bound"]

#: Mbit/s a second of startup or stall costs, as in Pensieve's linear QoE
PRICE = 4.3
STATES = 1000  #: kept for every rung
BEAM = 100  #: kept for every rung while looking for a plan
PRICES = 12  #: of a bit
#: fields of the session model that may be what they like
_FREE = ("buffer", "payload", "first_rung", "abandonment", "honours_abandon_target", "exact", "half_lives")


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
    pres: Presentation,
    trace: Trace,
    *,
    start: float = 0.0,
    mode: str = "default",
    device: str = "tv-1080p",
    buffer: float | None = None,
    model: SessionModel | None = None,
    states: int = STATES,
) -> Bound:
    """Bound the best that anybody could do who knew the trace.

    The same video, latency, buffer and startup as `abr.simulate`; the dynamic program rounds only in the
    optimum's favour, so that `upper` holds for every policy.

    Raises
    ------
    PolicyError
        For a model whose network or buffer the bound does not cover (Pensieve's).
    """
    chosen = model or session_model(mode, buffer)
    if not can_bound(chosen):
        raise PolicyError(
            "the bound covers models with the trace's latency and playback from the first segment on, in which only "
            "video is fetched, once and at full speed, and all of it is there"
        )
    from abr.bounds.bound_kernel import search

    fitted = for_device(pres, DEVICES[device])
    tables = presentation_arrays(fitted, chosen, 93.0)
    traces = join_traces([trace], chosen)
    began = (start * 1e3) % float(traces.lengths[0])
    # the kernel checks the model's buffer too
    chosen.record(len(fitted.durations), len(fitted.rungs), float(fitted.durations.max()))
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


def many_bounds(
    pres: Presentation,
    traces: Sequence[Trace],
    offsets: Floats,
    *,
    progress: Callable[[float, float], None] | None = None,
    **settings: object,
) -> Floats:
    """Return the upper bound of every trace and start, shape (traces, starts)."""
    jobs = [(i, j) for i in range(len(traces)) for j in range(offsets.shape[1])]
    upper = np.zeros(offsets.shape)
    with ThreadPoolExecutor() as pool:

        def run(job: tuple[int, int]) -> float:
            i, j = job
            return offline_bound(pres, traces[i], start=float(offsets[i, j]), **settings).upper  # type: ignore[arg-type]

        for done, (job, value) in enumerate(zip(jobs, pool.map(run, jobs), strict=True), 1):
            upper[job] = value
            if progress:
                progress(done, len(jobs))
    return upper
