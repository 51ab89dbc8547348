"""Compare the free space of the store and of the output with what a run may need, before its first stage."""

from __future__ import annotations

import shutil
from pathlib import Path

from encoder import Source
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.report.readable_units import format_size
from shotladder.reporter import Reporter
from shotladder_runtime.errors import ShotladderError

__all__ = ["DiskSpaceError", "check_free_space", "estimate_output_bytes"]

#: Bits per pixel of all rungs of a ladder together. Measured on `presentation.json` of a 720p title with five rungs:
#: 0.24; rounded up.
BITS_PER_PIXEL = 0.3
#: Size of the store after a run, in sizes of its output: final encodes, stitched tracks, probe encodes. Chosen by hand.
STORE_FACTOR = 3
#: A run does not start with less free space than this fraction of the estimate, which may be too high by as much.
#: Chosen by hand.
MIN_FRACTION = 0.1


class DiskSpaceError(ShotladderError, OSError):
    """A file system has too little free space for a run."""


def check_free_space(request: EncodeRequest, source: Source, reporter: Reporter) -> None:
    """Report a file system whose free space may not suffice.

    Raises
    ------
    DiskSpaceError
        If it certainly does not.
    """
    size = estimate_output_bytes(source, len(request.codecs))
    for folder, needed in ((request.store.root, STORE_FACTOR * size), (request.output, size)):
        free = shutil.disk_usage(_existing(folder)).free
        if free < MIN_FRACTION * needed:
            raise DiskSpaceError(
                f"{folder}: {format_size(free)} are free and about {format_size(needed)} are needed;"
                " free some space, or name another place with --store or -o"
            )
        if free < needed:
            reporter.say(f"{folder}: {format_size(free)} are free; the run may need {format_size(needed)}")


def estimate_output_bytes(source: Source, codec_count: int) -> float:
    """Return the approximate size of a presentation."""
    width, height = source.display_size
    return BITS_PER_PIXEL * width * height * source.frame_count * codec_count / 8


def _existing(path: Path) -> Path:
    """Return the nearest folder above a path that exists."""
    return next(each for each in (path, *path.parents) if each.is_dir())
