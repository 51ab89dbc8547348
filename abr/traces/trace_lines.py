"""Read traces of lines of numbers: Pensieve's, Oboe's and mahimahi's; and make a trace of stamped samples."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abr.errors import TraceError
from abr.fetch import file_name
from abr.traces.trace import Trace

__all__ = ["StampedSamples", "read_mahimahi", "read_oboe", "read_pensieve", "trace_of_samples"]

#: size of one delivery opportunity in a mahimahi trace, bits (one packet of 1500 bytes; mahimahi, mm-link)
PACKET_BITS = 12_000
#: interval over which mahimahi's opportunities are counted, ms; chosen by hand
BIN_MS = 100

Floats = NDArray[np.float64]


class StampedSamples(NamedTuple):
    """Samples of a network as a file lists them.

    Attributes
    ----------
    lines : ndarray
        Line of every sample, for messages.
    times : ndarray
        Seconds; each rate holds from the time before to its own.
    rates : ndarray
        Throughput, bit/s.
    latencies : ndarray
        Seconds.
    """

    lines: NDArray[np.int64]
    times: Floats
    rates: Floats
    latencies: Floats


def read_pensieve(path: str, text: str, latency: float) -> Trace:
    """Read lines of "seconds Mbit/s"."""
    lines, table = _read_columns(path, text, 2)
    samples = StampedSamples(lines, table[:, 0], table[:, 1] * 1e6, np.full(len(lines), latency))
    return trace_of_samples(path, samples)


def read_oboe(path: str, text: str, latency: float) -> Trace:
    """Read lines of "milliseconds kbit/s"."""
    lines, table = _read_columns(path, text, 2)
    samples = StampedSamples(lines, table[:, 0] / 1e3, table[:, 1] * 1e3, np.full(len(lines), latency))
    # the rates are those of a player's chunks, and the player requested no more
    return replace(trace_of_samples(path, samples), app_limited=True)


def read_mahimahi(path: str, text: str, latency: float) -> Trace:
    """Read one line, in milliseconds, for each opportunity to send a packet."""
    lines, table = _read_columns(path, text, 1)
    stamps = table[:, 0]
    back = np.flatnonzero(np.diff(stamps) < 0)
    if back.size or stamps[0] < 0:
        line = lines[back[0] + 1] if back.size else lines[0]
        raise TraceError(f"{path}:{line}: the times of a mahimahi trace must not decrease or be negative")
    end = max(float(stamps[-1]), 1.0)  # the trace repeats from its last time stamp
    bins = int(np.ceil(end / BIN_MS))
    counts = np.bincount(np.minimum(stamps // BIN_MS, bins - 1).astype(np.int64), minlength=bins)
    durations = np.full(bins, BIN_MS / 1e3)
    durations[-1] = (end - (bins - 1) * BIN_MS) / 1e3
    return Trace(file_name(path), durations, counts * PACKET_BITS / durations, np.full(bins, latency))


def trace_of_samples(path: str, samples: StampedSamples) -> Trace:
    """Make a trace of samples; what is repaired is noted in the trace.

    Raises
    ------
    TraceError
        When a rate is negative; the message names file, line and value.
    """
    lines, times, rates, latencies = samples
    bad = np.flatnonzero(rates < 0)
    if bad.size:
        raise TraceError(f"{path}:{lines[bad[0]]}: a negative rate, {rates[bad[0]]:g} bit/s")
    notes = []
    forward = times > np.maximum.accumulate(np.concatenate(([-np.inf], times[:-1])))
    if not forward.all():
        start = int(np.flatnonzero(~forward)[0])
        notes.append(
            f"{int((~forward).sum())} samples are left out because their time does not increase "
            f"(the first is in line {lines[start]})"
        )
        times, rates, latencies = times[forward], rates[forward], latencies[forward]
    if len(times) == 1:
        notes.append("a single sample, used as a constant rate")
        return Trace(file_name(path), np.ones(1), rates, latencies, notes=tuple(notes))
    if times[0] != 0:
        notes.append(f"the trace starts at {times[0]:g} s; its times are shifted to start at 0")
    zeros = int((rates[1:] == 0).sum())
    if zeros:
        notes.append(f"the rate is 0 in {zeros} of {len(rates) - 1} intervals")
    return Trace(file_name(path), np.diff(times), rates[1:], latencies[1:], notes=tuple(notes))


def _read_columns(path: str, text: str, count: int) -> tuple[NDArray[np.int64], Floats]:
    """Return line numbers and the first `count` numbers of every line, shape (lines, count)."""
    numbers, rows = [], []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        try:
            row = [float(field) for field in fields[:count]]
            if len(row) < count or not np.all(np.isfinite(row)):
                raise ValueError
        except ValueError as error:
            raise TraceError(f"{path}:{number}: {line.strip()[:60]!r} is not {count} numbers") from error
        numbers.append(number)
        rows.append(row)
    if not rows:
        raise TraceError(f"{path}: the trace is empty")
    return np.array(numbers), np.array(rows)
