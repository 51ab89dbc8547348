"""Real films with real troubles, from end to end: every frame at its time, upright, in the right colours."""

import json

import av
import pytest

import encoder
from encoder.encode.filters import keeps_hdr, make_colour_tags
from tests.encoder.videos import fetch_track
from tests.shotladder.running import shotladder

PRESETS = {"h264": "ultrafast", "hevc": "ultrafast", "av1": "12"}
#: H.273's code points of what the clips state.
CODES = {None: 2, "bt709": 1, "bt2020": 9, "bt2020nc": 9, "smpte170m": 6, "smpte2084": 16, "arib-std-b67": 18}


@pytest.mark.shared
@pytest.mark.parametrize(
    ("clip", "codecs"),
    [
        # a phone held upright, at a rate that varies; BT.709 in the matrix of BT.601
        ("iphone_rot90_vfr_1s.mov", ("h264",)),
        # HLG with Dolby Vision on top
        ("odd/hlg_fall_5frames.mov", ("h264", "hevc")),
    ],
)
def test_frames_times_shape_and_colours_survive(shared, tmp_path, clip, codecs):
    film = shared / "clips" / clip
    presets = ",".join(f"{codec}={PRESETS[codec]}" for codec in codecs)
    settings = ("--preset", presets, "--rungs", "1", "--max-height", "234", "--target-vmaf", "50", "--no-audio")
    store, out = tmp_path / "store", tmp_path / "out"
    answer = shotladder("encode", film, "-o", out, "--codec", ",".join(codecs), *settings, store=store)
    assert answer.status == 0, answer.err
    source = encoder.inspect(film)
    assert ("Dolby Vision metadata is left out" in answer.err) == bool(source.hdr.dynamic)
    document = json.loads((out / "presentation.json").read_text())
    assert [rung["codec"] for rung in document["video"]] == list(codecs)
    for rung in document["video"]:
        with av.open(str(fetch_track(out, rung["playlist"]))) as played:
            frames = list(played.decode(video=0))
        assert len(frames) == source.frame_count
        for n, frame in enumerate(frames):
            assert abs(frame.pts * frame.time_base - source.time(n)) <= source.time_base
        width, height = source.display_size
        assert frames[0].width / frames[0].height == pytest.approx(width / height, rel=0.02)
        assert {frame.rotation for frame in frames} == {0}
        hdr = keeps_hdr(source, encoder.get_codec(rung["codec"]))
        tags = make_colour_tags(source, hdr=hdr)
        expected = tuple(CODES[each] for each in (tags.primaries, tags.transfer, tags.matrix))
        told = {(int(f.color_primaries), int(f.color_trc), int(f.colorspace)) for f in frames}
        assert told == {expected}
        assert rung["video_range"] == ("HLG" if hdr else "SDR")
