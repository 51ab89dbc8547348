"""Sources whose container crops, mirrors or turns frames look as FFmpeg shows them, at every stage."""

import math
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

import encoder
import vmaf
from encoder import Chunk, ChunkJob, Rendition
from encoder.media.geometry import Crop, turn_upright
from shotladder.export.contact_sheet import write_contact_sheet
from shotladder_runtime.process import run
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.videos import write_video
from tests.strangers.mp4_edits import crop_in_container, set_display_matrix

FFMPEG = (ffmpeg_path(), "-v", "error", "-nostdin", "-y")
SIZE = (96, 64)


def write_plain(path: Path, **options) -> Path:
    return write_video(path, 12, size=SIZE, **options)


def copy_stream(path: Path, *options: str, to: str = "copied.mp4") -> Path:
    copied = path.with_name(to)
    run([*FFMPEG, *options, "-i", str(path), "-c", "copy", str(copied)])
    return copied


def make_turned(folder: Path, *options: str) -> Path:
    return copy_stream(write_plain(folder / "video.mp4"), *options)


def make_cropped(folder: Path, *crop: int, to: str | None = None, turned: tuple[str, ...] = ()) -> Path:
    path = crop_in_container(write_plain(folder / "video.mp4"), *crop)
    return copy_stream(path, *turned, to=to) if to else path


def make_cropped_bitstream(folder: Path) -> Path:
    path = write_plain(folder / "video.mp4")
    run([*FFMPEG, "-i", str(path), "-c", "copy", "-bsf:v", "h264_metadata=crop_bottom=16", str(folder / "b.mp4")])
    return folder / "b.mp4"


def make_interlaced_and_turned(folder: Path) -> Path:
    path = folder / "interlaced.mp4"
    woven = "mandelbrot=size=128x96:rate=50:end_pts=100,trim=duration=1,interlace=scan=tff,setfield=tff"
    argv = [*FFMPEG, "-f", "lavfi", "-i", woven, "-flags", "+ildct+ilme", "-x264-params", "tff=1"]
    run([*argv, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(path)])
    return copy_stream(path, "-display_rotation", "90")


SOURCES = {
    "mirrored": lambda folder: make_turned(folder, "-display_hflip"),
    "upside down": lambda folder: make_turned(folder, "-display_vflip"),
    "quarter turn": lambda folder: make_turned(folder, "-display_rotation", "90"),
    "three quarters": lambda folder: make_turned(folder, "-display_rotation", "270"),
    "half turn": lambda folder: make_turned(folder, "-display_rotation", "180"),
    "mirrored quarter turn": lambda folder: make_turned(folder, "-display_rotation", "90", "-display_hflip"),
    "mirrored three quarters": lambda folder: make_turned(folder, "-display_rotation", "270", "-display_hflip"),
    "clean aperture": lambda folder: make_cropped(folder, 64, 40),
    "clean aperture at a side": lambda folder: make_cropped(folder, 64, 48, 12, -4),
    "Matroska crop": lambda folder: make_cropped(folder, 80, 40, 0, 8, to="cropped.mkv"),
    "crop and quarter turn": lambda folder: make_cropped(
        folder, 80, 40, 8, 0, to="turned.mp4", turned=("-display_rotation", "90")
    ),
    "crop of the bitstream": make_cropped_bitstream,
}


def read_luma(frame: av.VideoFrame) -> np.ndarray:
    plane = frame.planes[0]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width].astype(float)


def show_by_ffmpeg(path: Path) -> np.ndarray:
    """Return the luma of frame 5 as FFmpeg shows it."""
    shown = path.with_name("shown.mkv")
    run([*FFMPEG, "-i", str(path), "-vf", "select=eq(n\\,5)", "-an", "-c:v", "ffv1", str(shown)])
    with av.open(str(shown)) as container:
        return read_luma(next(container.decode(video=0)))


def encode(source: encoder.Source, folder: Path) -> Path:
    rendition = Rendition("a", "h264", *source.display_size, "ultrafast")
    count = source.frame_count
    job = ChunkJob(source, Chunk(0, count, (0,), (0,)), (rendition,), (16.0,), Store(folder / "store"))
    encoder.encode_chunk(job)
    return encoder.chunk_path(job, 0)


