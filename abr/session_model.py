"""The session model: how a player and its network behave, and the models of two other simulators."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abr.errors import PresentationError
from abr.session_layout import MODEL_SIZE

__all__ = ["MODES", "SessionModel", "session_model"]


@dataclass(frozen=True, slots=True)
class SessionModel:
    """How a session goes.

    Attributes
    ----------
    buffer : float
        Capacity of the buffer, s.
    startup, resume : float
        Playback begins, and goes on after a stall, with so many seconds in the buffer; at least one segment.
    latency : float or None
        Seconds that every request takes without any trace time passing; None: the trace's, which do.
    payload : float
        Share of the trace's rate that carries segments.
    first_rung : int or None
        Rung of the first segment; None: the policy chooses.
    skip_last : int
        Segments at the end that are never fetched.
    abandonment : bool
        Whether a policy may abandon a download.
    honour : bool
        Whether the rung that a download was abandoned for is fetched next, and the aborted bytes reach the
        estimate.
    quantum : float
        A full buffer is slept off in steps of so many seconds; 0: exactly.
    started : bool
        The wait for the first segment counts as a stall.
    exact : bool
        Every download is stepped through, even where that cannot change it but in the last digits.
    half_lives : tuple of float
        Of the throughput estimate, s.
    """

    buffer: float = 60.0
    startup: float = 0.0
    resume: float = 0.0
    latency: float | None = None
    payload: float = 1.0
    first_rung: int | None = None
    skip_last: int = 0
    abandonment: bool = True
    honour: bool = True
    quantum: float = 0.0
    started: bool = False
    exact: bool = False
    half_lives: tuple[float, float] = (3.0, 8.0)

    def vector(self, segments: int, rungs: int, longest: float) -> NDArray[np.float64]:
        """Return the model as the session kernel takes it; `longest` segment in seconds."""
        if self.startup + longest > self.buffer or self.resume + longest > self.buffer:
            raise PresentationError(
                f"a buffer of {self.buffer:g} s cannot hold {max(self.startup, self.resume):g} s and one more "
                f"segment of {longest:g} s; give a larger --buffer"
            )
        c = np.zeros(MODEL_SIZE)
        c[0] = self.buffer * 1e3
        c[1] = self.startup * 1e3
        c[2] = self.resume * 1e3
        c[3] = -1.0 if self.latency is None else self.latency * 1e3
        c[4] = -1.0 if self.first_rung is None else min(self.first_rung, rungs - 1)
        c[5] = max(segments - self.skip_last, 1)
        c[6] = float(self.abandonment)
        c[7] = float(self.honour)
        c[8] = self.quantum * 1e3
        c[9] = float(self.started)
        c[10] = float(self.exact)
        c[11:13] = 12_000.0, 50.0  # Sabre's steps of progress
        c[13], c[14] = self.half_lives[0] * 1e3, self.half_lives[1] * 1e3
        c[15] = 1.0
        return c


MODES = {
    "default": SessionModel(),
    # UMass-LIDS/sabre 09b03bb: the abandonment target is lost, aborted bytes never reach the estimate
    "sabre": SessionModel(buffer=25.0, first_rung=0, honour=False, exact=True),
    # hongzimao/pensieve 1120bb1: latency takes no trace time, the last chunk is never played, startup is a stall
    "pensieve": SessionModel(
        latency=0.08,
        payload=0.95,
        first_rung=1,
        skip_last=1,
        abandonment=False,
        honour=False,
        quantum=0.5,
        started=True,
    ),
}


def session_model(mode: str, buffer: float | None = None, startup: float | None = None) -> SessionModel:
    """Return the model of a mode with what a user wants otherwise."""
    if mode not in MODES:
        raise ValueError(f"no mode is called {mode!r}; there are {', '.join(MODES)}")
    model = MODES[mode]
    if buffer is not None:
        model = replace(model, buffer=buffer)
    if startup is not None:
        model = replace(model, startup=startup)
    return model
