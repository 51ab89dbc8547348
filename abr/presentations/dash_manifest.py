"""Read the video and audio segments of a DASH manifest (ISO/IEC 23009-1): their durations and sizes.

Sizes come from `SegmentSize` elements (AStream), media ranges, a segment index, or the files themselves; for files at
URLs, from HEAD requests.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from xml.etree.ElementTree import Element

from abr.errors import PresentationError
from abr.fetch import read_bytes, resolve_reference, sizes_of, stem
from abr.presentations.presentation import Presentation, Rung
from abr.presentations.segment_index import read_sidx
from abr.presentations.segment_lists import audio_from_list, presentation_from_lists

__all__ = ["read_mpd"]

_DURATION = re.compile(r"P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?$")
#: unit of a `SegmentSize` -> bytes (AStream)
_SCALES = {"bits": 1 / 8, "kbits": 125, "mbits": 125_000, "bytes": 1, "b": 1, "kb": 1000, "mb": 1_000_000}
_FIELD = re.compile(r"\$(RepresentationID|Number|Bandwidth|Time)(?:%0(\d+)d)?\$|\$\$")
_TRICK_MODE = "http://dashif.org/guidelines/trickmode"
#: bytes at the start of a file that are searched for a segment index when no `indexRange` says where it is; chosen by
#: hand
_INDEX_SEARCH_BYTES = 1 << 20

Segments = list[tuple[float, int]]


def read_mpd(path: str, text: str, audio: bool) -> Presentation:
    """Read a manifest of one period: the video adaptation set with most representations, and the first audio set.

    `audio` is False to leave out the audio, whose sizes may need a request for each segment.
    """
    if re.search(r"<!(DOCTYPE|ENTITY)", text):
        raise PresentationError(
            f"{path}: the manifest declares XML entities, which are not read because they can expand without limit"
        )
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 (no entities, checked above)
    except ElementTree.ParseError as error:
        raise PresentationError(f"{path}: the manifest is not valid XML: {error}") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    periods = root.findall("Period")
    if root.tag != "MPD" or not periods:
        raise PresentationError(f"{path}: not a DASH manifest: there is no Period in an MPD")
    if len(periods) > 1:
        raise PresentationError(
            f"{path}: the manifest has {len(periods)} periods; only manifests of one period are supported"
        )
    if root.get("type") == "dynamic":
        raise PresentationError(f"{path}: the manifest is live; replay needs one that lists all segments")
    sets = [s for s in periods[0].findall("AdaptationSet") if _is(s, "video")]
    if not sets:
        raise PresentationError(f"{path}: the manifest has no video adaptation set")
    chosen = max(sets, key=lambda s: len(s.findall("Representation")))
    total = _seconds(periods[0].get("duration") or root.get("mediaPresentationDuration"))
    rungs, lists = [], []
    for representation in chosen.findall("Representation"):
        bandwidth = int(representation.get("bandwidth", "0"))
        name = representation.get("id", str(bandwidth))
        chain = [root, periods[0], chosen, representation]
        rungs.append(Rung(name, bandwidth, _number(chain, "width"), _number(chain, "height")))
        lists.append(_read(path, chain, total))
    pres = presentation_from_lists(path, stem(path), rungs, lists)
    audio_sets = [
        s for s in periods[0].findall("AdaptationSet") if _is(s, "audio") and s.find("Representation") is not None
    ]
    if audio and audio_sets:
        best = max(audio_sets[0].findall("Representation"), key=lambda r: int(r.get("bandwidth", "0")))
        return replace(pres, audio=audio_from_list(_read(path, [root, periods[0], audio_sets[0], best], total)))
    return pres


def _read(path: str, chain: list[Element], total: float | None) -> Segments:
    try:
        return _segments(path, chain, total)
    except (ValueError, KeyError, ZeroDivisionError) as error:
        if isinstance(error, PresentationError):
            raise
        name = chain[-1].get("id") or chain[-1].get("bandwidth")
        raise PresentationError(f"{path}: representation {name}: {error or type(error).__name__}") from error


def _is(adaptation: Element, kind: str) -> bool:
    # trick-mode tracks have key frames only and are not used for normal playback (DASH-IF IOP, 3.2.9)
    if any(e.get("schemeIdUri") == _TRICK_MODE for e in adaptation.findall("EssentialProperty")):
        return False
    kinds = [adaptation.get("contentType", ""), adaptation.get("mimeType", "")]
    kinds += [r.get("mimeType", "") for r in adaptation.findall("Representation")]
    return any(value.startswith(kind) for value in kinds)


def _seconds(text: str | None) -> float | None:
    match = _DURATION.match(text or "")
    if not match:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _number(chain: list[Element], name: str) -> int | None:
    for element in reversed(chain):
        if element.get(name):
            return int(element.get(name, ""))
    return None


def _inherited(chain: list[Element], tag: str) -> tuple[dict[str, str], list[Element]]:
    """Return the attributes of an element, inherited from all levels, and the children of the innermost one.

    An attribute of an inner level replaces that of an outer one (ISO/IEC 23009-1, 5.3.9.1).
    """
    attributes: dict[str, str] = {}
    children: list[Element] = []
    for element in chain:
        for found in element.findall(tag):
            attributes |= found.attrib
            children = list(found) or children
    return attributes, children


def _segments(path: str, chain: list[Element], total: float | None) -> Segments:
    base = path
    for element in chain:
        reference = element.findtext("BaseURL")
        if reference:
            base = resolve_reference(base, reference.strip())
    representation = chain[-1]
    template, timeline = _inherited(chain, "SegmentTemplate")
    if template:
        spans = _spans(template, timeline, total)
        listed = [_listed(e) for e in representation.findall("SegmentSize")]
        if listed:
            return [(seconds, size) for (_, _, seconds), size in zip(spans, listed, strict=False)]
        media = template["media"]
        media_urls = [
            resolve_reference(base, _expand(media, representation, number, time)) for number, time, _ in spans
        ]
        return [
            (seconds, size)
            for (_, _, seconds), size in zip(spans, sizes_of(media_urls, PresentationError), strict=True)
        ]
    attributes, children = _inherited(chain, "SegmentList")
    if attributes or children:
        seconds = int(attributes["duration"]) / int(attributes.get("timescale", "1"))
        urls = [child for child in children if child.tag == "SegmentURL"]
        durations = [seconds] * len(urls)
        if total is not None:
            durations[-1] = min(max(total - seconds * (len(urls) - 1), 0.001), seconds)
        return list(zip(durations, _url_sizes(base, urls), strict=True))
    single, _ = _inherited(chain, "SegmentBase")
    first, last = (int(part) for part in single.get("indexRange", f"0-{_INDEX_SEARCH_BYTES - 1}").split("-"))
    return read_sidx(read_bytes(base, PresentationError, first, last + 1), base)


def _url_sizes(base: str, urls: list[Element]) -> list[int]:
    spans = [url.get("mediaRange", "") for url in urls]
    whole = [resolve_reference(base, url.get("media", "")) for url, span in zip(urls, spans, strict=True) if not span]
    sizes = iter(sizes_of(whole, PresentationError))
    return [_length(span) if span else next(sizes) for span in spans]


def _length(span: str) -> int:
    first, last = (int(part) for part in span.split("-"))
    return last - first + 1


def _listed(element: Element) -> int:
    scale = _SCALES[element.get("scale", "bytes").lower()]
    return round(float(element.get("size", "")) * scale)


def _spans(template: dict[str, str], children: list[Element], total: float | None) -> list[tuple[int, int, float]]:
    """Return (number, time, seconds) of every segment of a template."""
    timescale = int(template.get("timescale", "1"))
    number = int(template.get("startNumber", "1"))
    timelines = [child for child in children if child.tag == "SegmentTimeline"]
    spans = []
    if timelines:
        time = 0
        for entry in timelines[0]:
            time = int(entry.get("t", time))
            ticks = int(entry.get("d", "0"))
            repeat = int(entry.get("r", "0"))
            if repeat < 0:
                if total is None:
                    raise ValueError("the timeline repeats to the end of the period, whose duration is not given")
                repeat = math.ceil(total * timescale / ticks - time / ticks) - 1
            for _ in range(repeat + 1):
                spans.append((number, time, ticks / timescale))
                number, time = number + 1, time + ticks
        return spans
    if total is None or "duration" not in template:
        raise ValueError("a template without a timeline needs the durations of the segment and the period")
    ticks = int(template["duration"])
    count = math.ceil(round(total * timescale / ticks, 6))
    for i in range(count):
        seconds = min(ticks / timescale, total - i * ticks / timescale)
        spans.append((number + i, i * ticks, seconds))
    return spans


def _expand(media: str, representation: Element, number: int, time: int) -> str:
    values = {
        "RepresentationID": representation.get("id", ""),
        "Bandwidth": representation.get("bandwidth", ""),
        "Number": number,
        "Time": time,
    }

    def value(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return "$"
        return str(values[match.group(1)]).zfill(int(match.group(2) or 0))

    return _FIELD.sub(value, media)
