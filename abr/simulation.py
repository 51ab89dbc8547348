"""Simulation of one session, with every event; `Player`, a policy that is ready for one presentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from abr.errors import PolicyError
from abr.player.presentation_arrays import JoinedTraces, check_work, join_traces, policy_context, presentation_arrays
from abr.player.session_arrays import METRICS_DTYPE, PresentationArrays, SessionArrays, new_session_arrays
from abr.player.session_model import SessionModel, as_session_model
from abr.policies import get_policy
from abr.policy_interface.policy import Floats, Policy
from abr.policy_interface.python_policy import PythonPolicy, as_policy
from abr.presentations.device import for_device
from abr.presentations.presentation import Presentation
from abr.presentations.presentation_files import as_presentation
from abr.results.metrics import METRICS
from abr.results.session import EVENT_KINDS, TRANSFERS, Event, Session
from abr.traces.trace import Trace
from abr.traces.trace_files import as_trace
from abr.web_players.player_models import PlayedSession, play_web_session, player_model
from abr.web_players.web_title import as_web_title

__all__ = [
    "Player",
    "PolicyLike",
    "play_web_player",
    "prepare_player",
    "resolve_policy",
    "session_metrics",
    "simulate",
    "web_policy_title",
]

PolicyLike = str | Policy | Callable[..., Any]


def resolve_policy(policy: PolicyLike) -> tuple[Policy, PythonPolicy | None]:
    """Return the policy for a name, a `Policy` or a callable; with it, the Python callable that it calls, if any.

    Raises
    ------
    PolicyError
        When the name is unknown, or the argument is not callable.
    """
    if isinstance(policy, Policy):
        return policy, None
    if isinstance(policy, str):
        return get_policy(policy), None
    if not callable(policy):
        raise PolicyError(f"expected the name of a policy, a Policy or a callable, got {policy!r}")
    return as_policy(policy)


@dataclass(frozen=True, slots=True, eq=False)
class Player:
    """A policy that is ready for the sessions of one presentation.

    Attributes
    ----------
    policy : Policy
    python : PythonPolicy or None
        The Python callable that the policy calls, if any.
    presentation : Presentation
        The rungs that the device requests.
    arrays : PresentationArrays
        The presentation as the kernels read it.
    callback : object
        The compiled policy.
    constants : ndarray of float64
        The constants of the policy for this presentation.
    model : record of MODEL_DTYPE
    """

    policy: Policy
    python: PythonPolicy | None
    presentation: Presentation
    arrays: PresentationArrays
    callback: Any
    constants: Floats
    model: Any

    def memory(self) -> Floats:
        """Return the zeroed memory of the policy for a new session."""
        return np.zeros(self.policy.memory_size(policy_context(self.arrays)))

    def error_text(self, trace: str, value: float) -> str:
        """Return the text of the error that ended a session of this player."""
        context = f"policy {self.policy.title}, presentation {self.presentation.title}, trace {trace}"
        error = self.python.error if self.python else None
        if error is not None:
            return f"{context}: the policy raised {type(error).__name__}: {error}"
        top = len(self.presentation.rungs) - 1
        return f"{context}: the policy returned the invalid rung or delay {value:g}; rungs are 0 to {top}"


def prepare_player(presentation: Presentation, policy: PolicyLike, model: SessionModel) -> Player:
    """Return the player of a presentation; compiles the policy, or loads its machine code."""
    chosen, python = resolve_policy(policy)
    arrays = presentation_arrays(presentation, model, model.target_vmaf)
    durations = presentation.durations
    record = model.record(len(durations), len(presentation.rungs), float(durations.max()))
    record["may_abandon"] &= chosen.abandons
    constants = np.ascontiguousarray(chosen.constants(policy_context(arrays)), np.float64)
    return Player(chosen, python, presentation, arrays, chosen.compiled(), constants, record)


def simulate(
    presentation: Presentation | str | Path,
    trace: Trace | str | Path,
    policy: PolicyLike,
    *,
    start: float = 0.0,
    model: str | SessionModel = "default",
    buffer: float | None = None,
    device: str = "tv-1080p",
) -> Session:
    """Simulate one session: a client plays a presentation over a network trace with an ABR policy.

    Parameters
    ----------
    presentation : Presentation, path or URL
        A path or URL is read by `abr.load_presentation`.
    trace : Trace, path or URL
        Throughput and latency of the network; repeated when the session is longer. A path or URL is read by
        `abr.load_trace`.
    policy : str, Policy or callable
        A name with an optional version, or a callable that takes a `State` and returns a rung, or a rung and the delay
        of its request in seconds. `abr.policy_interface.policy_state` describes callables that numba compiled.
    start : float
        Offset into the trace at which the session starts, s.
    model : {"default", "sabre", "pensieve", "player"} or SessionModel
        How the player and the network behave; the names are those of `abr.MODES`. With "player" the session is that of
        the web player whose policy is chosen: dash.js, hls.js or Shaka Player.
    buffer : float, optional
        Capacity of the buffer, s; by default that of the model.
    device : {"phone", "tv-1080p", "tv-4k"}
        Device of the viewer: caps the height of the rungs, and selects the VMAF model.

    Returns
    -------
    Session

    Raises
    ------
    PolicyError
        When the policy is unknown, raises, or returns an invalid rung or delay.
    PresentationError
        When the presentation cannot be read, or the buffer cannot hold its segments.
    TraceError
        When the trace cannot be read.

    Examples
    --------
    >>> import abr, numpy as np
    >>> rungs = (abr.Rung("low", 1_000_000), abr.Rung("high", 3_000_000))
    >>> pres = abr.Presentation("video", rungs, np.full(10, 4.0), np.full((10, 2), [500_000, 1_500_000]))
    >>> trace = abr.Trace("steady", [10], [2.5e6], [0.05])
    >>> abr.simulate(pres, trace, "throughput").rungs
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    """
    chosen = as_session_model(model, buffer)
    pres = as_presentation(presentation, audio=chosen.audio or chosen.web_player)
    network = as_trace(trace)
    check_work(pres, [network])
    if chosen.web_player:
        return _simulate_web_player(for_device(pres, device), network, policy, chosen, start, device)
    player = prepare_player(for_device(pres, device), policy, chosen)
    session = _play(player, join_traces([network], chosen), network, start)
    segments = int(player.model["segment_count"])
    return Session(
        pres.title,
        network.name,
        player.policy.title,
        device,
        chosen.name,
        start,
        tuple(int(rung) for rung in session.rungs[:segments]),
        tuple(_event(row) for row in session.events[: int(session.outcome["event_count"])]),
        _metrics(player, session),
    )


def _play(player: Player, traces: JoinedTraces, trace: Trace, start: float) -> SessionArrays:
    """Play the session, again with a longer log if the events do not fit, and return its arrays."""
    # imported here, because the import compiles the kernel or loads its machine code
    from abr.player.kernels.session_kernel import play_session

    rows = 4 * len(player.arrays.durations) + 64
    while True:
        session = new_session_arrays(player.model, player.arrays, player.constants, player.memory(), rows)
        if player.python:
            player.python.start_session(session.state, player.presentation)
        failed = play_session(
            player.callback, session, player.arrays, traces.arrays, (start * 1e3) % float(traces.lengths[0])
        )
        if failed:
            error = player.python.error if player.python else None
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise error
            raise PolicyError(player.error_text(trace.name, session.outcome["invalid_action"])) from error
        if session.outcome["event_count"] <= rows:
            return session
        rows = int(session.outcome["event_count"])


def play_web_player(
    presentation: Presentation, trace: Trace, policy: PolicyLike, model: SessionModel, start: float
) -> tuple[PlayedSession, SessionArrays, Player]:
    """Play a session of a web player; return it, and as arrays with the player that computes its metrics.

    Raises
    ------
    PolicyError
        When no web player is modelled for the policy.
    """
    name = policy.title if isinstance(policy, Policy) else policy
    if not isinstance(name, str):
        raise PolicyError(f"the mode `player` models web players by the names of their policies, not {policy!r}")
    played = play_web_session(as_web_title(presentation), trace.scaled(model.payload), name, start)
    player = prepare_player(presentation, name.partition("@")[0], model)
    session = new_session_arrays(player.model, player.arrays, player.constants, player.memory())
    session.rungs[:] = played.rungs
    outcome = session.outcome
    outcome["startup"], outcome["stall"], outcome["end"] = 1e3 * played.startup, 1e3 * played.stall, 1e3 * played.end
    outcome["stall_count"] = played.stall_count
    outcome["bits"], outcome["wasted_bits"] = 8 * played.received, 8 * played.wasted
    return played, session, player


def web_policy_title(policy: PolicyLike) -> str:
    """Return the name of the policy of a web player with the release that its model describes."""
    name = policy.title if isinstance(policy, Policy) else str(policy)
    return f"{name.partition('@')[0]}@{player_model(name)[0]}"


def _simulate_web_player(
    presentation: Presentation, trace: Trace, policy: PolicyLike, model: SessionModel, start: float, device: str
) -> Session:
    played, session, player = play_web_player(presentation, trace, policy, model, start)
    return Session(
        presentation.title,
        trace.name,
        web_policy_title(policy),
        device,
        model.name,
        start,
        played.rungs,
        played.events,
        _metrics(player, session),
    )


def session_metrics(player: Player, session: SessionArrays) -> Any:
    """Return the metrics of a session as a record of `METRICS_DTYPE`."""
    from abr.player.kernels.qoe_kernel import compute_session_metrics

    record = np.zeros(1, METRICS_DTYPE)[0]
    compute_session_metrics(session, player.arrays, record)
    return record


def _metrics(player: Player, session: SessionArrays) -> dict[str, float | None]:
    """Return the metrics of a session; None where a metric is undefined."""
    record = session_metrics(player, session)
    return {name: None if np.isnan(record[name]) else float(record[name]) for name in METRICS}


def _event(row: Any) -> Event:
    """Return a row of the log, in seconds, bytes and bits/s."""
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
