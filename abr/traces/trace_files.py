"""Load network traces from files and URLs; the format is recognised by the content, or named.

Formats: `sabre` (JSON of duration_ms, bandwidth_kbps, latency_ms), `pensieve` (lines of "seconds Mbit/s", where a rate
holds up to its time; also Lumos5G and the sets that others converted), `mahimahi` (a line, in ms, for each opportunity
to send 1500 bytes), `oboe` (lines of "ms kbit/s"), `csv` (a header that names a time or duration and a rate; also the
Irish 5G set with Timestamp and DL_bitrate), `puffer` and `fcc` (tables of many sessions, `abr.traces.trace_sessions`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from abr.errors import TraceError
from abr.fetch import file_name, is_url, read_text
from abr.traces.trace import DEFAULT_LATENCY, Trace
from abr.traces.trace_csv import read_csv
from abr.traces.trace_json import read_sabre
from abr.traces.trace_lines import StampedSamples, read_mahimahi, read_oboe, read_pensieve, trace_of_samples
from abr.traces.trace_sessions import is_fcc, is_puffer, read_fcc, read_puffer

__all__ = ["FORMATS", "as_trace", "load_trace", "load_traces"]

#: smallest median step between two times, in the unit of the file, at which lines of two numbers are read as Oboe's
#: (ms, kbit/s) and not as Pensieve's (s, Mbit/s); chosen by hand
OBOE_MIN_STEP = 100.0
#: files in a folder that are not traces
_OTHER_SUFFIXES = (".md", ".py", ".gz", ".zip")


def load_trace(path: str | Path, *, format: str | None = None, latency: float = DEFAULT_LATENCY) -> Trace:
    """Read one network trace.

    Parameters
    ----------
    path : path or URL
        The file.
    format : {"sabre", "pensieve", "mahimahi", "oboe", "csv", "puffer", "fcc"}, optional
        By default recognised by the content.
    latency : float
        Seconds, for formats without latency.

    Returns
    -------
    Trace

    Raises
    ------
    TraceError
        When the file is not a trace, or contains several; the message names file, line and value.
    """
    traces = _load_file(str(path), format, latency)
    if len(traces) > 1:
        raise TraceError(f"{path}: the file contains {len(traces)} traces; `load_traces` reads all of them")
    return traces[0]


def load_traces(paths: Sequence[str | Path], *, format: str | None = None) -> tuple[Trace, ...]:
    """Read the traces of files, URLs and folders.

    Parameters
    ----------
    paths : sequence of paths or URLs
        Folders are searched recursively.
    format : str, optional
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
        for trace in _load_file(file, format, DEFAULT_LATENCY):
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
    if isinstance(trace, str | Path):
        return load_trace(trace)
    raise TraceError(f"expected a Trace, a path or a URL, got {type(trace).__name__}")


def _load_file(path: str, format: str | None, latency: float) -> list[Trace]:
    text = read_text(path, TraceError)
    if format is not None and format not in FORMATS:
        raise TraceError(f"unknown trace format {format!r} (choose from {', '.join(FORMATS)})")
    if not text.strip():
        raise TraceError(f"{path}: the trace is empty")
    try:
        traces = FORMATS[format or _recognise(text)](path, text, latency)
    except TraceError as error:
        raise error if path in str(error) else TraceError(f"{path}: {error}") from error
    return [traces] if isinstance(traces, Trace) else traces


def _may_be_trace(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in _OTHER_SUFFIXES


def _recognise(text: str) -> str:
    """Return the format of a text that is not empty."""
    if text.lstrip()[:1] in "[{":
        return "sabre"
    line = next(line for line in text.splitlines() if line.strip())
    if is_puffer(line):
        return "puffer"
    if is_fcc(line):
        return "fcc"
    fields = line.replace(",", " ").replace(";", " ").split()
    if "," in line or ";" in line or not all(map(_is_number, fields)):
        return "csv"
    if len(fields) == 1:
        return "mahimahi"
    rows = [line.split() for line in text.splitlines()[:50] if line.strip()]
    stamps = [float(row[0]) for row in rows if len(row) >= 2 and _is_number(row[0])]
    steps = np.abs(np.diff(stamps))
    return "oboe" if len(steps) and float(np.median(steps)) >= OBOE_MIN_STEP else "pensieve"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_csv_trace(path: str, text: str, latency: float) -> Trace:
    table = read_csv(path, text, latency)
    # the Irish set has the traffic of Netflix and Amazon, which those players paced, in folders of their names
    limited = any(word in path.lower() for word in ("netflix", "amazon"))
    if table.durations is None:
        trace = trace_of_samples(path, StampedSamples(table.lines, table.times, table.rates, table.latencies))
        return replace(trace, app_limited=limited, notes=table.notes + trace.notes)
    return Trace(file_name(path), table.durations, table.rates, table.latencies, limited, table.notes)


#: format -> reader of (path, text, latency in seconds)
FORMATS: dict[str, Callable[[str, str, float], Trace | list[Trace]]] = {
    "sabre": read_sabre,
    "pensieve": read_pensieve,
    "mahimahi": read_mahimahi,
    "oboe": read_oboe,
    "csv": _read_csv_trace,
    "puffer": read_puffer,
    "fcc": read_fcc,
}
