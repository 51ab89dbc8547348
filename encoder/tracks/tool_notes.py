"""How long ffmpeg may take for a track, and what it reports although it succeeds, such as damaged packets."""

from __future__ import annotations

import re

from encoder.media.source import Source

__all__ = ["limit_time", "summarise_errors"]

#: Seconds in which ffmpeg must read a track of any length (chosen by hand, for slow disks and servers).
MIN_TIME_LIMIT = 600

#: Name and address of the part of FFmpeg that reports.
_PART = re.compile(r"^(\[[^\]]* @ 0x[0-9a-f]+\] ?)+")
#: A line that stands for repetitions of the one before.
_REPEATED = re.compile(r"\s*Last message repeated \d+ times")


def limit_time(source: Source) -> float:
    """Return the seconds in which ffmpeg must convert a track: at least the speed of playback."""
    return MIN_TIME_LIMIT + float(source.duration)


def summarise_errors(stderr: str) -> tuple[str, ...]:
    r"""Return a note on the errors that ffmpeg printed, with the first one; nothing if it printed none.

    Examples
    --------
    >>> summarise_errors("[aac @ 0x55] Number of bands exceeds limit.\n[aist#0:1 @ 0x56] Error submitting packet\n")
    ('ffmpeg reports errors (2 lines), the first: Number of bands exceeds limit.',)
    """
    lines = [_PART.sub("", line).strip() for line in stderr.splitlines() if not _REPEATED.fullmatch(line)]
    lines = [line for line in lines if line]
    if not lines:
        return ()
    return (f"ffmpeg reports errors ({len(lines)} lines), the first: {lines[0]}",)
