"""Read traces of numbers without a header: Pensieve's, Oboe's, mahimahi's, the logs of Norway and Ghent."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abr.errors import TraceError
from abr.fetch import file_name
from abr.traces.three_columns import find_rate_column, read_spans
from abr.traces.trace import Trace
from abr.traces.trace_table import number, split_rows
from abr.traces.trace_units import (
    RATE_UNITS,
    TIME_UNITS,
    Units,
    describe_units,
    guess_rate_unit,
    guess_time_unit,
)

__all__ = [
    "StampedSamples",
    "read_mahimahi",
    "read_numbers",
    "read_oboe",
    "read_pensieve",
    "trace_of_samples",
]

#: size of one delivery opportunity in a mahimahi trace, bits (one packet of 1500 bytes; mahimahi, mm-link)
PACKET_BITS = 12_000
#: interval over which mahimahi's opportunities are counted, ms; chosen by hand
BIN_MS = 100
#: intervals of a mahimahi trace; chosen by hand: two days
MAX_BINS = 2_000_000
#: columns of the logs of Norway (HSDPA, Riiser 2013) and Ghent (4G, van der Hooft 2016): time, ms, latitude, longitude,
#: bytes, ms
LOG_COLUMNS = 6
#: mean rate without a unit above which the note on units is given, bit/s; chosen by hand: mobile links are slower
MAX_MOBILE_RATE = 1e8
#: fraction of the time between first and last line of a log that its intervals may leave out without a note; chosen by
#: hand
MAX_UNCOVERED = 0.1

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


def read_pensieve(path: str, text: str, latency: float, units: Units | None = None) -> Trace:
    """Read lines of "seconds Mbit/s"."""
    return _trace_of_columns(path, *_read_columns(path, text), units or Units("s", "Mbit/s"), latency)


def read_oboe(path: str, text: str, latency: float, units: Units | None = None) -> Trace:
    """Read lines of "milliseconds kbit/s"."""
    trace = _trace_of_columns(path, *_read_columns(path, text), units or Units("ms", "kbit/s"), latency)
    # the rates are those of a player's chunks, and the player requested no more
    return replace(trace, app_limited=True)


def read_numbers(path: str, text: str, latency: float, units: Units | None) -> Trace:
    """Read lines of numbers, whose columns and units are recognised by their values or stated by `units`.

    Raises
    ------
    TraceError
        When the columns are not recognised; the message describes them.
    """
    lines, table = _read_columns(path, text)
    count = table.shape[1]
    if count == LOG_COLUMNS and _is_log(table):
        return _read_log(path, table, latency)
    if count == 3:
        trace = read_spans(path, table, latency, units)
        if trace is not None:
            return trace
        found = find_rate_column(table, units)
        if found is not None:
            trace = _trace_of_columns(path, lines, table[:, [0, found.column]], found.units, latency)
            return replace(trace, notes=(found.note, *trace.notes))
    if count not in (2, 3):
        first = " ".join(f"{value:g}" for value in table[0, :8])
        raise TraceError(f"{path}:{lines[0]}: {count} columns of numbers without a header ({first}) are not recognised")
    notes = () if count == 2 else ("the third column has no header and is not used",)
    chosen, described = _choose_units(table, units)
    trace = _trace_of_columns(path, lines, table, chosen, latency)
    return replace(
        trace, app_limited=units is None and chosen == Units("ms", "kbit/s"), notes=described + notes + trace.notes
    )


def _choose_units(table: Floats, units: Units | None) -> tuple[Units, tuple[str, ...]]:
    """Return the units of the first two columns, and a note when they are not the usual ones."""
    if units is not None:
        return units, ()
    time = guess_time_unit(table[:, 0])
    rate = guess_rate_unit(table[:, 1], time)
    mean = float(table[:, 1].mean()) * RATE_UNITS[rate]
    is_usual = (time, rate) in (("s", "Mbit/s"), ("ms", "kbit/s")) and mean <= MAX_MOBILE_RATE
    return Units(time, rate), () if is_usual else (describe_units(time, rate),)


def _trace_of_columns(path: str, lines: NDArray[np.int64], table: Floats, units: Units, latency: float) -> Trace:
    if table.shape[1] < 2:
        raise TraceError(f"{path}:{lines[0]}: expected 2 numbers in each line, found 1")
    times, rates = table[:, 0] * TIME_UNITS[units.time], table[:, 1] * RATE_UNITS[units.rate]
    return trace_of_samples(path, StampedSamples(lines, times, rates, np.full(len(lines), latency)))


def _is_log(table: Floats) -> bool:
    latitude, longitude = table[:, 2], table[:, 3]
    is_place = np.all(np.abs(latitude) <= 90) and np.all(np.abs(longitude) <= 180)
    return bool(is_place and np.all(table[:, 0] > 1e8) and np.all(table[:, 4:] >= 0))


def _read_log(path: str, table: Floats, latency: float) -> Trace:
    """Return the trace of a log of Norway or Ghent: bytes that arrived in a number of milliseconds."""
    is_valid = table[:, 5] > 0
    durations = table[is_valid, 5] / 1e3
    if not len(durations):
        raise TraceError(f"{path}: every interval of the log lasts 0 ms")
    notes = []
    if not is_valid.all():
        notes.append(f"{int((~is_valid).sum())} lines with an interval of 0 ms are left out")
    stamps = table[:, 0] * TIME_UNITS[guess_time_unit(table[:, 0])]
    span = float(stamps[-1] - stamps[0] + durations[-1])
    if durations.sum() < (1 - MAX_UNCOVERED) * span:
        notes.append(f"the log pauses for {span - durations.sum():.0f} s of {span:.0f} s; the pauses are left out")
    rates = 8 * table[is_valid, 4] / durations
    return Trace(file_name(path), durations, rates, np.full(len(durations), latency), notes=tuple(notes))


def read_mahimahi(path: str, text: str, latency: float) -> Trace:
    """Read one line, in milliseconds, for each opportunity to send a packet."""
    lines, table = _read_columns(path, text)
    stamps = table[:, 0]
    back = np.flatnonzero(np.diff(stamps) < 0)
    if back.size or stamps[0] < 0:
        line = lines[back[0] + 1] if back.size else lines[0]
        raise TraceError(f"{path}:{line}: the times of a mahimahi trace must not decrease or be negative")
    end = max(float(stamps[-1]), 1.0)  # the trace repeats from its last time stamp
    if end > MAX_BINS * BIN_MS:
        raise TraceError(
            f"{path}:{lines[-1]}: the trace lasts {end / 1e3:g} s, more than {MAX_BINS * BIN_MS / 1e3:g} s"
        )
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
        count = int((~forward).sum())
        subject = "1 sample is" if count == 1 else f"{count} samples are"
        notes.append(
            f"{subject} left out, because the time does not increase there (the first is in line {lines[start]})"
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


def _read_columns(path: str, text: str) -> tuple[NDArray[np.int64], Floats]:
    """Return the numbers of the lines and the values, shape (lines, columns of the first line)."""
    rows = split_rows(path, text)
    count = len(rows[0].fields)
    values = []
    for row in rows:
        fields = [number(field) for field in row.fields[:count]]
        if len(fields) < count or None in fields:
            text = " ".join(row.fields)[:60]
            expected = "a number" if count == 1 else f"{count} numbers"
            raise TraceError(f"{path}:{row.line}: {text!r} is not {expected} in range")
        values.append(fields)
    return np.array([row.line for row in rows]), np.array(values, np.float64)
