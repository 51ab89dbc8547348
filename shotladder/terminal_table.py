"""Tables on a terminal of any width: columns where they fit, otherwise one block for each row."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

import click

from shotladder_runtime.printable_text import printable

__all__ = ["MIN_WIDTH", "print_table", "render_table", "terminal_width"]

#: Minimum width that texts are wrapped to, characters. Chosen by hand: a phone in landscape.
MIN_WIDTH = 40
#: Spaces between two columns, and before the lines of a block.
_GAP = 2


def terminal_width() -> int | None:
    """Return the width of the terminal in characters, or None if the output is no terminal and has no width."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, names: int = 1) -> None:
    """Print a table on standard output; see `render_table`."""
    click.echo(render_table(head, rows, terminal_width(), names=names))


def render_table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, *, names: int = 1) -> str:
    """Return a table as text.

    Parameters
    ----------
    head : sequence of str
        Heads of the columns, with units.
    rows : sequence of sequence of str
    width : int or None
        Maximum width in characters; None for no limit.
    names : int
        Number of columns at the left that name a row; they begin a block and are aligned to the left.

    Examples
    --------
    >>> print(render_table(("rung", "VMAF"), [("720p", "92.8"), ("360p", "7.1")], 40))
    rung  VMAF
    720p  92.8
    360p   7.1
    >>> print(render_table(("rung", "VMAF", "bitrate"), [("720p", "92.8", "2.33 Mbit/s")], 20))
    720p
      VMAF 92.8, bitrate
      2.33 Mbit/s
    """
    texts = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[n]) for row in texts) for n in range(len(head))]
    if width is None or sum(widths) + _GAP * (len(widths) - 1) <= width:
        return "\n".join(_align(row, widths, names) for row in texts)
    return "\n".join(_render_block(texts[0], row, width, names) for row in texts[1:])


def _align(row: Sequence[str], widths: Sequence[int], names: int) -> str:
    cells = [
        cell.ljust(width) if n < names else cell.rjust(width)
        for n, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return (" " * _GAP).join(cells).rstrip()


def _render_block(head: Sequence[str], row: Sequence[str], width: int, names: int) -> str:
    name = ", ".join(cell for cell in row[:names] if cell)
    values = ", ".join(f"{title} {cell}" for title, cell in zip(head[names:], row[names:], strict=True) if cell)
    indent = " " * _GAP
    lines = textwrap.wrap(values, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return "\n".join([name, *lines])
