"""Detect files that do not state when frames are presented, and files that end too early."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Any

import av

__all__ = ["PacketOrder"]

#: AVFMT_NOTIMESTAMPS: the file states no times. PyAV and the ffmpeg program guess them differently.
_STATES_NO_TIMES = 0x0080
#: AVFMT_TS_DISCONT | AVFMT_GENERIC_INDEX: the file states no duration, and FFmpeg estimates one.
_STATES_NO_DURATION = 0x0200 | 0x0100
#: Number of seeks that are tried, and of packets that are read after each (chosen by hand).
SEEKS, PACKETS_PER_SEEK = 6, 300
#: Seconds. A file whose packets end earlier than its header states by more is cut off (chosen by hand).
MIN_LOSS = 1.0


class PacketOrder:
    """Collects the times of the packets of a video stream in the order of the file.

    Parameters
    ----------
    container : PyAV container
    stream : PyAV video stream

    Notes
    -----
    AVI, and Matroska in its mode for AVI codecs, state one time for each packet. If frames are reordered, it is not the
    time of the frame, and FFmpeg attaches the times to the wrong frames.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self._container, self._stream = container, stream
        self._states_times = not container.format.flags & _STATES_NO_TIMES
        self._pts, self._dts = array("q"), array("q")
        self._ends: dict[int, int] = {}
        self._count = 0
        self._discarded = 0
        self._keys: list[tuple[int, int]] = []
        self._seeks_to_times = True

    def add(self, packet: Any) -> None:
        """Add the next packet of the file that has data."""
        index = packet.stream.index
        if packet.pts is not None:
            self._ends[index] = max(self._ends.get(index, 0), packet.pts + (packet.duration or 0))
        if index != self._stream.index:
            return
        self._count += 1
        self._discarded += packet.is_discard
        if packet.pts is not None:
            self._pts.append(packet.pts)
            if packet.is_keyframe:
                self._keys.append((packet.pts, packet.size))
        if packet.dts is not None:
            self._dts.append(packet.dts)

    def try_seeks(self) -> None:
        """Seek to some key frames of a file without an index, and compare their times with those of the first reading.

        A program stream need not state the time of each frame, and FFmpeg then guesses other times after a seek.
        """
        if not self._container.format.flags & _STATES_NO_DURATION or not self._states_times:
            return
        known, last = set(self._keys), len(self._keys) - 1
        for n in sorted({last * n // SEEKS for n in range(1, SEEKS + 1)}):
            try:
                self._container.seek(self._keys[n][0], stream=self._stream)
                packets = islice(self._container.demux(self._stream), PACKETS_PER_SEEK)
                found = next((packet for packet in packets if packet.is_keyframe and packet.size), None)
            except av.FFmpegError:
                return
            if found is not None and (found.pts, found.size) not in known:
                self._seeks_to_times = False

    @property
    def is_seekable(self) -> bool:
        """Whether times identify frames, also after a seek."""
        return self._states_times and self._seeks_to_times

    @property
    def is_ambiguous(self) -> bool:
        """Whether only the decoder knows how many frames there are and in which order they are presented."""
        is_reordered = bool(self._stream.codec_context.has_b_frames) and self._count > 1
        return not self.is_seekable or (is_reordered and _is_increasing(self._pts))

    @property
    def shown_count(self) -> int:
        """Number of packets that an edit list does not discard."""
        return self._count - self._discarded

    def describe_loss(self) -> tuple[str, ...]:
        """Return a sentence if the file holds less than its index or its header states."""
        listed = self._stream.frames if "mp4" in self._container.format.name else 0
        if listed > self._count:
            return (f"it is damaged or cut off: its index lists {listed} frames, and it holds {self._count}",)
        if self._container.format.flags & _STATES_NO_DURATION or not self._container.duration:
            return ()
        # FFmpeg states the duration in microseconds, and derives that of an AVI file without its index from the size
        stated = ((self._container.start_time or 0) + self._container.duration) / 1e6
        if self._container.format.name == "avi":
            stated = float(self._stream.frames * self._stream.time_base)
        streams = self._container.streams
        end = max((float(ticks * streams[index].time_base) for index, ticks in self._ends.items()), default=stated)
        if stated - end < MIN_LOSS:
            return ()
        return (f"it is damaged or cut off: its header states an end at {stated:.3f} s, and it ends at {end:.3f} s",)

    def describe_hidden(self) -> tuple[str, ...]:
        """Return a sentence if an edit list of the file hides frames."""
        return (f"its edit list hides {self._discarded} of {self._count} frames",) if self._discarded else ()

    def number_frames(self, pts: Sequence[int | None], step: int) -> list[int] | None:
        """Return times for decoded frames whose own times are meaningless, None for others.

        Parameters
        ----------
        pts : sequence of (int or None)
            Times of the frames, in the order in which the decoder returns them, ticks.
        step : int
            Duration of a frame, ticks.
        """
        known = [time for time in pts if time is not None]
        is_in_order = len(known) == len(pts) and _is_increasing(known)
        if self._states_times and (is_in_order or not _is_increasing(self._pts)):
            return None
        times = sorted(self._dts)
        return times if len(times) == len(pts) and _is_increasing(times) else [n * step for n in range(len(pts))]


def _is_increasing(times: Sequence[int]) -> bool:
    return all(a < b for a, b in pairwise(times))
