"""Inspection finds the frame times, key frames and geometry that a decoder outputs."""

import wave
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

import encoder
from encoder import SourceError, inspect
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path
from tests.conftest import SHARED
from tests.encoder.videos import beep, numbers_in, write_video
from tests.strangers.mp4_edits import crop_in_container, insert_in_sample_entry, set_display_matrix

#: Name of a video and arguments of `write_video`; each has 50 frames.
FILMS = {
    "constant.mp4": {},
    "broadcast.mp4": {"rate": Fraction(30000, 1001)},
    "milliseconds.mkv": {"rate": Fraction(24000, 1001)},
    "b-frames.mp4": {"options": {"preset": "fast", "x264-params": "bframes=4:b-pyramid=strict:scenecut=0"}},
    "open-gop.mkv": {"options": {"preset": "fast", "x264-params": "open-gop=1:bframes=3:scenecut=0"}},
    "open-gop.ts": {"options": {"preset": "fast", "x264-params": "open-gop=1:bframes=3:scenecut=0"}},
    "late.mp4": {"ticks": range(40, 90)},
    "late.ts": {"ticks": range(40, 90)},
    "gaps.mkv": {"ticks": np.cumsum([1, 1, 7, 1, 2] * 10).tolist()},
    "coarse.avi": {"codec": "mpeg4", "options": {}},
    "raw.h264": {},
}  # fmt: skip


@pytest.fixture(scope="module", params=FILMS)
def video(request, tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / request.param, **FILMS[request.param])


def decoded(path: Path, stream_index: int = 0) -> tuple[list[int | None], list[bool]]:
    """Times and keys of a plain decode on one thread."""
    with av.open(str(path)) as container:
        frames = [(f.pts, bool(f.key_frame)) for f in container.decode(container.streams[stream_index])]
    return [pts for pts, _ in frames], [key for _, key in frames]


def test_inspect_finds_the_times_of_a_full_decode(video):
    times, _ = decoded(video)
    source = inspect(video)
    assert source.frame_count == len(times) == 50
    if None not in times:
        assert list(source.pts) == times


def test_inspect_gives_the_same_times_from_packets_and_frames(video):
    quick, slow = inspect(video), inspect(video, exact=True)
    assert (quick.pts, quick.end_pts, quick.frame_rate) == (slow.pts, slow.end_pts, slow.frame_rate)
    assert set(slow.keyframes) <= set(quick.keyframes)


def test_inspect_finds_key_frames_where_decoding_can_start(video):
    source = inspect(video)
    assert source.keyframes[0] == 0
    assert len(source.keyframes) >= 4
    if video.suffix == ".h264":
        return  # an elementary stream cannot be sought by time
    for key in source.keyframes:
        frames = list(encoder.decode(source, key, min(key + 3, 50)))
        assert [frame.number for frame in frames] == list(range(key, min(key + 3, 50)))


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("constant.mp4", Fraction(25)),
        ("broadcast.mp4", Fraction(30000, 1001)),
        ("milliseconds.mkv", Fraction(24000, 1001)),
        ("late.mp4", Fraction(25)),
    ],
)
def test_inspect_finds_exact_constant_frame_rates(tmp_path, name, rate):
    source = inspect(write_video(tmp_path / name, **FILMS[name]))
    assert source.frame_rate == rate
    assert source.is_cfr
    assert abs(source.duration - 50 / rate) <= source.time_base


def test_inspect_keeps_gaps_as_a_varying_frame_rate(tmp_path):
    source = inspect(write_video(tmp_path / "gaps.mkv", **FILMS["gaps.mkv"]))
    assert not source.is_cfr
    steps = [(b - a) * source.time_base for a, b in pairwise(source.pts)]
    assert steps[:5] == [Fraction(n, 25) for n in (1, 7, 1, 2, 1)]


def test_inspect_keeps_a_late_start_in_pts_only(tmp_path):
    source = inspect(write_video(tmp_path / "late.mp4", **FILMS["late.mp4"]))
    assert source.pts[0] * source.time_base == Fraction(40, 25)
    assert source.time(0) == 0
    assert source.time(source.frame_count) == source.duration == 2


