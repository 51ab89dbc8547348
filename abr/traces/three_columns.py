"""Recognise lines of three numbers without a header: durations, intervals, or a quantity beside a rate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abr.fetch import file_name
from abr.traces.trace import Trace
from abr.traces.trace_units import (
    PROBABLE_RATES,
    RATE_UNITS,
    TIME_UNITS,
    Units,
    guess_rate_unit,
    guess_time_unit,
)

__all__ = ["RateColumn", "find_rate_column", "read_spans"]

#: quantities that conversions of mahimahi traces state for each interval -> bits
QUANTITIES = {"packets of 1500 bytes": 12_000, "bytes": 8}
#: units of rates that are compared with a quantity; units of bytes would be ambiguous
COMPARED_UNITS = ("bit/s", "kbit/s", "Mbit/s", "Gbit/s")
#: largest relative difference between a rate and the rate of its quantity; chosen by hand: rates have few digits
MAX_DIFFERENCE = 0.03
#: fraction of the lines in which both must agree; chosen by hand
MIN_EQUAL = 0.9
#: lines from which on start and end of intervals are recognised; chosen by hand
MIN_INTERVALS = 3

Floats = NDArray[np.float64]


class RateColumn(NamedTuple):
    """The column that states the rate, the units of time and rate, and a note on how the columns are read."""

    column: int
    units: Units
    note: str


def read_spans(path: str, table: Floats, latency: float, units: Units | None) -> Trace | None:
    """Return the trace of durations, rates and latencies, or of starts, ends and rates; None for other columns."""
    if len(table) > 1 and np.mean(np.diff(table[:, 0]) <= 0) > 0.5:
        return _read_durations(path, table, units)
    starts, stops = table[:, 0], table[:, 1]
    if len(table) >= MIN_INTERVALS and np.all(stops > starts) and np.all(starts[1:] >= stops[:-1]):
        return _read_intervals(path, table, latency, units)
    return None


def _read_durations(path: str, table: Floats, units: Units | None) -> Trace:
    """Return the trace of lines with Sabre's three values: duration, rate, latency in milliseconds."""
    time = units.time if units else guess_time_unit(table[:, 0], are_durations=True)
    rate = units.rate if units else guess_rate_unit(table[:, 1], time)
    note = f"the three columns are read as duration in {time}, {rate} and latency in ms (--trace-units states others)"
    durations, rates = table[:, 0] * TIME_UNITS[time], table[:, 1] * RATE_UNITS[rate]
    return Trace(file_name(path), durations, rates, table[:, 2] / 1e3, notes=(note,))


def _read_intervals(path: str, table: Floats, latency: float, units: Units | None) -> Trace:
    """Return the trace of lines with the start and the end of an interval, and its rate."""
    time = units.time if units else guess_time_unit(table[:, 0])
    rate = units.rate if units else guess_rate_unit(table[:, 2], time)
    notes = [f"the three columns are read as start and end in {time} and {rate} (--trace-units states others)"]
    starts, stops = table[:, 0] * TIME_UNITS[time], table[:, 1] * TIME_UNITS[time]
    pauses = float((starts[1:] - stops[:-1]).sum())
    if pauses > 0:
        notes.append(f"the intervals pause for {pauses:.3g} s of {stops[-1] - starts[0]:.3g} s; pauses are left out")
    rates = table[:, 2] * RATE_UNITS[rate]
    return Trace(file_name(path), stops - starts, rates, np.full(len(table), latency), notes=tuple(notes))


def find_rate_column(table: Floats, units: Units | None) -> RateColumn | None:
    """Return which of the last two columns states the rate, if the other one states the quantity that it is made of.

    The quantity of an interval, divided by its duration, gives the rate, and thereby the unit of the rate.
    """
    step = float(np.median(np.diff(table[:, 0]))) if len(table) > 1 else 0.0
    if step <= 0:
        return None
    times = (units.time,) if units else tuple(dict.fromkeys((guess_time_unit(table[:, 0]), "s", "ms")))
    for time in times:
        for name, bits in QUANTITIES.items():
            for rate in (units.rate,) if units else COMPARED_UNITS:
                for column in (2, 1):
                    expected = table[:, 3 - column] * bits / (step * TIME_UNITS[time])
                    if _are_equal(table[:, column] * RATE_UNITS[rate], expected):
                        note = f"the three columns are read as time in {time}, {_in_order(name, rate, column)}"
                        return RateColumn(column, Units(time, rate), note)
    return None


def _are_equal(rates: Floats, expected: Floats) -> bool:
    used = expected > 0
    low, high = PROBABLE_RATES
    if not used.any() or not low <= float(rates.mean()) <= high:
        return False
    return bool(np.mean(np.abs(rates[used] / expected[used] - 1) <= MAX_DIFFERENCE) >= MIN_EQUAL)


def _in_order(quantity: str, rate: str, column: int) -> str:
    return f"{quantity} and {rate}" if column == 2 else f"{rate} and {quantity}"
