"""A stitched track declares a level whose bitrate and buffer its samples fit, in every parameter set."""

import av
import numpy as np
import pytest

from encoder import (
    Chunk,
    ChunkJob,
    Rendition,
    chunk_path,
    encode_chunk,
    inspect,
    stitch,
)
from encoder.encode.levels import H264_LEVELS, HEVC_LEVELS, find_escaped_offset
from encoder.encode.vbv import min_vbv_size, read_track_samples
from shotladder_runtime.store import Store
from tests.encoder.videos import hashes_in

CHUNKS = (Chunk(0, 12, (0,), (0,)), Chunk(12, 24, (12,), (1,)))


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """Write a video of noise, which takes many bits at a small size."""
    path = tmp_path_factory.mktemp("noise") / "noise.mkv"
    rng = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for _ in range(24):
            frame = rng.integers(0, 256, (96, 128), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="yuv420p")))
        container.mux(stream.encode())
    return inspect(path)


def declared(path):
    """The bytes at which FFmpeg and the packager read the level: of the record and of the sequence parameter set."""
    with av.open(str(path)) as video:
        context = video.streams.video[0].codec_context
        extra, codec = bytes(context.extradata), context.codec.canonical_name
    if codec == "h264":
        return {extra[3], extra[8 + 3]}
    at, found = 23, {extra[12]}
    for _ in range(extra[22]):
        kind, length = extra[at] & 0x3F, int.from_bytes(extra[at + 3 : at + 5], "big")
        unit = extra[at + 5 : at + 5 + length]
        if kind in (32, 33):
            plain = unit.replace(b"\x00\x00\x03", b"\x00\x00")
            found.add(plain[{32: 17, 33: 14}[kind]])
        at += 5 + length
    return found


@pytest.mark.parametrize(("codec", "preset"), [("h264", "ultrafast"), ("h264", "fast"), ("hevc", "ultrafast")])
@pytest.mark.parametrize("quantiser", [14.0, 46.0])
def test_declare_level_chooses_the_lowest_sufficient_level(noise, tmp_path, codec, preset, quantiser):
    paths = []
    for chunk in CHUNKS:
        job = ChunkJob(noise, chunk, (Rendition("a", codec, 128, 64, preset),), (quantiser,), Store(tmp_path / "store"))
        encode_chunk(job)
        paths.append(chunk_path(job, 0))
    stitch(noise, CHUNKS, paths, tmp_path / "track.mp4")
    (level,) = declared(tmp_path / "track.mp4")
    (before,) = declared(paths[0])
    levels = HEVC_LEVELS if codec == "hevc" else H264_LEVELS
    factor = 1250 if (codec, preset) == ("h264", "fast") else 1000
    bits, times = read_track_samples(tmp_path / "track.mp4")

    def holds(idc):
        rate, buffer = levels[idc]
        return min_vbv_size(bits, times, factor * rate) <= factor * buffer

    assert holds(level)
    assert not any(holds(idc) for idc in levels if before <= idc < level)
    assert level >= before
    if quantiser < 20:
        assert level > before
    assert hashes_in(tmp_path / "track.mp4") == [each for path in paths for each in hashes_in(path)]


def test_find_escaped_offset_skips_emulation_prevention_bytes():
    unit = bytes([9, 0, 0, 3, 1, 0, 0, 3, 0, 7])
    assert [unit[find_escaped_offset(unit, n)] for n in range(8)] == [9, 0, 0, 1, 0, 0, 0, 7]
    with pytest.raises(ValueError, match="too short"):
        find_escaped_offset(unit, 8)
