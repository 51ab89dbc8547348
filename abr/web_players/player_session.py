"""What every model of a web player works with: clock, link, media element, title, and the log of a session."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass

from abr.traces.trace import Trace
from abr.web_players.clock import Clock
from abr.web_players.media_element import MediaElement
from abr.web_players.shared_link import SharedLink, Transfer
from abr.web_players.web_title import WebTitle

__all__ = ["PlayerSession", "WebRequest"]


@dataclass(slots=True)
class WebRequest:
    """One request of a player.

    Attributes
    ----------
    kind : str
        `manifest`, `playlist`, `init`, `video` or `audio`.
    segment, rung : int or None
        None where the request has none.
    transfer : Transfer
    """

    kind: str
    segment: int | None
    rung: int | None
    transfer: Transfer


class PlayerSession:
    """A session in progress.

    Parameters
    ----------
    title : WebTitle
    trace : Trace
    start : float
        Time in the trace at which the session starts, s.
    """

    def __init__(self, title: WebTitle, trace: Trace, start: float = 0.0) -> None:
        self.title = title
        self.clock = Clock()
        self.link = SharedLink(self.clock, trace, start)
        audio = title.presentation.audio
        self.media = MediaElement(self.clock, title.presentation.duration, audio is not None)
        self.requests: list[WebRequest] = []
        self.on_seek: list[Callable[[dict[str, int]], None]] = []
        self.samples: list[tuple[float, float]] = []
        durations = title.presentation.durations
        self.starts = [0.0]
        for duration in durations:
            self.starts.append(self.starts[-1] + float(duration))
        self.audio_starts = [0.0]
        for duration in audio.durations if audio is not None else ():
            self.audio_starts.append(self.audio_starts[-1] + float(duration))
        if audio is not None:
            self.audio_starts[-1] = max(self.audio_starts[-1], self.starts[-1])

    def request(
        self,
        kind: str,
        size: float,
        done: Callable[[Transfer], object],
        segment: int | None = None,
        rung: int | None = None,
    ) -> Transfer:
        """Request a number of bytes and log it."""
        transfer = self.link.request(size, done)
        self.requests.append(WebRequest(kind, segment, rung, transfer))
        return transfer

    def rungs(self) -> list[int]:
        """Return the rung of every segment that was complete last before it played; -1 where none was."""
        found = [-1] * len(self.title.presentation.durations)
        for request in self.requests:
            if request.kind == "video" and request.transfer.ended is not None:
                assert request.segment is not None and request.rung is not None
                found[request.segment] = request.rung
        return found

    def level_at(self, time: float) -> float:
        """Return the buffer level of the last sample up to a time, s."""
        index = bisect([at for at, _ in self.samples], time) - 1
        return self.samples[index][1] if index >= 0 else 0.0

    def seek_at(self, time: float, position: float) -> None:
        """Let the user seek at a time to a position outside of the buffer, s."""

        def seek() -> None:
            starts = {"video": self.starts, "audio": self.audio_starts}
            places = {kind: bisect(starts[kind], position, 1, len(starts[kind]) - 1) - 1 for kind in self.media.ends}
            outside = {kind: place for kind, place in places.items() if self.media.ends[kind] <= position}
            self.media.seek(position, {kind: starts[kind][place] for kind, place in outside.items()})
            for action in self.on_seek:
                action(outside)

        self.clock.at(time, seek)

    def run(self, limit: float, sample: float = 0.25) -> None:
        """Run the session until everything is buffered, or a time, s; sample the buffer level at a period, s."""

        def check() -> None:
            self.samples.append((self.clock.now, self.media.level))
            if self.media.is_buffered:
                self.clock.stop()
            else:
                self.clock.after(sample, check)

        check()
        self.clock.run(limit)
