"""The periods of a DASH manifest: their durations, and those that are joined because they have the same ladder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from abr.presentations.dash_timeline import parse_duration

__all__ = ["Period", "is_remote", "join_periods", "read_periods"]

_HREF = "{http://www.w3.org/1999/xlink}href"


class Period(NamedTuple):
    """One period.

    Attributes
    ----------
    element : Element
    number : int
        From 1, for messages.
    seconds : float or None
        Duration; None when the manifest does not state it.
    """

    element: Element
    number: int
    seconds: float | None


def is_remote(element: Element) -> bool:
    """Return whether the content of an element is in another file (ISO/IEC 23009-1, 5.5)."""
    return _HREF in element.attrib


def read_periods(root: Element) -> list[Period]:
    """Return the periods with their durations (ISO/IEC 23009-1, 5.3.2.1).

    Raises
    ------
    ValueError
        When a duration is not valid, or a period is in another file.
    """
    elements = root.findall("Period")
    total = parse_duration(root.get("mediaPresentationDuration"))
    starts = [parse_duration(element.get("start")) for element in elements]
    periods = []
    start: float | None = 0.0
    for n, element in enumerate(elements):
        if is_remote(element):
            raise ValueError(f"period {n + 1} is in another file (xlink:href), which is not supported")
        begin = start if starts[n] is None else starts[n]
        seconds = parse_duration(element.get("duration"))
        if seconds is None:
            end = total if n + 1 == len(elements) else starts[n + 1]
            seconds = end - begin if end is not None and begin is not None else None
        if seconds is not None and seconds < 0:
            raise ValueError(f"period {n + 1} ends {-seconds:g} s before it starts")
        periods.append(Period(element, n + 1, seconds))
        start = begin + seconds if begin is not None and seconds is not None else None
    return periods


def join_periods(periods: Sequence[tuple[Period, object]]) -> tuple[set[int], tuple[str, ...]]:
    """Return the indices of the periods with the ladder that lasts longest, and a note of those left out.

    Parameters
    ----------
    periods : sequence of (Period, object)
        Each period with what identifies its ladder.
    """
    lengths: dict[object, float] = {}
    for period, ladder in periods:
        lengths[ladder] = lengths.get(ladder, 0.0) + (period.seconds or 0.0)
    chosen = max(lengths, key=lambda ladder: lengths[ladder])
    joined = {n for n, (_, ladder) in enumerate(periods) if ladder == chosen}
    others = [period for period, ladder in periods if ladder != chosen]
    if not others:
        return joined, ()
    numbers = ", ".join(str(period.number) for period in others[:8]) + (", ..." if len(others) > 8 else "")
    seconds = sum(period.seconds or 0.0 for period in others)
    return joined, (
        f"left out: {len(others)} of {len(periods)} periods ({numbers}; {seconds:g} s) with another ladder",
    )
