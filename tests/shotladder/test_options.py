"""The options of audio and subtitles, and the values of the libraries that the help lists."""

import json
import subprocess
from types import SimpleNamespace

import click
import pytest
from click.shell_completion import ShellComplete

import abr
import encoder
import ladders
import vmaf
from encoder.captions.speech_model import DEFAULT_PACKAGE
from shotladder.cli import group
from shotladder.commands.options import library_values
from shotladder.commands.options.packaging_options import track_options
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.ladder_requests import build_ladder_requests
from shotladder_runtime.tools import ffmpeg_path
from tests.shotladder.running import shotladder
from vmaf.raw_video import RAW_FORMATS


def parse(*words):
    command = click.command()(track_options(lambda audio, subtitles, **_: (audio, subtitles)))
    return command(list(words), standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "codecs"),
    [
        ((), ("aac", "eac3")),
        (("--audio", "aac,copy,opus"), ("aac", "copy", "opus")),
        (("--audio", "none"), ()),
        (("--no-audio",), ()),
        (("--no-audio", "--audio", "opus"), ("opus",)),
    ],
)
def test_track_options_split_audio_codecs(words, codecs):
    assert parse(*words) == (codecs, True)


def test_track_options_drop_subtitles_independently_of_audio():
    assert parse("--no-subtitles") == (("aac", "eac3"), False)
    assert parse("--no-subtitles", "--audio", "none") == ((), False)


def test_track_options_report_an_unknown_audio_codec():
    message = r"unknown audio codec 'mp3' \(choose from aac, eac3, ac3, opus, copy, none\)"
    with pytest.raises(click.BadParameter, match=message):
        parse("--audio", "aac,mp3")


@pytest.fixture(scope="module")
def subtitled(tmp_path_factory):
    """A video of half a second with audio and subtitles."""
    folder = tmp_path_factory.mktemp("subtitled")
    (folder / "a.srt").write_text("1\n00:00:00,100 --> 00:00:00,400\nHello\n")
    video = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=24:duration=0.5", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    audio = ["-f", "lavfi", "-i", "sine=duration=0.5", "-c:a", "aac"]
    inputs = [*video[:4], *audio[:4], "-i", folder / "a.srt"]
    outputs = [*video[4:], *audio[4:], "-c:s", "srt", folder / "source.mkv"]
    command = [ffmpeg_path(), "-v", "error", *inputs, *outputs]
    subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL)
    return folder


@pytest.mark.parametrize(
    ("words", "audio", "text"), [((), 1, 1), (("--audio", "none"), 0, 1), (("--no-subtitles",), 1, 0)]
)
def test_encode_leaves_out_audio_and_subtitles_independently(subtitled, tmp_path, words, audio, text):
    settings = ("--preset", "ultrafast", "--rungs", "1", "--target-vmaf", "60", "--no-compare", "--quiet", *words)
    answer = shotladder(
        "encode", subtitled / "source.mkv", "-o", tmp_path / "out", *settings, store=subtitled / "store"
    )
    assert (answer.status, answer.err) == (0, "")
    document = json.loads((tmp_path / "out" / "presentation.json").read_text())
    assert (len(document["audio"]), len(document["text"])) == (audio, text)
    assert (tmp_path / "out" / "text").exists() == bool(text)


def test_library_values_are_those_of_the_libraries():
    assert tuple(encoder.AUDIO_CODECS) == library_values.AUDIO_CODECS
    assert tuple(encoder.PROTECTION_SCHEMES) == library_values.PROTECTION_SCHEMES
    assert DEFAULT_PACKAGE == library_values.SPEECH_PACKAGE
    assert set(library_values.VIDEO_CODECS) <= set(encoder.load_codecs())
    assert tuple(ladders.MODES) == library_values.LADDER_MODES
    assert tuple(ladders.POOLINGS) == library_values.POOLINGS
    assert ("vmaf", *ladders.METRICS) == library_values.SEARCH_METRICS
    assert ladders.XPSNR.target == library_values.XPSNR_TARGET
    assert tuple(ladders.EXTRA_METRICS) == library_values.EXTRA_METRICS
    assert library_values.EFFORT_TOLERANCES == ladders.EFFORT_TOLERANCES
    assert tuple(library_values.EFFORT_TOLERANCES) == encoder.EFFORTS
    assert ladders.TrafficModel(1).gb_per_cpu_hour == library_values.GB_PER_CPU_HOUR
    assert vmaf.DEFAULT_ENGINE == library_values.DEFAULT_ENGINE
    assert tuple(vmaf.METRICS) == library_values.SCORE_METRICS
    assert set(RAW_FORMATS) == set(library_values.RAW_FORMATS)
    assert tuple(sorted(abr.FORMATS)) == library_values.TRACE_FORMATS
    assert tuple(vmaf.DEVICES) == tuple(abr.DEVICES) == library_values.VIEWING_DEVICES
    assert tuple(abr.MODES) == library_values.SESSION_MODES
    assert sorted({policy.name for policy in abr.list_policies()}) == list(library_values.ABR_POLICIES)
    assert tuple(abr.REPLACEMENTS) == library_values.REPLACEMENTS
    assert tuple(abr.CATCH_UPS) == library_values.CATCH_UPS


def test_build_ladder_requests_places_the_lowest_rung_at_the_minimum_bitrate(tmp_path):
    source = SimpleNamespace(display_size=(640, 360), duration=10)
    for given, expected in ((None, ladders.RungRules().bottom_rate), (300_000.0, 300_000.0)):
        request = EncodeRequest("video.mp4", tmp_path, min_bitrate=given)
        (found,) = build_ladder_requests(request, source)
        assert found.rules.bottom_rate == expected


@pytest.mark.parametrize(
    ("words", "incomplete", "answer"),
    [
        (["simulate", "out", "--policy"], "bba-", ["bba-0", "bba-1", "bba-2", "bba-others"]),
        (["compare", "out", "--policy"], "bba-2,bola-e", ["bba-2,bola-e"]),
        (["encode", "video.mp4", "--codec"], "h264,h", ["h264,hevc"]),
        ([], "enc", ["encode"]),
    ],
)
def test_shell_complete_offers_names(words, incomplete, answer):
    completion = ShellComplete(group, {}, "shotladder", "_SHOTLADDER_COMPLETE")
    assert [item.value for item in completion.get_completions(words, incomplete)] == answer


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--film-grain", "10"), "--film-grain requires a codec"),
        (("--codec", "h264,hevc", "--film-grain", "auto"), "--film-grain requires a codec"),
        (("--no-audio", "--loudness", "-23"), "--loudness requires an --audio codec"),
        (("--audio", "copy", "--loudness", "-23"), "--loudness requires an --audio codec"),
    ],
)
def test_encode_refuses_an_option_that_has_no_effect(film, tmp_path, words, message):
    done = shotladder("encode", film, "-o", tmp_path / "out", *words, store=tmp_path / "store")
    assert (done.status, message in done.lines[-1]) == (2, True), done.err
