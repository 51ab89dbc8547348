"""Read and write traces in Sabre's JSON form: a list of periods with duration, bandwidth and latency."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from msgspec import Struct

from abr.errors import TraceDocumentError
from abr.fetch import stem
from abr.traces.trace import Trace
from shotladder_runtime.json_document import check_finite, check_structure, parse_json

__all__ = ["read_sabre", "save_trace"]


class _Period(Struct):
    duration_ms: float
    bandwidth_kbps: float
    latency_ms: float | None = None


def read_sabre(path: str, text: str, latency: float) -> Trace:
    """Read a list of periods, or an object with such a list under `trace` or `periods`.

    Parameters
    ----------
    path : str
        Path or URL, for messages and for the name of the trace.
    text : str
        The document.
    latency : float
        Seconds, for periods without `latency_ms`.

    Raises
    ------
    TraceError
        When the document does not have this structure; the message names file and location.
    """
    value, root = parse_json(text, path, error=TraceDocumentError), "$"
    if isinstance(value, dict):
        key = "trace" if "trace" in value else "periods"
        value, root = value.get(key), f"$.{key}"
    if not isinstance(value, list) or not value:
        raise TraceDocumentError(path, root, "expected a list of periods")
    # some tools write numbers as strings
    periods = check_structure(value, list[_Period], path, error=TraceDocumentError, strict=False, root=root)
    rows = []
    for n, period in enumerate(periods):
        delay = latency * 1000 if period.latency_ms is None else period.latency_ms
        row = {"duration_ms": period.duration_ms, "bandwidth_kbps": period.bandwidth_kbps, "latency_ms": delay}
        for name, number in row.items():
            location = f"{root}[{n}].{name}"
            if check_finite(number, path, location, error=TraceDocumentError) < 0:
                raise TraceDocumentError(path, location, f"expected a number >= 0, found {number:g}")
        rows.append(list(row.values()))
    table = np.array(rows)
    has_length = table[:, 0] > 0
    notes = () if has_length.all() else (f"{int((~has_length).sum())} periods of 0 ms are left out",)
    table = table[has_length]
    return Trace(stem(path), table[:, 0] / 1e3, table[:, 1] * 1e3, table[:, 2] / 1e3, notes=notes)


def save_trace(trace: Trace, path: str | Path) -> Path:
    """Write a trace as Sabre's JSON; the file is complete or does not exist.

    Parameters
    ----------
    trace : Trace
        The trace.
    path : path
        The file to write.

    Returns
    -------
    Path
        The file.
    """
    path = Path(path)
    periods = [
        {"duration_ms": duration * 1e3, "bandwidth_kbps": round(rate / 1e3, 3), "latency_ms": round(latency * 1e3, 3)}
        for duration, rate, latency in zip(
            trace.durations.tolist(), trace.rates.tolist(), trace.latencies.tolist(), strict=True
        )
    ]
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(periods) + "\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
