"""A simulated link: all transfers of a server share the throughput of a network trace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from abr import Trace

__all__ = ["Link"]

#: Duration of a piece at the current throughput, s; concurrent transfers alternate piece by piece. Chosen by hand.
QUANTUM = 0.02
#: Smallest piece, bytes: the payload of one TCP segment on Ethernet.
MIN_PIECE = 1448
#: Largest piece, bytes; chosen by hand, so that a fast link wakes a thread at most some hundred times per second.
MAX_PIECE = 262_144
#: Longest delay of a thread that a transfer may catch up, s; a longer delay means that the client did not read. Chosen
#: by hand.
CATCH_UP = 0.1


class Link:
    """A shared link whose throughput and latency follow a trace, which repeats.

    Every piece of every transfer reserves the link from the end of the previous reservation, so that the sum of all
    transfers never exceeds the trace. A thread that wakes up late catches up to `CATCH_UP` seconds.

    Parameters
    ----------
    trace : Trace
        Throughput and latency from the time of `restart`.
    clock : callable
        Returns the time, s.

    Examples
    --------
    >>> from abr import Trace
    >>> link = Link(Trace("a", [1, 1], [8000, 0], [0.05, 0.05]), clock=lambda: 0.0)
    >>> link.reserve(500, 0.0), link.reserve(1000, 0.0)
    (0.5, 2.5)
    """

    def __init__(self, trace: Trace, clock: Callable[[], float] = time.monotonic) -> None:
        self.trace = trace
        self._clock = clock
        self._edges = np.concatenate(([0.0], np.cumsum(trace.durations)))
        self._bits = np.concatenate(([0.0], np.cumsum(trace.durations * trace.rates)))
        self._lock = threading.Lock()
        self.restart()

    def restart(self) -> None:
        """Start the trace from its beginning."""
        with self._lock:
            self._origin = self._clock()
            self._busy_until = self._origin

    def latency(self) -> float:
        """Return the delay between a request now and its first bit, s."""
        return float(self.trace.latencies[self._interval(self._clock() - self._origin)])

    def piece(self) -> int:
        """Return the number of bytes that a transfer sends before another one continues."""
        rate = self.trace.rates[self._interval(self._clock() - self._origin)]
        return int(min(max(rate * QUANTUM / 8, MIN_PIECE), MAX_PIECE))

    def reserve(self, count: int, ready: float) -> float:
        """Reserve the link for a number of bytes and return the arrival time of the last one, s on the clock.

        Parameters
        ----------
        count : int
            Bytes.
        ready : float
            Earliest start, s on the clock: the start of the transfer, then the arrival of its previous piece.
        """
        with self._lock:
            start = max(ready, self._busy_until, self._clock() - CATCH_UP)
            self._busy_until = self._origin + self._arrival(start - self._origin, 8 * count)
            return self._busy_until

    def _interval(self, at: float) -> int:
        inside = at % self.trace.duration
        return min(int(np.searchsorted(self._edges, inside, side="right")) - 1, len(self.trace.rates) - 1)

    def _arrival(self, start: float, bits: float) -> float:
        """Return the arrival time of bits that are sent from `start` on, both in seconds of the trace."""
        laps, inside = divmod(start, self.trace.duration)
        carried = float(np.interp(inside, self._edges, self._bits)) + bits
        more, rest = divmod(carried, float(self._bits[-1]))
        if rest == 0:  # the last bit of a lap arrives within the lap, even if the lap ends with an outage
            more, rest = more - 1, float(self._bits[-1])
        # the first interval that reaches this number of bits; an interval without throughput never does
        after = int(np.searchsorted(self._bits, rest, side="left"))
        seconds = float(self._bits[after] - rest) / float(self.trace.rates[after - 1])
        return float((laps + more) * self.trace.duration + self._edges[after] - seconds)
