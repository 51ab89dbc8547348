"""A link that logs every piece, and the comparison of what it sent with what its trace allowed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from abr import Trace
from shotladder.player import Link
from shotladder.player.link import MAX_PIECE, MIN_PIECE

__all__ = ["LinkError", "Piece", "RecordedLink", "link_error"]

#: Duration of a piece at the current throughput, s; chosen by hand: with the 20 ms of `shotladder play`, the first of
#: two short transfers ends some tens of milliseconds too early.
QUANTUM = 0.005
#: Length of the windows in which sent and allowed bits are compared, s.
WINDOW = 2.0
#: Distance between two windows, s; chosen by hand.
STEP = 0.1
#: Two pieces belong to the same busy period when the link was idle between them for less than this, s: a thread that
#: wakes up late is not a pause of the transfer. Chosen by hand.
PAUSE = 0.1
#: Pieces that a window must allow: with fewer, the last piece alone is more than the permitted error.
MIN_PIECES = 10


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

    Parameters
    ----------
    trace : Trace
        From the start of the session; it repeats.
    pieces : sequence of Piece
        In order of their reservations.
    """
    edges = np.concatenate(([0.0], np.cumsum(trace.durations)))
    bits = np.concatenate(([0.0], np.cumsum(trace.durations * trace.rates)))

    def allowed(time: float) -> float:
        laps, inside = divmod(time, trace.duration)
        return float(laps * bits[-1] + np.interp(inside, edges, bits))

    errors: list[float] = []
    for period in _busy_periods(pieces):
        times, sent = _sent_curve(period, allowed)
        start = times[0]
        while start + WINDOW <= times[-1]:
            expected = allowed(start + WINDOW) - allowed(start)
            largest = max(8 * piece.size for piece in period)
            if expected >= MIN_PIECES * largest:
                got = np.interp(start + WINDOW, times, sent) - np.interp(start, times, sent)
                errors.append(float(got) / expected - 1)
            start += STEP
    if not errors:
        return LinkError(0, 0.0, 0.0)
    absolute = np.abs(errors)
    return LinkError(len(errors), float(absolute.max()), float(absolute.mean()))


def _busy_periods(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Return the pieces grouped into periods in which the link always had something to send."""
    periods: list[list[Piece]] = []
    for piece in pieces:
        if periods and piece.start - periods[-1][-1].planned < PAUSE:
            periods[-1].append(piece)
        else:
            periods.append([piece])
    return periods


def _sent_curve(period, allowed):  # type: ignore[no-untyped-def]
    """Return times and bits that were sent until then; within a piece the bits follow the trace up to its delay."""
    times, bits, total = [period[0].start], [0.0], 0.0
    for piece in sorted(period, key=lambda piece: piece.sent):
        total += 8 * piece.size
        times.append(max(piece.sent, times[-1] + 1e-9))
        bits.append(total)
    return np.array(times), np.array(bits)
