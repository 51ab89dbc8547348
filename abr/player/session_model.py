"""The session model: how a player and its network behave, and the models of two other simulators."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from abr.errors import PresentationError
from abr.player.session_arrays import (
    CATCH_UP_DASHJS,
    CATCH_UP_LOLP,
    MODEL_DTYPE,
    REPLACE_EARLIEST,
    REPLACE_LATEST,
)

__all__ = ["CATCH_UPS", "MODES", "REPLACEMENTS", "SessionModel", "as_session_model"]

REPLACEMENTS = {"none": 0, "earliest": REPLACE_EARLIEST, "latest": REPLACE_LATEST}
CATCH_UPS = {"none": 0, "dash.js": CATCH_UP_DASHJS, "lol+": CATCH_UP_LOLP}


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
    honours_abandon_target : bool
        Whether the rung that a download was abandoned for is fetched next, and the aborted bytes reach the
        estimate.
    wait_quantum : float
        A full buffer is slept off in steps of so many seconds; 0: exactly.
    startup_is_stall : bool
        The wait for the first segment counts as a stall.
    exact : bool
        Every download is stepped through, even where that cannot change it but in the last digits.
    half_lives : tuple of float
        Of the throughput estimate, s.
    slow_start : float or None
        A connection without a transfer for more seconds than this starts slowly again, as a new one does: flights of
        10 segments of 1460 bytes (RFC 6928), then twice as much with every latency until the link is full (RFC 5681,
        3.1 and 4.1). TCP's limit is its retransmission timeout, 1 s or less (RFC 6298). None: never.
    audio : bool
        Whether the presentation's audio is fetched too: over the same connection, one request after the other, always
        for what reaches less far (as ExoPlayer's `CompositeSequenceableLoader`). Playback needs both. Like dash.js, the
        throughput estimate of the video does not count audio.
    replacement : {"none", "earliest", "latest"}
        Whether a segment in the buffer of a rung below the one just chosen is fetched again before the next: the
        earliest of them, which dash.js calls fast switching, or the latest; Sabre's `left` and `right`. None that plays
        within one and a half segments; one that comes too late is abandoned.
    live : float or None
        Latency to keep to the live edge, s. The session begins so far behind it, and whole segments can be asked for
        once they are there; no chunks within them. None: all is there.
    catch_up : {"dash.js", "lol+", "none"}
        Who sets the playback rate of a live session, between 0.5 and 1.5: dash.js's rule by latency (5.1.1,
        CatchupController.js, no seeks), or LoL+'s there, by the buffer where that is below 0.5 s.
    target_vmaf : float
        Threshold of the metric `time_at_target`, and the VMAF above which policies that plan for VMAF gain little.
    name : str
        Name of the model in sessions and tables; models that differ only in the name are equal.
    """

    buffer: float = 60.0
    startup: float = 0.0
    resume: float = 0.0
    latency: float | None = None
    payload: float = 1.0
    first_rung: int | None = None
    skip_last: int = 0
    abandonment: bool = True
    honours_abandon_target: bool = True
    wait_quantum: float = 0.0
    startup_is_stall: bool = False
    exact: bool = False
    half_lives: tuple[float, float] = (3.0, 8.0)
    slow_start: float | None = None
    audio: bool = False
    replacement: str = "none"
    live: float | None = None
    catch_up: str = "dash.js"
    target_vmaf: float = 93.0
    name: str = field(default="default", compare=False)

    def __post_init__(self) -> None:
        """Check the names."""
        if self.replacement not in REPLACEMENTS:
            raise ValueError(f"replacement is one of {', '.join(REPLACEMENTS)}, not {self.replacement!r}")
        if self.catch_up not in CATCH_UPS:
            raise ValueError(f"catch_up is one of {', '.join(CATCH_UPS)}, not {self.catch_up!r}")

    def check_buffer(self, longest: float) -> None:
        """Check that the buffer holds what the model keeps in it and one more segment.

        Parameters
        ----------
        longest : float
            Duration of the longest segment, s.

        Raises
        ------
        PresentationError
            When the buffer is too short, or the latency of a live session is shorter than a segment or longer than
            the buffer.
        """
        if self.startup + longest > self.buffer or self.resume + longest > self.buffer:
            raise PresentationError(
                f"a buffer of {self.buffer:g} s cannot hold {max(self.startup, self.resume):g} s and one more "
                f"segment of {longest:g} s; give a larger --buffer"
            )
        if self.live is not None and not longest <= self.live <= self.buffer:
            raise PresentationError(
                f"a live session cannot be {self.live:g} s behind: segments, asked for when they are whole, last up to "
                f"{longest:g} s, and the buffer holds {self.buffer:g} s"
            )

    def record(self, segments: int, rungs: int, longest: float) -> Any:
        """Return the model as a record of `MODEL_DTYPE`, checked by `check_buffer`; `longest` as there."""
        self.check_buffer(longest)
        record = np.zeros(1, MODEL_DTYPE)[0]
        record["buffer_capacity"] = self.buffer * 1e3
        record["startup_buffer"] = self.startup * 1e3
        record["resume_buffer"] = self.resume * 1e3
        record["fixed_latency"] = -1.0 if self.latency is None else self.latency * 1e3
        record["first_rung"] = -1.0 if self.first_rung is None else min(self.first_rung, rungs - 1)
        record["segment_count"] = max(segments - self.skip_last, 1)
        record["may_abandon"] = record["abandons_late_replacement"] = self.abandonment
        record["honours_abandon_target"] = self.honours_abandon_target
        record["wait_quantum"] = self.wait_quantum * 1e3
        record["startup_is_stall"] = self.startup_is_stall
        # leaps past where nothing is abandoned count on a rate of 1
        record["is_exact"] = self.exact or self.live is not None
        record["progress_bits"], record["progress_time"] = 12_000.0, 50.0  # Sabre's
        record["fast_half_life"], record["slow_half_life"] = self.half_lives[0] * 1e3, self.half_lives[1] * 1e3
        record["estimates_throughput"] = 1.0
        record["idle_timeout"] = np.inf if self.slow_start is None else self.slow_start * 1e3
        record["replacement"] = REPLACEMENTS[self.replacement]
        record["target_latency"] = np.inf if self.live is None else self.live * 1e3
        record["catch_up"] = CATCH_UPS[self.catch_up]
        record["is_video_on_demand"] = self.live is None and not self.audio
        return record


