"""Read comma-separated traces, whose header names the quantity and unit of each column."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abr.errors import TraceError

__all__ = ["read_csv"]

Floats = NDArray[np.float64]

#: header -> factor to seconds
_TIMES = {
    "time": 1.0,
    "t": 1.0,
    "time_s": 1.0,
    "t_s": 1.0,
    "seconds": 1.0,
    "time_ms": 1e-3,
    "t_ms": 1e-3,
    "timestamp_ms": 1e-3,
}
#: header -> factor to seconds
_DURATIONS = {"duration": 1.0, "duration_s": 1.0, "duration_ms": 1e-3}
#: header -> factor to bit/s
_RATES = {
    "bits_per_second": 1.0,
    "bps": 1.0,
    "rate": 1.0,
    "bandwidth": 1.0,
    "bandwidth_bps": 1.0,
    "throughput_bps": 1.0,
    "kbps": 1e3,
    "kbit/s": 1e3,
    "bandwidth_kbps": 1e3,
    "throughput_kbps": 1e3,
    "dl_bitrate": 1e3,
    "mbps": 1e6,
    "mbit/s": 1e6,
    "bandwidth_mbps": 1e6,
    "throughput_mbps": 1e6,
}
#: header -> factor to seconds
_LATENCIES = {"latency": 1.0, "latency_s": 1.0, "latency_ms": 1e-3, "rtt_ms": 1e-3}


class CsvColumns(NamedTuple):
    """The columns of a comma-separated trace, shape (rows,) each.

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


def read_csv(path: str, text: str, latency: float) -> CsvColumns:
    """Read the columns that the header names; `latency`, in seconds, is used when the file has none.

    Raises
    ------
    TraceError
        When the header names no time and rate, or a field is not a number; the message names file, line and value.
    """
    dialect = ";" if ";" in text.splitlines()[0] else ","
    rows = list(csv.reader(io.StringIO(text), delimiter=dialect))
    header = [field.strip().lower() for field in rows[0]]
    if all(_number(field) is not None for field in header):
        header = ["time_s", "mbps"]  # the usual columns of files without a header
        body = list(enumerate(rows, 1))
        notes: tuple[str, ...] = ("the file has no header; its columns are read as seconds and Mbit/s",)
    else:
        body = list(enumerate(rows[1:], 2))
        notes = ()
    rate = _column(header, _RATES)
    duration = _column(header, _DURATIONS)
    time = _column(header, _TIMES) or _stamp(header)
    delay = _column(header, _LATENCIES)
    if rate is None or (time is None and duration is None):
        known = ", ".join(sorted(_RATES))
        raise TraceError(f"{path}:1: the header {header[:8]} names no time and rate (known rates: {known})")
    state = header.index("state") if "state" in header else None
    lines, times, rates, durations, latencies = [], [], [], [], []
    for number, row in body:
        if not any(field.strip() for field in row):
            continue
        if state is not None and row[state].strip() == "I":
            continue  # the Irish set marks seconds without a download (idle)
        lines.append(number)
        rates.append(_value(path, number, row, rate))
        times.append(_value(path, number, row, time) if time else 0.0)
        durations.append(_value(path, number, row, duration) if duration else 0.0)
        latencies.append(_value(path, number, row, delay) if delay else latency)
    if not rates:
        raise TraceError(f"{path}: the trace is empty")
    if "dl_bitrate" in header:
        notes = (*notes, "Irish 5G set: only rows with an active download are used")
    return CsvColumns(
        np.array(lines),
        np.array(times),
        np.array(rates),
        np.array(durations) if duration else None,
        np.array(latencies),
        notes,
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _column(header: list[str], known: dict[str, float]) -> tuple[int, float] | None:
    for index, name in enumerate(header):
        if name in known:
            return index, known[name]
    return None


def _stamp(header: list[str]) -> tuple[int, float] | None:
    return (header.index("timestamp"), 1.0) if "timestamp" in header else None


def _value(path: str, number: int, row: list[str], column: tuple[int, float]) -> float:
    index, factor = column
    text = row[index].strip() if index < len(row) else ""
    value = _number(text)
    if value is not None:
        return value * factor
    try:  # 2019.12.14_10.16.30
        return datetime.strptime(text, "%Y.%m.%d_%H.%M.%S").timestamp()
    except ValueError:
        raise TraceError(f"{path}:{number}: {text!r} is not a number") from None
