"""Read the video and audio segments of a DASH manifest (ISO/IEC 23009-1): their durations and sizes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple
from xml.etree.ElementTree import Element

from abr.errors import PresentationError
from abr.fetch import Document, stem
from abr.presentations.codec_kinds import is_without_video, transfer_range, video_codec, video_range
from abr.presentations.dash_periods import Period, is_remote, join_periods, read_periods
from abr.presentations.dash_segments import Segments, read_segments
from abr.presentations.dash_timeline import integer
from abr.presentations.ladder_choice import VideoStream, choose_ladder, count_nouns
from abr.presentations.presentation import Presentation, Rung
from abr.presentations.segment_lists import (
    audio_from_list,
    check_total,
    keep_aligned,
    presentation_from_lists,
    read_lists,
)

__all__ = ["parse_mpd", "read_mpd"]

#: both spellings are in use (DASH-IF IOP, 3.2.9)
_TRICK_MODES = ("http://dashif.org/guidelines/trickmode", "http://dashif.org/guide-lines/trickmode")
_ROLE = "urn:mpeg:dash:role:2011"
_TRANSFER = "urn:mpeg:mpegB:cicp:TransferCharacteristics"
#: largest manifest, characters; chosen by hand: its elements need ten times as many bytes of memory
MAX_CHARACTERS = 64 << 20
#: largest bitrate, bit/s; chosen by hand
MAX_BANDWIDTH = 10**12


class _Ladder(NamedTuple):
    """The ladder of one period."""

    rungs: list[Rung]
    lists: list[Segments]
    notes: tuple[str, ...]


def read_mpd(path: str, document: Document, audio: bool) -> Presentation:
    """Read the ladder with most rungs, and the first audio set.

    Periods with the same ladder as the longest one are joined; what is left out is noted.

    Parameters
    ----------
    path : str
        Path or URL, for messages and the title.
    document : Document
        The manifest.
    audio : bool
        False to leave out the audio, whose sizes may need a request for each segment.
    """
    root = parse_mpd(path, document.text)
    try:
        periods = read_periods(root)
    except ValueError as error:
        raise PresentationError(f"{path}: {error}") from error
    found: list[tuple[Period, list[VideoStream], tuple[str, ...]]] = []
    for period in periods:
        streams, notes = _streams(path, period)
        if streams:
            found.append((period, *_prefix(period, len(periods), streams, notes)))
    if not found:
        raise PresentationError(f"{path}: the manifest has no video adaptation set")
    joined, left_out = join_periods([(period, _signature(streams)) for period, streams, _ in found])
    ladders = [
        _read_ladder(path, document.address, root, period, streams, notes)
        for n, (period, streams, notes) in enumerate(found)
        if n in joined
    ]
    counts = {len(ladder.rungs) for ladder in ladders}
    if len(counts) > 1:
        raise PresentationError(f"{path}: the periods have {min(counts)} to {max(counts)} rungs with equal segments")
    lists = [[segment for ladder in ladders for segment in ladder.lists[r]] for r in range(counts.pop())]
    silent = len(periods) - len(found)
    if silent:
        left_out += (f"left out: {count_nouns(silent, 'period')} without video",)
    notes = left_out + tuple(note for ladder in ladders for note in ladder.notes)
    pres = presentation_from_lists(path, stem(path), ladders[0].rungs, lists)
    pres = replace(pres, notes=notes + pres.notes)
    track: Segments = []
    if audio:
        for n in sorted(joined):
            track += _read_audio(path, document.address, root, found[n][0])
    return replace(pres, audio=audio_from_list(track)) if track else pres


def parse_mpd(path: str, text: str) -> Element:
    """Return the MPD of a manifest, with tags without namespaces.

    Parameters
    ----------
    path : str
        Path or URL, for messages.
    text : str

    Raises
    ------
    PresentationError
        When the text is not an MPD with all segments, declares entities, or is too large.
    """
    if len(text) > MAX_CHARACTERS:
        raise PresentationError(f"{path}: the manifest is larger than {MAX_CHARACTERS} characters")
    if re.search(r"<!(DOCTYPE|ENTITY)", text):
        raise PresentationError(
            f"{path}: the manifest declares XML entities, which are not read because they can expand without limit"
        )
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 (no entities, checked above)
    except (ElementTree.ParseError, ValueError) as error:
        raise PresentationError(f"{path}: the manifest is not valid XML: {error}") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag != "MPD" or root.find("Period") is None:
        raise PresentationError(f"{path}: not a DASH manifest: there is no Period in an MPD")
    if root.get("type") == "dynamic":
        raise PresentationError(f"{path}: the manifest is live; replay needs one that lists all segments")
    return root


def _prefix(
    period: Period, periods: int, streams: list[VideoStream], notes: tuple[str, ...]
) -> tuple[list[VideoStream], tuple[str, ...]]:
    """Return the streams, and the notes with the number of the period when there are several."""
    where = f"period {period.number}: " if periods > 1 else ""
    return streams, tuple(f"{where}{note}" for note in notes)


def _signature(streams: Sequence[VideoStream]) -> tuple[object, ...]:
    """Return what two periods with the same ladder have in common."""
    return tuple(sorted((s.codec, s.dynamic_range, s.rung.width or 0, s.rung.height or 0) for s in streams))


def _streams(path: str, period: Period) -> tuple[list[VideoStream], tuple[str, ...]]:
    """Return the streams of the ladder of a period, and notes of what is left out."""
    streams: list[VideoStream] = []
    trick_modes = remote = 0
    for adaptation in period.element.findall("AdaptationSet"):
        if is_remote(adaptation):
            remote += 1
            continue
        if _is_trick_mode(adaptation):
            trick_modes += 1
            continue
        for representation in adaptation.findall("Representation"):
            chain = [period.element, adaptation, representation]
            if _kind(chain) == "video":
                streams.append(_video_stream(path, chain))
    if not streams and remote:
        raise PresentationError(
            f"{path}: the adaptation sets of period {period.number} are in another file (xlink:href), which is not"
            " supported"
        )
    if not streams:
        return [], ()
    chosen, notes = choose_ladder(streams, prefer_longest=True)
    if remote:
        notes += (f"left out: {count_nouns(remote, 'adaptation set')} in another file (xlink:href)",)
    if trick_modes:
        notes += (f"left out: {count_nouns(trick_modes, 'trick-play set')}",)
    return chosen, notes


def _video_stream(path: str, chain: list[Element]) -> VideoStream:
    representation = chain[-1]
    try:
        bandwidth = integer(representation.attrib, "bandwidth", minimum=1)
        if bandwidth > MAX_BANDWIDTH:
            raise ValueError(f"bandwidth={bandwidth} is above {MAX_BANDWIDTH} bit/s")
        name = representation.get("id", str(bandwidth))
        sides = [_integer_or_none(chain, side) for side in ("width", "height")]
    except ValueError as error:
        raise PresentationError(f"{path}: representation {representation.get('id')}: {error}") from error
    codecs = _attribute(chain, "codecs")
    return VideoStream(
        Rung(name, bandwidth, *sides),
        video_codec(codecs) or (codecs or "").partition(".")[0],
        _transfer(chain) or video_range(codecs),
        _view(chain[1]),
        tuple(chain),
        _attribute(chain, "frameRate") or "",
    )


def _read_ladder(
    path: str, address: str, root: Element, period: Period, streams: Sequence[VideoStream], notes: tuple[str, ...]
) -> _Ladder:
    ordered = sorted(streams, key=lambda stream: stream.rung.bitrate)
    found = read_lists(path, ordered, lambda stream: _read(path, address, [root, *stream.place], period))
    read = list(zip(ordered, found, strict=True))
    sets = [stream.place[1] for stream, _ in read]
    main = max(sets, key=sets.count)
    aligned, left_out = keep_aligned([(s.rung, segments, s.place[1] is main) for s, segments in read])
    lists = [segments for _, segments in aligned]
    return _Ladder([rung for rung, _ in aligned], lists, notes + left_out + check_total(path, lists[0], period.seconds))


def _read(path: str, address: str, chain: list[Element], period: Period) -> Segments:
    try:
        segments = read_segments(address, chain, period.seconds)
        if not segments:
            raise ValueError("it has no segments")
        return segments
    except PresentationError:
        raise
    except (ValueError, OverflowError) as error:
        name = chain[-1].get("id") or chain[-1].get("bandwidth")
        raise PresentationError(f"{path}: representation {name}: {error}") from error


def _read_audio(path: str, address: str, root: Element, period: Period) -> Segments:
    for adaptation in period.element.findall("AdaptationSet"):
        representations = [
            r for r in adaptation.findall("Representation") if _kind([period.element, adaptation, r]) == "audio"
        ]
        if representations and not _is_trick_mode(adaptation):
            best = max(representations, key=lambda r: int(r.get("bandwidth", "0") or 0) if _is_digits(r) else 0)
            return _read(path, address, [root, period.element, adaptation, best], period)
    return []


def _is_digits(representation: Element) -> bool:
    return representation.get("bandwidth", "").isdecimal()


def _kind(chain: Sequence[Element]) -> str:
    """Return video, audio, or what the manifest states; the codec counts more than the type of the container."""
    codecs = _attribute(chain, "codecs")
    if video_codec(codecs):
        return "video"
    stated = [_attribute(chain, "mimeType"), chain[1].get("contentType")]
    stated += [component.get("contentType") for component in chain[1].findall("ContentComponent")]
    kinds = [(text or "").partition("/")[0] for text in stated]
    if is_without_video(codecs):
        return "audio" if kinds[0] in ("", "video", "audio") else kinds[0]
    for kind in ("video", "audio"):
        if kind in kinds:
            return kind
    return "video" if not any(kinds) and _attribute(chain, "width") else next(filter(None, kinds), "")


def _is_trick_mode(adaptation: Element) -> bool:
    # these tracks have key frames only and are not used for normal playback
    properties = [*adaptation.findall("EssentialProperty"), *adaptation.findall("SupplementalProperty")]
    if any(each.get("schemeIdUri") in _TRICK_MODES for each in properties):
        return True
    rates = [adaptation.get("maxPlayoutRate"), *(r.get("maxPlayoutRate") for r in adaptation.findall("Representation"))]
    return any(rate not in (None, "1", "1.0") for rate in rates)


def _view(adaptation: Element) -> str:
    """Return what shows that a set is not the main video: a role, or the number of a view."""
    roles = [r.get("value", "") for r in adaptation.findall("Role") if r.get("schemeIdUri") == _ROLE]
    others = [f"role {role}" for role in roles if role != "main"] if "main" not in roles else []
    return " ".join(others + [f"viewpoint {v.get('value', '')}" for v in adaptation.findall("Viewpoint")])


def _transfer(chain: Sequence[Element]) -> str | None:
    for element in reversed(chain[1:]):
        for each in (*element.findall("SupplementalProperty"), *element.findall("EssentialProperty")):
            if each.get("schemeIdUri") == _TRANSFER:
                return transfer_range(each.get("value"))
    return None


def _attribute(chain: Sequence[Element], name: str) -> str | None:
    return next((element.get(name) for element in reversed(chain) if element.get(name)), None)


def _integer_or_none(chain: Sequence[Element], name: str) -> int | None:
    text = _attribute(chain, name)
    return None if text is None else integer({name: text}, name)
