"""What the packets of a source state about time: when each track ends, and where its clock jumps."""

from __future__ import annotations

from array import array
from fractions import Fraction
from itertools import pairwise
from typing import Any

from encoder.media.subtitle_text import TEXT_CODECS, is_utf8_text

__all__ = ["PacketSurvey"]

#: Min fraction of packets whose stated duration agrees with the times; otherwise the container does not know durations
#: (chosen by hand).
MIN_AGREEMENT = 0.5
#: Min duration of the last frame, relative to the mean; a shorter one is a placeholder of the muxer (chosen by hand).
MIN_LAST = Fraction(1, 8)
#: Max duration of the last frame, relative to the mean, if the container does not know durations (chosen by hand).
MAX_UNCONFIRMED = 4
#: Seconds. A decoding time that decreases by more belongs to a clock that restarts (chosen by hand).
RESTART = Fraction(1, 2)
#: Seconds. Longer pauses between frames are reported, unless the container states that the frame lasts so long: FFmpeg
#: calls it a discontinuity (-dts_delta_threshold).
GAP = 10
#: Seconds. Longer pauses between frames are always reported (chosen by hand: longer than a slide).
LONG_GAP = 300
#: Seconds. A pause of audio that still counts as the same sound (chosen by hand).
AUDIO_PAUSE = 1
#: Bytes of the first packet that identify a codec (chosen by hand).
STARTS_KEPT = 64


class PacketSurvey:
    """Collects the times of all packets of a source.

    Parameters
    ----------
    stream_index : int
        Index of the main video stream.

    Attributes
    ----------
    counts : dict of int to int
        Number of packets with data of each stream.
    starts : dict of int to bytes
        First bytes of each stream for which FFmpeg has no decoder.
    last_cues : dict of int to Fraction
        When the last cue of each subtitle stream begins, s.
    read_bytes : int
        Position in the file after the last packet.
    not_utf8 : set of int
        Subtitle streams with text that is not UTF-8.
    restart : (Fraction, int) or None
        Seconds by which the clock of the video goes back first, and the number of packets before that.
    """

    def __init__(self, stream_index: int) -> None:
        self.counts: dict[int, int] = {}
        self.starts: dict[int, bytes] = {}
        self.last_cues: dict[int, Fraction] = {}
        self.read_bytes = 0
        self.not_utf8: set[int] = set()
        self.restart: tuple[Fraction, int] | None = None
        self._stream_index = stream_index
        self._pts, self._dts, self._durations = array("q"), array("q"), array("q")
        self._audio: dict[int, list[list[Fraction]]] = {}

    def add(self, packet: Any) -> None:
        """Add the next packet of the file that has data."""
        index, kind = packet.stream.index, packet.stream.type
        self.counts[index] = self.counts.get(index, 0) + 1
        if packet.pos is not None:
            self.read_bytes = max(self.read_bytes, packet.pos + packet.size)
        if kind == "subtitle":
            self._examine_text(packet)
        if packet.pts is None:
            return
        if index == self._stream_index:
            dts = packet.pts if packet.dts is None else packet.dts
            if packet.dts is not None and self._dts and self.restart is None:
                back = (self._dts[-1] - dts) * packet.time_base
                if back > RESTART:
                    self.restart = back, len(self._dts)
            self._pts.append(packet.pts)
            self._dts.append(dts)
            self._durations.append(packet.duration or 0)
        elif kind == "subtitle":
            begin = packet.pts * packet.time_base
            self.last_cues[index] = max(begin, self.last_cues.get(index, begin))
        elif kind == "audio":
            self._add_audio(index, packet.pts * packet.time_base, (packet.duration or 0) * packet.time_base)

    def _examine_text(self, packet: Any) -> None:
        context, data = packet.stream.codec_context, bytes(packet)
        if context is None:
            self.starts.setdefault(packet.stream.index, data[:STARTS_KEPT])
        elif context.codec.canonical_name in TEXT_CODECS and not is_utf8_text(context.codec.canonical_name, data):
            self.not_utf8.add(packet.stream.index)

    def _add_audio(self, index: int, start: Fraction, duration: Fraction) -> None:
        spans = self._audio.setdefault(index, [])
        if spans and spans[-1][0] <= start <= spans[-1][1] + AUDIO_PAUSE:
            spans[-1][1] = max(spans[-1][1], start + duration)
        else:
            spans.append([start, start + duration])

    def find_end(self, pts: list[int], step: Fraction) -> int:
        """Return when the last frame ends.

        Parameters
        ----------
        pts : list of int
            Presentation times of the frames, ticks, increasing.
        step : Fraction
            Mean duration of a frame, ticks.

        Returns
        -------
        int
            Ticks.
        """
        stated = next(
            (d for p, d in zip(reversed(self._pts), reversed(self._durations), strict=True) if p == pts[-1]), 0
        )
        ends = []
        if stated >= MIN_LAST * step and (stated <= MAX_UNCONFIRMED * step or self._has_durations(self._pts)):
            ends.append(pts[-1] + stated)
        # MP4 states durations in decoding order; their sum is the duration of the track
        if len(pts) == len(self._durations) and self._has_durations(self._dts):
            ends.append(pts[0] + sum(self._durations))
        return max([end for end in ends if end > pts[-1]], default=pts[-1] + max(1, round(step)))

    def find_audio_end(self, end: Fraction) -> Fraction:
        """Return when the last sound ends that plays at `end` or goes on there, or else `end`; seconds."""
        spans = [span for track in self._audio.values() for span in track]
        return max((stop for start, stop in spans if start <= end + AUDIO_PAUSE and stop > end), default=end)

    def find_audio_start(self, start: Fraction) -> Fraction:
        """Return when the first sound begins if that is before `start`, or else `start`; seconds."""
        return min((span[0] for track in self._audio.values() for span in track), default=start)

    def find_gaps(self, pts: list[int], time_base: Fraction) -> list[tuple[int, Fraction]]:
        """Return the number of each frame after which there are no frames for long, and for how many seconds.

        That is `GAP`, or `LONG_GAP` if the container states that the frame lasts so long.
        """
        gaps = [(n, (b - a) * time_base) for n, (a, b) in enumerate(pairwise(pts)) if (b - a) * time_base > GAP]
        if not gaps:
            return []
        ends = {p: p + d for p, d in zip(self._pts, self._durations, strict=True)}
        return [(n, length) for n, length in gaps if length > LONG_GAP or ends.get(pts[n], 0) < pts[n + 1] - 1]

    def _has_durations(self, times: array[int]) -> bool:
        """Return whether the stated durations agree with the times, in the order of the times."""
        ordered = sorted(zip(times, self._durations, strict=True))
        agreeing = sum(abs(b - a - duration) <= 1 for (a, duration), (b, _) in pairwise(ordered))
        return len(ordered) == 1 or agreeing >= MIN_AGREEMENT * (len(ordered) - 1)
