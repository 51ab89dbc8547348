"""Replaying in bulk: presentations x traces x starts x policies, to columns."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np
from numpy.typing import NDArray

from abr.bounds.offline_bound import many_bounds, objective
from abr.player.player_tables import TraceTables, scratch, trace_tables
from abr.player.session_layout import LOG_WIDTH, M_ESTIMATE, M_STARTED, OUTCOME_SIZE
from abr.player.session_model import SessionModel, session_model
from abr.policies.policy import Floats
from abr.policies.policy_state import STATE_SIZE
from abr.policies.python_policy import run_as
from abr.presentations.device import DEVICES, for_device
from abr.presentations.presentation import Presentation
from abr.results.metrics import METRICS
from abr.results.session_table import SessionTable
from abr.simulation import TARGET, Player, PolicyLike, player
from abr.traces.trace import Trace

__all__ = ["simulate_many", "start_offsets"]

#: sessions between two looks at progress and interrupts
CHUNK = 256


def start_offsets(traces: Sequence[Trace], starts: int, seed: int = 0) -> Floats:
    """Return offsets into every trace, s, shape (traces, starts): its beginning, then one from each even part."""
    rng = np.random.default_rng(seed)
    parts = (np.arange(starts) + rng.random((len(traces), starts))) / starts
    parts[:, 0] = 0.0
    return parts * np.array([[trace.duration] for trace in traces])


def simulate_many(
    presentations: Presentation | Sequence[Presentation],
    traces: Sequence[Trace],
    policies: Sequence[PolicyLike],
    *,
    starts: int = 1,
    seed: int = 0,
    mode: str = "default",
    device: str = "tv-1080p",
    target: float = TARGET,
    buffer: float | None = None,
    model: SessionModel | None = None,
    workers: int | None = None,
    regret: bool = False,
    progress: Callable[[float, float], None] | None = None,
) -> SessionTable:
    """Replay every trace, from several starts, over every presentation with every policy.

    Parameters
    ----------
    presentations, traces, policies : sequences
        As `abr.simulate` takes one of each.
    starts : int
        Sessions per trace, presentation and policy, each from another place in the trace.
    seed : int
        Of those places; the same seed gives the same table.
    workers : int, optional
        Threads; by default one a core.
    regret : bool
        Add the column `regret`: how far `abr.objective` stays below the offline upper bound of the session; takes
        about a tenth of a second for 48 segments of 6 rungs.
    progress : callable, optional
        Called with (sessions done, sessions in all).

    Returns
    -------
    SessionTable
        A row a session; `load_ratio` is its trace's mean rate over the middle rung. A session whose policy failed
        has only absent metrics; `SessionTable.errors` says why.
    """
    titles = [presentations] if isinstance(presentations, Presentation) else list(presentations)
    chosen = model or session_model(mode, buffer)
    tables = trace_tables(traces, chosen)
    offsets = start_offsets(traces, starts, seed)
    sessions = len(traces) * starts
    arms = [(pres, policy) for pres in titles for policy in policies]
    table = SessionTable.empty(len(arms) * sessions, mode, device)
    for number, (pres, policy) in enumerate(arms):
        rows = slice(number * sessions, (number + 1) * sessions)
        fitted = for_device(pres, DEVICES[device])
        ready = player(fitted, policy, chosen, target)
        ready.model[M_ESTIMATE] = float(ready.policy.estimates)
        table.label(rows, pres.title, ready.policy.title, traces, offsets)
        table["load_ratio"][rows] = np.repeat([trace.load_ratio(fitted.bitrates) for trace in traces], starts)
        metrics, errors = _arm(ready, traces, tables, offsets, workers, _shifted(progress, rows.start, len(table)))
        table.fill(rows, metrics, errors)
    if regret:
        bounds = [many_bounds(pres, traces, offsets, device=device, model=chosen).ravel() for pres in titles]
        upper = np.concatenate([np.tile(bound, len(policies)) for bound in bounds])
        table.columns["regret"] = upper - objective(table["qoe_lin"], table["startup_delay"])
    return table


def _shifted(progress: Callable[[float, float], None] | None, done: int, total: int) -> Callable[[float], None]:
    return lambda more: progress(done + more, total) if progress else None


def _arm(
    ready: Player,
    traces: Sequence[Trace],
    tables: TraceTables,
    offsets: Floats,
    workers: int | None,
    progress: Callable[[float], None],
) -> tuple[Floats, dict[int, str]]:
    """Return the metrics of every session and what went wrong in some."""
    which = np.repeat(np.arange(len(traces)), offsets.shape[1])
    starts = (offsets.ravel() * 1e3) % tables.lengths[which]
    metrics = np.full((len(which), len(METRICS)), np.nan)
    nonsense = np.full(len(which), np.nan)
    errors: dict[int, str] = {}
    if ready.python:
        for i in range(len(which)):
            ready.python.begin(np.zeros(STATE_SIZE), ready.presentation)
            run_as(ready.python)
            assert ready.python.s is not None
            _run(ready, tables, which, starts, i, i + 1, metrics, nonsense, ready.python.s)
            if isinstance(ready.python.error, KeyboardInterrupt | SystemExit):
                raise ready.python.error
            if not np.isnan(nonsense[i]):
                errors[i] = ready.complain(traces[which[i]].name, nonsense[i])
            progress(i + 1)
        return metrics, errors
    _threads(ready, tables, which, starts, metrics, nonsense, workers or os.cpu_count() or 1, progress)
    for i in map(int, np.flatnonzero(~np.isnan(nonsense))):
        errors[i] = ready.complain(traces[which[i]].name, nonsense[i])
    return metrics, errors


def _threads(
    ready: Player,
    tables: TraceTables,
    which: NDArray[np.int64],
    starts: Floats,
    metrics: Floats,
    nonsense: Floats,
    workers: int,
    progress: Callable[[float], None],
) -> None:
    """Share the sessions among threads; the kernel holds no lock, an interrupt stops between two chunks."""

    def run(begin: int) -> int:
        end = min(begin + CHUNK, len(which))
        _run(ready, tables, which, starts, begin, end, metrics, nonsense, np.zeros(STATE_SIZE))
        return end - begin

    done = 0
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(run, begin) for begin in range(0, len(which), CHUNK)]
        try:
            for future in as_completed(waiting):
                done += future.result()
                progress(done)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _run(
    ready: Player,
    tables: TraceTables,
    which: NDArray[np.int64],
    starts: Floats,
    begin: int,
    end: int,
    metrics: Floats,
    nonsense: Floats,
    s: Floats,
) -> None:
    from abr.player.kernels.batch_kernel import replay

    t = ready.tables
    replay(
        ready.callback, s, ready.constants, ready.memory(), ready.model, t.sizes, t.vmaf, t.ssim, t.ladder,
        t.logs, t.durations, t.cum, t.enough, t.audio_sizes, t.audio_ends, t.rank, t.by_rank, tables.durations,
        tables.rates, tables.latencies,
        tables.ends, tables.first, which, starts, begin, end, int(ready.model[M_STARTED]), t.setting.target,
        metrics, nonsense,
        np.zeros(len(t.durations), np.int64), np.zeros(t.by_rank.size, np.int64), np.zeros(OUTCOME_SIZE),
        np.zeros((0, LOG_WIDTH)), *scratch(),
    )  # fmt: skip
