"""Cues of Timed Text Markup Language (W3C TTML2), for which FFmpeg has no decoder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from xml.etree import ElementTree

from encoder.errors import TrackError
from encoder.media.subtitle_text import decode_text

__all__ = ["Cue", "format_srt", "merge_cues", "parse_ttml"]

#: Frames per second if a document states none (TTML2, 7.2.5).
DEFAULT_FRAME_RATE = 30
#: Digits of a number, at most 12: 10**12 ticks of 10 MHz are a day, and longer numbers only cost time. Chosen by hand.
_DIGITS = r"[0-9]{1,12}"
#: Clock time: hours, minutes, seconds with a fraction or frames (TTML2, 12.3.1).
_CLOCK = re.compile(rf"({_DIGITS}):([0-9]{{2}}):([0-9]{{2}})(?:(\.{_DIGITS})|:({_DIGITS}))?")
#: Offset time: a number and its unit.
_OFFSET = re.compile(rf"({_DIGITS}(?:\.{_DIGITS})?)(h|ms|m|s|f|t)")
#: Frame rate, tick rate, and each part of a frame rate multiplier (TTML2, 7.2.5, 7.2.6, 7.2.11).
_RATE = re.compile(_DIGITS)


@dataclass(frozen=True, slots=True)
class Cue:
    """Text and when it is shown, s; `stop` is None if the document does not state it."""

    start: Fraction
    stop: Fraction | None
    text: str


@dataclass(frozen=True, slots=True)
class _Clock:
    """Frames and ticks per second."""

    frame_rate: Fraction
    tick_rate: Fraction

    def parse(self, value: str | None) -> Fraction | None:
        """Return a time expression in seconds; None if it is absent or has another form."""
        if value is None:
            return None
        if match := _CLOCK.fullmatch(value.strip()):
            hours, minutes, seconds, part, frames = match.groups()
            whole = 3600 * int(hours) + 60 * int(minutes) + int(seconds)
            return whole + Fraction(part or 0) + Fraction(frames or 0) / self.frame_rate
        if match := _OFFSET.fullmatch(value.strip()):
            units = {"h": Fraction(3600), "m": Fraction(60), "s": Fraction(1), "ms": Fraction(1, 1000)}
            units |= {"f": 1 / self.frame_rate, "t": 1 / self.tick_rate}
            return Fraction(match[1]) * units[match[2]]
        return None


def parse_ttml(document: bytes) -> list[Cue]:
    """Return the cues of a document in its order, on the timeline of its track.

    Raises
    ------
    TrackError
        If it is not well-formed, nested too deeply, or declares entities, which could multiply its size.
    """
    text = decode_text(document)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise TrackError("the TTML document declares entities")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - without a document type there are no entities to expand
        return list(_read_cues(root, _read_clock(root), Fraction(0), None))
    except ElementTree.ParseError as error:
        raise TrackError(f"the TTML document is not well-formed ({error})") from error
    except RecursionError as error:
        raise TrackError("the TTML document is nested too deeply") from error


def _read_clock(root: ElementTree.Element) -> _Clock:
    parameters = {_name(key): value for key, value in root.attrib.items()}
    numerator, _, denominator = parameters.get("frameRateMultiplier", "1 1").partition(" ")
    try:
        rate = _parse_rate(parameters.get("frameRate", str(DEFAULT_FRAME_RATE)))
        frame_rate = rate * _parse_rate(numerator) / _parse_rate(denominator)
        # TTML2, 7.2.11: without a tick rate, a tick is a frame if the document states a frame rate, else a second
        default = str(rate) if "frameRate" in parameters else "1"
        tick_rate = _parse_rate(parameters.get("tickRate", default))
        if frame_rate > 0 and tick_rate > 0:
            return _Clock(frame_rate, tick_rate)
    except (ValueError, ZeroDivisionError):
        pass
    raise TrackError("the TTML document states an invalid frame rate or tick rate")


def _parse_rate(value: str) -> Fraction:
    """Return an integer; raise ValueError for other numbers (`1e99999999` would fill the memory)."""
    if not _RATE.fullmatch(value.strip()):
        raise ValueError(value)
    return Fraction(value.strip())


def _read_cues(element: ElementTree.Element, clock: _Clock, origin: Fraction, limit: Fraction | None) -> Iterator[Cue]:
    """Yield the cues of an element; its times count from the start of its parent (TTML2, 12.2)."""
    start = origin + (clock.parse(element.get("begin")) or 0)
    ends = [limit]
    if (end := clock.parse(element.get("end"))) is not None:
        ends.append(origin + end)
    if (duration := clock.parse(element.get("dur"))) is not None:
        ends.append(start + duration)
    stop = min((each for each in ends if each is not None), default=None)
    is_text = _name(element.tag) in ("p", "span")
    if is_text and not any("begin" in each.attrib for each in element.iter() if each is not element):
        if text := _read_text(element):
            yield Cue(start, stop, text)
        return
    for child in element:
        yield from _read_cues(child, clock, start, stop)


def _read_text(element: ElementTree.Element) -> str:
    """Return the text of a paragraph: white space collapses, and `br` starts a line."""
    parts: list[str] = []

    def collect(each: ElementTree.Element) -> None:
        if _name(each.tag) == "br":
            parts.append("\0")
        elif "#metadata}" in each.tag or _name(each.tag) == "metadata":
            return
        else:
            parts.append(each.text or "")
        for child in each:
            collect(child)
            parts.append(child.tail or "")

    collect(element)
    lines = (" ".join(line.split()) for line in "".join(parts).split("\0"))
    # an empty line would end a cue
    return "\n".join(line for line in lines if line)


def _name(tag: str) -> str:
    """Return a name without its namespace."""
    return tag.rpartition("}")[2]


def merge_cues(samples: list[tuple[Fraction, Fraction | None, bytes]]) -> list[Cue]:
    """Return the cues of a track.

    Parameters
    ----------
    samples : list of (Fraction, Fraction or None, bytes)
        When each document starts and stops to apply (s; None for the end), and the document. A cue that is in several
        documents applies within each of them (ISO/IEC 14496-30, 5.6).
    """
    cues: list[Cue] = []
    for begin, end, document in samples:
        for cue in parse_ttml(document):
            start = max(begin, cue.start)
            stop = min((each for each in (end, cue.stop) if each is not None), default=None)
            if stop is None or stop <= start:
                continue
            same = next((n for n, each in enumerate(cues) if (each.text, each.stop) == (cue.text, start)), None)
            if same is None:
                cues.append(Cue(start, stop, cue.text))
            else:
                cues[same] = replace(cues[same], stop=stop)
    return sorted(cues, key=lambda cue: cue.start)


def format_srt(cues: list[Cue]) -> str:
    """Return cues as SubRip."""
    return "".join(
        f"{n}\n{_format_time(cue.start)} --> {_format_time(cue.stop or cue.start)}\n{cue.text}\n\n"
        for n, cue in enumerate(cues, 1)
    )


def _format_time(time: Fraction) -> str:
    seconds, milliseconds = divmod(round(time * 1000), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{milliseconds:03}"
