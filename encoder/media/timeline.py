"""The end of a source, and jumps of its clock: what is refused, and what is reported in a note."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

from encoder.errors import SourceError
from encoder.media.container import is_url
from encoder.media.joined_movies import count_ivf_movies, count_movies
from encoder.media.surveys.packet_survey import PacketSurvey

__all__ = ["describe_gaps", "describe_losses", "extend_to_stated_end", "hold_last_frame", "refuse_jumps"]

#: Seconds. Audio that ends later than the last frame by more extends this frame; less is padding of audio codecs, whose
#: packets last up to 0.1 s (chosen by hand).
MAX_PADDING = Fraction(1, 10)
#: Seconds. In a container without an index, a longer pause between frames is a jump of the clock and not content
#: (chosen by hand).
MAX_GAP = 60
#: Max number of pauses that have a note each (chosen by hand).
MAX_NOTES = 3
#: Fraction of a file after the last packet that is more than an index (chosen by hand).
MAX_UNREAD = 0.3
#: How to give continuous times to parts that were joined byte by byte.
_REMEDY = "make its times continuous first: ffmpeg -i SOURCE -map 0:v -map 0:a? -c copy joined.mkv"


def refuse_jumps(name: str, survey: PacketSurvey) -> None:
    """Refuse a source whose clock restarts, because its parts would be shown at the same time.

    Raises
    ------
    SourceError
        If decoding times decrease.
    """
    if survey.restart is not None:
        back, count = survey.restart
        raise SourceError(f"{name}: its clock goes back by {_seconds(back)} after {count} frames; {_REMEDY}")


def describe_gaps(
    name: str, survey: PacketSurvey, pts: list[int], time_base: Fraction, *, has_index: bool
) -> tuple[str, ...]:
    """Return a note on each long pause between frames.

    Raises
    ------
    SourceError
        If the container has no index and the clock jumps by more than `MAX_GAP`.
    """
    notes = []
    for frame, length in survey.find_gaps(pts, time_base):
        if not has_index and length > MAX_GAP:
            raise SourceError(f"{name}: its clock jumps by {_seconds(length)} after frame {frame}; {_REMEDY}")
        time = (pts[frame] - pts[0]) * time_base
        notes.append(f"there are no frames for {_seconds(length)} after {_seconds(time)}; frame {frame} is held")
    more = len(notes) - MAX_NOTES
    return (*notes[:MAX_NOTES], f"there are {more} more pauses without frames") if more > 0 else tuple(notes)


def describe_losses(
    name: str, survey: PacketSurvey, start: Fraction, end: Fraction, format_name: str
) -> tuple[str, ...]:
    """Return a note on what lies outside of the video.

    Parameters
    ----------
    name : str
        Absolute path, or URL.
    survey : PacketSurvey
    start, end : Fraction
        When the first frame begins and the last one ends, s.
    format_name : str
        FFmpeg's name of the container.
    """
    notes = []
    early = start - survey.find_audio_start(start)
    if early > MAX_PADDING:
        notes.append(f"the audio begins {_seconds(early)} before the first frame; this part is left out")
    for index, begin in survey.last_cues.items():
        if begin >= end:
            notes.append(f"subtitle track {index} has cues after the end, which are left out")
    if not is_url(name):
        notes += _describe_unread(Path(name), survey.read_bytes, format_name)
    return tuple(notes)


def _describe_unread(path: Path, read_bytes: int, format_name: str) -> list[str]:
    """Return a note if the file goes on after what FFmpeg reads, as files that were joined byte by byte do."""
    count = {"mp4": count_movies, "ivf": count_ivf_movies}
    readers = [count[name] for name in format_name.split(",") if name in count]
    if readers:
        # the index of a movie may be as large as its packets, and FFmpeg takes the second IVF file for one frame
        movies = readers[0](path)
        return [f"the file holds {movies} movies; only the first one is read"] if movies > 1 else []
    size = path.stat().st_size
    if not read_bytes or size - read_bytes <= MAX_UNREAD * size:
        return []
    return [f"FFmpeg reads no packet from the last {1 - read_bytes / size:.0%} of the file"]


def extend_to_stated_end(survey: PacketSurvey, end: int, stated: Fraction | None, time_base: Fraction) -> int:
    """Return when the last frame ends if the header of the file states an end, in ticks.

    Parameters
    ----------
    survey : PacketSurvey
    end : int
        When the last frame ends according to the packets, ticks.
    stated : Fraction or None
        The end of the longest track according to the header, s.
    time_base : Fraction
        Seconds per tick.
    """
    known = max(end * time_base, survey.find_audio_end(end * time_base))
    return end if stated is None or stated - known <= MAX_PADDING else round(stated / time_base)


def hold_last_frame(survey: PacketSurvey, end: int, time_base: Fraction) -> tuple[int, tuple[str, ...]]:
    """Extend the last frame until the audio ends.

    Parameters
    ----------
    survey : PacketSurvey
    end : int
        When the last frame ends, ticks.
    time_base : Fraction
        Seconds per tick.

    Returns
    -------
    end : int
        When the last frame ends, ticks.
    notes : tuple of str
        A note if the frame is extended.
    """
    longer = survey.find_audio_end(end * time_base) - end * time_base
    if longer <= MAX_PADDING:
        return end, ()
    note = f"the audio ends {_seconds(longer)} after the last frame, which is held until then"
    return end + math.ceil(longer / time_base), (note,)


def _seconds(time: Fraction) -> str:
    return f"{float(time):.2f} s"
