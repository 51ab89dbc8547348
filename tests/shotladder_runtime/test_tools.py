"""The tools are those that came with the project, or the user's own; what is no ffmpeg is told so."""

import os
import sys
from pathlib import Path

import pytest

import encoder
from shotladder_runtime.errors import MissingToolError, ShotladderError
from shotladder_runtime.tools import (
    FFMPEG_VARIABLE,
    ffmpeg_encoders,
    ffmpeg_filters,
    ffmpeg_path,
    ffmpeg_version,
    packager_version,
)


def test_the_bundled_tools_have_all_parts():
    assert ffmpeg_encoders() >= {codec.encoder for codec in encoder.load_codecs().values()} | {"aac", "webvtt"}
    assert ffmpeg_filters() >= {"libvmaf", "zscale", "bwdif", "tonemap", "trim", "split"}
    assert ffmpeg_version()[0].isdigit() or ffmpeg_version()[0] in "nN"
    assert packager_version().lstrip("v")[0].isdigit()


def test_an_own_ffmpeg_is_used(tmp_path, monkeypatch):
    own = tmp_path / "my-ffmpeg"
    own.symlink_to(ffmpeg_path())
    monkeypatch.setenv(FFMPEG_VARIABLE, str(own))
    assert ffmpeg_path() == str(own)
    assert "libx264" in ffmpeg_encoders()


def test_an_own_ffmpeg_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv(FFMPEG_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(MissingToolError, match=rf"nowhere: no such program \({FFMPEG_VARIABLE}"):
        ffmpeg_path()


@pytest.mark.parametrize("program", ["/bin/true", sys.executable])
def test_a_program_that_is_no_ffmpeg_is_told(program, monkeypatch):
    if not Path(program).is_file() or not os.access(program, os.X_OK):
        pytest.skip("there is no such program to try")
    monkeypatch.setenv(FFMPEG_VARIABLE, program)
    with pytest.raises(ShotladderError, match=r"is not ffmpeg|failed"):
        ffmpeg_version()
