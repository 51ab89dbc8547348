"""Options from a TOML file, and the file that a call prints."""

import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from shotladder.commands import encode
from shotladder.commands.options.config_file import render_config


@pytest.fixture
def parse(tmp_path):
    """Parse the options of `encode` with a file, without running it."""

    def parse(text, *words):
        (tmp_path / "video.toml").write_text(text)
        return encode.command.make_context("encode", ["--config", str(tmp_path / "video.toml"), *words])

    return parse


TEXT = """
source = "video.mp4"
output = "out"
target-vmaf = 95
segment-duration = 2.002
codec = ["h264", "av1"]
no-subtitles = true
compare = false
client-traces = ["."]
"""


def test_config_option_sets_every_kind_of_option(parse):
    values = parse(TEXT).params
    assert values["source"] == ("video.mp4",)
    assert values["output"] == Path("out")
    assert values["target_vmaf"] == 95.0
    assert str(values["segment_duration"]) == "1001/500"
    assert values["codecs"] == ("h264", "av1")
    assert values["subtitles"] is False and values["compare"] is False
    assert values["client_traces"] == (Path(),)


def test_config_option_is_overridden_by_the_command_line(parse):
    text = 'source = "a"\noutput = "b"\ntarget-vmaf = 95\n'
    values = parse(text, "other.mp4", "--target-vmaf", "90").params
    assert (values["source"], values["target_vmaf"]) == (("other.mp4",), 90.0)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("target-vamf = 95", "did you mean 'target-vmaf'"),
        ("target-vmaf = 950", "950"),
        ("encrypt = 3", "expected true or false"),
        ("target-vmaf = {}", "expected a number"),
        ("= 3", "cannot be read"),
        ("dry-run = true", "unknown key"),
    ],
)
def test_config_option_names_the_fault(parse, text, fault):
    with pytest.raises(click.UsageError, match=fault):
        parse(f'source = "a"\noutput = "b"\n{text}')


def test_render_config_can_be_read_again(parse):
    text = TEXT
    first = parse(text)
    printed = render_config(first)
    assert tomllib.loads(printed)["target-vmaf"] == 95
    again = parse(printed)
    assert again.params == first.params | {"config": again.params["config"]}


def test_encode_without_a_source_is_wrong_usage():
    assert CliRunner().invoke(encode.command, ["-o", "out"]).exit_code == 2
