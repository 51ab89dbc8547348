"""The session model: the settings of the player and its connection, and the models of Sabre and Pensieve."""

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

#: which buffered segments are replaced, by name, with the value of the kernels
REPLACEMENTS = {"none": 0, "earliest": REPLACE_EARLIEST, "latest": REPLACE_LATEST}
#: rules for the playback rate of a live session, by name, with the value of the kernels
CATCH_UPS = {"none": 0, "dash.js": CATCH_UP_DASHJS, "lol+": CATCH_UP_LOLP}

#: bits after which a step of a download ends; from Sabre
PROGRESS_BITS = 12_000.0
#: ms after which a step of a download ends; from Sabre
PROGRESS_TIME = 50.0


@dataclass(frozen=True, slots=True)
class SessionModel:
    """The settings of the player and its connection for a session.

    Attributes
    ----------
    buffer : float
        Capacity of the buffer, s.
    startup, resume : float
        Buffer levels at which playback starts, and resumes after a stall, s; at least one segment is buffered.
    latency : float or None
        Seconds that each request takes; the trace does not advance in that time. None: the latency of the trace, and
        the trace advances.
    payload : float
        Fraction of the throughput of the trace that carries segments.
    first_rung : int or None
        Rung of the first segment; None: the policy chooses.
    skip_last : int
        Number of segments at the end that are not downloaded.
    abandonment : bool
        Whether a policy may abandon a download.
    honours_abandon_target : bool
        Whether the player downloads the rung for which the policy abandoned a download next, and the throughput
        estimate includes the abandoned bytes.
    wait_quantum : float
        Step in which the player waits while the buffer is full, s; 0: it waits exactly as long as necessary.
    startup_is_stall : bool
        Whether the startup delay counts as a stall.
    exact : bool
        Whether each download is simulated step by step, even where this changes only the last digits of the result.
    half_lives : tuple of float
        Half-lives of the two averages of the throughput estimate, s.
    slow_start : float or None
        Seconds without a transfer after which the connection returns to slow start, as a new connection does. It sends
        10 TCP segments of 1460 bytes (RFC 6928), and twice as many after each latency, until it reaches the throughput
        of the trace (RFC 5681, 3.1 and 4.1). In TCP this time is the retransmission timeout, 1 s or less (RFC 6298).
        None: no slow start.
    audio : bool
        Whether the player also downloads the audio of the presentation. It uses the same connection, one request at a
        time, and always requests the track with the lower buffer level (as ExoPlayer's `CompositeSequenceableLoader`).
        Playback needs both tracks. As in dash.js, audio downloads do not enter the throughput estimate.
    replacement : {"none", "earliest", "latest"}
        Whether the player replaces a buffered segment of a lower rung than the chosen rung before it downloads the next
        segment: the earliest such segment, which dash.js calls fast switching, or the latest; Sabre calls them `left`
        and `right`. Segments that play within one and a half segment durations are not replaced. The player abandons a
        replacement that would arrive too late.
    live : float or None
        Target latency to the live edge, s. The session starts at this latency. A segment is available when it is
        complete; there are no CMAF chunks. None: video on demand.
    catch_up : {"dash.js", "lol+", "none"}
        Rule that sets the playback rate of a live session, between 0.5 and 1.5. "dash.js" uses the latency (5.1.1,
        CatchupController.js, without seeks); "lol+" is the rule of LoL+ in the same file, which uses the buffer level
        below 0.5 s of buffer.
    target_vmaf : float
        Threshold of the metric `time_at_target`, and the VMAF above which policies that plan for VMAF gain little.
    web_player : bool
        Whether the session is that of the web player whose policy is chosen (`abr.web_players`): dash.js, hls.js or
        Shaka Player with its own buffer, schedule, audio, manifests and replacements. Only `payload` and `target_vmaf`
        of the other fields count then.
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
    web_player: bool = False
    name: str = field(default="default", compare=False)

    def __post_init__(self) -> None:
        """Check the names of `replacement` and `catch_up`."""
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
                f"a live session cannot be {self.live:g} s behind: segments, requested when they are complete, last up "
                f"to {longest:g} s, and the buffer holds {self.buffer:g} s"
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
        # the skips of `WILL_KEEP` assume a playback rate of 1, which a live session does not have
        record["is_exact"] = self.exact or self.live is not None
        record["progress_bits"] = PROGRESS_BITS
        record["progress_time"] = PROGRESS_TIME
        record["fast_half_life"], record["slow_half_life"] = self.half_lives[0] * 1e3, self.half_lives[1] * 1e3
        record["estimates_throughput"] = 1.0
        record["idle_timeout"] = np.inf if self.slow_start is None else self.slow_start * 1e3
        record["replacement"] = REPLACEMENTS[self.replacement]
        record["target_latency"] = np.inf if self.live is None else self.live * 1e3
        record["catch_up"] = CATCH_UPS[self.catch_up]
        record["is_video_on_demand"] = self.live is None and not self.audio
        return record


#: session models by name
MODES = {
    "default": SessionModel(),
    # UMass-LIDS/sabre 09b03bb ignores the rung and the bytes of an abandonment
    "sabre": SessionModel(buffer=25.0, first_rung=0, honours_abandon_target=False, exact=True, name="sabre"),
    # hongzimao/pensieve 1120bb1: the trace does not advance during the latency, the last chunk is not downloaded, and
    # the startup delay is a stall
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
    "player": SessionModel(web_player=True, name="player"),
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
