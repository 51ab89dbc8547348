"""`load_presentation`, `as_presentation` and `as_trace`: DASH, HLS, JSON, by path and by HTTP, and invalid input."""

import functools
import http.server
import json
import struct
import threading

import numpy as np
import pytest
from click.testing import CliRunner

import abr
from shotladder.commands.simulate import command

SIZES = {"low": (1000, 1500, 900), "high": (4000, 5200, 3100)}
SECONDS = (4.0, 4.0, 2.0)

TEMPLATE = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT10S"><Period>
<AdaptationSet contentType="video">{segments}
<Representation id="low" bandwidth="3000" width="640" height="360">{low}</Representation>
<Representation id="high" bandwidth="10000" width="1280" height="720">{high}</Representation>
</AdaptationSet></Period></MPD>"""


def segment_index(sizes):
    entries = b"".join(
        struct.pack(">III", size, int(1000 * s), 1 << 31) for size, s in zip(sizes, SECONDS, strict=True)
    )
    body = struct.pack(">B3xIIIIHH", 0, 1, 1000, 0, 0, 0, len(sizes)) + entries
    return struct.pack(">I", len(body) + 8) + b"sidx" + body


@pytest.fixture
def folder(tmp_path):
    """Return a folder with two rungs as segment files, as byte ranges of one file, and with a segment index."""
    for rung, sizes in SIZES.items():
        (tmp_path / rung).mkdir()
        for number, size in enumerate(sizes, 1):
            (tmp_path / rung / f"{number}.m4s").write_bytes(bytes(size))
        (tmp_path / f"{rung}.mp4").write_bytes(b"\0" * 24 + segment_index(sizes) + bytes(sum(sizes)))
        lines = [f"#EXTINF:{s},\n{rung}/{n}.m4s" for n, s in enumerate(SECONDS, 1)]
        write_playlist(tmp_path / f"{rung}.m3u8", lines)
        at = [f"#EXTINF:{s},\n#EXT-X-BYTERANGE:{size}\n{rung}.mp4" for s, size in zip(SECONDS, sizes, strict=True)]
        write_playlist(tmp_path / f"{rung}-ranges.m3u8", at)
    for name in ("", "-ranges"):
        (tmp_path / f"master{name}.m3u8").write_text(
            "#EXTM3U\n"
            f"#EXT-X-STREAM-INF:BANDWIDTH=3000,RESOLUTION=640x360\nlow{name}.m3u8\n"
            f"#EXT-X-STREAM-INF:BANDWIDTH=10000,RESOLUTION=1280x720\nhigh{name}.m3u8\n"
        )
    template = '<SegmentTemplate media="$RepresentationID$/$Number$.m4s" duration="4"/>'
    (tmp_path / "template.mpd").write_text(TEMPLATE.format(segments=template, low="", high=""))
    index = {r: f'<BaseURL>{r}.mp4</BaseURL><SegmentBase indexRange="24-91"/>' for r in SIZES}
    (tmp_path / "sidx.mpd").write_text(TEMPLATE.format(segments="", **index))
    listed = {r: "".join(f'<SegmentURL media="{r}/{n}.m4s"/>' for n in (1, 2, 3)) for r in SIZES}
    listed = {r: f'<SegmentList duration="4">{urls}</SegmentList>' for r, urls in listed.items()}
    (tmp_path / "list.mpd").write_text(TEMPLATE.format(segments="", **listed))
    return tmp_path


def write_playlist(path, lines):
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:4\n" + "\n".join(lines) + "\n#EXT-X-ENDLIST\n")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def address(folder):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


MANIFESTS = ("template.mpd", "sidx.mpd", "list.mpd", "master.m3u8", "master-ranges.m3u8")


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_load_presentation_reads_a_manifest_from_disk_and_by_http(folder, address, manifest):
    for where in (folder / manifest, str(folder / manifest), f"{address}/{manifest}"):
        pres = abr.load_presentation(where)
        assert pres.title == manifest.partition(".")[0]
        assert pres.sizes.T.tolist() == [list(sizes) for sizes in SIZES.values()]
        assert pres.durations.tolist() == list(SECONDS)
        assert [(rung.bitrate, rung.height) for rung in pres.rungs] == [(3000, 360), (10000, 720)]


def test_load_presentation_notes_missing_vmaf(folder):
    for rung, scores in (("1", "50\nnan\n70\n"), ("2", "80\n90\n95\n")):
        (folder / f"video{rung}").write_text(scores)
        sizes = SIZES["low" if rung == "1" else "high"]
        (folder / f"video_size_{rung}").write_text("\n".join(map(str, sizes)))
    (note,) = abr.load_presentation(folder).notes
    assert note.startswith("1 segments have no VMAF (the first is segment 1 of rung 2k)")


AUDIO_SET = (
    '<AdaptationSet contentType="audio"><Representation id="poor" bandwidth="10"/>'
    '<Representation id="stereo" bandwidth="64">'
    '<SegmentTemplate media="$RepresentationID$/$Number$.m4s" duration="5"/></Representation></AdaptationSet></Period>'
)


def test_load_presentation_reads_audio_on_request(folder):
    (folder / "stereo").mkdir()
    for number, size in enumerate((700, 650), 1):
        (folder / f"stereo/{number}.m4s").write_bytes(bytes(size))
    dash = (folder / "template.mpd").read_text().replace("</Period>", AUDIO_SET)
    (folder / "template.mpd").write_text(dash)
    write_playlist(folder / "stereo.m3u8", ["#EXTINF:5,\nstereo/1.m4s", "#EXTINF:5,\nstereo/2.m4s"])
    media = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="{}",DEFAULT={},URI="{}"\n'
    variants = (
        (folder / "master.m3u8").read_text().removeprefix("#EXTM3U\n").replace("BANDWIDTH", 'AUDIO="a",BANDWIDTH')
    )
    head = "#EXTM3U\n" + media.format("other", "NO", "other.m3u8") + media.format("main", "YES", "stereo.m3u8")
    (folder / "master.m3u8").write_text(head + variants)
    for manifest in ("template.mpd", "master.m3u8"):
        assert abr.load_presentation(folder / manifest).audio is None
        audio = abr.load_presentation(folder / manifest, audio=True).audio
        assert (audio.durations.tolist(), audio.sizes.tolist()) == ([5.0, 5.0], [700, 650])
    assert abr.load_presentation(folder / "sidx.mpd", audio=True).audio is None


def test_load_presentation_reads_a_media_playlist_as_one_rung(folder, address):
    for where in (folder / "low.m3u8", f"{address}/low.m3u8"):
        pres = abr.load_presentation(where)
        assert len(pres.rungs) == 1
        assert pres.rungs[0].bitrate == 8 * sum(SIZES["low"]) / 10


def test_load_presentation_names_a_manifest_of_a_folder_without_a_document(folder):
    with pytest.raises(abr.PresentationError, match=r"presentation\.json .*; name a manifest in it, such as \w+\.mpd"):
        abr.load_presentation(folder)


def test_load_presentation_names_missing_files(address, folder):
    with pytest.raises(abr.PresentationError, match=r"nowhere\.mpd: cannot read it: .*404"):
        abr.load_presentation(f"{address}/nowhere.mpd")
    (folder / "low/2.m4s").unlink()
    with pytest.raises(abr.PresentationError, match=r"low/2\.m4s: cannot read its size: .*404"):
        abr.load_presentation(f"{address}/template.mpd")
    with pytest.raises(abr.PresentationError, match=r"low/2\.m4s: cannot read its size: No such file"):
        abr.load_presentation(folder / "master.m3u8")
    with pytest.raises(abr.PresentationError, match="cannot read it"):
        abr.load_presentation("http://127.0.0.1:9/manifest.mpd")


def test_simulate_command_accepts_a_url(address, folder):
    (folder / "trace").write_text("0 1\n5 2\n9 1\n")
    done = CliRunner().invoke(
        command, [f"{address}/master.m3u8", "--traces", str(folder / "trace"), "--json", "--quiet"]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["presentations"] == [f"{address}/master.m3u8"]


def presentation_json(change=None, rungs=("low", "high")):
    document = {
        "title": "film",
        "segments": [{"duration": s} for s in SECONDS],
        "video": [
            {
                "id": r,
                "average_bitrate": 3000,
                "segments": [{"bytes": b, "vmaf": 50.0 + n} for n, b in enumerate(SIZES[r])],
            }
            for r in rungs
        ],
    }
    if change:
        change(document)
    return json.dumps(document)


def get_segment(document, rung=1, number=2):
    """Return one segment of a document of `presentation_json`."""
    return document["video"][rung]["segments"][number]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: get_segment(d).pop("bytes"),
            r"\$\.video\[1\]\.segments\[2\]: object missing required field `bytes`",
        ),
        (lambda d: get_segment(d).update(bytes=-5), r"\$\.video\[1\]\.segments\[2\]\.bytes: .* > 0\.0, found -5"),
        (lambda d: get_segment(d).update(bytes="big"), r"\$\.video\[1\]\.segments\[2\]\.bytes: .*, found 'big'"),
        (
            lambda d: get_segment(d).update(bytes=float("inf")),
            r"\$\.video\[1\]\.segments\[2\]\.bytes: expected .*, found inf",
        ),
        (lambda d: get_segment(d).update(bytes=float("nan")), r"\.segments\[2\]\.bytes: expected .*nan"),
        (lambda d: d["video"][1]["segments"].pop(), r"\$\.video\[1\]\.segments: high has 2 segments, expected 3"),
        (
            lambda d: d["video"][1].pop("average_bitrate"),
            r"\$\.video\[1\]: object missing required field `average_bitrate`",
        ),
        (lambda d: d.update(version=3), r"\$\.version: invalid enum value 3"),
        (lambda d: d.update(video=[]), "no rungs or no segments"),
        (lambda d: get_segment(d).update(bytes=2**51), r"\.segments\[2\]\.bytes: expected .* <= 1125899906842624"),
        (lambda d: d["video"][1].update(average_bitrate=2e12), r"\.average_bitrate: expected .* <= 1000000000000"),
        (lambda d: d["video"][1].update(width=2**21), r"\.width: expected .* <= 1048576, found 2097152"),
        (lambda d: d["segments"][1].update(duration=367 * 86_400), r"\.duration: expected .* <= 31622400"),
        (lambda d: d["segments"][1].update(duration=0), r"\$\.segments\[1\]\.duration: expected .* > 0\.0, found 0"),
    ],
)
def test_load_presentation_names_file_location_and_value_of_a_fault(tmp_path, change, message):
    path = tmp_path / "presentation.json"
    path.write_text(presentation_json(change))
    with pytest.raises(abr.PresentationError, match=message) as caught:
        abr.load_presentation(path)
    assert "\n" not in str(caught.value)


def test_simulate_plays_unusual_presentations(tmp_path):
    path = tmp_path / "presentation.json"
    slow = abr.Trace("slow", [10], [2e4], [0.05])
    for text in (
        presentation_json(),  # two rungs of the same rate
        presentation_json(rungs=("low",)),
        presentation_json(lambda d: get_segment(d).update(vmaf=float("nan"))),  # `json` writes and reads NaN
        presentation_json(lambda d: get_segment(d).pop("vmaf")),
    ):
        path.write_text(text)
        pres = abr.load_presentation(path)
        for name in ("bba-2", "bola-e", "throughput", "vmaf-mpc"):
            session = abr.simulate(pres, slow, name)
            assert len(session.rungs) == 3
            assert all(value is None or np.isfinite(value) for value in session.metrics.values())


def test_load_presentation_refuses_rungs_with_different_segments_and_live_playlists(folder):
    lines = [f"#EXTINF:{s},\nhigh/{n}.m4s" for n, s in enumerate((3.0, 5.0, 2.0), 1)]
    write_playlist(folder / "high.m3u8", lines)
    with pytest.raises(abr.PresentationError, match=r"segment 0 lasts 3\.000 to 4\.000 s in different rungs"):
        abr.load_presentation(folder / "master.m3u8")
    write_playlist(folder / "high.m3u8", lines[:1])
    with pytest.raises(abr.PresentationError, match=r"rung high\.m3u8 has 1 segments, another has 3"):
        abr.load_presentation(folder / "master.m3u8")
    write_playlist(folder / "high.m3u8", lines)
    (folder / "high.m3u8").write_text((folder / "high.m3u8").read_text().replace("#EXT-X-ENDLIST", ""))
    with pytest.raises(abr.PresentationError, match="the playlist is live"):
        abr.load_presentation(folder / "master.m3u8")


def test_as_presentation_takes_an_object_a_path_and_a_url(folder, address):
    read = abr.as_presentation(folder / "template.mpd")
    assert abr.as_presentation(read) is read
    assert abr.as_presentation(str(folder / "template.mpd")).title == "template"
    assert (abr.as_presentation(f"{address}/template.mpd").sizes == read.sizes).all()
    with pytest.raises(abr.PresentationError, match="got int"):
        abr.as_presentation(3)


def test_as_trace_takes_an_object_a_path_and_a_url(folder, address):
    (folder / "bus.txt").write_text("0 1\n5 2\n9 1\n")
    read = abr.as_trace(folder / "bus.txt")
    assert abr.as_trace(read) is read
    remote = abr.as_trace(f"{address}/bus.txt")
    assert (remote.name, remote.rates.tolist()) == ("bus.txt", read.rates.tolist())
    assert len(abr.load_traces([f"{address}/bus.txt", folder / "bus.txt"])) == 1
    with pytest.raises(abr.TraceError, match=r"nowhere: cannot read it: .*404"):
        abr.as_trace(f"{address}/nowhere")
    with pytest.raises(abr.TraceError, match="got NoneType"):
        abr.as_trace(None)
