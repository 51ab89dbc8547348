"""A link that concurrent transfers share in equal parts; its rate and latency follow a trace, which repeats."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from abr.traces.trace import Trace
from abr.web_players.clock import Clock, Timer

__all__ = ["SharedLink", "Transfer"]

#: Bytes of the body after which a browser reports a response to the page, and progress of it: the payload of one TCP
#: segment on Ethernet.
FIRST_BYTES = 1448.0
#: Bits that are less than this are rounding errors.
_EPSILON = 1e-6


class Transfer:
    """A request and its response.

    Attributes
    ----------
    size : float
        Bytes of the response.
    begun : float
        Time of the request, s.
    headers, first_byte, ended : float or None
        Times of the headers, of the first `FIRST_BYTES` of the body and of its last byte, s; None before.
    aborted : float or None
        Time at which the client closed the connection, s; None if it did not.
    on_first_byte : callable or None
        Called when the first `FIRST_BYTES` have arrived.
    """

    __slots__ = ("aborted", "begun", "done", "ended", "first_byte", "headers", "left", "on_first_byte", "size")

    def __init__(self, size: float, begun: float, done: Callable[[Transfer], object]) -> None:
        self.size = size
        self.begun = begun
        self.done = done
        self.left = 8.0 * size
        self.headers: float | None = None
        self.first_byte: float | None = None
        self.ended: float | None = None
        self.aborted: float | None = None
        self.on_first_byte: Callable[[], object] | None = None

    @property
    def goal(self) -> float:
        """The number of missing bits at which the next event happens."""
        return max(0.0, 8.0 * (self.size - FIRST_BYTES)) if self.first_byte is None else 0.0

    @property
    def is_aborted(self) -> bool:
        """Whether the client has closed the connection."""
        return self.aborted is not None


class SharedLink:
    """A link over which each request waits for the latency of the trace, then shares the rate with all transfers.

    Parameters
    ----------
    clock : Clock
    trace : Trace
    start : float
        Time in the trace at which the clock starts, s.

    Examples
    --------
    >>> clock, seen = Clock(), []
    >>> link = SharedLink(clock, Trace("a", [10.0], [8000.0], [0.1]))
    >>> for size in (1000.0, 2000.0):
    ...     transfer = link.request(size, lambda transfer: seen.append(round(clock.now, 6)))
    >>> clock.run(10.0)
    >>> seen
    [2.1, 3.1]
    """

    def __init__(self, clock: Clock, trace: Trace, start: float = 0.0) -> None:
        self._clock = clock
        self._trace = trace
        self._start = start % trace.duration
        self._edges = np.concatenate(([0.0], np.cumsum(trace.durations)))
        self._bits = np.concatenate(([0.0], np.cumsum(trace.durations * trace.rates)))
        self._active: list[Transfer] = []
        self._carried = self._total(0.0)
        self._timer: Timer | None = None

    def request(self, size: float, done: Callable[[Transfer], object]) -> Transfer:
        """Request a number of bytes; `done` is called when the last one has arrived."""
        transfer = Transfer(size, self._clock.now, done)
        self._clock.after(self._latency(), lambda: self._open(transfer))
        return transfer

    def abort(self, transfer: Transfer) -> None:
        """Close the connection of a transfer."""
        self._advance()
        transfer.aborted = self._clock.now
        if transfer in self._active:
            self._active.remove(transfer)
        self._plan()

    def received(self, transfer: Transfer) -> float:
        """Return the bytes of a transfer that have arrived."""
        self._advance()
        return transfer.size - transfer.left / 8

    def arrived(self, transfer: Transfer) -> float:
        """Return the bytes of which the page knows: whole packets, or everything."""
        received = self.received(transfer)
        return received if transfer.ended is not None else received // FIRST_BYTES * FIRST_BYTES

    def _latency(self) -> float:
        inside = (self._start + self._clock.now) % self._trace.duration
        interval = min(int(np.searchsorted(self._edges, inside, side="right")) - 1, len(self._trace.rates) - 1)
        return float(self._trace.latencies[interval])

    def _open(self, transfer: Transfer) -> None:
        if transfer.is_aborted:
            return
        self._advance()
        transfer.headers = self._clock.now
        self._active.append(transfer)
        self._plan()

    def _advance(self) -> None:
        """Give each transfer its part of what the link has carried since the last call."""
        carried = self._total(self._clock.now)
        if self._active:
            part = (carried - self._carried) / len(self._active)
            for transfer in self._active:
                transfer.left = max(0.0, transfer.left - part)
        self._carried = carried

    def _plan(self) -> None:
        """Set the timer to the next first byte or end of a transfer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._active:
            left = min(transfer.left - transfer.goal for transfer in self._active) * len(self._active)
            self._timer = self._clock.at(self._time(self._carried + left), self._finish)

    def _finish(self) -> None:
        self._advance()
        least = min(transfer.left - transfer.goal for transfer in self._active)
        reached = [transfer for transfer in self._active if transfer.left - transfer.goal <= least + _EPSILON]
        ended = [transfer for transfer in reached if transfer.goal == 0]
        opened = [transfer for transfer in reached if transfer.first_byte is None]
        for transfer in opened:
            transfer.first_byte = self._clock.now
        for transfer in ended:
            self._active.remove(transfer)
            transfer.left = 0.0
            transfer.ended = self._clock.now
        self._plan()
        for transfer in opened:
            if transfer.on_first_byte is not None and not transfer.is_aborted:
                transfer.on_first_byte()
        for transfer in ended:
            if not transfer.is_aborted:
                transfer.done(transfer)

    def _total(self, time: float) -> float:
        """Return the bits that the trace carries from its start until a time of the clock."""
        laps, inside = divmod(self._start + time, self._trace.duration)
        return float(laps * self._bits[-1] + np.interp(inside, self._edges, self._bits))

    def _time(self, total: float) -> float:
        """Return the time of the clock at which the trace has carried a number of bits since its start."""
        laps, rest = divmod(total, float(self._bits[-1]))
        if rest == 0 and laps > 0:  # the last bit of a lap arrives within the lap, even if it ends with an outage
            laps, rest = laps - 1, float(self._bits[-1])
        after = max(1, int(np.searchsorted(self._bits, rest, side="left")))
        missing = float(self._bits[after] - rest) / float(self._trace.rates[after - 1]) if rest else 0.0
        at = float(self._edges[after]) - missing if rest else 0.0
        return float(laps * self._trace.duration + at - self._start)
