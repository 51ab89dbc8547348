"""Read measurement archives with many sessions in one file, Puffer's and the FCC's, as one trace for each session.

Puffer: the daily `video_sent` table with TCP's delivery rate (bytes/s) when each chunk was sent, and `min_rtt` (us). A
paced application used the link, so the rates are below its capacity and the traces are marked `app_limited`.

FCC, Measuring Broadband America: the raw tables `curr_httpgetmt` (a saturating download; bytes/s in intervals of 5 s)
and `curr_webget` (the objects of a web page); one trace for each unit and target, in the order of the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np

from abr.errors import TraceError
from abr.fetch import stem
from abr.traces.trace import Trace
from abr.traces.trace_table import MAX_NUMBER

__all__ = ["is_fcc", "is_puffer", "read_fcc", "read_puffer"]

#: duration of a row of the FCC's tables, s (Measuring Broadband America, httpgetmt)
FCC_INTERVAL = 5.0
#: longest time between two of Puffer's chunks that counts as download, s; chosen by hand: longer ones are user pauses
MAX_CHUNK_INTERVAL = 20.0


def _header(line: str) -> list[str]:
    return [field.strip().strip('"').lower() for field in line.split(",")]


def is_puffer(line: str) -> bool:
    """Return whether a header is that of Puffer's `video_sent`."""
    return {"session_id", "delivery_rate"} <= set(_header(line))


def is_fcc(line: str) -> bool:
    """Return whether a header is that of an FCC table."""
    return {"unit_id", "dtime"} <= set(_header(line)) and "bytes_sec" in line.lower()


def _rows(path: str, text: str, keys: tuple[str, ...], values: tuple[str, ...]) -> dict[str, list[list[float]]]:
    """Return session name -> rows of (line, *values)."""
    lines = _split_lines(path, text)
    header = _header(",".join(next(lines, (1, []))[1]))
    names = [key for key in keys if key in header]
    missing = [name for name in values if name not in header]
    if missing:
        raise TraceError(f"{path}:1: the header lacks {', '.join(missing)}")
    sessions: dict[str, list[list[float]]] = {}
    for number, row in lines:
        try:
            numbers = [float(row[header.index(name)]) for name in values]
        except (ValueError, IndexError) as error:
            raise TraceError(
                f"{path}:{number}: {','.join(row)[:60]!r} does not have a number in every column"
            ) from error
        for name, value in zip(values, numbers, strict=True):
            if not 0 <= value <= MAX_NUMBER:
                raise TraceError(f"{path}:{number}: {name} is {value:g}")
        sessions.setdefault("-".join(row[header.index(name)] for name in names), []).append([number, *numbers])
    if not sessions:
        raise TraceError(f"{path}: the trace is empty")
    return sessions


def _split_lines(path: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line that is not blank."""
    # archives of several systems end their lines in several ways
    reader = csv.reader(io.StringIO(text, newline=None))
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise TraceError(f"{path}:{reader.line_num}: {error}") from error


def read_puffer(path: str, text: str, latency: float) -> list[Trace]:
    """Return a trace for every session of more than one chunk; `latency`, in seconds, is used without `min_rtt`."""
    header = _header(text.splitlines()[0])
    time = next((name for name in header if name.startswith("time")), "time")
    values = (time, "delivery_rate") + (("min_rtt",) if "min_rtt" in header else ())
    traces = []
    for name, rows in _rows(path, text, ("session_id", "index"), values).items():
        table = np.array(sorted(rows, key=lambda row: row[1]))
        seconds = np.diff(table[:, 1] * (1e-9 if "ns" in time else 1e-3 if "ms" in time else 1.0))
        keep = np.flatnonzero((seconds > 0) & (seconds <= MAX_CHUNK_INTERVAL))
        rates = 8 * table[keep, 2]
        if not rates.any():
            continue
        delays = table[keep, 3] / 1e6 if len(values) == 3 else np.full(len(keep), latency)
        left_out = len(seconds) - len(keep)
        notes = (f"{left_out} pauses of more than {MAX_CHUNK_INTERVAL:g} s are left out",) if left_out else ()
        traces.append(Trace(f"{stem(path)}-{name}", seconds[keep], rates, delays, app_limited=True, notes=notes))
    if not traces:
        raise TraceError(f"{path}: no session has two chunks and a rate above 0")
    return traces


def read_fcc(path: str, text: str, latency: float) -> list[Trace]:
    """Return a trace for every unit and target with a rate above 0; `latency` is in seconds."""
    header = _header(text.splitlines()[0])
    column = "bytes_sec_interval" if "bytes_sec_interval" in header else "bytes_sec"
    # the objects of a page are too small to saturate a link
    paged = "threads" not in header
    traces = []
    for name, rows in _rows(path, text, ("unit_id", "target"), (column,)).items():
        rates = 8 * np.array(rows)[:, 1]
        if rates.any():
            durations = np.full(len(rates), FCC_INTERVAL)
            traces.append(
                Trace(f"{stem(path)}-{name}", durations, rates, np.full(len(rates), latency), app_limited=paged)
            )
    if not traces:
        raise TraceError(f"{path}: every rate is 0; a download would never end")
    return traces
