"""Reading network traces; the format is recognised by what a file holds, or named.

Formats: `sabre` (JSON of duration_ms, bandwidth_kbps, latency_ms), `pensieve` (lines "t_s Mbit/s", the rate holds up
to its time; Lumos5G and the cooked sets of others too), `mahimahi` (one line a 1500-byte opportunity, ms), `oboe`
(lines "t_ms kbit/s"), `csv` (a header naming a time or duration and a rate; also the Irish 5G set's Timestamp and
DL_bitrate), `puffer` and `fcc` (raw tables of many sessions; `abr.traces.trace_sessions`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abr.errors import TraceError
from abr.fetch import file_name, is_url, read_text, stem
from abr.traces.trace import DEFAULT_LATENCY, Trace
from abr.traces.trace_csv import read_csv
from abr.traces.trace_sessions import is_fcc, is_puffer, read_fcc, read_puffer

__all__ = ["FORMATS", "as_trace", "load_trace", "load_traces"]

_PACKET_BITS = 12_000
#: mahimahi's opportunities are counted in bins of this many ms
_BIN = 100

Floats = NDArray[np.float64]


def load_trace(path: str | Path, *, format: str | None = None, latency: float = DEFAULT_LATENCY) -> Trace:
    """Read one network trace.

    Parameters
    ----------
    path : path
        The file.
    format : {"sabre", "pensieve", "mahimahi", "oboe", "csv", "puffer", "fcc"}, optional
        Recognised by the content when not given.
    latency : float
        Seconds, for formats that hold none.

    Raises
    ------
    TraceError
        When the file cannot be read as a trace, or holds several; the message names file, line and value.
    """
    traces = _load(str(path), format, latency)
    if len(traces) > 1:
        raise TraceError(f"{path}: it holds {len(traces)} traces, not one; `load_traces` reads them all")
    return traces[0]


def as_trace(trace: Trace | str | Path) -> Trace:
    """Return a trace as it is, or read it from a path or URL.

    Parameters
    ----------
    trace : Trace, path or URL
        A path or URL is read by `load_trace`.

    Raises
    ------
    TraceError
        When the argument is of another type, or cannot be read.
    """
    if isinstance(trace, Trace):
        return trace
    if isinstance(trace, str | Path):
        return load_trace(trace)
    raise TraceError(f"expected a Trace, a path or a URL, got {type(trace).__name__}")


def _load(path: str, format: str | None, latency: float) -> list[Trace]:
    text = read_text(path, TraceError)
    if format is not None and format not in FORMATS:
        raise TraceError(f"no trace format is called {format!r}; there are {', '.join(FORMATS)}")
    if not text.strip():
        raise TraceError(f"{path}: the trace is empty")
    try:
        found = FORMATS[format or _recognise(text)](path, text, latency)
    except TraceError as error:
        raise error if path in str(error) else TraceError(f"{path}: {error}") from error
    return [found] if isinstance(found, Trace) else found


def load_traces(paths: Sequence[str | Path], *, format: str | None = None) -> tuple[Trace, ...]:
    """Read traces from files and folders, in order of name; the same trace twice is taken once."""
    files: list[str] = []
    for path in map(str, paths):
        if not is_url(path) and Path(path).is_dir():
            files += map(str, sorted(p for p in Path(path).rglob("*") if _may_be_trace(p)))
        else:
            files.append(path)
    if not files:
        raise TraceError(f"no traces in {', '.join(map(str, paths))}")
    seen: set[bytes] = set()
    traces = []
    for file in files:
        for trace in _load(file, format, DEFAULT_LATENCY):
            key = trace.durations.tobytes() + trace.rates.tobytes()
            if key not in seen:
                seen.add(key)
                traces.append(trace)
    return tuple(traces)


def _may_be_trace(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in (".md", ".py", ".gz", ".zip")


def _recognise(text: str) -> str:
    head = text.lstrip()[:1]
    if head in "[{":
        return "sabre"
    first = next(line for line in text.splitlines() if line.strip())
    if is_puffer(first):
        return "puffer"
    if is_fcc(first):
        return "fcc"
    fields = first.replace(",", " ").replace(";", " ").split()
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        return "csv"
    if "," in first or ";" in first:
        return "csv"
    if len(numbers) == 1:
        return "mahimahi"
    # Oboe counts ms and kbit/s: its stamps jump by hundreds
    rows = [line.split() for line in text.splitlines()[:50] if line.strip()]
    stamps = [float(row[0]) for row in rows if len(row) >= 2 and _is_number(row[0])]
    steps = np.diff(stamps)
    return "oboe" if len(steps) and float(np.median(np.abs(steps))) >= 100 else "pensieve"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _sabre(path: str, text: str, latency: float) -> Trace:
    try:
        periods = json.loads(text)
    except json.JSONDecodeError as error:
        raise TraceError(f"{path}:{error.lineno}: not JSON: {error.msg}") from error
    if isinstance(periods, dict):
        periods = periods.get("trace", periods.get("periods"))
    if not isinstance(periods, list) or not periods:
        raise TraceError(f"{path}: no list of periods")
    rows = []
    for number, period in enumerate(periods):
        try:
            row = (float(period["duration_ms"]), float(period["bandwidth_kbps"]))
            rows.append((*row, float(period.get("latency_ms", latency * 1000))))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TraceError(f"{path}: period {number} is {json.dumps(period)[:80]}, not a rate over time") from error
    table = np.array(rows)
    for column, name in enumerate(("duration_ms", "bandwidth_kbps", "latency_ms")):
        bad = np.flatnonzero(~np.isfinite(table[:, column]) | (table[:, column] < 0))
        if bad.size:
            raise TraceError(f"{path}: {name} of period {bad[0]} is {table[bad[0], column]:g}")
    keep = table[:, 0] > 0
    notes = (f"{int((~keep).sum())} periods of no length left out",) if not keep.all() else ()
    table = table[keep]
    return Trace(stem(path), table[:, 0] / 1e3, table[:, 1] * 1e3, table[:, 2] / 1e3, notes=notes)


def _columns(path: str, text: str, count: int) -> tuple[NDArray[np.int64], Floats]:
    """Return line numbers and the first columns of every line."""
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


def stamped(path: str, lines: NDArray[np.int64], times: Floats, rates: Floats, latency: float | Floats) -> Trace:
    """Make a trace of rates (bits/s) that each hold up to their time (s); mend what can be mended, and say so."""
    bad = np.flatnonzero(rates < 0)
    if bad.size:
        raise TraceError(f"{path}:{lines[bad[0]]}: a negative rate, {rates[bad[0]]:g} bit/s")
    notes = []
    delays = np.broadcast_to(latency, times.shape)
    forward = times > np.maximum.accumulate(np.concatenate(([-np.inf], times[:-1])))
    if not forward.all():
        first = int(np.flatnonzero(~forward)[0])
        count = int((~forward).sum())
        notes.append(f"{count} stamps do not move forward and are left out, the first in line {lines[first]}")
        times, rates, delays = times[forward], rates[forward], delays[forward]
    if len(times) == 1:
        notes.append("a single sample, taken as a constant rate")
        return Trace(file_name(path), np.ones(1), rates, delays, notes=tuple(notes))
    if times[0] != 0:
        notes.append(f"it starts at {times[0]:g} s; moved to 0")
    zeros = int((rates[1:] == 0).sum())
    if zeros:
        notes.append(f"nothing arrives in {zeros} of {len(rates) - 1} intervals")
    durations = np.diff(times)
    return Trace(file_name(path), durations, rates[1:], delays[1:], notes=tuple(notes))


def _pensieve(path: str, text: str, latency: float) -> Trace:
    lines, table = _columns(path, text, 2)
    return stamped(path, lines, table[:, 0], table[:, 1] * 1e6, latency)


def _oboe(path: str, text: str, latency: float) -> Trace:
    lines, table = _columns(path, text, 2)
    # what a player's chunks got: it asked for no more
    return replace(stamped(path, lines, table[:, 0] / 1e3, table[:, 1] * 1e3, latency), app_limited=True)


def _mahimahi(path: str, text: str, latency: float) -> Trace:
    lines, table = _columns(path, text, 1)
    stamps = table[:, 0]
    back = np.flatnonzero(np.diff(stamps) < 0)
    if back.size or stamps[0] < 0:
        line = lines[back[0] + 1] if back.size else lines[0]
        raise TraceError(f"{path}:{line}: the stamps of a mahimahi trace never go back")
    end = max(float(stamps[-1]), 1.0)  # it starts again at its last stamp
    bins = int(np.ceil(end / _BIN))
    counts = np.bincount(np.minimum(stamps // _BIN, bins - 1).astype(np.int64), minlength=bins)
    durations = np.full(bins, _BIN / 1e3)
    durations[-1] = (end - (bins - 1) * _BIN) / 1e3
    return Trace(file_name(path), durations, counts * _PACKET_BITS / durations, np.full(bins, latency))


def _csv(path: str, text: str, latency: float) -> Trace:
    lines, times, rates, durations, latencies, notes = read_csv(path, text, latency)
    # the Irish set keeps what Netflix and Amazon asked for in folders of their names
    limited = any(word in str(path).lower() for word in ("netflix", "amazon"))
    if durations is None:
        trace = stamped(path, lines, times, rates, latencies)
        return replace(trace, app_limited=limited, notes=notes + trace.notes)
    return Trace(file_name(path), durations, rates, latencies, limited, notes)


FORMATS: dict[str, Callable[[str, str, float], Trace | list[Trace]]] = {
    "sabre": _sabre,
    "pensieve": _pensieve,
    "mahimahi": _mahimahi,
    "oboe": _oboe,
    "csv": _csv,
    "puffer": read_puffer,
    "fcc": read_fcc,
}
