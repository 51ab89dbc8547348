"""Boxes of packaged tracks, parsed by pymp4: fragments conform to CMAF (ISO/IEC 23000-19)."""

import io
from fractions import Fraction

import pytest
from pymp4.parser import Box
from pymp4.util import BoxUtil

import encoder
from encoder import ChunkJob, Encryption, PackagingRequest, Rendition, inspect
from shotladder_runtime.store import Store
from tests.encoder.videos import beep, write_video

# pymp4 does not know the fields that avcC has from the High profile on (ISO/IEC 14496-15, 5.3.3.1.2)
RUNG = Rendition("h264-64p-90k", "h264", 128, 64, "ultrafast")
#: 1970, in seconds since 1904.
EPOCH = 2_082_844_800
SYSTEMS = {
    "1077efec-c0b2-4d02-ace3-3c1e52e2fb4b",
    "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
    "9a04f079-9840-4286-ab92-e65be0885f95",
}


def boxes(data):
    stream = io.BytesIO(data)
    while stream.tell() < len(data):
        yield Box.parse_stream(stream)


def found(parsed, kind):
    return [box for outer in parsed for box in BoxUtil.find(outer, kind)]


@pytest.fixture(scope="module")
def title(tmp_path_factory):
    folder = tmp_path_factory.mktemp("title")
    source = inspect(write_video(folder / "video.mkv", 100, audio=(Fraction(0), beep(4, 1))))
    chunks, segments = encoder.plan_chunks(source, (0, 60), Fraction(2))
    store = Store(folder / "store")
    jobs = [ChunkJob(source, chunk, (RUNG,), (30.0,), store) for chunk in chunks]
    for job in jobs:
        encoder.encode_chunk(job)
    encoder.stitch(source, chunks, [encoder.chunk_path(job, 0) for job in jobs], folder / "track.mp4", segments)
    audio = [encoder.encode_audio(source, source.audio[0], store, codec) for codec in ("aac", "eac3", "opus")]
    return source, segments, [(RUNG, folder / "track.mp4")], audio


@pytest.fixture(scope="module")
def tracks(title, tmp_path_factory):
    """Every track as (init, segments), parsed."""
    folder = tmp_path_factory.mktemp("packaged")
    source, segments, stitched, audio = title
    listed = encoder.package(folder, source, segments, stitched, audio, [])
    return [
        (list(boxes((folder / t.init).read_bytes())), [list(boxes((folder / url).read_bytes())) for url in t.urls])
        for t in listed
    ]


def test_init_segment_has_one_track_and_no_samples(tracks):
    for init, _ in tracks:
        assert [box.type for box in init] == [b"ftyp", b"moov"]
        assert b"cmfc" in init[0].compatible_brands
        assert len(found(init, b"trak")) == len(found(init, b"trex")) == 1
        assert all(not box.entries for kind in (b"stts", b"stsc", b"stco") for box in found(init, kind))
        # the same source gives the same bytes at any time of packaging
        assert {(box.creation_time, box.modification_time) for box in found(init, b"mvhd")} == {(EPOCH, EPOCH)}


def test_segment_has_complete_fragments_of_one_track(tracks):
    for init, segments in tracks:
        (track,) = found(init, b"tkhd")
        for segment in segments:
            kinds = [box.type for box in segment if box.type not in (b"styp", b"sidx", b"prft", b"emsg")]
            assert kinds == [b"moof", b"mdat"] * (len(kinds) // 2)
            for header in found(segment, b"tfhd"):
                assert header.track_ID == track.track_ID
                assert header.flags.default_base_is_moof
                assert header.base_data_offset is None


def test_fragments_are_numbered_without_gaps(tracks):
    for init, segments in tracks:
        moofs = [box for segment in segments for box in segment if box.type == b"moof"]
        numbers = [box.sequence_number for box in found(moofs, b"mfhd")]
        assert numbers == sorted(set(numbers))
        due = None
        for moof in moofs:
            (time,), (run,), (header,) = (found([moof], kind) for kind in (b"tfdt", b"trun", b"tfhd"))
            assert due in (None, time.baseMediaDecodeTime)
            usual = header.default_sample_duration
            lengths = [s.sample_duration if s.sample_duration is not None else usual for s in run.sample_info]
            due = time.baseMediaDecodeTime + sum(lengths)
        (timescale,) = {box.timescale for box in found(init, b"mdhd")}
        assert due / timescale == pytest.approx(4, abs=0.06)


@pytest.mark.parametrize("scheme", encoder.PROTECTION_SCHEMES)
def test_package_writes_protection_boxes_of_every_system(title, tmp_path, scheme):
    source, segments, stitched, audio = title
    request = PackagingRequest(Encryption(scheme, encoder.new_keys()))
    for track in encoder.package(tmp_path, source, segments, stitched, audio, [], request):
        init = list(boxes((tmp_path / track.init).read_bytes()))
        assert {str(box.system_ID) for box in found(init, b"pssh")} == SYSTEMS
