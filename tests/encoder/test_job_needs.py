"""The predicted needs of encode jobs."""

import pytest

from encoder import Rendition, get_codec
from encoder.encode.job_needs import predict_memory, predict_seconds
from ladders import EncodeSettings

FULL, HALF = (1920, 1080), (960, 540)
PIXELS = 1920 * 1080


def rendition(codec, preset=None, size=FULL) -> Rendition:
    return EncodeSettings(codec=codec, preset=preset or get_codec(codec).preset).rendition(size)


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1"])
def test_predict_seconds_falls_with_faster_presets(codec):
    # presets are in the order from the fastest to the slowest
    times = [predict_seconds(PIXELS, [rendition(codec, preset)], 100) for preset in get_codec(codec).presets]
    assert times == sorted(times)
    assert times[0] > 0


def test_predict_seconds_grows_with_frames_and_pixels():
    one = predict_seconds(PIXELS, [rendition("h264")], 100)
    assert predict_seconds(PIXELS, [rendition("h264")], 200) == pytest.approx(2 * one)
    small = predict_seconds(PIXELS, [rendition("h264", size=HALF)], 100)
    decoding = predict_seconds(PIXELS, [], 100)
    assert small - decoding == pytest.approx((one - decoding) / 4)


def test_predict_memory_holds_what_was_measured():
    # benchmarks.scale.encode_needs: one 1080p rendition of x264 with the preset medium took 423 MB
    assert 423e6 < predict_memory(PIXELS, [rendition("h264")]) < 1.6 * 423e6
    assert predict_memory(PIXELS, [rendition("h264"), rendition("h264", size=HALF)]) < 1.5 * predict_memory(
        PIXELS, [rendition("h264")]
    )
    assert predict_memory(PIXELS, [rendition("hevc")]) > predict_memory(PIXELS, [rendition("hevc", size=HALF)])
