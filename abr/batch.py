"""Simulation of many sessions: every presentation, trace, start and policy, to a table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np

from abr.bounds.offline_bound import compute_upper_bounds, objective
from abr.errors import PolicyError, TraceError
from abr.player.presentation_arrays import JoinedTraces, check_work, join_traces
from abr.player.session_arrays import METRICS_DTYPE, BatchArrays, SessionArrays, new_session_arrays
from abr.player.session_model import SessionModel, as_session_model
from abr.policy_interface.policy import Floats
from abr.presentations.device import for_device
from abr.presentations.presentation import Presentation
from abr.presentations.presentation_files import as_presentation
from abr.results.metrics import METRICS
from abr.results.session_table import SessionTable
from abr.simulation import (
    Player,
    PolicyLike,
    play_web_player,
    prepare_player,
    session_metrics,
    web_policy_title,
)
from abr.traces.trace import Trace
from abr.traces.trace_files import as_trace
from shotladder_runtime.progress import Progress, progress_callback

__all__ = ["simulate_many", "start_offsets"]

T = TypeVar("T")
#: one value, or a sequence of them
OneOrMore: TypeAlias = T | Sequence[T]

#: sessions that a thread plays between two reports of progress and checks for interrupts; chosen by hand, not tuned
CHUNK = 256


def start_offsets(traces: OneOrMore[Trace | str | Path], starts: int, seed: int = 0) -> Floats:
    """Return offsets into traces at which sessions start: 0, then one at random in each equal part of the trace.

    Parameters
    ----------
    traces : Trace, path or URL, or a sequence of them
    starts : int
        Sessions per trace; each trace is divided into this number of equal parts.
    seed : int
        Seed of the random offsets.

    Returns
    -------
    ndarray of float64, shape (traces, starts)
        Seconds.
    """
    networks = [as_trace(trace) for trace in _as_tuple(traces)]
    rng = np.random.default_rng(seed)
    parts = (np.arange(starts) + rng.random((len(networks), starts))) / starts
    parts[:, 0] = 0.0
    return parts * np.array([[trace.duration] for trace in networks])


def simulate_many(
    presentations: OneOrMore[Presentation | str | Path],
    traces: OneOrMore[Trace | str | Path],
    policies: OneOrMore[PolicyLike],
    *,
    starts: int | Floats = 1,
    model: str | SessionModel = "default",
    buffer: float | None = None,
    device: str = "tv-1080p",
    regret: bool = False,
    progress: bool | Progress | None = None,
) -> SessionTable:
    """Simulate every trace, from several starts, with every presentation and every policy.

    Compiled policies run in one thread for each core that the process may use, so that the affinity of the process
    (`taskset`, a batch scheduler) bounds the number of threads.

    Parameters
    ----------
    presentations, traces, policies : one or a sequence
        Each as `abr.simulate` takes it.
    starts : int or ndarray of float64, shape (traces, sessions per trace)
        Sessions per trace, presentation and policy, which start at `abr.start_offsets(traces, starts)`; or the offsets
        themselves, s, for example those of another seed.
    model, buffer, device
        As for `abr.simulate`.
    regret : bool
        Add the column `regret`: the offline upper bound of `abr.objective` minus what the session reached. The bound
        takes about a tenth of a second for 48 segments of 6 rungs.
    progress : bool or callable, optional
        True draws a progress bar on stderr; a callable is called with (sessions done, all sessions).

    Returns
    -------
    SessionTable
        One row per session; `load_ratio` is the mean throughput of the trace divided by the bitrate of the middle
        rung. The metrics of a session whose policy failed are absent; `SessionTable.errors` has the reason.

    Raises
    ------
    PolicyError
        When a policy is unknown, or `regret` is requested for a model that `abr.can_bound` excludes.
    PresentationError, TraceError
        When an input cannot be read, there is no trace, or the buffer cannot hold the segments.
    """
    chosen = as_session_model(model, buffer)
    with_audio = chosen.audio or chosen.web_player
    videos = [as_presentation(each, audio=with_audio) for each in _as_tuple(presentations)]
    videos = [pres.renamed(title) for pres, title in zip(videos, _distinguish(p.title for p in videos), strict=True)]
    networks = [as_trace(each) for each in _as_tuple(traces)]
    networks = [replace(t, name=name) for t, name in zip(networks, _distinguish(t.name for t in networks), strict=True)]
    if not networks:
        raise TraceError("the simulation needs at least one trace")
    joined = join_traces(networks, chosen)
    offsets = np.asarray(starts, np.float64) if np.ndim(starts) else start_offsets(networks, int(starts))
    if offsets.ndim != 2 or len(offsets) != len(networks):
        raise TraceError(f"the start offsets need shape ({len(networks)}, sessions per trace), not {offsets.shape}")
    arms = [(pres, policy) for pres in videos for policy in _as_tuple(policies)]
    table = SessionTable.empty(len(arms) * offsets.size, chosen.name, device)
    report = progress_callback(progress, "simulate")
    for pres in videos:
        check_work(pres, networks)
    for number, (pres, policy) in enumerate(arms):
        rows = slice(number * offsets.size, (number + 1) * offsets.size)
        fitted = for_device(pres, device)
        table["load_ratio"][rows] = np.repeat(
            [trace.load_ratio(fitted.bitrates) for trace in networks], offsets.shape[1]
        )
        done = _offset_progress(report, rows, len(table))
        if chosen.web_player:
            table.label(rows, pres.title, web_policy_title(policy), networks, offsets)
            table.fill(rows, *_simulate_web_arm(fitted, policy, chosen, networks, offsets, done))
            continue
        player = prepare_player(fitted, policy, chosen)
        player.model["estimates_throughput"] = player.policy.estimates
        table.label(rows, pres.title, player.policy.title, networks, offsets)
        metrics, errors = _simulate_arm(player, networks, joined, offsets, done)
        table.fill(rows, metrics, errors)
    if regret:
        bounds = [compute_upper_bounds(pres, networks, offsets, device=device, model=chosen) for pres in videos]
        upper = np.concatenate([np.tile(bound.ravel(), len(arms) // len(videos)) for bound in bounds])
        table.columns["regret"] = upper - objective(table["qoe_lin"], table["startup_delay"])
    return table


def _as_tuple(values: Any) -> tuple[Any, ...]:
    """Return the values of a sequence; a text is one value."""
    return tuple(values) if isinstance(values, Sequence) and not isinstance(values, str) else (values,)


def _distinguish(names: Iterable[str]) -> list[str]:
    """Return names of which no two are equal: the table finds the sessions of an arm and of a trace by name."""
    given = list(names)
    taken, counts, distinct = set(given), Counter[str](), list[str]()
    for name in given:
        counts[name] += 1
        if counts[name] == 1:
            distinct.append(name)
            continue
        while (free := f"{name} ({counts[name]})") in taken:
            counts[name] += 1
        taken.add(free)
        distinct.append(free)
    return distinct


def _offset_progress(report: Progress, rows: slice, total: int) -> Callable[[float], None]:
    """Return the progress callback of one arm, which takes the sessions done in this arm."""
    return lambda done: report(rows.start + done, total)


def _simulate_arm(
    player: Player,
    traces: Sequence[Trace],
    joined: JoinedTraces,
    offsets: Floats,
    progress: Callable[[float], None],
) -> tuple[Floats, dict[int, str]]:
    """Return the metrics of each session of one policy and presentation, and the errors of the failed ones."""
    trace_indices = np.repeat(np.arange(len(traces)), offsets.shape[1])
    metrics = np.full((len(trace_indices), len(METRICS)), np.nan)
    batch = BatchArrays(
        joined.first_intervals,
        trace_indices,
        (offsets.ravel() * 1e3) % joined.lengths[trace_indices],
        metrics.view(METRICS_DTYPE)[:, 0],
        np.full(len(trace_indices), np.nan),
    )
    errors: dict[int, str] = {}
    if player.python:
        for i in range(len(trace_indices)):
            session = _new_session(player)
            player.python.start_session(session.state, player.presentation)
            _play(player, session, joined, batch, slice(i, i + 1))
            if isinstance(player.python.error, KeyboardInterrupt | SystemExit):
                raise player.python.error
            if not np.isnan(batch.invalid_actions[i]):
                errors[i] = player.error_text(traces[trace_indices[i]].name, batch.invalid_actions[i])
            progress(i + 1)
        return metrics, errors
    _play_in_threads(player, joined, batch, progress)
    for i in map(int, np.flatnonzero(~np.isnan(batch.invalid_actions))):
        errors[i] = player.error_text(traces[trace_indices[i]].name, batch.invalid_actions[i])
    return metrics, errors


def _simulate_web_arm(
    presentation: Presentation,
    policy: PolicyLike,
    model: SessionModel,
    traces: Sequence[Trace],
    offsets: Floats,
    progress: Callable[[float], None],
) -> tuple[Floats, dict[int, str]]:
    """Return the metrics of each session of one web player, and the errors of the failed ones."""
    metrics = np.full((offsets.size, len(METRICS)), np.nan)
    errors: dict[int, str] = {}
    for i, start in enumerate(offsets.ravel()):
        trace = traces[i // offsets.shape[1]]
        try:
            _, session, player = play_web_player(presentation, trace, policy, model, float(start))
            metrics[i] = [session_metrics(player, session)[name] for name in METRICS]
        except PolicyError as error:
            errors[i] = str(error)
        progress(i + 1)
    return metrics, errors


def _play_in_threads(
    player: Player, joined: JoinedTraces, batch: BatchArrays, progress: Callable[[float], None]
) -> None:
    """Play the sessions in one thread per core that the process may use.

    The kernel releases the lock of the interpreter, so that the threads run in parallel. An interrupt takes effect
    between two chunks of sessions.
    """
    count = len(batch.starts)

    def run(start: int) -> int:
        stop = min(start + CHUNK, count)
        _play(player, _new_session(player), joined, batch, slice(start, stop))
        return stop - start

    done = 0
    with ThreadPoolExecutor(_count_cores()) as pool:
        futures = [pool.submit(run, start) for start in range(0, count, CHUNK)]
        try:
            for future in as_completed(futures):
                done += future.result()
                progress(done)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _count_cores() -> int:
    """Return the number of cores that the process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _new_session(player: Player) -> SessionArrays:
    """Return the arrays of a new session, without a log of events."""
    return new_session_arrays(player.model, player.arrays, player.constants, player.memory())


def _play(player: Player, session: SessionArrays, joined: JoinedTraces, batch: BatchArrays, rows: slice) -> None:
    """Play the sessions `rows` of a batch, one after the other, in the arrays `session`."""
    # imported here, because the import compiles the kernel or loads its machine code
    from abr.player.kernels.batch_kernel import play_sessions

    play_sessions(player.callback, session, player.arrays, joined.arrays, batch, rows.start, rows.stop)
