"""Load network traces from files and URLs; the format is recognised by the content, or named.

Formats: `sabre` (JSON of duration_ms, bandwidth_kbps, latency_ms), `pensieve` (lines of "seconds Mbit/s", where a rate
holds up to its time; also Lumos5G and the sets that others converted), `mahimahi` (a line, in ms, for each opportunity
to send 1500 bytes), `oboe` (lines of "ms kbit/s"), `numbers` (lines of other numbers, such as the logs of Norway and
Ghent), `csv` (a header that names a time or duration and a rate; also the Irish 5G set with Timestamp and DL_bitrate),
`puffer` and `fcc` (tables of many sessions, `abr.traces.trace_sessions`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from abr.errors import TraceError
from abr.fetch import file_name, is_url, read_document
from abr.traces.trace import DEFAULT_LATENCY, Trace
from abr.traces.trace_csv import read_csv
from abr.traces.trace_json import read_sabre
from abr.traces.trace_lines import (
    StampedSamples,
    read_mahimahi,
    read_numbers,
    read_oboe,
    read_pensieve,
    trace_of_samples,
)
from abr.traces.trace_sessions import is_fcc, is_puffer, read_fcc, read_puffer
from abr.traces.trace_table import number, split_rows
from abr.traces.trace_units import Units, parse_units
from shotladder_runtime.printable_text import printable

__all__ = ["FORMATS", "as_trace", "load_trace", "load_traces"]

#: largest trace, bytes; chosen by hand: a day of Puffer's sessions
MAX_TRACE_BYTES = 256 << 20
#: range of the mean rate without a note, bit/s; chosen by hand
MIN_USUAL_RATE = 1e4
MAX_USUAL_RATE = 1e10
#: characters at the start that are looked at to recognise a format; chosen by hand, more than the longest header
HEAD_CHARACTERS = 1 << 17
#: files in a folder that are not traces
_OTHER_SUFFIXES = (".md", ".py", ".gz", ".zip")


def load_trace(
    path: str | Path, *, format: str | None = None, latency: float = DEFAULT_LATENCY, units: str | None = None
) -> Trace:
    """Read one network trace.

    Parameters
    ----------
    path : path or URL
        The file.
    format : {"sabre", "pensieve", "mahimahi", "oboe", "numbers", "csv", "puffer", "fcc"}, optional
        By default recognised by the content.
    latency : float
        Seconds, for formats without latency.
    units : str, optional
        Units of time and rate, such as `s,kbit/s`, of numbers and tables. By default those of the header or, without
        one, recognised by the values; what is assumed is in `Trace.notes`.

    Returns
    -------
    Trace

    Raises
    ------
    TraceError
        When the file is not a trace, or contains several; the message names file, line and value.
    """
    traces = _load_file(os.fspath(path), format, latency, units)
    if len(traces) > 1:
        raise TraceError(f"{path}: the file contains {len(traces)} traces; `load_traces` reads all of them")
    return traces[0]


def load_traces(
    paths: Sequence[str | Path] | str | Path, *, format: str | None = None, units: str | None = None
) -> tuple[Trace, ...]:
    """Read the traces of files, URLs and folders.

    Parameters
    ----------
    paths : sequence of paths or URLs, or one of them
        Folders are searched recursively.
    format, units : str, optional
        As for `load_trace`.

    Returns
    -------
    tuple of Trace
        In the order of `paths`, within a folder sorted by name. Of traces with the same durations and rates only the
        first is returned.

    Raises
    ------
    TraceError
        When there is no file, or one is not a trace.
    """
    files: list[str] = []
    paths = [paths] if isinstance(paths, str | os.PathLike) else paths
    for path in [os.fspath(path) for path in paths]:
        if not is_url(path) and "\0" not in path and Path(path).is_dir():
            files += map(str, sorted(p for p in Path(path).rglob("*") if _may_be_trace(p)))
        else:
            files.append(path)
    if not files:
        raise TraceError(f"no traces in {', '.join(map(str, paths))}")
    seen: set[bytes] = set()
    traces = []
    for file in files:
        for trace in _load_file(file, format, DEFAULT_LATENCY, units):
            key = trace.durations.tobytes() + trace.rates.tobytes()
            if key not in seen:
                seen.add(key)
                traces.append(trace)
    return tuple(traces)


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
    if isinstance(trace, str | os.PathLike):
        return load_trace(trace)
    raise TraceError(f"expected a Trace, a path or a URL, got {type(trace).__name__}")


def _load_file(path: str, format: str | None, latency: float, units: str | None) -> list[Trace]:
    stated = None if units is None else parse_units(units)
    if format is not None and format not in FORMATS:
        raise TraceError(f"unknown trace format {format!r} (choose from {', '.join(FORMATS)})")
    text = read_document(path, TraceError, MAX_TRACE_BYTES).text
    if not text.strip():
        raise TraceError(f"{path}: the trace is empty")
    try:
        name = format or _recognise(path, text)
        if stated is not None and name in _FIXED_UNITS:
            raise TraceError(f"{path}: the format {name} has its own units")
        traces = FORMATS[name](path, text, latency, stated)
    except TraceError as error:
        if printable(path) in str(error):
            raise
        # a trace checks itself, and knows the name of the file without its folder
        reason = str(error).removeprefix(f"{printable(file_name(path))}: ")
        raise TraceError(f"{path}: {reason}") from error
    return [_note_rate(trace) for trace in ([traces] if isinstance(traces, Trace) else traces)]


def _note_rate(trace: Trace) -> Trace:
    """Return the trace with a note when its mean rate is improbable, because its units may be others."""
    mean = trace.mean_rate
    if MIN_USUAL_RATE <= mean <= MAX_USUAL_RATE:
        return trace
    note = f"the mean rate is {mean:.4g} bit/s; check the units of the file (--trace-units)"
    return replace(trace, notes=(*trace.notes, note))


def _may_be_trace(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in _OTHER_SUFFIXES


def _recognise(path: str, text: str) -> str:
    """Return the format of a text that is not empty."""
    if text.lstrip()[:1] in ("[", "{"):
        return "sabre"
    first = next(line for line in text.splitlines() if line.strip())
    if is_puffer(first):
        return "puffer"
    if is_fcc(first):
        return "fcc"
    # only the first lines are split, because the reader splits all of them
    fields = split_rows(path, text[:HEAD_CHARACTERS])[0].fields
    if not all(number(field) is not None for field in fields):
        return "csv"
    return "mahimahi" if len(fields) == 1 else "numbers"


def _read_csv_trace(path: str, text: str, latency: float, units: Units | None) -> Trace:
    fields = split_rows(path, text[:HEAD_CHARACTERS])[0].fields
    if all(number(field) is not None for field in fields):
        return read_numbers(path, text, latency, units)
    table = read_csv(path, text, latency, units)
    # the Irish set has the traffic of Netflix and Amazon, which those players paced, in folders of their names
    limited = any(word in path.lower() for word in ("netflix", "amazon"))
    if table.durations is None:
        trace = trace_of_samples(path, StampedSamples(table.lines, table.times, table.rates, table.latencies))
        return replace(trace, app_limited=limited, notes=table.notes + trace.notes)
    return Trace(file_name(path), table.durations, table.rates, table.latencies, limited, table.notes)


#: format -> reader of (path, text, latency in seconds, units of time and rate)
FORMATS: dict[str, Callable[[str, str, float, Units | None], Trace | list[Trace]]] = {
    "sabre": lambda path, text, latency, _: read_sabre(path, text, latency),
    "pensieve": read_pensieve,
    "mahimahi": lambda path, text, latency, _: read_mahimahi(path, text, latency),
    "oboe": read_oboe,
    "numbers": read_numbers,
    "csv": _read_csv_trace,
    "puffer": lambda path, text, latency, _: read_puffer(path, text, latency),
    "fcc": lambda path, text, latency, _: read_fcc(path, text, latency),
}

#: formats that state or define their units
_FIXED_UNITS = ("sabre", "mahimahi", "puffer", "fcc")
