"""Manifests of other packagers: each gives the right ladder, with a note of what is left out, or one line of error."""

import dataclasses
import http.server
import itertools
import os
import struct
import threading
import time

import pytest

import abr
from abr import http_client
from abr.presentations import dash_manifest, dash_timeline, hls_manifest, segment_lists

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
        dash("", period='xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="http://127.0.0.1:9/ad"'),
        error="period 1 is in another file",
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
    "the audio codec first": Case(
        hls(('BANDWIDTH=8000,CODECS="mp4a.40.2, avc1.4d4015"', "v"), ('BANDWIDTH=64,CODECS="mp4a.40.2"', "v")),
        (8000,),
        note="left out: 1 variant without video",
    ),
    "audio without attributes": Case(
        hls(("BANDWIDTH=8000,RESOLUTION=64x36", "v"), ("BANDWIDTH=64", "w")),
        (8000,),
        note="left out: 1 variant without video",
    ),
    "no attributes at all": Case(hls(("BANDWIDTH=8000", "v"), ("BANDWIDTH=16000", "w")), (8000, 16000)),
    "SDR and PQ variants": Case(
        hls(
            ('BANDWIDTH=8000,CODECS="hvc1.2.4.L123.B0",VIDEO-RANGE=SDR', "v"),
            ('BANDWIDTH=9000,CODECS="hvc1.2.4.L123.B0",VIDEO-RANGE=PQ', "w"),
        ),
        (8000,),
        note="left out: 1 rung of HEVC PQ",
    ),
    "redundant variants": Case(
        hls(("BANDWIDTH=8000,RESOLUTION=64x36", "v"), ("BANDWIDTH=8000,RESOLUTION=64x36", "w")),
        (8000,),
        note="left out: 1 redundant stream",
    ),
    "variants with other audio": Case(
        hls(
            ('BANDWIDTH=8000,CODECS="avc1.4d4015,mp4a.40.2",AUDIO="a"', "v"),
            ('BANDWIDTH=8200,CODECS="avc1.4d4015,ec-3",AUDIO="b"', "v"),
        ),
        (8000,),
        note="left out: 1 redundant stream",
    ),
    "a trick-play playlist": Case(
        hls(("BANDWIDTH=8000,RESOLUTION=64x36", "v")) + '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=80,URI="i.m3u8"\n',
        (8000,),
        note="left out: 1 trick-play playlist",
    ),
    "variables": Case(hls(("BANDWIDTH=8000", "{$name}"), head='#EXT-X-DEFINE:NAME="name",VALUE="v"\n'), (8000,)),
    "an undefined variable": Case(
        hls(("BANDWIDTH=8000", "{$name}"), head='#EXT-X-DEFINE:NAME="x",VALUE="v"\n'),
        error=r":4: the variable name is not defined",
    ),
    "audio only": Case(hls(('BANDWIDTH=64,CODECS="mp4a.40.2"', "v")), error="no variant with video"),
    "a segment without a duration": Case(
        "#EXTM3U\nv.mp4\n" + END, error="EXTINF is None|not an HLS playlist|0 segments"
    ),
    "a range of words": Case(PLAYLIST.replace(":2000@0", ":many@0") + END, error="EXT-X-BYTERANGE is many"),
    "no segment": Case("#EXTM3U\n#EXT-X-TARGETDURATION:2\n" + END, error="0 segments"),
}


def write(folder, case):
    name = "x.mpd" if case.text.startswith("<") else "x.m3u8"
    (folder / name).write_text(case.text)
    for playlist in "vw":
        (folder / playlist).write_text(PLAYLIST + END)
    return folder / name


