"""Options mean what they say, before anything runs."""

import click
import pytest

from shotladder.commands.options import audio_options


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
def test_codecs_of_sound_are_split_and_may_be_none(words, codecs):
    command = click.command()(audio_options(lambda audio: audio))
    assert command(list(words), standalone_mode=False) == codecs


def test_a_codec_of_sound_that_is_unknown_is_told():
    command = click.command()(audio_options(lambda audio: audio))
    with pytest.raises(click.BadParameter, match="'mp3' is none of aac, eac3, ac3, opus, copy"):
        command(["--audio", "aac,mp3"], standalone_mode=False)
