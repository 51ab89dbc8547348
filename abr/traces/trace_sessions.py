"""Reading measurement archives that hold many sessions in one file: Puffer's and the FCC's; one trace a session.

Puffer: the daily `video_sent` table; TCP's delivery rate (bytes/s) when each chunk was sent, `min_rtt` (us). It is what
an application that paced itself got, not what the network could give, and is marked so.

FCC, Measuring Broadband America: `curr_httpgetmt` (a saturating download; bytes/s of each of its 5 s) or
`curr_webget` (a page's objects) raw tables; a trace of every unit and target, in the order of their times.
"""

from __future__ import annotations

import csv
import io

import numpy as np

from abr.errors import TraceError
from abr.fetch import stem
from abr.traces.trace import Trace

__all__ = ["is_fcc", "is_puffer", "read_fcc", "read_puffer"]

FCC_SECONDS = 5.0  #: a row of the FCC's tables
MOST_SECONDS = 20.0  #: a longer silence between two of Puffer's chunks is a pause of the viewer


def _header(line: str) -> list[str]:
    return [field.strip().strip('"').lower() for field in line.split(",")]


def is_puffer(line: str) -> bool:
    """Say whether a header is Puffer's."""
    return {"session_id", "delivery_rate"} <= set(_header(line))


def is_fcc(line: str) -> bool:
    """Say whether a header is the FCC's."""
    return {"unit_id", "dtime"} <= set(_header(line)) and "bytes_sec" in line.lower()


def _rows(path: str, text: str, keys: tuple[str, ...], values: tuple[str, ...]) -> dict[str, list[list[float]]]:
    """Return the numbers of every session under its name; the first is the line."""
    reader = csv.reader(io.StringIO(text))
    header = _header(",".join(next(reader)))
    names = [key for key in keys if key in header]
    missing = [name for name in values if name not in header]
    if missing:
        raise TraceError(f"{path}:1: the header has no {' and no '.join(missing)}")
    sessions: dict[str, list[list[float]]] = {}
    for number, row in enumerate(reader, 2):
        if not row:
            continue
        try:
            numbers = [float(row[header.index(name)]) for name in values]
        except (ValueError, IndexError) as error:
            raise TraceError(f"{path}:{number}: {','.join(row)[:60]!r} lacks a number") from error
        for name, value in zip(values, numbers, strict=True):
            if not np.isfinite(value) or value < 0:
                raise TraceError(f"{path}:{number}: {name} is {value:g}")
        sessions.setdefault("-".join(row[header.index(name)] for name in names), []).append([number, *numbers])
    if not sessions:
        raise TraceError(f"{path}: the trace is empty")
    return sessions


def read_puffer(path: str, text: str, latency: float) -> list[Trace]:
    """Return a trace of every session of more than one chunk."""
    header = _header(text.splitlines()[0])
    time = next((name for name in header if name.startswith("time")), "time")
    values = (time, "delivery_rate") + (("min_rtt",) if "min_rtt" in header else ())
    traces = []
    for name, rows in _rows(path, text, ("session_id", "index"), values).items():
        table = np.array(sorted(rows, key=lambda row: row[1]))
        seconds = np.diff(table[:, 1] * (1e-9 if "ns" in time else 1e-3 if "ms" in time else 1.0))
        keep = np.flatnonzero((seconds > 0) & (seconds <= MOST_SECONDS))
        rates = 8 * table[keep, 2]
        if not rates.any():
            continue
        delays = table[keep, 3] / 1e6 if len(values) == 3 else np.full(len(keep), latency)
        left_out = len(seconds) - len(keep)
        notes = (f"{left_out} pauses of more than {MOST_SECONDS:g} s left out",) if left_out else ()
        traces.append(Trace(f"{stem(path)}-{name}", seconds[keep], rates, delays, app_limited=True, notes=notes))
    if not traces:
        raise TraceError(f"{path}: no session of two chunks that received anything")
    return traces


def read_fcc(path: str, text: str, latency: float) -> list[Trace]:
    """Return a trace of every unit and target that received anything."""
    header = _header(text.splitlines()[0])
    column = "bytes_sec_interval" if "bytes_sec_interval" in header else "bytes_sec"
    # objects of a page are too small to fill a link
    paged = "threads" not in header
    traces = []
    for name, rows in _rows(path, text, ("unit_id", "target"), (column,)).items():
        rates = 8 * np.array(rows)[:, 1]
        if rates.any():
            durations = np.full(len(rates), FCC_SECONDS)
            traces.append(
                Trace(f"{stem(path)}-{name}", durations, rates, np.full(len(rates), latency), app_limited=paged)
            )
    if not traces:
        raise TraceError(f"{path}: every rate is zero; nothing would ever arrive")
    return traces
