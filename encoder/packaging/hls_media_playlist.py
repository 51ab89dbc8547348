"""What a media playlist of HLS lists: segments, with their durations, files, bytes, and bit rates."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import m3u8

__all__ = ["Packaged", "playlist_segments"]


@dataclass(frozen=True, slots=True)
class Packaged:
    """Segments of one track as its playlist lists them.

    Attributes
    ----------
    playlist : str
        Its name in the folder.
    init : str
        File that holds the initialisation; empty where there is none.
    urls : tuple of str
        Files that hold the segments, relative to the folder.
    durations : tuple of float
        Seconds.
    sizes : tuple of int
        Bytes.
    offsets : tuple of int or None
        Where in its file each segment begins, bytes; None where each has a file of its own.
    target_duration : int
        Seconds, as RFC 8216 (4.3.3.1) has it.
    """

    playlist: str
    init: str
    urls: tuple[str, ...]
    durations: tuple[float, ...]
    sizes: tuple[int, ...]
    offsets: tuple[int, ...] | None
    target_duration: int

    @property
    def peak_and_average(self) -> tuple[Fraction, Fraction]:
        """The peak and the average segment bit rate, bits/s (RFC 8216, 4.1).

        The peak is that of any run of segments that lasts between 0.5 and 1.5 times the target duration.
        """
        # a playlist tells decimals
        durations = [Fraction(str(duration)) for duration in self.durations]
        low, high = Fraction(self.target_duration, 2), Fraction(3 * self.target_duration, 2)
        average = 8 * sum(self.sizes) / sum(durations, start=Fraction(0))
        peak = average
        for first in range(len(durations)):
            length, size = Fraction(0), 0
            for duration, more in zip(durations[first:], self.sizes[first:], strict=True):
                length, size = length + duration, size + more
                if length > high:
                    break
                if length >= low:
                    peak = max(peak, 8 * size / length)
        return peak, average


def playlist_segments(folder: Path, playlist: str) -> Packaged:
    """Read what a media playlist lists; sizes are those of the files, or of their ranges."""
    listed = m3u8.load(str(folder / playlist))
    entries = listed.segments
    urls = tuple(str(entry.uri) for entry in entries)
    offsets = None
    if any(entry.byterange for entry in entries):
        sizes, offsets = _ranges([str(entry.byterange) for entry in entries])
    else:
        sizes = tuple((folder / url).stat().st_size for url in urls)
    return Packaged(
        playlist=playlist,
        init=str(listed.segment_map[0].uri) if listed.segment_map else "",
        urls=urls,
        durations=tuple(float(entry.duration) for entry in entries),
        sizes=sizes,
        offsets=offsets,
        target_duration=int(listed.target_duration),
    )


def _ranges(written: list[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return sizes and offsets of `<bytes>[@<offset>]`; one without begins where the one before ends (4.3.2.2)."""
    sizes, offsets, end = [], [], 0
    for span in written:
        size, _, offset = span.partition("@")
        offsets.append(int(offset) if offset else end)
        sizes.append(int(size))
        end = offsets[-1] + sizes[-1]
    return tuple(sizes), tuple(offsets)
