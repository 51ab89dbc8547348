"""A source counts as interlaced if its frames hold fields, not because of its flags."""

import pytest

from encoder import inspect
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path

SAID = ("-vf", "setfield=tff", "-flags", "+ildct+ilme", "-x264-params", "tff=1")
WOVEN = ("-vf", "interlace=scan=tff,setfield=tff", "-flags", "+ildct+ilme", "-x264-params", "tff=1")


def video(path, options, source="mandelbrot=size=320x240:rate=50:end_pts=100,trim=duration=2"):
    argv = [ffmpeg_path(), "-v", "error", "-nostdin", "-f", "lavfi", "-i", source]
    run([*argv, *options, "-c:v", "libx264", "-preset", "ultrafast", str(path)])
    return inspect(path)


@pytest.mark.parametrize(("options", "expected"), [(WOVEN, True), (SAID, False), ((), False)])
@pytest.mark.parametrize("name", ["video.mp4", "video.ts"])
def test_is_interlaced_examines_frames_instead_of_flags(tmp_path, options, expected, name):
    assert video(tmp_path / name, options).interlaced is expected


def test_is_interlaced_is_false_without_motion(tmp_path):
    assert not video(tmp_path / "video.mp4", WOVEN, "smptebars=size=128x96:rate=50:duration=1").interlaced


@pytest.mark.shared
@pytest.mark.parametrize("clip", ["interlaced_h264_tff_640x360_5s.mp4", "interlaced_news_480i_tff_7s.ts"])
def test_is_interlaced_is_false_for_progressive_clips(shared, clip):
    assert not inspect(shared / "clips" / clip).interlaced
