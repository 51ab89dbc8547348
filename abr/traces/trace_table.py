"""Split the text of a trace into rows: separators, blank lines, comments, decimal commas, time stamps."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from typing import NamedTuple

from abr.errors import TraceError

__all__ = ["MAX_NUMBER", "Row", "number", "split_rows", "time_stamp"]

#: rows of a trace; chosen by hand: a day in steps of 20 ms
MAX_ROWS = 5_000_000
#: characters of a line; chosen by hand
MAX_LINE = 1 << 16
#: largest number; chosen by hand, so that no sum or conversion of units overflows
MAX_NUMBER = 1e30

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?")
#: time stamps that `datetime.fromisoformat` does not read; the first is that of the Irish 5G set
_STAMPS = ("%Y.%m.%d_%H.%M.%S", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f")


class Row(NamedTuple):
    """One line.

    Attributes
    ----------
    line : int
        Its number in the file, from 1.
    fields : tuple of str
    """

    line: int
    fields: tuple[str, ...]


def split_rows(path: str, text: str) -> list[Row]:
    """Return the lines that are neither blank nor comments, split at the separator of the first one.

    Raises
    ------
    TraceError
        When there is no line, or too many, or one that is too long.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    lines = [(number, line) for number, line in lines if not line.lstrip().startswith("#")] or lines[:1]
    if not lines or lines[0][1].lstrip().startswith("#"):
        raise TraceError(f"{path}: the trace is empty")
    if len(lines) > MAX_ROWS:
        raise TraceError(f"{path}: the trace has {len(lines)} rows, more than {MAX_ROWS}")
    longest = max(lines, key=lambda item: len(item[1]))
    if len(longest[1]) > MAX_LINE:
        raise TraceError(f"{path}:{longest[0]}: the line has {len(longest[1])} characters, more than {MAX_LINE}")
    separator = _separator(lines[0][1])
    if separator is None:
        return [Row(number, tuple(line.split())) for number, line in lines]
    # a quoted field must not join lines, so every line is read by itself
    return [
        Row(number, tuple(field.strip() for field in next(csv.reader([line], delimiter=separator))))
        for number, line in lines
    ]


def _separator(line: str) -> str | None:
    """Return the separator of the fields of a line; None for white space."""
    if ";" in line:
        return ";"
    if "\t" in line.strip():
        return "\t"
    fields = line.split()
    if "," not in line or (len(fields) > 1 and all(_NUMBER.fullmatch(field) for field in fields)):
        return None
    return ","


def number(text: str) -> float | None:
    """Return the number of a field, with a decimal point or a decimal comma; None if it is absent or out of range."""
    text = text.strip()
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= MAX_NUMBER and "_" not in text else None


def time_stamp(text: str) -> float | None:
    """Return the seconds since 1970 of a date with a time; UTC when it has no zone. None when it is not one.

    Examples
    --------
    >>> time_stamp("2019-12-14T10:16:30.5Z") - time_stamp("2019.12.14_10.16.30")
    0.5
    """
    text = text.strip()
    stamp = None
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        for form in _STAMPS:
            try:
                stamp = datetime.strptime(text, form)
                break
            except ValueError:
                continue
    if stamp is None:
        return None
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()
