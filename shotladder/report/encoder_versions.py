"""Versions of the encoder libraries inside ffmpeg, as they report them when they encode a frame."""

from __future__ import annotations

import functools
import re

from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path

__all__ = ["LIBRARIES", "library_version"]

#: Encoder of ffmpeg -> key in `made_with`, and what the library reports on standard error.
LIBRARIES = {
    "libx265": ("x265", r"HEVC encoder version (\S+)"),
    "libsvtav1": ("svt_av1", r"SVT-AV1 Encoder Lib v?(\S+)"),
    "libvpx-vp9": ("libvpx", r"\[libvpx-vp9 @ \w+\] v(\S+)"),
}
#: Pixels of a side of the encoded frame: the minimum of SVT-AV1 is 64.
_SIDE = 128


def library_version(encoder: str) -> str | None:
    """Return the version of the library of an encoder of `LIBRARIES`; None if it does not report one."""
    return _read_version(ffmpeg_path(), encoder)


@functools.cache
def _read_version(path: str, encoder: str) -> str | None:
    source = f"color=size={_SIDE}x{_SIDE}:rate=10:duration=0.1"
    # the runner of processes silences the log of SVT-AV1
    argv = ["env", "SVT_LOG=3", path, "-hide_banner", "-nostdin", "-v", "info", "-f", "lavfi", "-i", source]
    try:
        done = run([*argv, "-frames:v", "1", "-c:v", encoder, "-f", "null", "-"])
    except ShotladderError:
        return None
    found = re.search(LIBRARIES[encoder][1], done.stderr)
    return found[1] if found else None
