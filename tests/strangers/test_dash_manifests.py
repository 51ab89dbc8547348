"""DASH manifests of other packagers: each gives the right ladder and notes what is left out, or one line of error."""

import struct

import pytest

import abr
from abr.presentations.segment_index import read_segment_index
from tests.strangers.manifests import (
    AUDIO,
    BACKWARD,
    HEVC,
    ROLE,
    SIZES,
    TRANSFER,
    TRICK,
    Case,
    adaptation,
    dash,
    index,
    is_expected,
    read,
    representation,
    segment_list,
    templated,
    write,
)

HREF = 'xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="http://127.0.0.1:9/ad"'
REMOTE = f"<AdaptationSet {HREF}/>"

CASES = {
    "a set for every rung": Case(
        dash("".join(adaptation(representation(f"v{n}", rate)) for n, rate in enumerate((8000, 16000, 32000)))),
        (8000, 16000, 32000),
    ),
    "a set of another codec": Case(
        dash(
            adaptation(representation("a", 8000), representation("b", 16000))
            + adaptation(representation("c", 9000, HEVC))
        ),
        (8000, 16000),
        note="left out: 1 rung of HEVC SDR; the ladder of H.264 SDR is read",
    ),
    "two codes of one codec": Case(
        dash(adaptation(representation("a", 8000), representation("b", 16000, 'mimeType="video/mp4" codecs="avc3.1"'))),
        (8000, 16000),
    ),
    "SDR and PQ by a property": Case(
        dash(
            adaptation(representation("a", 8000, HEVC), representation("b", 16000, HEVC))
            + adaptation(representation("c", 9000, HEVC), body=TRANSFER.format(16))
        ),
        (8000, 16000),
        note="left out: 1 rung of HEVC PQ",
    ),
    "SDR and HLG by the codec": Case(
        dash(
            adaptation(
                representation("a", 8000, 'mimeType="video/mp4" codecs="av01.0.04M.10.0.110.01.01.01.0"'),
                representation("b", 16000, 'mimeType="video/mp4" codecs="av01.0.04M.10"'),
                representation("c", 9000, 'mimeType="video/mp4" codecs="av01.0.04M.10.0.110.09.18.09.0"'),
            )
        ),
        (8000, 16000),
        note="left out: 1 rung of AV1 HLG",
    ),
    "a trick-play set": Case(
        dash(adaptation(representation("a", 8000)) + adaptation(representation("b", 700), body=TRICK)),
        (8000,),
        note="left out: 1 trick-play set",
    ),
    "a sign-language set": Case(
        dash(
            adaptation(representation("a", 8000), body=ROLE.format("main"))
            + adaptation(representation("b", 700), body=ROLE.format("sign"))
        ),
        (8000,),
        note="role sign",
    ),
    "redundant sets": Case(
        dash(adaptation(representation("a", 8000)) + adaptation(representation("b", 8000))),
        (8000,),
        note="left out: 1 redundant stream",
    ),
    "audio in a video container": Case(
        dash(adaptation(representation("a", 8000)) + adaptation(representation("b", 64, AUDIO))),
        (8000,),
    ),
    "a set with other segments": Case(
        dash(
            adaptation(representation("a", 8000), representation("b", 16000))
            + adaptation(representation("c", 9000, body=segment_list((9000,), 'duration="6"')))
        ),
        (8000, 16000),
        note="left out: rung c",
    ),
    "periods of one ladder": Case(
        dash(adaptation(representation("a", 8000)), mpd="", period='duration="PT6S"').replace(
            "</MPD>",
            '<Period duration="PT2S">'
            + adaptation(representation("z", 8000, body=segment_list((500,))))
            + "</Period></MPD>",
        ),
        (8000,),
        (2.0, 2.0, 2.0, 2.0),
    ),
    "a period of another ladder": Case(
        dash(adaptation(representation("a", 8000)), mpd='mediaPresentationDuration="PT8S"').replace(
            "</MPD>",
            '<Period start="PT6S">'
            + adaptation(representation("z", 8000, 'mimeType="video/mp4" width="64" height="36"'))
            + "</Period></MPD>",
        ),
        (8000,),
        note="left out: 1 of 2 periods (2; 2 s)",
    ),
    "a remote period": Case(
        dash("", period=HREF),
        error="period 1 is in another file",
    ),
    "a remote set": Case(dash(REMOTE), error="the adaptation sets of period 1 are in another file"),
    "a remote set beside another one": Case(
        dash(adaptation(representation("a", 8000)) + REMOTE),
        (8000,),
        note="left out: 1 adaptation set in another file (xlink:href)",
    ),
    "a remote list": Case(
        dash(adaptation(representation("a", 8000, body=f"<SegmentList {HREF}/>"))),
        error="representation a: the SegmentList is in another file",
    ),
    "a period without video": Case(
        dash(adaptation(representation("a", 8000))).replace(
            "</MPD>", '<Period start="PT6S">' + adaptation(representation("b", 64, AUDIO)) + "</Period></MPD>"
        ),
        (8000,),
        note="left out: 1 period without video",
    ),
    "years of zero": Case(
        dash(templated('duration="2000"'), mpd='mediaPresentationDuration="P0Y0M0DT0H0M6.000S"'), (8000,)
    ),
    "a duration of a month": Case(
        dash(templated('duration="2000"'), mpd='mediaPresentationDuration="P1M"'), error="P1M has years or months"
    ),
    "a duration of words": Case(
        dash(templated('duration="2000"'), mpd='mediaPresentationDuration="6 seconds"'),
        error="'6 seconds' is not a duration",
    ),
    "r=-1 with an offset": Case(
        dash(templated('presentationTimeOffset="20000"', '<S t="20000" d="2000" r="-1"/>')), (8000,)
    ),
    "r=-1 before another entry": Case(
        dash(templated("", '<S t="0" d="2000" r="-1"/><S t="4000" d="1000" r="1"/>', 4)), (8000,), (2, 2, 1, 1)
    ),
    "r=-1 before an entry without a time": Case(
        dash(templated("", '<S t="0" d="2000" r="-1"/><S d="2000"/>')),
        error="representation a: SegmentTimeline: S element 0",
    ),
    "r=-1 with a shorter last segment": Case(
        dash(templated("", '<S t="0" d="2500" r="-1"/>')), (8000,), (2.5, 2.5, 1.0)
    ),
    "r of a billion": Case(
        dash(templated("", '<S t="0" d="2000" r="1000000000"/>')), error="more than 200000 segments"
    ),
    "an entry of no duration": Case(
        dash(templated("", '<S t="0" d="0" r="2"/>')),
        error=r"S element 0: d='0': expected a whole number of at least 1",
    ),
    "a time that goes back": Case(
        dash(templated("", '<S t="0" d="2000" r="2"/><S t="0" d="2000"/>', 4)), error="S element 1: t=0 is not after"
    ),
    "a timescale of 0": Case(
        dash(templated('timescale="0" duration="2"').replace('timescale="1000" ', "")), error="timescale='0'"
    ),
    "a number of segments that is too large": Case(
        dash(templated('duration="1"'), mpd='mediaPresentationDuration="PT999H"'), error="segments, more than 200000"
    ),
    "a field of a billion digits": Case(
        dash(templated('duration="2000"', segments=0).replace("$Number$", "$Number%0999999999d$")),
        error="is wider than 32 digits",
    ),
    "sizes for other segments": Case(
        dash(templated('duration="2000"', segments=5)), error="5 SegmentSize elements for 3 segments"
    ),
    "a list with a timeline": Case(
        dash(
            adaptation(
                representation(
                    "a",
                    8000,
                    body=segment_list(
                        attributes='timescale="10"',
                        timeline='<SegmentTimeline><S t="0" d="21"/><S d="20"/><S d="19"/></SegmentTimeline>',
                    ),
                )
            )
        ),
        (8000,),
        (2.1, 2.0, 1.9),
    ),
    "a list without a duration": Case(
        dash(adaptation(representation("a", 8000, body=segment_list(attributes="")))), error="neither a duration nor"
    ),
    "a list of half the period": Case(
        dash(adaptation(representation("a", 8000)), mpd='mediaPresentationDuration="PT30S"'),
        error="the 3 segments last 6.000 s, the period 30.000 s",
    ),
    "a range of bytes that goes back": Case(
        dash(adaptation(representation("a", 8000, body=BACKWARD))),
        error="representation a: '9-3' is not a range of bytes",
    ),
    "a bitrate of words": Case(
        dash(adaptation(representation("a", "fast"))), error="representation a: bandwidth='fast'"
    ),
    "no bitrate": Case(
        dash(adaptation(representation("a", 8).replace('bandwidth="8"', ""))),
        error="the attribute bandwidth is missing",
    ),
    "a width of words": Case(
        dash(adaptation(representation("a", 8000, 'mimeType="video/mp4" width="wide"'))), error="width='wide'"
    ),
    "audio alone": Case(dash(adaptation(representation("a", 64, AUDIO))), error="has no video adaptation set"),
    "XML entities": Case(
        dash(templated('duration="2000"')).replace("<MPD", '<!DOCTYPE MPD [<!ENTITY a "aa">]><MPD', 1),
        error="the manifest declares XML entities, which are not read",
    ),
    "half a manifest": Case(dash(templated('duration="2000"'))[:200], error="the manifest is not valid XML"),
    "another document": Case("<svg/>", error="not a DASH manifest: there is no Period in an MPD"),
    "a live manifest": Case(
        dash(templated('duration="2000"')).replace("static", "dynamic"), error="the manifest is live; replay needs one"
    ),
    "a template without media": Case(
        dash(templated('duration="2000"').replace('media="$Number$.m4s"', "").replace("SegmentSize", "Other")),
        error="the SegmentTemplate has no media",
    ),
    "a template without times": Case(dash(templated()), error="neither a SegmentTimeline nor a duration"),
    "a list without segments": Case(
        dash(adaptation(representation("a", 8, body='<SegmentList duration="2"/>'))),
        error="the SegmentList has no SegmentURL",
    ),
    "a size in an unknown scale": Case(
        dash(templated('duration="2000"').replace('size="1000"', 'size="1000" scale="pages"')),
        error="SegmentSize: unknown scale 'pages'",
    ),
    "r=-1 after the end": Case(
        dash(templated(timeline='<S t="9000" d="2000" r="-1"/>')), error="r=-1, but t=9000 is not before its end, 6000"
    ),
    "a sequence of segments": Case(
        dash(templated(timeline='<S t="0" d="2000" k="3"/>')), error="sequences of segments \\(k\\) are not supported"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_load_presentation_reads_the_ladder_or_names_the_place(tmp_path, name):
    path = write(tmp_path, CASES[name])
    assert is_expected(path, CASES[name]), read(path)


@pytest.mark.parametrize("version", [0, 1])
def test_load_presentation_reads_an_index_before_every_fragment(tmp_path, version):
    data = struct.pack(">I", 16) + b"ftypiso5" + bytes(4)
    for size in SIZES:
        data += index(2, size, version) + struct.pack(">I", size) + b"moof" + bytes(size - 8)
    (tmp_path / "a.mp4").write_bytes(data)
    (tmp_path / "x.mpd").write_text(dash(adaptation(representation("a", 8000, body=""))))
    pres = abr.load_presentation(tmp_path / "x.mpd")
    assert pres.sizes[:, 0].tolist() == list(SIZES)
    assert pres.durations.tolist() == [2.0, 2.0, 2.0]
    (tmp_path / "a.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(abr.PresentationError, match="the file ends at byte"):
        abr.load_presentation(tmp_path / "x.mpd")


def test_load_presentation_refuses_an_index_of_indexes(tmp_path):
    (tmp_path / "a.mp4").write_bytes(struct.pack(">I", 16) + b"ftypiso5" + bytes(4) + index(6, 1 << 31 | 44))
    (tmp_path / "x.mpd").write_text(dash(adaptation(representation("a", 8000, body=""))))
    assert "the segment index at byte 16 refers to further indexes" in read(tmp_path / "x.mpd")


INDEX = index(2, 100)
#: Media files without a segment index that can be used, and the words of the error.
DAMAGED_INDEXES = {
    "zeros": (bytes(200), r"there is no segment index \(sidx\) at the byte range of the manifest"),
    "nothing": (b"", r"there is no segment index \(sidx\)"),
    "media alone": (struct.pack(">I", 108) + b"mdat" + bytes(100), r"there is no segment index \(sidx\)"),
    "half an index": (INDEX[:30], "the segment index at byte 0 is damaged"),
    "a time scale of 0": (INDEX[:16] + bytes(4) + INDEX[20:] + bytes(100), "the segment index at byte 0 is damaged"),
    "no segments": (INDEX[:30] + bytes(2) + INDEX[32:] + bytes(100), "the segment index at byte 0 has no segments"),
    "an index of indexes": (
        index(2, 100 | 1 << 31) + bytes(100),
        "the segment index at byte 0 refers to further indexes",
    ),
    "half the media": (INDEX + bytes(50), "the file ends at byte 94, its last segment at byte 144"),
}


@pytest.mark.parametrize("name", DAMAGED_INDEXES)
def test_read_segment_index_names_the_fault(tmp_path, name):
    data, fault = DAMAGED_INDEXES[name]
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with pytest.raises(abr.PresentationError, match=rf"^[^\n]*a\.mp4: {fault}[^\n]*$"):
        read_segment_index(str(path), None, None)


def test_read_segment_index_reads_boxes_of_long_and_open_size(tmp_path):
    path = tmp_path / "a.mp4"
    body = INDEX[8:]
    long = struct.pack(">I4sQ", 1, b"sidx", 16 + len(body)) + body
    path.write_bytes(long + bytes(100))
    assert read_segment_index(str(path), None, None) == [(2.0, 100)]
    # a size of 0 reaches to the end of the file
    path.write_bytes(bytes(4) + INDEX[4:])
    with pytest.raises(abr.PresentationError, match="the file ends at byte 44, its last segment at byte 144"):
        read_segment_index(str(path), None, None)
    # the range of the manifest may start before the index, in bytes that are not boxes
    path.write_bytes(bytes(10) + INDEX + bytes(100))
    assert read_segment_index(str(path), (0, 60), None) == [(2.0, 100)]
