"""Read tables whose header names the quantity and unit of each column."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abr.errors import TraceError
from abr.traces.trace_table import Row, number, split_rows, time_stamp
from abr.traces.trace_units import RATE_UNITS, TIME_UNITS, Units, guess_time_unit, rate_unit, time_unit

__all__ = ["read_csv"]

Floats = NDArray[np.float64]

_TIMES = frozenset(["time", "t", "timestamp", "ts", "elapsed", "epoch", "unix", "date", "datetime", "stamp"])
_DURATIONS = frozenset(["duration", "interval", "period", "dt"])
_LATENCIES = frozenset(["latency", "rtt", "delay", "ping"])
_RATES = frozenset(["rate", "bitrate", "bandwidth", "bw", "throughput", "tput", "goodput", "capacity", "speed"])
_DOWN = frozenset(["dl", "down", "downlink", "download", "rx", "downstream"])
_UP = frozenset(["ul", "up", "uplink", "upload", "tx", "upstream"])
#: smallest mean of rates without a unit that are read as bit/s; chosen by hand, as that of a note
MIN_UNSTATED_RATE = 1e4
#: smallest median of latencies without a unit that are milliseconds; chosen by hand: no network has one of seconds
MIN_MILLISECOND_LATENCY = 5.0


class CsvColumns(NamedTuple):
    """The columns of a table, shape (rows,) each.

    Attributes
    ----------
    lines : ndarray
        Line of every row, for messages.
    times : ndarray
        Seconds; 0 where the file has durations instead.
    rates : ndarray
        Throughput, bit/s.
    durations : ndarray or None
        Seconds; None where the file has times instead.
    latencies : ndarray
        Seconds.
    notes : tuple of str
        What was assumed.
    """

    lines: NDArray[np.int64]
    times: Floats
    rates: Floats
    durations: Floats | None
    latencies: Floats
    notes: tuple[str, ...]


class _Column(NamedTuple):
    """A column of the header: its position, its name, the words of the name, and its unit."""

    position: int
    name: str
    words: frozenset[str]
    unit: str | None


def read_csv(path: str, text: str, latency: float, units: Units | None) -> CsvColumns:
    """Read the columns that the header names.

    Parameters
    ----------
    path : str
        For messages.
    text : str
    latency : float
        Seconds, when the file has none.
    units : Units or None
        Units of time and rate, which replace those of the header.

    Raises
    ------
    TraceError
        When the header names no time and rate, or a field is not a number; the message names file, line and value.
    """
    header, *rows = split_rows(path, text)
    columns = [_parse_column(position, name) for position, name in enumerate(header.fields)]
    rate = _choose_rate(path, header, columns)
    duration = _first(columns, _DURATIONS, time_unit)
    time = None if duration else _first(columns, _TIMES, time_unit) or _first_unit(columns)
    if rate is None or (time is None and duration is None):
        seen = ", ".join(header.fields)[:200]
        raise TraceError(f"{path}:{header.line}: the header names no time and rate with a known unit; it has {seen}")
    rows, notes = _active_rows(rows, [name.lower() for name in header.fields])
    if not rows:
        raise TraceError(f"{path}: the trace is empty")
    rates, rate_notes = _rates(path, rows, rate, units)
    times, time_notes = (np.zeros(len(rows)), ()) if time is None else _times(path, rows, time, units)
    durations, duration_notes = (None, ()) if duration is None else _times(path, rows, duration, units)
    delays, delay_notes = _latencies(path, rows, columns, latency)
    return CsvColumns(
        np.array([row.line for row in rows]),
        times,
        rates,
        durations,
        delays,
        notes + rate_notes + time_notes + duration_notes + delay_notes,
    )


def _parse_column(position: int, name: str) -> _Column:
    """Return a column; the unit is what follows the last space, underscore or bracket of its name."""
    clean = re.sub(r"[\[\](){}\"']+", " ", name).strip()
    parts = [part for part in re.split(r"[\s_\-.]+", clean) if part]
    words = frozenset(part.lower() for part in parts)
    for size in (3, 2, 1):  # bits_per_second has three parts
        unit = "_".join(parts[-size:])
        found = rate_unit(unit) or time_unit(unit)
        if found:
            return _Column(position, name, words, found)
    return _Column(position, name, words, None)


def _choose_rate(path: str, header: Row, columns: Sequence[_Column]) -> _Column | None:
    """Return the column of the download rate; one with a unit counts more than one without."""
    rates = [c for c in columns if not c.words & _UP and (c.unit in RATE_UNITS or c.name.lower() == "dl_bitrate")]
    rates = rates or [c for c in columns if not c.words & _UP and c.words & _RATES and c.unit is None]
    down = [column for column in rates if column.words & _DOWN]
    rates = down or rates
    if len(rates) > 1:
        names = ", ".join(column.name for column in rates)[:200]
        raise TraceError(f"{path}:{header.line}: the header names several rates ({names}); keep the one to replay")
    return rates[0] if rates else None


def _first(columns: Sequence[_Column], words: frozenset[str], is_unit: Callable[[str], str | None]) -> _Column | None:
    return next((c for c in columns if c.words & words and (c.unit is None or is_unit(c.unit))), None)


def _first_unit(columns: Sequence[_Column]) -> _Column | None:
    """Return a column whose name is only a unit of time, such as `seconds`."""
    return next((c for c in columns if time_unit(c.name.strip()) and not c.words & _LATENCIES), None)


def _active_rows(rows: list[Row], header: list[str]) -> tuple[list[Row], tuple[str, ...]]:
    """Leave out the seconds without a download that the Irish set marks as idle."""
    if "state" not in header or "dl_bitrate" not in header:
        return rows, ()
    state = header.index("state")
    active = [row for row in rows if state >= len(row.fields) or row.fields[state] != "I"]
    return active, ("Irish 5G set: only rows with an active download are used",)


def _values(path: str, rows: Sequence[Row], column: _Column, *, is_time: bool = False) -> tuple[Floats, bool]:
    """Return the numbers of a column, and whether they are dates, in seconds since 1970."""
    values = []
    dates = False
    for row in rows:
        text = row.fields[column.position] if column.position < len(row.fields) else ""
        value = number(text)
        if value is None and is_time:
            value = time_stamp(text)
            dates = value is not None
        if value is None:
            raise TraceError(f"{path}:{row.line}: {text[:40]!r} is not a number in range (column {column.name[:40]})")
        values.append(value)
    return np.array(values), dates


def _rates(path: str, rows: Sequence[Row], column: _Column, units: Units | None) -> tuple[Floats, tuple[str, ...]]:
    values, _ = _values(path, rows, column)
    if units is not None:
        return values * RATE_UNITS[units.rate], ()
    if column.unit is not None:
        return values * RATE_UNITS[column.unit], ()
    if column.name.lower() == "dl_bitrate":  # kbit/s in the Irish sets
        return values * 1e3, ()
    mean = float(values.mean())
    if mean < MIN_UNSTATED_RATE:
        raise TraceError(
            f"{path}: the column {column.name} states no unit, and its mean is {mean:g}; state it, such as"
            " --trace-units s,kbit/s"
        )
    return values, (f"the column {column.name} states no unit; it is read as bit/s (--trace-units states another)",)


def _times(path: str, rows: Sequence[Row], column: _Column, units: Units | None) -> tuple[Floats, tuple[str, ...]]:
    values, are_dates = _values(path, rows, column, is_time=True)
    if are_dates:
        return values, ()
    unit = units.time if units else column.unit
    notes: tuple[str, ...] = ()
    if unit is None:
        unit = guess_time_unit(values, are_durations=bool(column.words & _DURATIONS))
        if unit != "s":
            notes = (f"the column {column.name} states no unit; it is read as {unit}",)
    return values * TIME_UNITS[unit], notes


def _latencies(
    path: str, rows: Sequence[Row], columns: Sequence[_Column], latency: float
) -> tuple[Floats, tuple[str, ...]]:
    column = _first(columns, _LATENCIES, time_unit)
    if column is None:
        return np.full(len(rows), latency), ()
    values, _ = _values(path, rows, column)
    if column.unit is not None:
        return values * TIME_UNITS[column.unit], ()
    unit = "ms" if float(np.median(values)) >= MIN_MILLISECOND_LATENCY else "s"
    return values * TIME_UNITS[unit], (f"the column {column.name} states no unit; it is read as {unit}",)
