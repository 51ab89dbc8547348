"""The values `Session` and `Event`: one replay, every download, stall and wait of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EVENT_KINDS", "TRANSFERS", "Event", "Session"]

#: in the order of the session kernel's log
EVENT_KINDS = ("download", "abandon", "stall", "wait", "startup", "end", "audio", "replace")
#: those in which something is transferred
TRANSFERS = ("download", "abandon", "audio", "replace")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes
    ----------
    event : str
        One of `EVENT_KINDS`.
    segment : int
        Which segment it is about; of the audio in an `audio` event, the one that was replaced in a `replace`.
    rung : int or None
        0 is the lowest; None for audio.
    time : float
        Seconds since the session began, at the event's end.
    duration : float
        Seconds it took.
    bytes : float
        That arrived.
    buffer : float
        Seconds in the buffer, after it.
    throughput_estimate : float or None
        Bits/s that the player expects after it.
    stall : float
        Seconds of its duration in which nothing played.
    latency : float or None
        Seconds until the first byte of a transfer.
    """

    event: str
    segment: int
    rung: int | None
    time: float
    duration: float
    bytes: float
    buffer: float
    throughput_estimate: float | None
    stall: float
    latency: float | None


@dataclass(frozen=True, slots=True)
class Session:
    """One replay.

    Attributes
    ----------
    presentation, trace, policy, device, mode : str
        What was replayed, and how.
    start : float
        Seconds into the trace at which it began.
    rungs : tuple of int
        The rung of every segment, 0 the lowest.
    events : tuple of Event
        In the order of their ends.
    metrics : dict
        By the names of `abr.METRICS`; None is absent.
    """

    presentation: str
    trace: str
    policy: str
    device: str
    mode: str
    start: float
    rungs: tuple[int, ...]
    events: tuple[Event, ...]
    metrics: dict[str, float | None]
