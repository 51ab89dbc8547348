"""Durations of DASH (ISO/IEC 23009-1): xs:duration, the SegmentTimeline, and segments of a fixed duration."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

__all__ = ["MAX_SEGMENTS", "Span", "fixed_spans", "integer", "parse_duration", "timeline_spans"]

#: segments of one representation; chosen by hand: two days in segments of 1 s
MAX_SEGMENTS = 200_000
#: seconds; a manifest with a longer period is not read; chosen by hand: a year
MAX_PERIOD = 366 * 86_400.0

_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d*)?|\.\d+)S)?)?$", re.ASCII
)


class Span(NamedTuple):
    """One segment of a template.

    Attributes
    ----------
    number : int
    time : int
        Start in ticks, as `$Time$` has it.
    seconds : float
        Duration.
    """

    number: int
    time: int
    seconds: float


def parse_duration(text: str | None) -> float | None:
    """Return the seconds of an xs:duration; None when there is none.

    Raises
    ------
    ValueError
        When the text is not a duration, is longer than a year, or has years or months, whose length varies.

    Examples
    --------
    >>> parse_duration("P0Y0M0DT0H0M30.000S")
    30.0
    """
    if text is None:
        return None
    match = _DURATION.match(text.strip())
    if not match or not any(match.groups()):
        raise ValueError(f"{text[:40]!r} is not a duration, such as PT1H2M3.5S")
    years, months, days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    if years or months:
        raise ValueError(f"the duration {text[:40]} has years or months, whose length varies")
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total > MAX_PERIOD:
        raise ValueError(f"the duration {text[:40]} is longer than {MAX_PERIOD / 86_400:g} days")
    return total


def integer(attributes: Mapping[str, str], name: str, default: int | None = None, minimum: int = 0) -> int:
    """Return a whole number of an element.

    Raises
    ------
    ValueError
        When it is absent without a default, is not a whole number, has more than 18 digits, or is below `minimum`.
    """
    text = attributes.get(name)
    if text is None and default is not None:
        return default
    if text is None:
        raise ValueError(f"the attribute {name} is missing")
    if not re.fullmatch(r"\s*[+-]?\d{1,18}\s*", text, re.ASCII) or int(text) < minimum:
        raise ValueError(f"{name}={text[:40]!r}: expected a whole number of at least {minimum}")
    return int(text)


def timeline_spans(
    attributes: Mapping[str, str], entries: Sequence[Element], total: float | None, number: int
) -> list[Span]:
    """Return the segments of a SegmentTimeline.

    Parameters
    ----------
    attributes : mapping
        `timescale` and `presentationTimeOffset` of the template or list.
    entries : sequence of Element
        The S elements.
    total : float or None
        Duration of the period, s.
    number : int
        Number of the first segment.

    Raises
    ------
    ValueError
        When an entry has no duration, goes back, or repeats without an end; the message names the entry.
    """
    timescale = integer(attributes, "timescale", 1, 1)
    offset = integer(attributes, "presentationTimeOffset", 0)
    end = None if total is None else offset + total * timescale
    time = integer(entries[0].attrib, "t", 0) if entries else 0
    spans: list[Span] = []
    for n, entry in enumerate(entries):
        try:
            start = integer(entry.attrib, "t", time)
            ticks = integer(entry.attrib, "d", minimum=1)
            if integer(entry.attrib, "k", 1) != 1:
                raise ValueError("sequences of segments (k) are not supported")
            if spans and start <= spans[-1].time:
                raise ValueError(f"t={start} is not after the start of the segment before, {spans[-1].time}")
            stop = _stop(entries, n, end)
            repeats = integer(entry.attrib, "r", 0, minimum=-1)
            count = repeats + 1 if repeats >= 0 else _count_until(start, ticks, stop)
            if len(spans) + count > MAX_SEGMENTS:
                raise ValueError(f"the timeline has more than {MAX_SEGMENTS} segments")
        except ValueError as error:
            raise ValueError(f"SegmentTimeline: S element {n}: {error}") from error
        spans += [Span(number + i, start + i * ticks, ticks / timescale) for i in range(count)]
        number, time = number + count, start + count * ticks
        if repeats < 0 and stop is not None and time > stop and n + 1 == len(entries):
            # the last segment of an open repetition ends with the period
            last = spans.pop()
            spans.append(last._replace(seconds=(stop - last.time) / timescale))
    return spans


def _stop(entries: Sequence[Element], n: int, end: float | None) -> float | None:
    """Return where an entry with r=-1 ends: at the next entry, or with the period."""
    if n + 1 == len(entries):
        return end
    return integer(entries[n + 1].attrib, "t") if "t" in entries[n + 1].attrib else None


def _count_until(start: int, ticks: int, stop: float | None) -> int:
    if stop is None:
        raise ValueError("r=-1, but neither the next entry has a time (t) nor the period a duration")
    count = math.ceil(round((stop - start) / ticks, 6))
    if count < 1:
        raise ValueError(f"r=-1, but t={start} is not before its end, {stop:.0f}")
    return count


def fixed_spans(attributes: Mapping[str, str], total: float | None) -> list[Span]:
    """Return the segments of a template with a fixed duration.

    Raises
    ------
    ValueError
        When the duration of the segment or of the period is missing.
    """
    timescale = integer(attributes, "timescale", 1, 1)
    number = integer(attributes, "startNumber", 1)
    if "duration" not in attributes:
        raise ValueError("the template has neither a SegmentTimeline nor a duration")
    ticks = integer(attributes, "duration", minimum=1)
    count = None if total is None else math.ceil(round(total * timescale / ticks, 6))
    if "endNumber" in attributes:
        stated = integer(attributes, "endNumber") - number + 1
        count = stated if count is None else min(count, stated)
    if count is None:
        raise ValueError("the duration of the period is missing, which gives the number of segments")
    if count > MAX_SEGMENTS:
        raise ValueError(f"the period of {total} s has {count} segments, more than {MAX_SEGMENTS}")
    length = ticks / timescale
    return [
        Span(number + i, i * ticks, length if total is None else min(length, total - i * length)) for i in range(count)
    ]
