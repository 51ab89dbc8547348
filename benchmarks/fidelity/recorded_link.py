"""A link that logs every piece, and the comparison of what it sent with what its trace allowed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abr import Trace
from shotladder.player import Link
from shotladder.player.link import MAX_PIECE, MIN_PIECE

__all__ = ["MAX_ERROR", "LinkError", "Piece", "RecordedLink", "link_error"]

#: Duration of a piece at the current throughput, s; chosen by hand: with the 20 ms of `shotladder play`, the first of
#: two short transfers ends some tens of milliseconds too early.
QUANTUM = 0.005
#: Maximum relative difference between sent and allowed bits in a window.
MAX_ERROR = 0.02
#: Length of the windows in which sent and allowed bits are compared, s.
WINDOW = 2.0
#: Fraction of a window in which the link must have something to send, since a pause is not an error; chosen by hand.
MIN_BUSY = 0.9


class Piece(NamedTuple):
    """One piece of a transfer; times in seconds since the start of the session."""

    start: float  #: when the link began to transfer it
    planned: float  #: when its last bit arrives according to the trace
    sent: float  #: when the server had sent it
    size: int  #: bytes


class LinkError(NamedTuple):
    """The error of a link over all windows in which it was busy."""

    windows: int
    largest: float  #: largest relative difference between sent and allowed bits
    mean: float  #: mean absolute relative difference
    bad: float  #: fraction of the windows whose difference is larger than `MAX_ERROR`


class RecordedLink(Link):
    """A link that logs its pieces; `sent` of a piece is known when its transfer continues or ends."""

    def __init__(self, trace: Trace) -> None:
        self._open: dict[int, list[float]] = {}
        self.log: list[list[float]] = []
        super().__init__(trace)

    def restart(self) -> None:
        """Start the trace from its beginning, with an empty log."""
        super().restart()
        self._open, self.log = {}, []

    def piece(self) -> int:
        """Return the number of bytes that a transfer sends before another one continues: few, as on a real link."""
        rate = self.trace.rates[self._interval(self._clock() - self._origin)]
        return int(min(max(rate * QUANTUM / 8, MIN_PIECE), MAX_PIECE))

    def reserve(self, count: int, ready: float) -> float:
        """Reserve the link for a number of bytes, as `Link.reserve`."""
        self.close_piece()
        busy_until = self._busy_until
        arrival = super().reserve(count, ready)
        entry = [max(ready, busy_until) - self._origin, arrival - self._origin, arrival - self._origin, float(count)]
        self._open[threading.get_ident()] = entry
        self.log.append(entry)
        return arrival

    def close_piece(self) -> None:
        """State that the last piece of the calling thread has been sent."""
        entry = self._open.pop(threading.get_ident(), None)
        if entry is not None:
            entry[2] = max(entry[1], self._clock() - self._origin)

    def pieces(self) -> list[Piece]:
        """Return the log."""
        return [Piece(start, planned, sent, int(size)) for start, planned, sent, size in self.log]


def link_error(trace: Trace, pieces: Sequence[Piece]) -> LinkError:
    """Return by how much the sent bits differ from the allowed bits in any window in which the link was busy.

    Each window begins after a piece and ends with the last piece that the trace allows within `WINDOW` seconds. The
    rate at which the server sent these pieces is compared with the rate that the trace allowed while it sent them.

    Parameters
    ----------
    trace : Trace
        From the start of the session; it repeats.
    pieces : sequence of Piece
        In order of their reservations.
    """
    if not pieces:
        return LinkError(0, 0.0, 0.0, 0.0)
    starts, planned, sent, sizes = (np.array(column) for column in zip(*pieces, strict=True))
    edges = np.concatenate(([0.0], np.cumsum(trace.durations)))
    bits = np.concatenate(([0.0], np.cumsum(trace.durations * trace.rates)))

    def allowed(times: NDArray[np.float64]) -> NDArray[np.float64]:
        laps, inside = np.divmod(times, trace.duration)
        return np.asarray(laps * bits[-1] + np.interp(inside, edges, bits))

    busy = np.cumsum(planned - starts)
    permitted = np.cumsum(allowed(planned) - allowed(starts))
    carried = np.cumsum(8 * sizes)
    last = np.searchsorted(planned, planned + WINDOW, side="right") - 1
    first = np.arange(len(pieces))
    time = planned[last] - planned
    keep = (last > first) & (busy[last] - busy >= MIN_BUSY * WINDOW) & (sent[last] > sent)
    first, last, time = first[keep], last[keep], time[keep]
    if not len(first):
        return LinkError(0, 0.0, 0.0, 0.0)
    expected = (permitted[last] - permitted[first]) / time
    errors = np.abs((carried[last] - carried[first]) / (sent[last] - sent[first]) / expected - 1)
    return LinkError(len(errors), float(errors.max()), float(errors.mean()), float((errors > MAX_ERROR).mean()))
