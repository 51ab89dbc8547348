"""Dolby Vision and HDR10+ metadata of each frame is in each frame of each HDR rendition, bit by bit."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction

import av
import m3u8
import pytest

import encoder
from encoder import Chunk, ChunkJob, Rendition, Segment
from encoder.dynamic_hdr.access_units import find_messages, insert_av1, insert_hevc, list_hevc_units, read_length_size
from encoder.dynamic_hdr.dolby_vision_level import find_level
from encoder.dynamic_hdr.dynamic_metadata import _find_order
from encoder.dynamic_hdr.rpu import read_rpu
from encoder.media.geometry import Crop
from encoder.packaging.packaged_metadata import count_packaged_metadata
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.hdr_metadata import decode_kinds, make_hdr10_plus, make_rpu, write_hdr
from tests.encoder.videos import fetch_track

QUICK = {"hevc": "ultrafast", "av1": "12"}
AREA = (8, 16, 4, 12)
COUNT = 30
CHUNKS = (Chunk(0, 13, (0,), (0,)), Chunk(13, COUNT, (13, 20), (1,)))
SEGMENTS = (Segment(0, 20), Segment(20, COUNT))
NS = {"d": "urn:mpeg:dash:schema:mpd:2011"}
SCTE = "{urn:scte:dash:scte214-extensions}"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """PQ with an RPU that states an active area, and HDR10+, both different in each frame."""
    folder = tmp_path_factory.mktemp("both")
    return write_hdr(folder / "both.mp4", COUNT, rpu=lambda n: make_rpu(n, AREA), message=make_hdr10_plus)


@pytest.fixture(scope="module")
def source(both):
    return encoder.inspect(both)


def read_found(path):
    """Return what each frame of an MP4 file carries, in order of presentation."""
    with av.open(str(path)) as video:
        stream = video.streams.video[0]
        family = "hevc" if stream.codec_context.name == "hevc" else "av1"
        size = read_length_size(family, bytes(stream.codec_context.extradata or b""))
        found = {p.pts: find_messages(family, bytes(p), size) for p in video.demux(stream) if p.size}
    return [found[time] for time in sorted(found)]


def test_read_rpu_reads_profile_and_area():
    rpu = read_rpu(make_rpu(3, AREA) + b"\0\0")
    assert (rpu.profile, rpu.area) == (8, AREA)
    assert read_rpu(make_rpu()).area is None
    assert read_rpu(make_rpu(has_residual=True)).profile == 7
    assert read_rpu(make_rpu(rpu_profile=0)).profile == 5


def test_with_area_changes_the_area_and_the_checksum_only():
    rpu = read_rpu(make_rpu(3, AREA))
    assert rpu.with_area((1, 2, 3, 4)).payload == make_rpu(3, (1, 2, 3, 4))
    assert rpu.with_area((1, 2, 3, 4)).with_area(AREA) == rpu


@pytest.mark.parametrize("at", [0, 10, -3, -1])
def test_read_rpu_rejects_damage(at):
    damaged = bytearray(make_rpu(0, AREA))
    damaged[at] ^= 0x40
    with pytest.raises(ValueError, match="RPU"):
        read_rpu(bytes(damaged))


def test_insert_hevc_returns_what_find_messages_reads():
    slice_unit = bytes([1 << 1, 1]) + b"slice"
    data = len(slice_unit).to_bytes(4, "big") + slice_unit
    # bytes that look like a start code need emulation prevention
    rpu, message = make_rpu(0, (0, 0, 0, 0)), make_hdr10_plus() + b"\0\0\0\0\1" + bytes(300)
    inserted = insert_hevc(data, rpu, message)
    assert find_messages("hevc", inserted) == (rpu, [message])
    assert [kind for kind, _ in list_hevc_units(inserted, 4)] == [39, 1, 62]
    assert b"\0\0\0\1" not in inserted[4:].replace(len(slice_unit).to_bytes(4, "big"), b"")[4:-8]
    annex_b = b"".join(b"\0\0\0\1" + unit for _, unit in list_hevc_units(inserted, 4))
    assert find_messages("hevc", annex_b, 0) == (rpu, [message])


def test_insert_av1_writes_what_ffmpeg_writes(both, tmp_path):
    """Take the RPUs out of a file that FFmpeg and SVT-AV1 made, and insert them again."""
    path = tmp_path / "av1.mp4"
    argv = [ffmpeg_path(), "-v", "error", "-i", str(both), "-c:v", "libsvtav1", "-preset", "12", "-frames:v", "8"]
    run([*argv, "-dolbyvision", "1", "-strict", "unofficial", str(path)])
    with av.open(str(path)) as video:
        packets = [bytes(packet) for packet in video.demux(video=0) if packet.size]
    assert len(packets) == 8
    for data in packets:
        rpu, _ = find_messages("av1", data)
        start = data.index(b"\xb5\x00\x3b\x00\x00\x08\x00") - 4
        size = (data[start + 1] & 0x7F) + (data[start + 2] << 7)
        assert data[start] == 0x2A
        assert insert_av1(data[:start] + data[start + 3 + size :], rpu, b"") == data
    assert [rpu for rpu, _ in read_found(path)] == [make_rpu(n, AREA) for n in range(8)]


def test_read_dynamic_metadata_reads_every_frame_in_order(source):
    metadata = encoder.read_dynamic_metadata(source)
    assert [rpu.payload for rpu in metadata.rpus] == [make_rpu(n, AREA) for n in range(COUNT)]
    assert metadata.hdr10_plus == tuple(map(make_hdr10_plus, range(COUNT)))
    assert (metadata.kinds, metadata.notes) == (("Dolby Vision", "HDR10+"), ())


def test_read_dynamic_metadata_counts_frames_of_a_file_without_times(both, tmp_path):
    raw = tmp_path / "raw.hevc"
    run([ffmpeg_path(), "-v", "error", "-i", str(both), "-c", "copy", str(raw)])
    source = encoder.inspect(raw)
    metadata = encoder.read_dynamic_metadata(source)
    assert [rpu.payload for rpu in metadata.rpus] == [make_rpu(n, AREA) for n in range(COUNT)]
    assert metadata.hdr10_plus == tuple(map(make_hdr10_plus, range(COUNT)))
    assert sorted(_find_order(source)) == list(range(COUNT))


@pytest.mark.parametrize(
    ("transfer", "rpu", "message", "reason"),
    [
        ("arib-std-b67", None, make_hdr10_plus, "HDR10+ metadata is left out, because it describes PQ"),
        ("smpte2084", lambda n: make_rpu(n) if n % 5 else b"", None, "6 of 30 frames have none"),
        ("smpte2084", lambda n: make_rpu(n, has_residual=True), None, "needs an enhancement layer; the base layer"),
        ("smpte2084", lambda n: make_rpu(n)[:-5] + make_rpu(n + 1)[-5:], None, "is damaged (an RPU has a wrong check"),
        ("bt2020-10", make_rpu, None, "the base layer is neither PQ nor HLG, but has bt2020-10"),
    ],
)
def test_read_dynamic_metadata_states_why_it_leaves_metadata_out(tmp_path, transfer, rpu, message, reason):
    source = encoder.inspect(write_hdr(tmp_path / "a.mp4", rpu=rpu, message=message, transfer=transfer))
    metadata = encoder.read_dynamic_metadata(source)
    assert metadata.kinds == ()
    (note,) = metadata.notes
    assert reason in note


def test_read_dynamic_metadata_refuses_profile_5(tmp_path):
    path = write_hdr(tmp_path / "a.mp4", 4, rpu=lambda n: make_rpu(n, rpu_profile=0))
    with pytest.raises(encoder.SourceError, match="profile 5 is not supported"):
        encoder.read_dynamic_metadata(encoder.inspect(path))


def test_read_dynamic_metadata_keeps_hdr10_plus_that_some_frames_lack(tmp_path):
    path = write_hdr(tmp_path / "a.mp4", message=lambda n: make_hdr10_plus(n) if n != 7 else b"")
    metadata = encoder.read_dynamic_metadata(encoder.inspect(path))
    assert sum(map(bool, metadata.hdr10_plus)) == COUNT - 1
    assert metadata.notes == (f"1 of {COUNT} frames have no HDR10+ metadata, as in the source",)


@pytest.mark.parametrize(
    ("changes", "size", "area"),
    [
        ({}, (128, 64), AREA),
        ({}, (64, 32), (4, 8, 2, 6)),
        ({"is_mirrored": True}, (128, 64), (16, 8, 4, 12)),
        ({"rotation": 90}, (64, 128), (12, 4, 8, 16)),
        ({"rotation": 180}, (128, 64), (16, 8, 12, 4)),
        ({"rotation": 270}, (64, 128), (4, 12, 16, 8)),
        ({"crop": Crop(8, 4, 20, 8), "width": 100, "height": 52}, (200, 104), (0, 0, 0, 8)),
    ],
)
def test_for_rendition_moves_the_active_area(source, changes, size, area):
    metadata = encoder.read_dynamic_metadata(source)
    made = metadata.for_rendition(replace(source, **changes), "hevc", size)
    assert made.rpus == tuple(make_rpu(n, area) for n in range(COUNT))


def test_for_rendition_gives_sdr_codecs_nothing(source):
    metadata = encoder.read_dynamic_metadata(source)
    assert metadata.for_rendition(source, "h264", (128, 64)) is None
    assert metadata.for_rendition(source, "vp9", (128, 64)) is None


@pytest.mark.parametrize(
    ("size", "rate", "level"),
    [((416, 234), 24, 1), ((1920, 1080), 24, 3), ((1920, 1080), 60, 5), ((3840, 2160), 50, 9), ((1080, 1920), 30, 4)],
)
def test_find_level_is_that_of_the_specification(size, rate, level):
    assert find_level(size, Fraction(rate)) == level


@pytest.fixture(scope="module")
def packaged(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packaged")
    metadata = encoder.read_dynamic_metadata(source)
    tracks = []
    for codec, preset in QUICK.items():
        rung = Rendition(codec, codec, 64, 36, preset)
        jobs = [ChunkJob(source, c, (rung,), (30.0 + n,), Store(folder / "store")) for n, c in enumerate(CHUNKS)]
        for job in jobs:
            encoder.encode_chunk(job)
        paths = [encoder.chunk_path(job, 0) for job in jobs]
        made = metadata.for_rendition(source, codec, (64, 36))
        encoder.stitch(source, CHUNKS, paths, folder / f"{codec}.mp4", SEGMENTS, made)
        tracks.append((rung, folder / f"{codec}.mp4"))
    return folder, tracks


@pytest.fixture(scope="module", params=[False, True], ids=["segments", "single_file"])
def presentation(packaged, source, request):
    folder, tracks = packaged
    out = folder / f"out{request.param}"
    out.mkdir()
    settings = encoder.PackagingRequest(single_file=request.param, hdr10_plus=frozenset(QUICK))
    return out, dict(zip(QUICK, encoder.package(out, source, SEGMENTS, tracks, [], [], settings), strict=True))


@pytest.mark.parametrize("codec", QUICK)
def test_package_keeps_the_metadata_of_every_frame(presentation, codec):
    out, listed = presentation
    assert count_packaged_metadata(out, listed[codec], codec) == (COUNT, COUNT)
    whole = out / listed[codec].urls[0] if listed[codec].offsets else fetch_track(out, listed[codec].playlist)
    area = tuple(round(distance * scale) for distance, scale in zip(AREA, (0.5, 0.5, 36 / 64, 36 / 64), strict=True))
    assert read_found(whole) == [(make_rpu(n, area), [make_hdr10_plus(n)]) for n in range(COUNT)]
    assert all({"DOVI_METADATA", "DYNAMIC_HDR_PLUS"} <= kinds for kinds in decode_kinds(whole))


@pytest.mark.parametrize(
    ("codec", "base", "record", "dash", "hls"),
    [
        ("hevc", "hvc1.", "0100" + f"{8 << 9 | 1 << 3 | 5:04x}" + "10", "dvh1.08.01", "dvh1.08.01/db1p,hvc1."),
        ("av1", "av01.", "0100" + f"{10 << 9 | 1 << 3 | 5:04x}" + "10", "dav1.10.01", "dav1.10.01/db1p,av01."),
    ],
)
def test_package_signals_the_metadata_everywhere(presentation, codec, base, record, dash, hls):
    out, listed = presentation
    init = (out / listed[codec].init).read_bytes()
    assert b"dvvC" + bytes.fromhex(record) in init
    brands = init[: int.from_bytes(init[:4], "big")]
    assert brands[4:8] == b"ftyp"
    assert b"cdm4" in brands
    assert b"db1p" in brands
    (variant,) = [p for p in m3u8.load(str(out / "master.m3u8")).playlists if p.uri == listed[codec].playlist]
    assert variant.stream_info.codecs.startswith(base)
    assert variant.stream_info.video_range == "PQ"
    text = (out / "master.m3u8").read_text()
    assert f'SUPPLEMENTAL-CODECS="{hls}' in text
    assert text.count("#EXT-X-STREAM-INF") == len(QUICK)
    # variants and their I-frames
    assert text.count("/cdm4") == text.count("/db1p") == 2 * len(QUICK)
    mpd = ET.parse(out / "manifest.mpd").getroot()
    found = [
        r
        for each in mpd.iterfind(".//d:AdaptationSet", NS)
        for r in each.iterfind("d:Representation", NS)
        if (r.get("codecs") or each.get("codecs")).startswith(base[:3])
    ]
    assert found
    for each in found:
        assert each.get(SCTE + "supplementalCodecs") == dash
        (plus,) = [p for p in each if p.get("schemeIdUri") == "http://dashif.org/metadata/hdr"]
        assert plus.get("value") == "SMPTE2094-40"


def test_stitch_without_metadata_writes_the_same_bytes_as_before(packaged, source, tmp_path):
    """Take the metadata out of a stitched track: what remains are the samples of a track without metadata."""
    folder, _ = packaged
    rung = Rendition("hevc", "hevc", 64, 36, QUICK["hevc"])
    jobs = [ChunkJob(source, c, (rung,), (30.0 + n,), Store(folder / "store")) for n, c in enumerate(CHUNKS)]
    encoder.stitch(source, CHUNKS, [encoder.chunk_path(j, 0) for j in jobs], tmp_path / "plain.mp4", SEGMENTS)
    with av.open(str(tmp_path / "plain.mp4")) as plain, av.open(str(folder / "hevc.mp4")) as rich:
        for before, after in zip(plain.demux(video=0), rich.demux(video=0), strict=True):
            kept = [unit for kind, unit in list_hevc_units(bytes(after), 4) if kind != 62 and b"\xb5\0\x3c" not in unit]
            assert b"".join(len(unit).to_bytes(4, "big") + unit for unit in kept) == bytes(before)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("clip", "rpus", "messages"),
    [
        ("dolbyvision84_hlg_phone_1080p_3s.mp4", 100, 0),
        ("odd/hlg_fall_5frames.mov", 5, 0),
        ("hdr10_hevc_sdr_container_1s.mp4", 0, 28),
        ("odd/hdr10plus_regular.mkv", 0, 259),
    ],
)
def test_read_dynamic_metadata_reads_real_clips(shared, clip, rpus, messages):
    metadata = encoder.read_dynamic_metadata(encoder.inspect(shared / "clips" / clip))
    assert (len(metadata.rpus), sum(map(bool, metadata.hdr10_plus)), metadata.notes) == (rpus, messages, ())
