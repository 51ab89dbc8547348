"""Read JSON documents into typed values.

Python's `json` parses, because it reports the line of a syntax error and accepts NaN, which numeric tools write for a
missing score. msgspec checks the structure against typed structs, because it names the location of a fault and needs
no code of ours for each key.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, TypeVar

import msgspec

from shotladder_runtime.errors import DocumentError

__all__ = ["check_finite", "check_structure", "parse_json"]

T = TypeVar("T")

#: msgspec ends its messages with the location: "Expected `float`, got `str` - at `$.video[0].bytes`"
_LOCATION = re.compile(r"(?s)(.*) - at `([^`]*)`$")
#: half of a surrogate pair, as JSON escapes it or as Python decodes it
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
#: one step of a location: `.key` or `[index]`
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def parse_json(text: str, file: str, *, error: type[DocumentError] = DocumentError) -> Any:
    """Return the value of a JSON text.

    Parameters
    ----------
    text : str
        The document.
    file : str
        Path or URL, for messages.
    error : type
        Subclass of `DocumentError` to raise.

    Raises
    ------
    DocumentError
        When the text is not JSON; its location is the line.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as cause:
        raise error(file, f"line {cause.lineno}", f"not valid JSON: {cause.msg}") from cause
    except (RecursionError, ValueError) as cause:
        # ValueError: an integer of more digits than Python converts
        problem = "it is nested too deeply" if isinstance(cause, RecursionError) else "an integer has too many digits"
        raise error(file, "$", f"not valid JSON: {problem}") from cause
    half = _SURROGATE.search(text)
    if half and not _is_unicode(value):
        line = text.count("\n", 0, half.start()) + 1
        raise error(file, f"line {line}", "a text has half of a surrogate pair, which is not a character")
    return value


def _is_unicode(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_structure(
    value: Any,
    kind: type[T],
    file: str,
    *,
    error: type[DocumentError] = DocumentError,
    strict: bool = True,
    root: str = "$",
) -> T:
    """Convert a parsed JSON value to a typed value.

    Parameters
    ----------
    value
        What `parse_json` returned.
    kind : type
        A `msgspec.Struct`, or another type that msgspec converts to. Unknown keys are ignored.
    file : str
        Path or URL, for messages.
    error : type
        Subclass of `DocumentError` to raise.
    strict : bool
        False also accepts numbers that are written as strings.
    root : str
        Location of `value` in the document.

    Raises
    ------
    DocumentError
        When a key is missing, or a value has another type or lies outside its range.

    Examples
    --------
    >>> class Rung(msgspec.Struct):
    ...     bitrate: int
    >>> check_structure([{"bitrate": 5}, {"bitrate": "high"}], list[Rung], "ladder.json")
    Traceback (most recent call last):
    shotladder_runtime.errors.DocumentError: ladder.json: $[1].bitrate: expected `int`, got `str`, found 'high'
    """
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as cause:
        message = str(cause)
        match = _LOCATION.match(message)
        problem, location = (match[1], match[2]) if match else (message, "$")
        problem = problem[:1].lower() + problem[1:] + _found_at(value, location)
        raise error(file, root + location.removeprefix("$"), problem) from cause


def _found_at(value: Any, location: str) -> str:
    """Return ", found VALUE" for a number or a string at a location; msgspec names its type at most."""
    for key, index in _STEP.findall(location):
        try:
            value = value[key] if key else value[int(index)]
        except (KeyError, IndexError, TypeError):
            return ""
    return f", found {value!r:.40}" if isinstance(value, str | int | float) else ""


def check_finite(value: float, file: str, location: str, *, error: type[DocumentError] = DocumentError) -> float:
    """Return a number, or raise when it is NaN or infinite, which JSON has no numbers for but Python's parser takes."""
    if not math.isfinite(value):
        raise error(file, location, f"expected a finite number, got {value}")
    return value