@pytest.mark.parametrize("name", SOURCES)
def test_decode_and_encode_chunk_show_frames_as_ffmpeg_does(tmp_path, name):
    path = SOURCES[name](tmp_path)
    expected = show_by_ffmpeg(path)
    source = encoder.inspect(path)
    assert source.display_size == expected.shape[::-1]
    (frame,) = encoder.decode(source, 5, 6)
    shown = turn_upright(frame.luma, is_mirrored=source.is_mirrored, rotation=source.rotation)
    assert np.array_equal(shown, expected)
    made = encode(source, tmp_path)
    with av.open(str(made)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 12
    assert {each.rotation for each in frames} == {0}
    assert np.abs(read_luma(frames[5]) - expected).mean() < 3


@pytest.mark.parametrize("engine", ["native", "libvmaf"])
@pytest.mark.parametrize("name", ["mirrored", "upside down", "mirrored quarter turn", "clean aperture at a side"])
def test_score_compares_frames_as_they_are_shown(tmp_path, name, engine):
    source = encoder.inspect(SOURCES[name](tmp_path))
    (scores,) = vmaf.score(source, encode(source, tmp_path), engine=engine)
    assert scores.engine == engine
    assert scores.min > 60


def test_encode_chunk_deinterlaces_before_it_turns_frames(tmp_path):
    source = encoder.inspect(make_interlaced_and_turned(tmp_path))
    assert source.interlaced
    made = encode(source, tmp_path)
    # back as the fields were: the rows of a combed frame alternate
    with av.open(str(made)) as container:
        luma = np.rot90(read_luma(list(container.decode(video=0))[12]))
    combing = np.abs(luma[1:-1] * 2 - luma[:-2] - luma[2:]).mean() / np.abs(luma[2:] - luma[:-2]).mean()
    assert combing < 1


@pytest.mark.parametrize(("angle", "rotation"), [(179.4, 180), (0.3, 0), (93, 90), (-91, 270), (40, 0)])
def test_inspect_rounds_an_angle_to_quarter_turns_and_notes_it(tmp_path, angle, rotation):
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    path = set_display_matrix(write_plain(tmp_path / "video.mp4"), c, s, -s, c)
    source = encoder.inspect(path)
    assert source.rotation == rotation
    assert source.display_size == (SIZE if rotation % 180 == 0 else SIZE[::-1])
    (note,) = source.notes
    assert f"rotation of {angle % 360:.1f} degrees" in note
    with av.open(str(encode(source, tmp_path))) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height, frame.rotation) == (*source.display_size, 0)


def test_inspect_rejects_a_crop_of_the_whole_frame(tmp_path, monkeypatch):
    monkeypatch.setattr("encoder.media.inspection.read_crop", lambda stream: Crop(48, 0, 48, 0))
    with pytest.raises(encoder.SourceError, match="removes all of a frame of 96x64"):
        encoder.inspect(write_plain(tmp_path / "video.mp4"))


def test_inspect_notes_nothing_about_plain_sources(tmp_path):
    source = encoder.inspect(write_plain(tmp_path / "video.mp4"))
    assert source.notes == ()
    assert not source.crop
    assert not source.is_mirrored


def join_transport_streams(folder: Path, *filters: str) -> Path:
    parts = []
    for n, chain in enumerate(filters):
        parts.append(folder / f"{n}.ts")
        generated = f"testsrc2=size=96x64:rate=25:duration=1,{chain}"
        argv = [*FFMPEG, "-f", "lavfi", "-i", generated, "-c:v", "libx264", "-preset", "ultrafast"]
        run([*argv, "-pix_fmt", "yuv420p", "-output_ts_offset", str(n), "-f", "mpegts", str(parts[-1])])
    joined = folder / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    return joined


@pytest.mark.parametrize(
    ("second", "note"),
    [
        ("scale=160:96,setsar=1", "the frame size changes from 96x64 to 160x96 at 1.0"),
        ("setsar=4/3", "the sample aspect ratio changes from 1:1 to 4:3 at 1.0"),
    ],
)
def test_encode_chunk_keeps_all_frames_of_a_source_that_changes(tmp_path, second, note):
    source = encoder.inspect(join_transport_streams(tmp_path, "setsar=1", second))
    assert any(each.startswith(note) for each in source.notes)
    made = encode(source, tmp_path)
    (scores,) = vmaf.score(source, made, match_times=False)
    assert len(scores.frames) == source.frame_count == 50
    assert scores.min > 60


def test_encode_chunk_scales_a_changed_size_before_other_filters(tmp_path):
    path = join_transport_streams(tmp_path, "setsar=1", "scale=160:96,setsar=1")
    turned = encoder.inspect(copy_stream(path, "-display_rotation", "90", to="turned.mkv"))
    with av.open(str(encode(turned, tmp_path))) as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert sizes == [(64, 96)] * 50


def test_write_contact_sheet_shows_frames_upright(tmp_path):
    plain = encoder.inspect(write_plain(tmp_path / "plain.mp4"))
    mirrored = encoder.inspect(make_turned(tmp_path, "-display_hflip"))

    shots = [SimpleNamespace(start=0, stop=12, transition="start")]
    sheets = []
    for source, name in ((plain, "plain.png"), (mirrored, "mirrored.png")):
        write_contact_sheet(source, shots, tmp_path / name)
        sheets.append(cv2.imread(str(tmp_path / name)).astype(float))
    left, top, width = 6, 6 + 16, round(72 * 96 / 64)
    first = [sheet[top : top + 72, left : left + width] for sheet in sheets]
    assert np.abs(first[0] - first[1][:, ::-1]).mean() < 2