def test_inspect_accepts_a_single_frame(tmp_path):
    source = inspect(write_video(tmp_path / "one.mp4", 1))
    assert (source.frame_count, source.duration) == (1, Fraction(1, 25))


def rotated(path: Path, angle: int) -> Path:
    turned = path.with_name(f"turned-{angle}.mp4")
    argv = [ffmpeg_path(), "-v", "error", "-display_rotation", str(angle), "-i", str(path)]
    run([*argv, "-c", "copy", str(turned)])
    return turned


@pytest.mark.parametrize(("angle", "clockwise"), [(0, 0), (90, 270), (180, 180), (270, 90)])
def test_inspect_reports_clockwise_rotation(tmp_path, angle, clockwise):
    source = inspect(rotated(write_video(tmp_path / "video.mp4", 5), angle))
    assert source.rotation == clockwise
    assert (source.width, source.height) == (128, 64)
    assert source.display_size == ((64, 128) if angle % 180 else (128, 64))


@pytest.mark.parametrize(("sar", "display"), [("64/45", (182, 64)), ("1/2", (128, 128)), ("1", (128, 64))])
def test_display_size_never_shrinks_samples(tmp_path, sar, display):
    source = inspect(write_video(tmp_path / "video.mp4", 5, sample_aspect_ratio=Fraction(sar)))
    assert source.sample_aspect_ratio == Fraction(sar)
    assert source.display_size == display


def test_inspect_finds_audio_with_its_start(tmp_path):
    video = write_video(tmp_path / "video.mkv", 25, audio=(Fraction(3, 10), beep(0.5, 0.1)))
    (stream,) = inspect(video).audio
    assert (stream.codec, stream.channels, stream.sample_rate) == ("pcm_s16le", 1, 48_000)
    assert float(stream.start) == pytest.approx(0.3, abs=0.002)


def test_content_id_is_equal_for_copies_only(tmp_path):
    video = write_video(tmp_path / "video.mp4")
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(video.read_bytes())
    other = write_video(tmp_path / "other.mp4", 49)
    assert inspect(video).content_id == inspect(copy).content_id != inspect(other).content_id


def test_inspect_chooses_the_largest_video_and_no_cover(tmp_path):
    video = write_video(tmp_path / "video.mp4", 25)
    cover = write_video(
        tmp_path / "cover.mjpeg", 1, codec="mjpeg", options={}, size=(512, 256), pixel_format="yuvj420p"
    )
    both = tmp_path / "both.mp4"
    argv = [ffmpeg_path(), "-v", "error", "-i", str(cover), "-i", str(video), "-map", "0", "-map", "1"]
    run([*argv, "-c", "copy", "-disposition:v:0", "attached_pic", str(both)])
    source = inspect(both)
    assert (source.width, source.height, source.frame_count) == (128, 64, 25)


