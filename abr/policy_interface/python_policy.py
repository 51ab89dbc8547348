"""Policies in Python: any callable that takes a `State`; the session kernel calls it through one C callback."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE
from abr.presentations.presentation import Presentation

__all__ = ["PythonPolicy", "State", "as_policy"]


class State:
    """What a Python policy is called with: seconds, bytes, bits/s.

    Attributes
    ----------
    presentation : Presentation
        The presentation that is played; its arrays are read-only.
    """

    __slots__ = ("_record", "presentation")

    def __init__(self, record: Any, presentation: Presentation) -> None:
        self._record = record
        self.presentation = presentation

    @property
    def segment(self) -> int:
        """Index of the segment to choose for."""
        return int(self._record["segment"])

    @property
    def buffer(self) -> float:
        """Seconds of video in the buffer."""
        return self._record["buffer"] / 1e3

    @property
    def buffer_capacity(self) -> float:
        """Seconds that the buffer holds."""
        return self._record["buffer_capacity"] / 1e3

    @property
    def last_rung(self) -> int | None:
        """Rung of the last segment, None before the first."""
        rung = int(self._record["last_rung"])
        return None if rung < 0 else rung

    @property
    def throughput(self) -> float | None:
        """The player's estimate, bits/s; None while there is none."""
        return self._record["throughput"] * 1e3 or None

    @property
    def last_throughput(self) -> float | None:
        """Rate of the last transfer, bits/s; None before the first."""
        return self._record["last_throughput"] * 1e3 or None

    @property
    def latency(self) -> float:
        """The player's estimate, s."""
        return self._record["latency"] / 1e3

    @property
    def now(self) -> float:
        """Seconds since the session started."""
        return self._record["now"] / 1e3

    @property
    def trace_time(self) -> float:
        """Seconds since the start of the trace."""
        return self._record["trace_time"] / 1e3

    @property
    def playing(self) -> bool:
        """Whether video plays."""
        return bool(self._record["is_playing"])

    @property
    def playback_rate(self) -> float:
        """Seconds of the title that play in a second; 1 unless a live session catches up."""
        return float(self._record["playback_rate"])

    @property
    def live_latency(self) -> float | None:
        """Seconds behind the live edge; None in a session that is not live."""
        return self._record["live_latency"] / 1e3 or None

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of the segment to choose for, by rung."""
        return self.presentation.sizes[int(self._record["segment"])]


class PythonPolicy:
    """A Python callable, made ready to be called by the session kernel.

    Attributes
    ----------
    choose : callable
        Takes a `State`; returns a rung, or a rung and the seconds to wait before the request.
    error : BaseException or None
        What the callable raised in the last session.
    """

    def __init__(self, choose: Callable[[State], Any]) -> None:
        self.choose = choose
        self.error: BaseException | None = None
        self._state: State | None = None
        self._record: Any = None

    def start_session(self, record: Any, presentation: Presentation) -> None:
        """Read and write a state record from now on, and become the policy that this thread's kernel calls."""
        self._record = record
        self._state = State(record, presentation)
        self.error = None
        _running.policy = self

    def decide(self) -> int:
        """Call the callable and return the rung that it chose."""
        assert self._state is not None
        answer = self.choose(self._state)
        if isinstance(answer, tuple):
            answer, delay = answer
            self._record["delay"] = float(delay) * 1e3
        rung = int(answer)
        if rung != answer:
            raise ValueError(f"it returned {answer!r}; a rung is a whole number")
        return rung


# The session kernel calls a policy through a C function pointer, which carries no Python object. All Python policies
# share one pointer, to `_callback`, and which policy it calls is kept here: for each thread apart, because sessions may
# run in several threads at once. `PythonPolicy.start_session` sets it before each session. An exception cannot pass
# through compiled code, so `_callback` keeps it in the policy and returns -1, an invalid rung, at which the kernel ends
# the session; `abr.simulate` then raises the kept exception.
_running = threading.local()


def _callback(event: int) -> int:
    if event != DECIDE:
        return 0
    policy: PythonPolicy = _running.policy
    try:
        return policy.decide()
    except BaseException as error:
        policy.error = error
        return -1


@cache
def _trampoline() -> Callable[..., int]:
    """Return the compiled policy that calls `_callback`; one serves all Python policies of the process."""
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(_callback)

    @njit
    def trampoline(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
        return call(event)

    return trampoline


def as_policy(choose: Callable[..., Any]) -> tuple[Policy, PythonPolicy | None]:
    """Return a callable as a policy: compiled if numba made it, else called through `_callback`.

    A compiled callable has 64 floats of memory and never abandons a download; make an `abr.Policy` for more.
    """
    name = getattr(choose, "__name__", type(choose).__name__)
    if hasattr(choose, "py_func"):
        return Policy(name, "user", "user-defined function", choose, memory=64, stored=False), None
    return Policy(name, "user", "user-defined function", _trampoline(), stored=False), PythonPolicy(choose)
