"""The options of audio and subtitles."""

import click
import pytest

from shotladder.commands.options.packaging_options import track_options


def parse(*words):
    command = click.command()(track_options(lambda audio, subtitles: (audio, subtitles)))
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