@pytest.mark.parametrize("name", CASES)
def test_load_presentation_reads_the_ladder_or_names_the_place(tmp_path, name):
    case = CASES[name]
    path = write(tmp_path, case)
    if case.error:
        with pytest.raises(abr.PresentationError, match=case.error) as caught:
            abr.load_presentation(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        return
    pres = abr.load_presentation(path)
    assert [rung.bitrate for rung in pres.rungs] == list(case.rungs)
    assert pres.durations == pytest.approx(case.durations)
    assert pres.sizes[0, 0] == SIZES[0]
    notes = [note for note in pres.notes if "times the bitrate" not in note]
    assert (case.note in " ".join(notes)) and bool(case.note) == bool(notes)


def test_load_presentation_follows_rfc_3986_on_disk(tmp_path):
    (tmp_path / "a b" / "deep").mkdir(parents=True)
    for number, size in enumerate(SIZES, 1):
        (tmp_path / "a b" / "deep" / f"s{number}.ts").write_bytes(bytes(size))
        (tmp_path / f"100%25_{number}.ts").write_bytes(bytes(size))
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
    (tmp_path / "x.m3u8").write_text(
        playlist + "".join(f"#EXTINF:2,\na%20b/deep/../deep/s{n}.ts?token=1#t\n" for n in (1, 2, 3)) + END
    )
    (tmp_path / "literal.m3u8").write_text(playlist + "".join(f"#EXTINF:2,\n100%25_{n}.ts\n" for n in (1, 2, 3)) + END)
    body = '<BaseURL>deep/</BaseURL><SegmentTemplate duration="2" media="s$Number$.ts"/>'
    (tmp_path / "x.mpd").write_text(
        dash(
            "<BaseURL>a%20b/</BaseURL>"
            + adaptation(f'<Representation bandwidth="8000" mimeType="video/mp4">{body}</Representation>')
        )
    )
    for name in ("x.m3u8", "literal.m3u8", "x.mpd"):
        assert abr.load_presentation(tmp_path / name).sizes[:, 0].tolist() == list(SIZES)


def index(seconds, size, version=0):
    times = struct.pack(">II" if version == 0 else ">QQ", 0, 0)
    body = struct.pack(">B3xII", version, 1, 1000) + times + struct.pack(">HHIII", 0, 1, size, int(seconds * 1000), 0)
    return struct.pack(">I", len(body) + 8) + b"sidx" + body


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


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves /cdn/deep, /nohead without HEAD, redirects of /go and /ftp, and /drip, a byte at a time."""

    manifest = dash(
        adaptation(
            '<Representation bandwidth="8000" mimeType="video/mp4"/>',
            body='<SegmentTemplate duration="2" media="$Number$.m4s"/>',
        )
    )

    def answer(self):
        path = self.path
        if path.startswith(("/go/", "/ftp/")) and not path.endswith(".m4s"):
            self.send_response(302)
            target = "ftp://127.0.0.1/x" if path.startswith("/ftp/") else path.replace("/go/", "/cdn/deep/")
            self.send_header("Location", target)
            self.end_headers()
        elif path.startswith("/drip/"):
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return
                time.sleep(0.05)
        elif path.startswith(("/cdn/deep/", "/nohead/")):
            if self.command == "HEAD" and path.startswith("/nohead/"):
                self.send_error(405)
                return
            body = self.manifest.encode() if path.endswith(".mpd") else bytes(1000)
            ranged = "Range" in self.headers
            self.send_response(206 if ranged else 200)
            if ranged:
                self.send_header("Content-Range", f"bytes 0-0/{len(body)}")
                body = body[:1]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)
        else:
            self.send_error(404)

    do_GET = do_HEAD = answer

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("folder", ["cdn/deep", "go", "nohead"])
def test_load_presentation_follows_redirects_and_measures_without_head(address, folder):
    assert abr.load_presentation(f"{address}/{folder}/x.mpd").sizes[:, 0].tolist() == [1000, 1000, 1000]


def test_load_presentation_refuses_other_protocols_and_slow_servers(address, monkeypatch):
    with pytest.raises(abr.PresentationError, match=r"a redirect to ftp://127\.0\.0\.1/x, which is not HTTP"):
        abr.load_presentation(f"{address}/ftp/x.mpd")
    monkeypatch.setattr(http_client, "MAX_REQUEST_SECONDS", 0.3)
    start = time.monotonic()
    with pytest.raises(abr.PresentationError, match=r"drip/x\.mpd: cannot read it: the request took more than 0\.3 s"):
        abr.load_presentation(f"{address}/drip/x.mpd")
    assert time.monotonic() - start < 3


def test_load_presentation_refuses_pipes_and_devices(tmp_path):
    os.mkfifo(tmp_path / "pipe.mpd")
    for path in (tmp_path / "pipe.mpd", "/dev/zero", "/dev/null", "a\0b", "http://[bad/x.mpd"):
        with pytest.raises(abr.PresentationError, match="cannot read it"):
            abr.load_presentation(path)


@pytest.mark.parametrize(
    ("module", "limit", "name"),
    [
        (segment_lists, "MAX_TOTAL_SEGMENTS", "two"),
        (dash_manifest, "MAX_CHARACTERS", "dash"),
        (hls_manifest, "MAX_PLAYLIST_BYTES", "two"),
        (dash_timeline, "MAX_SEGMENTS", "dash"),
        (hls_manifest, "MAX_SEGMENTS", "two"),
    ],
)
def test_load_presentation_has_limits(tmp_path, monkeypatch, module, limit, name):
    texts = {
        "two": hls(("BANDWIDTH=8000", "v"), ("BANDWIDTH=16000", "w")),
        "dash": dash(templated('duration="2000"')),
    }
    path = write(tmp_path, Case(texts[name]))
    assert len(abr.load_presentation(path).durations) == 3
    monkeypatch.setattr(module, limit, 2)
    with pytest.raises(abr.PresentationError, match=r"more than 2|larger than 2|expected 1 to 2"):
        abr.load_presentation(path)
