"""The estimate of a run, before its first stage and by the rungs of its ladder."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from encoder import AudioStream
from encoder.media.file_stamp import FileStamp
from ladders import Rung
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.timing.cost_model import expect_probe_bits, expect_rungs
from shotladder.pipeline.timing.run_estimate import estimate_finals, estimate_run
from tests.ladders.synthetic import film

REQUEST = EncodeRequest("video.mp4", Path("out"), ("h264",))


def rung(width, height, rate):
    return Rung(width, height, (30.0,), rate, 90.0)


def finals(*rungs, request=REQUEST, chunks=10):
    stages = estimate_finals(request, film(960), "h264", rungs, chunks)
    assert ("h264", "probes") not in stages
    return stages


def test_estimate_finals_follows_the_rungs_of_the_ladder():
    low, high = rung(640, 360, 200_000), rung(1280, 720, 1_000_000)
    one, two = finals(high), finals(low, high)
    assert one["h264", "other rungs"] == 0
    assert two["h264", "top rung"] == pytest.approx(one["h264", "top rung"])
    assert two["h264", "top rung"] > 2 * two["h264", "other rungs"] > 0


def test_estimate_finals_counts_the_bits_of_rungs():
    # 40 s at 5 Mbit/s more, and 0.6 CPU s for each of these megabits
    few, many = (finals(rung(1280, 720, rate))["h264", "top rung"] for rate in (1_000_000, 6_000_000))
    assert many - few == pytest.approx(120)


def test_estimate_finals_has_a_larger_comparison_for_few_chunks():
    assert finals(rung(1280, 720, 10**6), chunks=3)["h264", "comparison"] == pytest.approx(
        4 * finals(rung(1280, 720, 10**6), chunks=12)["h264", "comparison"], rel=0.1
    )
    plain = finals(rung(1280, 720, 10**6), request=replace(REQUEST, compare=False))
    assert plain["h264", "comparison"] == 0


def test_estimate_finals_takes_the_codec_of_a_ladder_from_a_file():
    stages = estimate_finals(REQUEST, film(960), "hevc", [rung(1280, 720, 10**6)], 10)
    assert stages["hevc", "top rung"] > finals(rung(1280, 720, 10**6))["h264", "top rung"]


def test_expect_rungs_has_more_rungs_for_a_larger_source_file():
    source = film(960)
    small, large = (
        expect_rungs(REQUEST, replace(source, stamp=FileStamp(size, 0, 0, 0))) for size in (2_500_000, 50_000_000)
    )
    assert len(small) < len(large)
    # 0.4 of 500 kbit/s
    assert small[-1][1] == pytest.approx(200_000)
    # 0.05 bits per pixel
    assert large[-1][1] == pytest.approx(0.05 * 1280 * 720 * 24)


def test_expect_probe_bits_is_limited_by_the_source_file():
    source = film(960)
    # 1 and 0.02 bits per pixel
    large, small = (replace(source, stamp=FileStamp(960 * 1280 * 720 * bits // 8000, 0, 0, 0)) for bits in (1000, 20))
    assert expect_probe_bits(source) == expect_probe_bits(large) == 0.08
    assert expect_probe_bits(small) == pytest.approx(0.45 * 0.02, rel=1e-3)


def test_expect_rungs_ignores_the_size_of_a_playlist():
    source = film(960)
    playlist = replace(source, stamp=FileStamp(100, 0, 0, 0, segments="hash"))
    assert expect_rungs(REQUEST, playlist) == expect_rungs(REQUEST, source)


def test_expect_rungs_has_the_requested_number_and_maximum():
    rungs = expect_rungs(replace(REQUEST, rungs=4, max_bitrate=500_000.0), film(960))
    assert [round(rate) for _, rate in rungs][::3] == [120_000, 500_000]
    assert len(rungs) == 4
    assert len(expect_rungs(replace(REQUEST, rungs=1), film(960))) == 1


def test_estimate_run_grows_with_codecs_and_shrinks_with_workers():
    walls = [
        estimate_run(replace(REQUEST, codecs=codecs, workers=workers), film(960)).wall_seconds
        for codecs, workers in ((("h264",), 1), (("h264", "av1"), 1), (("h264", "av1"), 4))
    ]
    assert walls[0] < walls[1] > walls[2] > 0


def test_estimate_run_counts_every_audio_track_in_every_codec():
    stream = AudioStream(1, "pcm_s16le", 6, 48_000, Fraction(0), layout="5.1")
    none, one, four = (
        estimate_run(replace(REQUEST, audio=codecs), replace(film(960), audio=streams)).cpu_seconds["", "tracks"]
        for streams, codecs in (((), ("aac",)), ((stream,), ("aac",)), ((stream, stream), ("aac", "eac3")))
    )
    assert none == 0
    assert four == pytest.approx(4 * one)
