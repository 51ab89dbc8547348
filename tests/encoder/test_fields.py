"""A film is deinterlaced where its pictures hold fields, not where it only says so."""

import pytest

from encoder import inspect
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path

SAID = ("-vf", "setfield=tff", "-flags", "+ildct+ilme", "-x264-params", "tff=1")
WOVEN = ("-vf", "interlace=scan=tff,setfield=tff", "-flags", "+ildct+ilme", "-x264-params", "tff=1")


def film(path, options, source="mandelbrot=size=320x240:rate=50:end_pts=100,trim=duration=2"):
    argv = [ffmpeg_path(), "-v", "error", "-nostdin", "-f", "lavfi", "-i", source]
    run([*argv, *options, "-c:v", "libx264", "-preset", "ultrafast", str(path)])
    return inspect(path)


@pytest.mark.parametrize(("options", "expected"), [(WOVEN, True), (SAID, False), ((), False)])
@pytest.mark.parametrize("name", ["film.mp4", "film.ts"])
def test_fields_are_seen_not_believed(tmp_path, options, expected, name):
    assert film(tmp_path / name, options).interlaced is expected


def test_a_picture_that_stands_still_is_left_alone(tmp_path):
    assert not film(tmp_path / "film.mp4", WOVEN, "smptebars=size=128x96:rate=50:duration=1").interlaced


@pytest.mark.shared
@pytest.mark.parametrize("clip", ["interlaced_h264_tff_640x360_5s.mp4", "interlaced_news_480i_tff_7s.ts"])
def test_progressive_pictures_sent_as_interlaced_stay_as_they_are(shared, clip):
    assert not inspect(shared / "clips" / clip).interlaced
