"""A stitched track decodes to the frames of its chunks, bit for bit, at the times of the source."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from encoder import (
    Chunk,
    ChunkJob,
    Rendition,
    StitchError,
    chunk_path,
    count_part_bits,
    encode_chunk,
    inspect,
    load_codecs,
    read_stitched_samples,
    read_track_samples,
    stitch,
)
from encoder.encode.stitch import compute_track_timing
from shotladder_runtime.store import Store
from tests.encoder.videos import hashes_in, key_times_in, numbers_in, times_in, write_video

RUNG = Rendition("a", "h264", 128, 64, "veryfast")
FILMS = {
    "constant.mp4": {},
    "broadcast.mp4": {"rate": Fraction(30000, 1001)},
    "milliseconds.mkv": {"rate": Fraction(24000, 1001)},
    "gaps.mkv": {"ticks": np.cumsum([1, 1, 7, 1, 2] * 12).tolist()},
    "late-gaps.ts": {"ticks": (100 + np.cumsum([1, 1, 7, 1, 2] * 12)).tolist()},
}
CHUNKS = (
    Chunk(0, 13, (0,), (0,)),
    Chunk(13, 14, (13,), (1,)),
    Chunk(14, 45, (14, 30), (2,)),
    Chunk(45, 60, (45,), (3,)),
)
QUANTISERS = (14.0, 40.0, 23.25, 30.0)


def encode(source, store, rung=RUNG, chunks=CHUNKS, quantisers=QUANTISERS):
    paths = []
    for chunk, quantiser in zip(chunks, quantisers, strict=True):
        job = ChunkJob(source, chunk, (rung,), (quantiser,), Store(store))
        encode_chunk(job)
        paths.append(chunk_path(job, 0))
    return paths


@pytest.fixture(scope="module", params=FILMS)
def stitched(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stitched")
    source = inspect(write_video(folder / request.param, 60, **FILMS[request.param]))
    paths = encode(source, folder / "store")
    stitch(source, CHUNKS, paths, folder / "track.mp4")
    return source, paths, folder / "track.mp4"


def test_stitch_keeps_frames_and_source_times(stitched):
    source, _, track = stitched
    assert numbers_in(track) == list(range(60))
    base, _ = compute_track_timing(source)
    for told, true in zip(times_in(track), (source.time(n) for n in range(60)), strict=True):
        # a constant frame rate is written exactly, although the times of the source may be rounded
        assert abs(told - true) <= (source.time_base if source.is_cfr else 0)
        assert told % base == 0


def test_stitch_writes_exact_times_at_constant_rates(stitched):
    source, _, track = stitched
    if source.is_cfr:
        assert times_in(track) == [n / source.frame_rate for n in range(60)]


def test_read_stitched_samples_predicts_the_samples_of_the_track(stitched):
    source, paths, track = stitched
    bits, times = read_stitched_samples(source, CHUNKS, paths)
    as_written = read_track_samples(track)
    np.testing.assert_array_equal(bits, as_written[0])
    # another time base may round
    np.testing.assert_allclose(times, as_written[1], atol=1e-3)


def test_stitch_keeps_the_frames_of_chunks_bit_for_bit(stitched):
    _, paths, track = stitched
    assert hashes_in(track) == [each for path in paths for each in hashes_in(path)]


def test_stitch_marks_the_planned_key_frames(stitched):
    source, _, track = stitched
    base, times = compute_track_timing(source)
    assert key_times_in(track) == [times[n] * base for n in (0, 13, 14, 30, 45)]


def test_stitch_ends_the_track_with_the_source(stitched):
    source, _, track = stitched
    base, times = compute_track_timing(source)
    with av.open(str(track)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        assert sum(p.duration for p in packets) * stream.time_base == times[-1] * base
    assert all(a.dts < b.dts for a, b in pairwise(packets))


#: A quick preset of each codec, and its name in an MP4 file.
QUICK = {"h264": ("veryfast", "avc1"), "hevc": ("ultrafast", "hvc1"), "vp9": ("5", "vp09"), "av1": ("12", "av01")}
COARSE = {"h264": 40.0, "hevc": 40.0, "vp9": 58.0, "av1": 55.25}


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("codec", load_codecs())
def test_stitch_accepts_chunks_of_any_quantiser(tmp_path, codec, depth):
    pixels = "yuv420p" if depth == 8 else "yuv420p10le"
    source = inspect(write_video(tmp_path / "video.mp4", 60, pixel_format=pixels))
    preset, tag = QUICK[codec]
    rung = Rendition("a", codec, 128, 64, preset)
    paths = encode(source, tmp_path / "store", rung, quantisers=(16.0, 30.0, 27.0, COARSE[codec]))
    assert sum(count_part_bits(paths[0])) > sum(count_part_bits(paths[3]))
    stitch(source, CHUNKS, paths, tmp_path / "track.mp4")
    assert numbers_in(tmp_path / "track.mp4") == list(range(60))
    assert hashes_in(tmp_path / "track.mp4") == [each for path in paths for each in hashes_in(path)]
    assert times_in(tmp_path / "track.mp4") == [Fraction(n, 25) for n in range(60)]
    with av.open(str(tmp_path / "track.mp4")) as track:
        context = track.streams.video[0].codec_context
        assert context.codec_tag == tag
        assert context.pix_fmt == (pixels if codec != "h264" else "yuv420p")


@pytest.mark.parametrize("codec", load_codecs())
def test_stitch_rejects_another_bit_depth(tmp_path, codec):
    videos = [
        inspect(write_video(tmp_path / f"{pixels}.mp4", 60, pixel_format=pixels))
        for pixels in ("yuv420p", "yuv420p10le")
    ]
    rung = Rendition("a", codec, 128, 64, QUICK[codec][0])
    paths = [encode(video, tmp_path / "store", rung)[n] for n, video in enumerate(videos * 2)]
    if codec == "h264":
        stitch(videos[0], CHUNKS, paths, tmp_path / "track.mp4")
    else:
        with pytest.raises(StitchError, match="parameter sets"):
            stitch(videos[0], CHUNKS, paths, tmp_path / "track.mp4")


@pytest.mark.parametrize("change", [{"preset": "ultrafast"}, {"width": 126}])
def test_stitch_rejects_other_parameter_sets(tmp_path, change):
    source = inspect(write_video(tmp_path / "video.mp4", 60))
    paths = encode(source, tmp_path / "store")
    paths[2] = encode(source, tmp_path / "store", replace(RUNG, **change))[2]
    with pytest.raises(StitchError, match="parameter sets"):
        stitch(source, CHUNKS, paths, tmp_path / "track.mp4")
    assert not (tmp_path / "track.mp4").exists()


def test_stitch_rejects_a_wrong_number_of_frames(tmp_path):
    source = inspect(write_video(tmp_path / "video.mp4", 60))
    paths = encode(source, tmp_path / "store")
    with pytest.raises(StitchError, match="31 frames instead of 15"):
        stitch(source, CHUNKS, [*paths[:3], paths[2]], tmp_path / "track.mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store", "video.mp4"]


@pytest.mark.parametrize(
    "pts",
    [
        # a clock that restarts in the middle
        (*range(0, 300_000, 10_000), *range(0, 300_000, 10_000)),
        # times that no MP4 holds
        (*range(59), 2**62),
    ],
)
def test_stitch_refuses_impossible_times_in_one_line(tmp_path, pts):
    source = inspect(write_video(tmp_path / "video.mp4", 60))
    paths = encode(source, tmp_path / "store")
    broken = replace(source, pts=pts, end_pts=pts[-1] + 1, time_base=Fraction(1, 250_000))
    with pytest.raises(StitchError, match="cannot be stitched") as caught:
        stitch(broken, CHUNKS, paths, tmp_path / "track.mp4")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "track.mp4").exists()


def test_stitch_accepts_chunks_with_different_vbv(tmp_path):
    source = inspect(write_video(tmp_path / "video.mp4", 60))
    bound = replace(RUNG, peak_rate=400_000, buffer_size=400_000)
    stitch(source, CHUNKS, encode(source, tmp_path / "store", bound), tmp_path / "track.mp4")
    assert numbers_in(tmp_path / "track.mp4") == list(range(60))
