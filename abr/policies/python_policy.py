"""Policies that are Python: any callable on a `State`, called by the session kernel through one callback."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abr.policies.policy import Floats, Policy
from abr.policies.policy_state import (
    BEHIND,
    BUFFER,
    CAP,
    CLOCK,
    DECIDE,
    DELAY,
    LAST_RUNG,
    LATENCY,
    NOW,
    PLAYING,
    RATE,
    SAMPLE,
    SEGMENT,
    THROUGHPUT,
)
from abr.presentations.presentation import Presentation

__all__ = ["PythonPolicy", "State", "as_policy", "run_as"]


class State:
    """What a Python policy sees when it chooses; seconds, bytes, bits/s.

    Attributes
    ----------
    presentation : Presentation
        The title; its arrays are read-only.
    """

    __slots__ = ("_s", "presentation")

    def __init__(self, s: Floats, presentation: Presentation) -> None:
        self._s = s
        self.presentation = presentation

    @property
    def segment(self) -> int:
        """Index of the segment to choose for."""
        return int(self._s[SEGMENT])

    @property
    def buffer(self) -> float:
        """Seconds of video in the buffer."""
        return self._s[BUFFER] / 1e3

    @property
    def buffer_capacity(self) -> float:
        """Seconds that the buffer holds."""
        return self._s[CAP] / 1e3

    @property
    def last_rung(self) -> int | None:
        """Rung of the last segment, None before the first."""
        rung = int(self._s[LAST_RUNG])
        return None if rung < 0 else rung

    @property
    def throughput(self) -> float | None:
        """The player's estimate, bits/s; None while there is none."""
        return self._s[THROUGHPUT] * 1e3 or None

    @property
    def last_throughput(self) -> float | None:
        """Rate of the last transfer, bits/s; None before the first."""
        return self._s[SAMPLE] * 1e3 or None

    @property
    def latency(self) -> float:
        """The player's estimate, s."""
        return self._s[LATENCY] / 1e3

    @property
    def now(self) -> float:
        """Seconds since the session began."""
        return self._s[NOW] / 1e3

    @property
    def clock(self) -> float:
        """Seconds since the beginning of the trace."""
        return self._s[CLOCK] / 1e3

    @property
    def playing(self) -> bool:
        """Whether video plays."""
        return self._s[PLAYING] == 1.0

    @property
    def playback_rate(self) -> float:
        """Seconds of the title that play in a second; 1 unless a live session catches up."""
        return float(self._s[RATE])

    @property
    def live_latency(self) -> float | None:
        """Seconds behind the live edge; None in a session that is not live."""
        return self._s[BEHIND] / 1e3 or None

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of the segment to choose for, by rung."""
        return self.presentation.sizes[int(self._s[SEGMENT])]


class PythonPolicy:
    """A callable with the state vector that it reads."""

    def __init__(self, choose: Callable[[State], Any]) -> None:
        self.choose = choose
        self.error: BaseException | None = None
        self.state: State | None = None
        self.s: Floats | None = None

    def begin(self, s: Floats, presentation: Presentation) -> None:
        """Stand ready for one session."""
        self.s = s
        self.state = State(s, presentation)
        self.error = None

    def decide(self) -> int:
        """Ask the callable; a pair is a rung and the seconds to wait before the request."""
        assert self.s is not None
        answer = self.choose(self.state)  # type: ignore[arg-type]
        if isinstance(answer, tuple):
            answer, delay = answer
            self.s[DELAY] = float(delay) * 1e3
        rung = int(answer)
        if rung != answer:
            raise ValueError(f"it returned {answer!r}, not a rung")
        return rung


_running = threading.local()


def _callback(event: int) -> int:
    """Answer the kernel; a failure is kept for the caller, and ends the session."""
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
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(_callback)

    @njit
    def trampoline(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
        return call(event)

    return trampoline


def run_as(policy: PythonPolicy) -> None:
    """Make a policy the one that this thread's kernel asks."""
    _running.policy = policy


def as_policy(choose: Callable[..., Any]) -> tuple[Policy, PythonPolicy | None]:
    """Return a callable as a policy: compiled if numba made it, else through the callback.

    A compiled one has 64 floats of memory and never abandons; give an `abr.Policy` for more.
    """
    name = getattr(choose, "__name__", type(choose).__name__)
    if hasattr(choose, "py_func"):
        return Policy(name, "user", "the user's", choose, memory=64, stored=False), None
    return Policy(name, "user", "the user's", _trampoline(), stored=False), PythonPolicy(choose)
