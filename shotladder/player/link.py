"""A link that gives what a trace says: every transfer of a server passes through it, one piece after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from abr import Trace

__all__ = ["Link"]

#: Seconds that a piece takes at the rate of the moment: what two transfers at a time take turns in.
QUANTUM = 0.02
#: Bytes of a piece: a packet, and what keeps a fast link from waking a thread too often.
PIECE = (1448, 262_144)
#: Seconds that a transfer may catch up when its thread was woken late; longer, it was the client that did not read.
CATCH_UP = 0.1


class Link:
    """A shared link whose rate and latency follow a trace that starts again when it ends.

    Every piece of every transfer reserves the link from where the last one left it, so that the sum of all transfers
    never exceeds the trace, and late wake-ups cost nothing.

    Parameters
    ----------
    trace : Trace
        What the network gives, from the moment of `restart` on.
    clock : callable
        Seconds.

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
        """Begin the trace again, now."""
        with self._lock:
            self._origin = self._clock()
            self._busy_until = self._origin

    def latency(self) -> float:
        """Return seconds from a request made now to its first bit."""
        return float(self.trace.latencies[self._interval(self._clock() - self._origin)])

    def piece(self) -> int:
        """Return how many bytes a transfer should send before others have their turn."""
        rate = self.trace.rates[self._interval(self._clock() - self._origin)]
        return int(min(max(rate * QUANTUM / 8, PIECE[0]), PIECE[1]))

    def reserve(self, count: int, ready: float) -> float:
        """Take the link for some bytes and return when the last of them has arrived.

        Parameters
        ----------
        count : int
            Bytes.
        ready : float
            When they could leave: when the transfer began, then when its last piece had arrived. Clock's seconds.
        """
        with self._lock:
            start = max(ready, self._busy_until, self._clock() - CATCH_UP)
            self._busy_until = self._origin + self._arrival(start - self._origin, 8 * count)
            return self._busy_until

    def _interval(self, at: float) -> int:
        inside = at % self.trace.duration
        return min(int(np.searchsorted(self._edges, inside, side="right")) - 1, len(self.trace.rates) - 1)

    def _arrival(self, start: float, bits: float) -> float:
        """Return when bits that leave at `start` (seconds of the trace) have arrived."""
        laps, inside = divmod(start, self.trace.duration)
        carried = float(np.interp(inside, self._edges, self._bits)) + bits
        more, rest = divmod(carried, float(self._bits[-1]))
        if rest == 0:  # the last bit of a lap arrives in that lap, not after what may be silence
            more, rest = more - 1, float(self._bits[-1])
        # the first moment at which so many bits have gone: an interval without rate holds no such moment
        after = int(np.searchsorted(self._bits, rest, side="left"))
        left = float(self._bits[after] - rest) / float(self.trace.rates[after - 1])
        return float((laps + more) * self.trace.duration + self._edges[after] - left)
