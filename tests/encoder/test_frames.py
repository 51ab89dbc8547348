"""Decoded frames: the same from any start, checked against the index, without padding."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from encoder.errors import SourceError
from encoder.media.frames import decode
from encoder.media.inspection import inspect

FRAMES = 60


def image(number: int, width: int, height: int) -> np.ndarray:
    """A texture that moves by a sample a frame, so that every frame is its own."""
    y, x = np.mgrid[:height, :width]
    return (96 + 60 * np.sin((x + number) / 5) + 30 * np.cos((y - 2 * number) / 7)).astype(np.uint8)


def write_video(path: Path, size=(98, 70), codec="libx264", pixel_format="yuv420p", options=None, steps=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.codec_context.gop_size = 12
        for number in range(FRAMES):
            grey = av.VideoFrame.from_ndarray(image(number, *size), format="gray")
            frame = grey.reformat(format=pixel_format)
            frame.pts = number if steps is None else steps[number]
            frame.time_base = Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module", params=["mp4", "mkv", "ts", "open-gop"])
def video(request, tmp_path_factory) -> Path:
    options = {"x264-params": "open-gop=1:bframes=3:scenecut=0"} if request.param == "open-gop" else {}
    suffix = "mkv" if request.param == "open-gop" else request.param
    return write_video(tmp_path_factory.mktemp("frames") / f"video.{suffix}", options=options)


def test_decode_range_equals_the_range_of_a_full_decode(video):
    source = inspect(video)
    assert source.frame_count == FRAMES
    whole = [frame.luma.copy() for frame in decode(source)]
    for first, last in [(0, 60), (0, 1), (11, 14), (12, 13), (25, 40), (47, 60), (59, 60)]:
        part = list(decode(source, first, last))
        assert [frame.number for frame in part] == list(range(first, last))
        assert [frame.pts for frame in part] == list(source.pts[first:last])
        for frame in part:
            np.testing.assert_array_equal(frame.luma, whole[frame.number])


def test_decode_yields_nothing_for_an_empty_range(video):
    assert list(decode(inspect(video), 7, 7)) == []


def test_decode_rejects_a_range_outside_the_source(video):
    with pytest.raises(ValueError, match="not within"):
        list(decode(inspect(video), 0, FRAMES + 1))


def test_decode_gives_the_same_frames_with_any_number_of_threads(video):
    source = inspect(video)
    plain = [frame.luma.copy() for frame in decode(source, 20, 30)]
    for frame, luma in zip(decode(source, 20, 30, threads=2), plain, strict=True):
        np.testing.assert_array_equal(frame.luma, luma)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_decode_skips_deblocking_on_request(tmp_path, codec):
    own = {"libx264": {"bf": "3"}, "libx265": {"x265-params": "log-level=none"}}[codec]
    path = write_video(tmp_path / "video.mp4", (128, 64), codec, options={"crf": "40", "preset": "fast", **own})
    with av.open(str(path)) as container:
        plain = [image.to_ndarray()[:64] for image in container.decode(video=0)]
    source = inspect(path)
    for n in (0, 17):
        luma = [frame.luma for frame in decode(source, n)]
        assert all(np.array_equal(mine, other) for mine, other in zip(luma, plain[n:], strict=True))
    rough = [frame.luma for frame in decode(source, deblock=False)]
    changed = [not np.array_equal(mine, other) for mine, other in zip(rough, plain, strict=True)]
    assert any(changed)
    assert not changed[0]


@pytest.mark.parametrize("size", [(98, 70), (16, 16), (130, 34)])
def test_decode_removes_the_padding_of_lines(tmp_path, size):
    source = inspect(write_video(tmp_path / "video.mkv", size, "ffv1"))
    for frame in decode(source):
        chroma = (size[1] // 2, size[0] // 2)
        assert [plane.shape for plane in frame.planes] == [size[::-1], chroma, chroma]
        grey = av.VideoFrame.from_ndarray(image(frame.number, *size), format="gray")
        np.testing.assert_array_equal(frame.luma, grey.reformat(format="yuv420p").to_ndarray()[: size[1]])


def test_decode_keeps_ten_bits(tmp_path):
    source = inspect(write_video(tmp_path / "video.mkv", codec="ffv1", pixel_format="yuv420p10le"))
    frame = next(decode(source))
    assert (frame.bit_depth, frame.luma.dtype) == (10, np.uint16)
    assert frame.luma.max() > 255


def test_decode_converts_rgb_to_luma_and_full_chroma(tmp_path):
    source = inspect(write_video(tmp_path / "video.mkv", codec="ffv1", pixel_format="bgr0"))
    frame = next(decode(source))
    assert frame.pixel_format == "yuv444p"
    assert {plane.shape for plane in frame.planes} == {(70, 98)}


def test_decode_keeps_irregular_times(tmp_path):
    steps = np.cumsum([1, 3] * (FRAMES // 2)).tolist()
    source = inspect(write_video(tmp_path / "video.mkv", steps=steps))
    assert not source.is_cfr
    assert [frame.pts for frame in decode(source, 13)] == list(source.pts[13:])


def test_decode_rejects_a_frame_that_is_not_in_the_index(video):
    source = inspect(video)
    other = replace(source, pts=source.pts[:20] + source.pts[21:])
    with pytest.raises(SourceError, match="not in its index"):
        list(decode(other))


def break_packets(path: Path, broken: range) -> Path:
    """Copy a video and overwrite the payload of some packets, so that they cannot be decoded."""
    copy = path.with_name(f"broken-{path.name}")
    with av.open(str(path)) as video, av.open(str(copy), "w") as out:
        stream = out.add_stream_from_template(video.streams.video[0])
        for number, packet in enumerate(video.demux(video=0)):
            if packet.size:
                damaged = av.Packet(bytes(packet.size)) if number in broken else packet
                damaged.pts, damaged.dts, damaged.time_base = packet.pts, packet.dts, packet.time_base
                damaged.is_keyframe = packet.is_keyframe
                damaged.stream = stream
                out.mux(damaged)
    return copy


def list_undecodable(source) -> Iterator[tuple[int, int]]:
    lost: list[tuple[int, int]] = []
    numbers = [frame.number for frame in decode(source, on_undecodable=lambda a, b: lost.append((a, b)))]
    assert sorted(numbers + [n for a, b in lost for n in range(a, b)]) == list(range(source.frame_count))
    return lost


def test_decode_reports_undecodable_frames(tmp_path):
    video = write_video(tmp_path / "video.mkv", codec="mpeg4", options={"bf": "0"})
    source = inspect(break_packets(video, range(30, 33)))
    assert source.frame_count == FRAMES
    assert list_undecodable(source) == [(30, 33)]
    with pytest.raises(SourceError, match=r"frames 30 to 32 \(at 1\.200 s\) cannot be decoded"):
        list(decode(source))


def test_decode_reports_undecodable_frames_at_the_end(tmp_path):
    video = write_video(tmp_path / "video.mkv", codec="mpeg4", options={"bf": "0"})
    source = inspect(break_packets(video, range(57, 60)))
    assert list_undecodable(source) == [(57, 60)]


def test_decode_rejects_a_source_that_was_deleted(tmp_path):
    path = write_video(tmp_path / "video.mkv")
    source = inspect(path)
    path.unlink()
    with pytest.raises(SourceError, match="cannot be opened"):
        next(decode(source))