def test_inspect_rejects_files_that_are_not_videos(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a video\n" * 100)
    (tmp_path / "empty.mp4").touch()
    with wave.open(str(tmp_path / "audio.wav"), "wb") as audio:
        audio.setparams((1, 2, 48_000, 0, "NONE", ""))
        audio.writeframes(bytes(96_000))
    for name, complaint in [
        ("absent.mp4", "no such file"),
        ("notes.txt", "cannot be opened as video"),
        ("empty.mp4", "cannot be opened as video"),
        (".", "cannot be opened as video"),
        ("audio.wav", "no video"),
    ]:
        with pytest.raises(SourceError, match=complaint) as caught:
            inspect(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_inspect_rejects_a_video_without_decodable_frames(tmp_path):
    video = write_video(tmp_path / "video.mkv", 25, codec="libx264")
    broken = tmp_path / "broken.mkv"
    with av.open(str(video)) as read, av.open(str(broken), "w") as out:
        stream = out.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.size:
                spoilt = av.Packet(b"\xff" * packet.size)
                spoilt.pts, spoilt.dts, spoilt.time_base, spoilt.stream = (
                    packet.pts,
                    packet.dts,
                    packet.time_base,
                    stream,
                )
                out.mux(spoilt)
    with pytest.raises(SourceError, match=r"no frame of the video can be decoded|the video cannot be decoded"):
        inspect(broken)


def test_inspect_keeps_decodable_frames_of_a_truncated_file(tmp_path):
    video = write_video(tmp_path / "video.ts")
    cut = tmp_path / "cut.ts"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size * 2 // 3])
    source = inspect(cut)
    frames = list(encoder.decode(source, on_undecodable=lambda first, last: None))
    assert 20 < len(frames) <= source.frame_count < 50
    assert numbers_in(cut)[:20] == list(range(20))


CLIPS = sorted(SHARED.glob("clips/*.*")) if SHARED.is_dir() else []


@pytest.mark.shared
@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)
def test_inspect_finds_the_times_of_a_full_decode_of_real_clips(clip):
    source = inspect(clip)
    with av.open(str(clip)) as container:
        stream = container.streams[source.stream_index]
        stream.thread_type = "AUTO"
        # times need no deblocking, which is the most of a decode
        stream.codec_context.options = {"skip_loop_filter": "all"}
        times = []
        for packet in container.demux(stream):
            try:
                times += [frame.pts for frame in packet.decode()]
            except av.FFmpegError:
                continue  # one clip is cut off in the middle of a frame
    assert list(source.pts) == times


def test_as_source_inspects_paths_and_returns_sources(tmp_path):
    path = write_video(tmp_path / "video.mkv", 10)
    source = encoder.as_source(path)
    assert source == encoder.as_source(str(path)) == inspect(path)
    assert encoder.as_source(source) is source
    assert [frame.number for frame in encoder.decode(path, 3, 5)] == [3, 4]


def test_source_has_a_short_repr(tmp_path):
    source = inspect(write_video(tmp_path / "a<b.mkv", 10))
    assert repr(source) == f"Source('{tmp_path}/a<b.mkv', 128x64, 10 frames, 25 fps)"
    assert "a&lt;b.mkv" in source._repr_html_()


def insert_light_level(path: Path) -> Path:
    """State a maximum and a frame-average light level in the container (CTA-861.3)."""
    return insert_in_sample_entry(path, b"clli", (1000).to_bytes(2, "big") + (200).to_bytes(2, "big"))


def double_clock(path: Path) -> Path:
    """Double the ticks per second of the video track, so that the same ticks are half the times."""
    data = bytearray(path.read_bytes())
    # version 0 of mdhd: the time scale follows 12 bytes of other fields
    place = data.index(b"mdhd") + 4 + 12
    scale = int.from_bytes(data[place : place + 4], "big")
    data[place : place + 4] = (2 * scale).to_bytes(4, "big")
    path.write_bytes(data)
    return path


def extend_last_frame(path: Path) -> Path:
    last = path.with_name("last.mp4")
    longer = r"setts=duration=if(eq(N\,23)\,4*DURATION\,DURATION)"
    run([ffmpeg_path(), "-v", "error", "-i", str(path), "-c", "copy", "-bsf:v", longer, str(last)])
    return last


@pytest.mark.parametrize(
    "change",
    [
        insert_light_level,
        double_clock,
        extend_last_frame,
        lambda path: crop_in_container(path, 64, 32),
        lambda path: set_display_matrix(path, -1, 0, 0, 1),
        lambda path: set_display_matrix(path, 1, 0, 0, -1),
        lambda path: set_display_matrix(path, 0, 1, -1, 0),
    ],
    ids=["light level", "clock", "last frame", "crop", "mirrored", "upside down", "turned"],
)
def test_content_id_differs_where_only_the_container_does(tmp_path, change):
    # MPEG-4 Visual has no such statements of its own
    path = write_video(tmp_path / "video.mp4", 24, codec="mpeg4")
    plain = inspect(path)
    assert inspect(change(path)).content_id != plain.content_id
