"""HDR is kept and signalled if the codec supports it, and tone-mapped otherwise."""

import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace

import av
import m3u8
import numpy as np
import pytest

import encoder
import vmaf
from encoder import (
    Chunk,
    ChunkJob,
    Colour,
    HDRMetadata,
    Rendition,
    Segment,
    SourceError,
    inspect,
)
from encoder.encode.filters import make_colour_tags, make_frame_filters
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.videos import fetch_track, numbers_in, write_video

QUICK = {"hevc": "ultrafast", "av1": "12", "vp9": "5", "h264": "ultrafast"}
MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
#: The same as the boxes have it: green, blue, red, white in 0.00002; luminances in 0.0001 cd/m2.
MDCV = (
    np.array([13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450], ">u2").tobytes()
    + np.array([10_000_000, 50], ">u4").tobytes()
)
CLLI = np.array([1000, 400], ">u2").tobytes()
NS = {"d": "urn:mpeg:dash:schema:mpd:2011"}
CHUNKS = (Chunk(0, 13, (0,), (0,)), Chunk(13, 30, (13, 20), (1,)))
SEGMENTS = (Segment(0, 20), Segment(20, 30))


@pytest.fixture(scope="module")
def hdr10(tmp_path_factory):
    """PQ with mastering display and content light, one key frame at the start alone."""
    folder = tmp_path_factory.mktemp("hdr10")
    plain, video = write_video(folder / "plain.mp4", 30, pixel_format="yuv420p10le"), folder / "video.mp4"
    tags = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited"
    params = f"log-level=error:keyint=100:{tags}:master-display={MASTERING}:max-cll=1000,400"
    argv = [ffmpeg_path(), "-v", "error", "-i", str(plain), "-c:v", "libx265", "-preset", "ultrafast"]
    run([*argv, "-crf", "8", "-pix_fmt", "yuv420p10le", "-x265-params", params, str(video)])
    return inspect(video)


