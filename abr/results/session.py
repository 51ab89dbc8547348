"""The values `Session` and `Event`: one replay with each of its downloads, stalls and waits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from shotladder_runtime.notebook_html import property_table
from shotladder_runtime.optional import require

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


@dataclass(frozen=True, slots=True, repr=False)
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

    def __repr__(self) -> str:
        return (
            f"<Session {self.policy!r} on {self.trace!r}: {self.presentation!r}, {len(self.rungs)} segments, "
            f"{len(self.events)} events>"
        )

    def _repr_html_(self) -> str:
        metrics: dict[str, object] = {n: None if v is None else f"{v:.5g}" for n, v in self.metrics.items()}
        heading = f"Session of {self.policy} on {self.trace}"
        return property_table(heading, {"presentation": self.presentation, "device": self.device, **metrics})

    def to_pandas(self, table: str = "events") -> Any:
        """Return the events or the segments as a DataFrame (extra `pandas`).

        Parameters
        ----------
        table : {"events", "segments"}
            `events` has a row for each event and the attributes of `Event`. `segments` has a row for each segment with
            its final rung, and the end time, duration, bytes, buffer and stall of the last download of it.

        Raises
        ------
        ValueError
            When there is no such table.
        """
        pandas = require("pandas", extra="pandas")
        if table == "events":
            return pandas.DataFrame([asdict(event) for event in self.events])
        if table != "segments":
            raise ValueError(f"unknown table {table!r} (choose from events, segments)")
        # a replacement is logged as a "replace" event of the segment with the rung that it had before, and a download
        downloads = {event.segment: event for event in self.events if event.event == "download"}
        names = ("time", "duration", "bytes", "buffer", "stall")
        rows = [
            {"segment": n, "rung": rung, **{name: getattr(downloads.get(n), name, None) for name in names}}
            for n, rung in enumerate(self.rungs)
        ]
        return pandas.DataFrame(rows)

    def plot(self) -> Any:
        """Plot throughput, rung and buffer level over time, with stalls shaded (extra `plot`).

        Returns
        -------
        ndarray of matplotlib Axes
            Three axes in one column that share their time axis.
        """
        figure, axes = require("matplotlib.pyplot", extra="plot").subplots(3, sharex=True, layout="constrained")
        downloads = [event for event in self.events if event.event == "download"]
        times = [event.time for event in downloads]
        rates = [8e-6 * event.bytes / event.duration if event.duration else float("nan") for event in downloads]
        axes[0].step(times, rates, where="pre")
        axes[1].step(times, [event.rung for event in downloads], where="pre")
        axes[2].plot([event.time for event in self.events], [event.buffer for event in self.events])
        for event in self.events:
            if event.event == "stall":
                for ax in axes:
                    ax.axvspan(event.time - event.duration, event.time, color="tab:red", alpha=0.3)
        for ax, label in zip(axes, ("throughput (Mbit/s)", "rung", "buffer (s)"), strict=True):
            ax.set_ylabel(label)
        axes[-1].set_xlabel("time (s)")
        figure.suptitle(f"{self.policy} on {self.trace}")
        return axes
