"""The end of a catalogue as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from shotladder.catalogue.catalogue_run import SourceResult
from shotladder.report.readable_units import format_size
from shotladder.terminal_table import render_table

__all__ = ["catalogue_document", "count_statuses", "render_catalogue"]

_HEAD = ("output", "status", "video", "CPU time", "size", "rungs", "top rung", "VMAF")


def catalogue_document(results: Sequence[SourceResult]) -> dict[str, Any]:
    """Return the results as a JSON document."""
    return {"sources": [result.to_dict() for result in results], "counts": dict(Counter(r.status for r in results))}


def render_catalogue(results: Sequence[SourceResult], width: int | None) -> str:
    """Return a table of the sources, the reasons of failures, and the counts.

    Parameters
    ----------
    results : sequence of SourceResult
    width : int or None
        Width of the terminal in characters; None for no limit.
    """
    rows = [_row(result) for result in results]
    faults = [f"{result.name}: {result.error}" for result in results if result.error]
    return "\n".join([render_table(_HEAD, rows, width), "", *faults, count_statuses(results)])


def count_statuses(results: Sequence[SourceResult]) -> str:
    """Return the number of sources by status in one line."""
    counts = Counter(result.status for result in results)
    named = ", ".join(f"{counts[status]} {status}" for status in ("done", "up to date", "failed") if counts[status])
    return f"{len(results)} sources: {named}"


def _row(result: SourceResult) -> tuple[str, ...]:
    if result.error is not None:
        return (result.name, result.status, *[""] * (len(_HEAD) - 2))
    assert result.duration is not None and result.cpu_seconds is not None and result.bytes is not None
    assert result.bitrate is not None and result.vmaf is not None
    return (
        result.name,
        result.status,
        f"{result.duration:.1f} s",
        f"{result.cpu_seconds:.0f} s",
        format_size(result.bytes),
        str(result.rungs),
        f"{result.bitrate / 1000:.0f} kbit/s",
        f"{result.vmaf:.1f}",
    )
