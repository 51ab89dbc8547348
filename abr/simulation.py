"""Replaying: one session with every event, or many at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from abr.errors import PolicyError
from abr.player.presentation_arrays import JoinedTraces, join_traces, policy_context, presentation_arrays
from abr.player.session_arrays import METRICS_DTYPE, PresentationArrays, SessionArrays, new_session_arrays
from abr.player.session_model import SessionModel, session_model
from abr.policies import get_policy
from abr.policy_interface.policy import Floats, Policy
from abr.policy_interface.python_policy import PythonPolicy, as_policy
from abr.presentations.device import DEVICES, for_device
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
    arrays: PresentationArrays
    callback: Any
    constants: Floats
    model: Any

    def memory(self) -> Floats:
        """Return fresh memory for a session."""
        return np.zeros(self.policy.memory_size(policy_context(self.arrays)))

    def error_text(self, trace: str, value: float) -> str:
        """Return the text of the error that ended a session of this player."""
        where = f"policy {self.policy.title}, presentation {self.presentation.title}, trace {trace}"
        error = self.python.error if self.python else None
        if error is not None:
            return f"{where}: it raised {type(error).__name__}: {error}"
        top = len(self.presentation.rungs) - 1
        return f"{where}: the policy returned the invalid rung or delay {value:g}; rungs are 0 to {top}"


def player(pres: Presentation, policy: PolicyLike, model: SessionModel, target: float) -> Player:
    """Make a policy ready; compiles it, or loads its machine code."""
    chosen, python = resolve(policy)
    arrays = presentation_arrays(pres, model, target)
    record = model.record(len(pres.durations), len(pres.rungs), float(pres.durations.max()))
    record["may_abandon"] &= chosen.abandons
    constants = np.ascontiguousarray(chosen.constants(policy_context(arrays)), np.float64)
    return Player(chosen, python, pres, arrays, chosen.compiled(), constants, record)


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
        the seconds to wait before the request; one made by numba is called as `abr.policy_interface.policy_state` says.
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
    fitted = for_device(pres, DEVICES[device])
    chosen = model or session_model(mode, buffer)
    ready = player(fitted, policy, chosen, target)
    session = _play(ready, join_traces([trace], chosen), trace, start)
    segments = int(ready.model["segment_count"])
    return Session(
        pres.title,
        trace.name,
        ready.policy.title,
        device,
        mode,
        start,
        tuple(int(rung) for rung in session.rungs[:segments]),
        tuple(_event(row) for row in session.events[: int(session.outcome["event_count"])]),
        _metrics(ready, session),
    )


def _play(ready: Player, traces: JoinedTraces, trace: Trace, start: float) -> SessionArrays:
    """Return the played session, with every event in its log."""
    # the kernel is compiled or loaded when its module is imported: only by those who simulate
    from abr.player.kernels.session_kernel import play_session

    rows = 4 * len(ready.arrays.durations) + 64
    while True:
        session = new_session_arrays(ready.model, ready.arrays, ready.constants, ready.memory(), rows)
        if ready.python:
            ready.python.start_session(session.state, ready.presentation)
        failed = play_session(
            ready.callback, session, ready.arrays, traces.arrays, (start * 1e3) % float(traces.lengths[0])
        )
        if failed:
            error = ready.python.error if ready.python else None
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise error
            raise PolicyError(ready.error_text(trace.name, session.outcome["invalid_action"])) from error
        if session.outcome["event_count"] <= rows:
            return session
        rows = int(session.outcome["event_count"])


def _metrics(ready: Player, session: SessionArrays) -> dict[str, float | None]:
    from abr.player.kernels.qoe_kernel import compute_session_metrics

    record = np.zeros(1, METRICS_DTYPE)[0]
    compute_session_metrics(session, ready.arrays, record)
    return {name: None if np.isnan(record[name]) else float(record[name]) for name in METRICS}


def _event(row: Any) -> Event:
    kind = EVENT_KINDS[row["kind"]]
    return Event(
        kind,
        int(row["segment"]),
        int(row["rung"]) if row["rung"] >= 0 else None,
        float(row["time"]) / 1e3,
        float(row["duration"]) / 1e3,
        float(row["bits"]) / 8,
        float(row["buffer"]) / 1e3,
        float(row["throughput_estimate"]) * 1e3 or None,
        float(row["stall"]) / 1e3,
        float(row["latency"]) / 1e3 if kind in TRANSFERS else None,
    )
