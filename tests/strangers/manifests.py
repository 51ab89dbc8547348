"""Makes small DASH and HLS manifests, and states what each must give."""

import dataclasses
import itertools
import re
import struct

import pytest

import abr

SIZES = (1000, 2000, 3000)


def dash(body, *, period="", mpd='mediaPresentationDuration="PT6S"'):
    return (
        f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" {mpd}>'
        f"<Period {period}>{body}</Period></MPD>"
    )


def segment_list(sizes=SIZES, attributes='duration="2"', timeline=""):
    offsets = [sum(sizes[:n]) for n in range(len(sizes) + 1)]
    urls = "".join(f'<SegmentURL mediaRange="{a}-{b - 1}"/>' for a, b in itertools.pairwise(offsets))
    return f"<SegmentList {attributes}>{timeline}{urls}</SegmentList>"


def representation(name, bandwidth, attributes='mimeType="video/mp4" codecs="avc1.42c00c"', body=None):
    return (
        f'<Representation id="{name}" bandwidth="{bandwidth}" {attributes}>'
        f"<BaseURL>{name}.mp4</BaseURL>{segment_list() if body is None else body}</Representation>"
    )


def adaptation(*representations, body="", attributes=""):
    return f"<AdaptationSet {attributes}>{body}{''.join(representations)}</AdaptationSet>"


AUDIO = 'mimeType="video/mp4" codecs="mp4a.40.2"'
BACKWARD = '<SegmentList duration="6"><SegmentURL mediaRange="9-3"/></SegmentList>'
HEVC = 'mimeType="video/mp4" codecs="hvc1.2.4.L93.B0"'
TRANSFER = '<SupplementalProperty schemeIdUri="urn:mpeg:mpegB:cicp:TransferCharacteristics" value="{}"/>'
TRICK = '<EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode" value="1"/>'
ROLE = '<Role schemeIdUri="urn:mpeg:dash:role:2011" value="{}"/>'
TEMPLATE = '<SegmentTemplate timescale="1000" media="$Number$.m4s" {}>{}</SegmentTemplate>'


def templated(attributes="", timeline="", segments=3):
    sizes = "".join(f'<SegmentSize size="{1000 * (n + 1)}"/>' for n in range(segments))
    return adaptation(
        f'<Representation id="a" bandwidth="8000" mimeType="video/mp4">{sizes}</Representation>',
        body=TEMPLATE.format(attributes, timeline and f"<SegmentTimeline>{timeline}</SegmentTimeline>"),
    )


def hls(*variants, head=""):
    lines = [f"#EXT-X-STREAM-INF:{attributes}\n{uri}" for attributes, uri in variants]
    return "#EXTM3U\n" + head + "\n".join(lines) + "\n"


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n" + "".join(
    f"#EXTINF:2,\n#EXT-X-BYTERANGE:{size}@0\nv.mp4\n" for size in SIZES
)
END = "#EXT-X-ENDLIST\n"


@dataclasses.dataclass(frozen=True)
class Case:
    """A manifest, and the bitrates and durations that it has, with a word of its note; or the words of the error."""

    text: str
    rungs: tuple[int, ...] = ()
    durations: tuple[float, ...] = (2.0, 2.0, 2.0)
    note: str = ""
    error: str = ""


def index(seconds, size, version=0):
    """Return a segment index of one segment; bit 31 of its size states that it refers to another index."""
    times = struct.pack(">II" if version == 0 else ">QQ", 0, 0)
    body = struct.pack(">B3xII", version, 1, 1000) + times + struct.pack(">HHIII", 0, 1, size, int(seconds * 1000), 0)
    return struct.pack(">I", len(body) + 8) + b"sidx" + body


def write(folder, case):
    name = "x.mpd" if case.text.startswith("<") else "x.m3u8"
    (folder / name).write_text(case.text)
    for playlist in "vw":
        (folder / playlist).write_text(PLAYLIST + END)
    return folder / name


def read(path):
    """Return bitrates, durations, the size of the first segment and the notes, or the error in one line."""
    try:
        pres = abr.load_presentation(path)
    except abr.PresentationError as error:
        return str(error)
    notes = [note for note in pres.notes if "times the bitrate" not in note]
    return tuple(rung.bitrate for rung in pres.rungs), tuple(pres.durations), int(pres.sizes[0, 0]), " ".join(notes)


def is_expected(path, case):
    """Return whether a manifest gives what its case states."""
    found = read(path)
    if isinstance(found, str):
        return bool(case.error and re.search(case.error, found)) and str(path) in found and "\n" not in found
    rungs, durations, size, notes = found
    values = (rungs, durations, size) == (case.rungs, pytest.approx(case.durations), SIZES[0])
    return not case.error and values and case.note in notes and bool(case.note) == bool(notes)