MODES = {
    "default": SessionModel(),
    # UMass-LIDS/sabre 09b03bb: the abandonment target is lost, aborted bytes never reach the estimate
    "sabre": SessionModel(buffer=25.0, first_rung=0, honours_abandon_target=False, exact=True, name="sabre"),
    # hongzimao/pensieve 1120bb1: latency takes no trace time, the last chunk is never played, startup is a stall
    "pensieve": SessionModel(
        latency=0.08,
        payload=0.95,
        first_rung=1,
        skip_last=1,
        abandonment=False,
        honours_abandon_target=False,
        wait_quantum=0.5,
        startup_is_stall=True,
        name="pensieve",
    ),
}


def as_session_model(model: str | SessionModel, buffer: float | None = None) -> SessionModel:
    """Return a session model as it is, or by its name in `MODES`.

    Parameters
    ----------
    model : str or SessionModel
        A name in `MODES`, or a model.
    buffer : float, optional
        Capacity of the buffer, s; by default that of the model.

    Raises
    ------
    ValueError
        When no model has this name.
    """
    if isinstance(model, str):
        if model not in MODES:
            raise ValueError(f"unknown session model {model!r} (choose from {', '.join(MODES)})")
        model = MODES[model]
    return model if buffer is None else replace(model, buffer=buffer)
