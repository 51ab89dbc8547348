"""Replaying in bulk: presentations x traces x starts x policies, to columns."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np

from abr.bounds.offline_bound import many_bounds, objective
from abr.player.presentation_arrays import JoinedTraces, join_traces
from abr.player.session_arrays import METRICS_DTYPE, BatchArrays, SessionArrays, new_session_arrays
from abr.player.session_model import SessionModel, session_model
from abr.policy_interface.policy import Floats
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
    joined = join_traces(traces, chosen)
    offsets = start_offsets(traces, starts, seed)
    sessions = len(traces) * starts
    arms = [(pres, policy) for pres in titles for policy in policies]
    table = SessionTable.empty(len(arms) * sessions, mode, device)
    for number, (pres, policy) in enumerate(arms):
        rows = slice(number * sessions, (number + 1) * sessions)
        fitted = for_device(pres, DEVICES[device])
        ready = player(fitted, policy, chosen, target)
        ready.model["estimates_throughput"] = ready.policy.estimates
        table.label(rows, pres.title, ready.policy.title, traces, offsets)
        table["load_ratio"][rows] = np.repeat([trace.load_ratio(fitted.bitrates) for trace in traces], starts)
        metrics, errors = _arm(ready, traces, joined, offsets, workers, _shifted(progress, rows.start, len(table)))
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
    joined: JoinedTraces,
    offsets: Floats,
    workers: int | None,
    progress: Callable[[float], None],
) -> tuple[Floats, dict[int, str]]:
    """Return the metrics of each session of one policy and presentation, and the errors of the failed ones."""
    which = np.repeat(np.arange(len(traces)), offsets.shape[1])
    metrics = np.full((len(which), len(METRICS)), np.nan)
    batch = BatchArrays(
        joined.first_intervals,
        which,
        (offsets.ravel() * 1e3) % joined.lengths[which],
        metrics.view(METRICS_DTYPE)[:, 0],
        np.full(len(which), np.nan),
    )
    errors: dict[int, str] = {}
    if ready.python:
        for i in range(len(which)):
            session = _new_session(ready)
            ready.python.start_session(session.state, ready.presentation)
            _play(ready, session, joined, batch, slice(i, i + 1))
            if isinstance(ready.python.error, KeyboardInterrupt | SystemExit):
                raise ready.python.error
            if not np.isnan(batch.invalid_actions[i]):
                errors[i] = ready.error_text(traces[which[i]].name, batch.invalid_actions[i])
            progress(i + 1)
        return metrics, errors
    _play_in_threads(ready, joined, batch, workers or os.cpu_count() or 1, progress)
    for i in map(int, np.flatnonzero(~np.isnan(batch.invalid_actions))):
        errors[i] = ready.error_text(traces[which[i]].name, batch.invalid_actions[i])
    return metrics, errors


def _play_in_threads(
    ready: Player, joined: JoinedTraces, batch: BatchArrays, workers: int, progress: Callable[[float], None]
) -> None:
    """Play the sessions in threads, which the kernel lets run in parallel; an interrupt stops between two chunks."""
    count = len(batch.starts)

    def run(start: int) -> int:
        stop = min(start + CHUNK, count)
        _play(ready, _new_session(ready), joined, batch, slice(start, stop))
        return stop - start

    done = 0
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(run, start) for start in range(0, count, CHUNK)]
        try:
            for future in as_completed(waiting):
                done += future.result()
                progress(done)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _new_session(ready: Player) -> SessionArrays:
    return new_session_arrays(ready.model, ready.arrays, ready.constants, ready.memory())


def _play(ready: Player, session: SessionArrays, joined: JoinedTraces, batch: BatchArrays, rows: slice) -> None:
    # the kernel is compiled or loaded when its module is imported: only by those who simulate
    from abr.player.kernels.batch_kernel import play_sessions

    play_sessions(ready.callback, session, ready.arrays, joined.arrays, batch, rows.start, rows.stop)