@pytest.fixture(scope="module")
def packaged(hdr10, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packaged")
    tracks = []
    for codec, preset in QUICK.items():
        rung = Rendition(codec, codec, 128, 64, preset)
        jobs = [ChunkJob(hdr10, c, (rung,), (20.0 + n,), Store(folder / "store")) for n, c in enumerate(CHUNKS)]
        for job in jobs:
            encoder.encode_chunk(job)
        paths = [encoder.chunk_path(job, 0) for job in jobs]
        encoder.stitch(hdr10, CHUNKS, paths, folder / f"{codec}.mp4", SEGMENTS)
        tracks.append((rung, folder / f"{codec}.mp4"))
    out = folder / "out"
    out.mkdir()
    return out, dict(zip(QUICK, encoder.package(out, hdr10, SEGMENTS, tracks, [], []), strict=True))


def test_inspect_finds_hdr_metadata(hdr10):
    assert hdr10.colour == Colour("bt2020", "smpte2084", "bt2020nc", "tv")
    assert hdr10.hdr == HDRMetadata(True, 1000.0, 1000, 400)


@pytest.mark.parametrize(
    ("transfer", "light", "note"),
    [
        (
            "bt709",
            "1000,400",
            "the frames have HDR10 metadata, but the transfer function bt709; they are treated as SDR",
        ),
        ("smpte2084", "400,1000", "the stated average light level of a frame, 1000 cd/m2, is above the maximum of 400"),
    ],
)
def test_inspect_notes_contradictory_hdr_metadata(hdr10, tmp_path, transfer, light, note):
    params = f"log-level=error:transfer={transfer}:master-display={MASTERING}:max-cll={light}"
    argv = [ffmpeg_path(), "-v", "error", "-i", hdr10.path, "-frames:v", "3", "-c:v", "libx265", "-preset", "ultrafast"]
    run([*argv, "-pix_fmt", "yuv420p10le", "-color_trc", transfer, "-x265-params", params, str(tmp_path / "a.mp4")])
    found = inspect(tmp_path / "a.mp4")
    assert found.hdr.mastering_display
    assert found.colour.transfer == transfer
    assert [each.startswith(note) for each in found.notes] == [True]
    assert hdr10.notes == ()


@pytest.mark.parametrize("codec", QUICK)
def test_package_signals_the_dynamic_range_everywhere(packaged, codec):
    out, listed = packaged
    whole = fetch_track(out, listed[codec].playlist)
    assert numbers_in(whole) == list(range(30))
    kept = codec in ("hevc", "av1")
    with av.open(str(whole)) as video:
        frames = list(video.decode(video=0))
    for frame in frames:
        tags = (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range)
        assert tuple(map(int, tags)) == ((9, 16, 9, 1) if kept else (1, 1, 1, 1))
        assert frame.format.name == ("yuv420p" if codec == "h264" else "yuv420p10le")
        carried = {each.type.name for each in frame.side_data}
        assert ({"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= carried) == kept
    init = (out / listed[codec].init).read_bytes()
    assert (b"mdcv" + MDCV in init) == (b"clli" + CLLI in init) == kept
    (variant,) = [p for p in m3u8.load(str(out / "master.m3u8")).playlists if p.uri == listed[codec].playlist]
    assert variant.stream_info.video_range == ("PQ" if kept else None if codec == "vp9" else "SDR")
    mpd = ET.parse(out / "manifest.mpd").getroot()
    for each in mpd.iterfind(".//d:AdaptationSet", NS):
        if each.find("d:Representation", NS).get("codecs").startswith({"hevc": "hvc1", "av1": "av01"}.get(codec, "-")):
            told = {p.get("schemeIdUri").rpartition(":")[2]: p.get("value") for p in each if p.get("schemeIdUri")}
            assert told["TransferCharacteristics"] == "16"
            assert told["ColourPrimaries"] == told["MatrixCoefficients"] == "9"


def test_shift_byte_ranges_corrects_ranges_after_hdr_boxes(packaged, hdr10, tmp_path):
    out, listed = packaged
    tracks = [(Rendition("hevc", "hevc", 128, 64, QUICK["hevc"]), out.parent / "hevc.mp4")]
    request = encoder.PackagingRequest(single_file=True)
    (single,) = encoder.package(tmp_path, hdr10, SEGMENTS, tracks, [], [], request)
    data = (tmp_path / single.init).read_bytes()
    assert b"mdcv" + MDCV in data[: single.offsets[0]]
    for url, offset, size in zip(listed["hevc"].urls, single.offsets, single.sizes, strict=True):
        segment = (out / url).read_bytes()
        assert data[offset : offset + size].endswith(segment[segment.index(b"mdat") :])
    mpd = ET.parse(tmp_path / "manifest.mpd").getroot()
    (base,) = [r for r in mpd.iterfind(".//d:Representation", NS) if r.findtext("d:BaseURL", "", NS) == single.init]
    first, last = map(int, base.find("d:SegmentBase", NS).get("indexRange").split("-"))
    assert data[first + 4 : first + 8] == b"sidx"
    assert last + 1 == first + int.from_bytes(data[first : first + 4], "big") == single.offsets[0]
    assert base.find(".//d:Initialization", NS).get("range") == f"0-{first - 1}"
    (part,) = m3u8.load(str(tmp_path / single.playlist)).segment_map
    assert part.byterange == f"{first}@0"
    iframes = m3u8.load(str(tmp_path / "iframe_hevc.m3u8")).segments
    assert [int(str(s.byterange).partition("@")[2]) for s in iframes] == list(single.offsets)


def grey(tmp_path, source: encoder.Source, code: int) -> float:
    """What a 10-bit PQ level looks like in an SDR rendition, 0 black to 1 white."""
    graph = f"color=black:s=64x64:d=0.04,format=yuv420p10le,geq=lum={code}:cb=512:cr=512"
    size = (64, 64)
    chain = ",".join(
        map(str, make_frame_filters(replace(source, width=64, height=64), size, encoder.get_codec("h264")))
    )
    tags = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
    argv = [ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", f"{graph},{tags},{chain}"]
    raw = run([*argv, "-frames:v", "1", "-f", "rawvideo", "-"]).stdout
    return (np.frombuffer(raw, np.uint8)[: 64 * 64].mean() - 16) / 219


def test_make_preparation_filters_tone_maps_monotonically(hdr10, tmp_path):
    # PQ's codes of 0, 1, 26 (BT.2408: 18 % grey), 100, 203 (diffuse white) and 1000 cd/m2, the peak of the source
    levels = [grey(tmp_path, hdr10, code) for code in (64, 195, 397, 509, 572, 723)]
    assert levels == sorted(levels)
    assert levels[0] == pytest.approx(0, abs=0.01)
    assert levels[-1] == pytest.approx(1, abs=0.02)
    assert 0.25 < levels[2] < 0.5
    assert 0.65 < levels[4] < 0.9


@pytest.mark.parametrize("codec", QUICK)
def test_encode_is_measured_against_the_prepared_source(hdr10, tmp_path, codec):
    job = ChunkJob(
        hdr10, CHUNKS[1], (Rendition("a", codec, 128, 64, QUICK[codec]),), (14.0,), Store(tmp_path / "store")
    )
    encoder.encode_chunk(job)
    span = {"frames": (13, 30), "offset": 13, "match_times": False}
    (scores,) = vmaf.score(hdr10, encoder.chunk_path(job, 0), **span)
    assert scores.mean > 90


def test_make_frame_filters_converts_rgb_to_tagged_bt709(tmp_path):
    path = tmp_path / "screen.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "bgr0"
        for _ in range(5):
            green = np.full((64, 64, 3), (0, 255, 0), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(green, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode())
    source = inspect(path)
    assert make_colour_tags(source).matrix == "bt709"
    job = ChunkJob(
        source, Chunk(0, 5, (0,), (0,)), (Rendition("a", "h264", 64, 64, "medium"),), (12.0,), Store(tmp_path / "store")
    )
    encoder.encode_chunk(job)
    with av.open(str(encoder.chunk_path(job, 0))) as video:
        frame = next(video.decode(video=0))
    assert int(frame.colorspace) == 1
    # BT.709's luma of pure green: 16 + 219 * 0.7152
    assert frame.to_ndarray()[:64].mean() == pytest.approx(172.6, abs=1.5)


def test_inspect_rejects_dolby_vision_without_base_layer(monkeypatch, hdr10):
    alone = HDRMetadata(dynamic=("Dolby Vision",))
    monkeypatch.setattr("encoder.media.surveys.frame_properties._read_hdr", lambda frame: alone)
    monkeypatch.setattr("encoder.media.surveys.frame_properties._read_colour", lambda frame: Colour())
    with pytest.raises(SourceError, match="profile 5"):
        inspect(hdr10.path)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("clip", "transfer", "hdr"),
    [
        # the container states SDR, the stream PQ: the stream has priority
        ("hdr10_hevc_sdr_container_1s.mp4", "smpte2084", HDRMetadata(True, None, 1000, 200, ("HDR10+",))),
        ("hdr10_av1_mdcv_clli_1s.mp4", "smpte2084", HDRMetadata(True, 1000.0, 1100, 180)),
        ("dolbyvision84_hlg_phone_1080p_3s.mp4", "arib-std-b67", HDRMetadata(dynamic=("Dolby Vision",))),
    ],
)
def test_inspect_distinguishes_hdr_and_sdr_of_real_clips(shared, clip, transfer, hdr):
    source = inspect(shared / "clips" / clip)
    assert (source.colour.transfer, source.hdr) == (transfer, hdr)


@pytest.mark.shared
@pytest.mark.parametrize("codec", ["hevc", "av1", "h264"])
def test_encode_chunk_rotates_a_real_hlg_clip(shared, tmp_path, codec):
    source = inspect(shared / "clips" / "dolbyvision84_hlg_phone_1080p_3s.mp4")
    rung = Rendition("a", codec, 180, 320, QUICK[codec])
    chunks = (Chunk(40, 46, (40,), (0,)), Chunk(46, 52, (46,), (1,)))
    part = replace(source, pts=source.pts[40:52], end_pts=source.pts[52], keyframes=(0,))
    paths = []
    for n, chunk in enumerate(chunks):
        job = ChunkJob(source, chunk, (rung,), (30.0 + n,), Store(tmp_path / "store"))
        encoder.encode_chunk(job)
        paths.append(encoder.chunk_path(job, 0))
    moved = [replace(c, start=c.start - 40, stop=c.stop - 40) for c in chunks]
    encoder.stitch(part, moved, paths, tmp_path / "track.mp4")
    with av.open(str(tmp_path / "track.mp4")) as video:
        frames = list(video.decode(video=0))
    assert len(frames) == 12
    assert {(f.width, f.height, int(f.color_trc)) for f in frames} == {(180, 320, 1 if codec == "h264" else 18)}
    shutil.rmtree(tmp_path / "store")
