"""Replaying: one session with every event, or many at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from abr.errors import PolicyError
from abr.player.player_tables import PlayerTables, TraceTables, player_tables, scratch, trace_tables
from abr.player.session_layout import (
    LOG_WIDTH,
    M_ABANDON,
    M_SEGMENTS,
    M_STARTED,
    O_BAD,
    O_EVENTS,
    OUTCOME_SIZE,
)
from abr.player.session_model import SessionModel, session_model
from abr.policies import get_policy
from abr.policies.policy import Floats, Policy
from abr.policies.policy_state import STATE_SIZE
from abr.policies.python_policy import PythonPolicy, as_policy, run_as
from abr.presentations.device import DEVICES, fit
from abr.presentations.presentation import Presentation
from abr.results.metrics import METRICS
from abr.results.session import EVENT_KINDS, TRANSFERS, Event, Session
from abr.traces.trace import Trace

__all__ = ["TARGET", "Player", "PolicyLike", "player", "resolve", "simulate"]

PolicyLike = str | Policy | Callable[..., Any]
TARGET = 93.0


def resolve(policy: PolicyLike) -> tuple[Policy, PythonPolicy | None]:
    """Return what a name, a `Policy` or a callable stands for."""
    if isinstance(policy, Policy):
        return policy, None
    if isinstance(policy, str):
        return get_policy(policy), None
    if not callable(policy):
        raise PolicyError(f"a policy is a name or a callable, not {policy!r}")
    return as_policy(policy)


@dataclass(frozen=True, slots=True, eq=False)
class Player:
    """One policy made ready for one presentation: its callback, its vectors, the tables."""

    policy: Policy
    python: PythonPolicy | None
    presentation: Presentation
    tables: PlayerTables
    callback: Any
    constants: Floats
    model: Floats

    def memory(self) -> Floats:
        """Return fresh memory for a session."""
        wanted = self.policy.memory
        return np.zeros(wanted if isinstance(wanted, int) else wanted(self.tables.setting))

    def complain(self, trace: str, value: float) -> str:
        """Say what went wrong in a session of this player."""
        where = f"policy {self.policy.title}, presentation {self.presentation.title}, trace {trace}"
        error = self.python.error if self.python else None
        if error is not None:
            return f"{where}: it raised {type(error).__name__}: {error}"
        return f"{where}: it asked for rung or delay {value:g}; there are {len(self.presentation.rungs)} rungs"


def player(pres: Presentation, policy: PolicyLike, model: SessionModel, target: float) -> Player:
    """Make a policy ready; compiles it, or loads its machine code."""
    chosen, python = resolve(policy)
    tables = player_tables(pres, model, target)
    vector = tables.model.copy()
    vector[M_ABANDON] *= chosen.abandons
    constants = np.ascontiguousarray(chosen.constants(tables.setting), np.float64)
    return Player(chosen, python, pres, tables, chosen.compiled(), constants, vector)


def simulate(
    pres: Presentation,
    trace: Trace,
    policy: PolicyLike,
    *,
    mode: str = "default",
    device: str = "tv-1080p",
    start: float = 0.0,
    target: float = TARGET,
    buffer: float | None = None,
    model: SessionModel | None = None,
) -> Session:
    """Replay one trace over a presentation with one policy.

    Parameters
    ----------
    pres : Presentation
        What is played.
    trace : Trace
        The network.
    policy : str, Policy or callable
        A name with an optional version, or a callable on a `State` that returns a rung, or a rung and
        the seconds to wait before the request; one made by numba is called as `abr.policies.policy_state` says.
    mode : {"default", "sabre", "pensieve"}
        The session model.
    device : {"phone", "tv-1080p", "tv-4k"}
        What it is watched on.
    start : float
        Seconds into the trace.
    target : float
        VMAF to reach.
    buffer : float, optional
        Seconds that the buffer holds.
    model : SessionModel, optional
        Instead of a mode.

    Raises
    ------
    PolicyError
        When the policy is unknown, raises, or returns nonsense.

    Examples
    --------
    >>> import abr, numpy as np
    >>> rungs = (abr.Rung("low", 1_000_000), abr.Rung("high", 3_000_000))
    >>> pres = abr.Presentation("film", rungs, np.full(10, 4.0), np.full((10, 2), [500_000, 1_500_000]))
    >>> trace = abr.Trace("steady", [10], [2.5e6], [0.05])
    >>> abr.simulate(pres, trace, "throughput").rungs
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    """
    fitted = fit(pres, DEVICES[device])
    chosen = model or session_model(mode, buffer)
    ready = player(fitted, policy, chosen, target)
    traces = trace_tables([trace], chosen)
    rungs, outcome, log = _play(ready, traces, trace, start)
    metrics = _metrics(ready, rungs, outcome)
    segments = int(ready.model[M_SEGMENTS])
    return Session(
        pres.title,
        trace.name,
        ready.policy.title,
        device,
        mode,
        start,
        tuple(int(rung) for rung in rungs[:segments]),
        tuple(_event(row) for row in log),
        metrics,
    )


def _play(ready: Player, traces: TraceTables, trace: Trace, start: float) -> tuple[Any, Floats, Floats]:
    """Run the session kernel, with a longer log if the first was too short."""
    from abr.player.kernels.session_kernel import session

    t = ready.tables
    rungs = np.zeros(len(t.durations), np.int64)
    outcome = np.zeros(OUTCOME_SIZE)
    s = np.zeros(STATE_SIZE)
    rows = 4 * len(rungs) + 64
    while True:
        log = np.zeros((rows, LOG_WIDTH))
        if ready.python:
            ready.python.begin(s, ready.presentation)
            run_as(ready.python)
        bad = session(
            ready.callback, s, ready.constants, ready.memory(), ready.model, t.sizes, t.vmaf, t.ladder, t.durations,
            t.cum, t.audio_sizes, t.audio_ends, traces.durations, traces.rates, traces.latencies, traces.ends,
            (start * 1e3) % traces.lengths[0], rungs, outcome, log, *scratch(),
        )  # fmt: skip
        if bad:
            error = ready.python.error if ready.python else None
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise error
            raise PolicyError(ready.complain(trace.name, outcome[O_BAD])) from error
        if outcome[O_EVENTS] <= rows:
            return rungs, outcome, log[: int(outcome[O_EVENTS])]
        rows = int(outcome[O_EVENTS])


def _metrics(ready: Player, rungs: Any, outcome: Floats) -> dict[str, float | None]:
    from abr.player.kernels.qoe_kernel import score_one

    t = ready.tables
    row = np.zeros(len(METRICS))
    score_one(
        rungs, int(ready.model[M_SEGMENTS]), int(ready.model[M_STARTED]), t.sizes, t.vmaf, t.ssim, t.ladder,
        t.logs, t.durations, t.enough, t.rank, t.by_rank, np.zeros(t.by_rank.size, np.int64), outcome,
        t.setting.target, row,
    )  # fmt: skip
    return {name: None if np.isnan(value) else float(value) for name, value in zip(METRICS, row, strict=True)}


def _event(row: Floats) -> Event:
    kind, segment, rung, time, duration, bits, buffer, estimate, stall, latency = row.tolist()
    transfer = EVENT_KINDS[int(kind)] in TRANSFERS
    return Event(
        EVENT_KINDS[int(kind)],
        int(segment),
        int(rung) if rung >= 0 else None,
        time / 1e3,
        duration / 1e3,
        bits / 8,
        buffer / 1e3,
        estimate * 1e3 or None,
        stall / 1e3,
        latency / 1e3 if transfer else None,
    )
