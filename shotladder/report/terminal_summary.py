"""What `encode` prints at its end: the rungs, and in three lines what was reached, what was saved, what comes next."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path

from shotladder.report.presentation_format import Presentation
from shotladder.report.report_tables import RUNG_HEAD, rung_rows
from shotladder.report.verdict import describe_reach, describe_saving, describe_weakest
from shotladder.terminal_table import render_table
from shotladder_runtime.printable_text import printable

__all__ = ["render_summary"]

#: Columns of the table of rungs that fit 80 characters; the report has all.
_COLUMNS = (0, 1, 2, 4, 6, 7, 8)

#: Files that a person opens.
_FILES = ("manifest.mpd", "master.m3u8", "report.html")


def render_summary(presentation: Presentation, output: Path, width: int | None) -> str:
    """Return the end of `encode` as text.

    Parameters
    ----------
    presentation : Presentation
    output : Path
        Directory of the presentation, as the user named it.
    width : int or None
        Width of the terminal in characters; None for no limit.
    """
    reached = " ".join(filter(None, (describe_reach(presentation), describe_weakest(presentation))))
    saved = [describe_saving(presentation, each) for each in presentation.comparisons] or [
        "The saving is unknown, because no comparison with a fixed ladder was made."
    ]
    lines = [_wrap(text, width) for text in (reached, *saved)]
    files = "\n".join(printable(str(output / name)) for name in _FILES)
    next_step = printable(f"next: shotladder play {shlex.quote(str(output))}")
    head, *rows = ([row[n] for n in _COLUMNS] for row in (RUNG_HEAD, *rung_rows(presentation)))
    table = render_table(head, rows, width)
    return "\n".join([table, "", files, "", *lines, next_step])


def _wrap(text: str, width: int | None) -> str:
    return text if width is None else textwrap.fill(text, width, break_on_hyphens=False)
