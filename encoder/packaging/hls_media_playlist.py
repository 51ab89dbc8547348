"""Read an HLS media playlist: durations, files, sizes and bitrates of its segments."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import m3u8

__all__ = ["PackagedTrack", "read_media_playlist"]


@dataclass(frozen=True, slots=True)
class PackagedTrack:
    """One packaged track: its segments as listed in its media playlist.

    Attributes
    ----------
    playlist : str
        File name of the playlist.
    init : str
        File with the initialisation; empty if there is none.
    urls : tuple of str
        Files with the segments, relative to the folder.
    durations : tuple of float
        Seconds.
    sizes : tuple of int
        Bytes.
    offsets : tuple of int or None
        Offset of each segment in its file, bytes; None if each segment has its own file.
    target_duration : int
        EXT-X-TARGETDURATION, seconds (RFC 8216, 4.3.3.1).
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
        """Peak and average segment bitrate, bits/s (RFC 8216, 4.1).

        The peak is the maximum over all sequences of segments that last 0.5 to 1.5 times the target duration.
        """
        # the decimals of the playlist, without rounding to binary
        durations = [Fraction(str(duration)) for duration in self.durations]
        low, high = Fraction(self.target_duration, 2), Fraction(3 * self.target_duration, 2)
        average = 8 * sum(self.sizes) / sum(durations, start=Fraction(0))
        peak = average
        for start in range(len(durations)):
            length, size = Fraction(0), 0
            for duration, more in zip(durations[start:], self.sizes[start:], strict=True):
                length, size = length + duration, size + more
                if length > high:
                    break
                if length >= low:
                    peak = max(peak, 8 * size / length)
        return peak, average


def read_media_playlist(folder: Path, playlist: str) -> PackagedTrack:
    """Read a media playlist; sizes are those of the files or of their byte ranges."""
    listed = m3u8.load(str(folder / playlist))
    entries = listed.segments
    urls = tuple(str(entry.uri) for entry in entries)
    offsets = None
    if any(entry.byterange for entry in entries):
        sizes, offsets = _parse_ranges([str(entry.byterange) for entry in entries])
    else:
        sizes = tuple((folder / url).stat().st_size for url in urls)
    return PackagedTrack(
        playlist=playlist,
        init=str(listed.segment_map[0].uri) if listed.segment_map else "",
        urls=urls,
        durations=tuple(float(entry.duration) for entry in entries),
        sizes=sizes,
        offsets=offsets,
        target_duration=int(listed.target_duration),
    )


def _parse_ranges(written: list[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Parse `<size>[@<offset>]` (RFC 8216, 4.3.2.2); without an offset a range follows the previous one."""
    sizes, offsets, end = [], [], 0
    for span in written:
        size, _, offset = span.partition("@")
        offsets.append(int(offset) if offset else end)
        sizes.append(int(size))
        end = offsets[-1] + sizes[-1]
    return tuple(sizes), tuple(offsets)
