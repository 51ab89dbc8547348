"""Durations and sizes of the segments of one Representation (ISO/IEC 23009-1, 5.3.9).

Sizes come from `SegmentSize` elements (AStream), media ranges, a segment index, or the files themselves; for files at
URLs, from requests.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from abr.errors import PresentationError
from abr.fetch import resolve_reference, sizes_of
from abr.presentations.dash_timeline import MAX_SEGMENTS, Span, fixed_spans, integer, timeline_spans
from abr.presentations.segment_index import read_segment_index

__all__ = ["Segments", "read_durations", "read_initialization", "read_segments"]

Segments = list[tuple[float, int]]

#: unit of a `SegmentSize` -> bytes (AStream)
_SCALES = {"bits": 1 / 8, "kbits": 125, "mbits": 125_000, "bytes": 1, "b": 1, "kb": 1000, "mb": 1_000_000}
#: largest segment, bytes; chosen by hand, it keeps sums exact
MAX_SEGMENT_BYTES = 1 << 50
#: largest width of a number in a URL, digits; chosen by hand
MAX_FIELD_WIDTH = 32
_FIELD = re.compile(r"\$(RepresentationID|Number|Bandwidth|Time)(?:%0?(\d{0,9})d)?\$|\$\$")
_KINDS = ("SegmentTemplate", "SegmentList", "SegmentBase")


class _Inherited(NamedTuple):
    """Attributes of an element, inherited from all levels, and the children of the innermost one that has children."""

    attributes: dict[str, str]
    children: list[Element]

    def all(self, tag: str) -> list[Element]:
        return [child for child in self.children if child.tag == tag]

    @property
    def timeline(self) -> list[Element] | None:
        """The S elements of the SegmentTimeline; None when there is none."""
        timelines = self.all("SegmentTimeline")
        return [child for child in timelines[0] if child.tag == "S"] if timelines else None


def read_segments(path: str, chain: Sequence[Element], total: float | None) -> Segments:
    """Return (seconds, bytes) of every segment.

    Parameters
    ----------
    path : str
        Path or URL of the manifest.
    chain : sequence of Element
        The MPD, the Period, the AdaptationSet and the Representation.
    total : float or None
        Duration of the period, s.

    Raises
    ------
    ValueError
        When the segments are not described as the standard requires.
    """
    base = path
    for element in chain:
        reference = element.findtext("BaseURL")
        if reference:
            base = resolve_reference(base, reference.strip())
    kind = next((k for element in reversed(chain) for k in _KINDS if element.find(k) is not None), "SegmentBase")
    inherited = _inherit(chain, kind)
    if any("href" in name for name in inherited.attributes):
        raise ValueError(f"the {kind} is in another file (xlink:href), which is not supported")
    if kind == "SegmentTemplate":
        return _read_template(base, inherited, chain[-1], total)
    if kind == "SegmentList":
        return _read_list(base, inherited, total)
    span = inherited.attributes.get("indexRange")
    return read_segment_index(base, _parse_range(span) if span else None, total)


def read_initialization(chain: Sequence[Element]) -> str | None:
    """Return the address of the init segment that the SegmentTemplate of a Representation states; None without it.

    Parameters
    ----------
    chain : sequence of Element
        See `read_segments`.
    """
    return _inherit(chain, "SegmentTemplate").attributes.get("initialization")


def read_durations(chain: Sequence[Element], total: float | None) -> list[float]:
    """Return the durations of the segments of the SegmentTemplate of a Representation, s; see `read_segments`."""
    return [span.seconds for span in _spans(_inherit(chain, "SegmentTemplate"), total)]


def _inherit(chain: Sequence[Element], tag: str) -> _Inherited:
    # an attribute of an inner level replaces that of an outer one (ISO/IEC 23009-1, 5.3.9.1)
    attributes: dict[str, str] = {}
    children: list[Element] = []
    for element in chain:
        for found in element.findall(tag):
            attributes |= found.attrib
            children = list(found) or children
    return _Inherited(attributes, children)


def _spans(inherited: _Inherited, total: float | None) -> list[Span]:
    timeline = inherited.timeline
    if timeline is None:
        return fixed_spans(inherited.attributes, total)
    return timeline_spans(inherited.attributes, timeline, total, integer(inherited.attributes, "startNumber", 1))


def _read_template(base: str, inherited: _Inherited, representation: Element, total: float | None) -> Segments:
    spans = _spans(inherited, total)
    listed = [_read_segment_size(element) for element in representation.findall("SegmentSize")]
    if listed:
        if len(listed) != len(spans):
            raise ValueError(f"{len(listed)} SegmentSize elements for {len(spans)} segments")
        sizes = listed
    else:
        media = inherited.attributes.get("media")
        if media is None:
            raise ValueError("the SegmentTemplate has no media")
        urls = [resolve_reference(base, _expand(media, representation, span)) for span in spans]
        sizes = sizes_of(urls, PresentationError)
    return [(span.seconds, size) for span, size in zip(spans, sizes, strict=True)]


def _read_list(base: str, inherited: _Inherited, total: float | None) -> Segments:
    urls = inherited.all("SegmentURL")
    if not urls:
        raise ValueError("the SegmentList has no SegmentURL")
    if len(urls) > MAX_SEGMENTS:
        raise ValueError(f"the SegmentList has {len(urls)} segments, more than {MAX_SEGMENTS}")
    if inherited.timeline is not None:
        durations = [span.seconds for span in _spans(inherited, total)]
        if len(durations) != len(urls):
            raise ValueError(f"the SegmentTimeline has {len(durations)} segments for {len(urls)} SegmentURL elements")
    elif "duration" in inherited.attributes:
        timescale = integer(inherited.attributes, "timescale", 1, 1)
        seconds = integer(inherited.attributes, "duration", minimum=1) / timescale
        durations = [seconds] * len(urls)
        rest = seconds if total is None else total - seconds * (len(urls) - 1)
        if 0 < rest < seconds:
            durations[-1] = rest
    elif len(urls) == 1 and total is not None:
        durations = [total]
    else:
        raise ValueError("the SegmentList has neither a duration nor a SegmentTimeline")
    return list(zip(durations, _url_sizes(base, urls), strict=True))


def _url_sizes(base: str, urls: Sequence[Element]) -> list[int]:
    spans = [url.get("mediaRange", "") for url in urls]
    whole = [resolve_reference(base, url.get("media", "")) for url, span in zip(urls, spans, strict=True) if not span]
    sizes = iter(sizes_of(whole, PresentationError))
    return [_length(span) if span else next(sizes) for span in spans]


def _length(span: str) -> int:
    first, last = _parse_range(span)
    return last - first + 1


def _parse_range(span: str) -> tuple[int, int]:
    """Return the first and the last byte of a range such as `0-999`."""
    match = re.fullmatch(r"\s*(\d{1,15})-(\d{1,15})\s*", span, re.ASCII)
    if not match or int(match[1]) > int(match[2]):
        raise ValueError(f"{span[:40]!r} is not a range of bytes, such as 0-999")
    return int(match[1]), int(match[2])


def _read_segment_size(element: Element) -> int:
    unit, text = element.get("scale", "bytes"), element.get("size", "")
    if unit.lower() not in _SCALES:
        raise ValueError(f"SegmentSize: unknown scale {unit[:20]!r}")
    try:
        size = float(text) * _SCALES[unit.lower()]
    except ValueError:
        size = 0.0
    if not 0 < size < MAX_SEGMENT_BYTES:
        raise ValueError(f"SegmentSize: size={text[:40]!r} is not a number of {unit} above 0")
    return round(size)


def _expand(media: str, representation: Element, span: Span) -> str:
    values = {
        "RepresentationID": representation.get("id", ""),
        "Bandwidth": representation.get("bandwidth", ""),
        "Number": span.number,
        "Time": span.time,
    }

    def value(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return "$"
        width = int(match.group(2) or 0)
        if width > MAX_FIELD_WIDTH:
            raise ValueError(f"media: {match.group()} is wider than {MAX_FIELD_WIDTH} digits")
        return str(values[match.group(1)]).zfill(width)

    return _FIELD.sub(value, media)
