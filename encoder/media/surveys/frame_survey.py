"""Collect what the frames of a whole source state: its first frame may lack what later ones have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from fractions import Fraction
from typing import Any, TypeVar

import av

from encoder.media.source import Colour, HDRMetadata
from encoder.media.surveys.frame_properties import FrameProperties, read_properties

__all__ = ["FrameSurvey"]

#: Seconds between two key frames that are decoded, at first (chosen by hand).
SPACING = Fraction(1, 2)
#: Number of key frames that are decoded before the spacing is doubled, so that a long source costs only some seconds
#: (chosen by hand).
FRAMES_PER_SPACING = 32
#: Starts of closed captions: CEA-708 in SEI messages and AV1 metadata (ITU-T T.35, ATSC A/53), the same in MPEG-2 user
#: data, DVD captions, and SCTE 20 captions, whose reserved bits may be 0. In few sources every key frame carries
#: captions, so that all packets are searched.
_CAPTIONS = (
    b"\xb5\x00\x31GA94\x03",
    b"\x00\x00\x01\xb2GA94\x03",
    b"\x00\x00\x01\xb2CC\x01\xf8",
    b"\x00\x00\x01\xb2\x03\x81",
    b"\x00\x00\x01\xb2\x03\x01",
)

#: Frames per second of a video that states none.
_DEFAULT_RATE = Fraction(25)

V = TypeVar("V", Colour, HDRMetadata)


class FrameSurvey:
    """Decodes key frames spread over a source and collects their properties.

    Parameters
    ----------
    stream : PyAV video stream
        Of the open source; its decoder is used.

    Attributes
    ----------
    frames : list of FrameProperties
        Of the first frame and of key frames after it.
    has_captions : bool
        Whether the video contains closed captions.
    """

    def __init__(self, stream: Any) -> None:
        self.frames: list[FrameProperties] = []
        self.has_captions = False
        self._stream = stream
        self._next_time: Fraction | None = None
        self._count = 0
        self._spacing = SPACING

    def add(self, packet: Any, first: Any) -> None:
        """Add the next packet of the video that has data; `first` is the first decoded frame, None before there is one.

        The decoder is not touched before it has returned the first frame.
        """
        if not self.has_captions:
            data = bytes(packet)
            self.has_captions = any(start in data for start in _CAPTIONS)
        if first is None:
            return
        if not self.frames:
            self._add_frame(first, first.pts)
        time = packet.dts if packet.pts is None else packet.pts
        if time is None:
            # the file states no times
            time = round(self._count / Fraction(self._stream.average_rate or _DEFAULT_RATE) / packet.time_base)
        self._count += 1
        if not packet.is_keyframe:
            return
        if self._next_time is None or time * packet.time_base >= self._next_time:
            self._decode(packet, time)

    def finish(self, first: Any) -> None:
        """Add the first frame if the decoder returned it only after the last packet."""
        if not self.frames:
            self._add_frame(first, first.pts)

    def _decode(self, packet: Any, time: int) -> None:
        context = self._stream.codec_context
        context.flush_buffers()
        try:
            decoded = context.decode(packet) + context.decode(None)
        except av.FFmpegError:
            decoded = []
        context.flush_buffers()
        for frame in decoded[:1]:
            self._add_frame(frame, time)

    def _add_frame(self, frame: Any, time: int | None) -> None:
        seconds = (time or 0) * Fraction(self._stream.time_base or 1)
        ratio = self._stream.codec_context.sample_aspect_ratio
        self.frames.append(read_properties(frame, seconds, Fraction(ratio) if ratio else None))
        self.has_captions = self.has_captions or self.frames[-1].has_captions
        if len(self.frames) % FRAMES_PER_SPACING == 0:
            self._spacing *= 2
        self._next_time = seconds + self._spacing

    @property
    def colour(self) -> Colour:
        """The colour description; what a frame leaves unspecified is taken from the next one that states it."""
        return _first_stated(Colour(), [frame.colour for frame in self.frames])

    @property
    def hdr(self) -> HDRMetadata:
        """The HDR metadata; the kinds of dynamic metadata are those of all frames."""
        kinds = dict.fromkeys(kind for frame in self.frames for kind in frame.hdr.dynamic)
        static = [frame.hdr for frame in self.frames]
        return _first_stated(HDRMetadata(dynamic=tuple(kinds)), static)

    @property
    def interlaced_times(self) -> tuple[Fraction, ...]:
        """Times (s, in the file) of the frames that are flagged as interlaced."""
        return tuple(frame.time for frame in self.frames if frame.is_interlaced)

    def describe_changes(self) -> tuple[str, ...]:
        """Return a sentence for each property that changes within the source."""
        kinds: tuple[tuple[str, Callable[[FrameProperties], str | None], str], ...] = (
            ("frame size", lambda frame: f"{frame.size[0]}x{frame.size[1]}", "all frames are scaled to the first size"),
            ("sample aspect ratio", _format_ratio, "all frames are shown with the first one"),
            ("orientation", _format_orientation, "all frames are turned as the first one"),
            ("transfer function", lambda frame: frame.colour.transfer, "all frames are treated as the first ones"),
            ("matrix", lambda frame: frame.colour.matrix, "all frames are treated as the first ones"),
            ("range", lambda frame: frame.colour.range, "all frames are treated as the first ones"),
        )
        return tuple(
            f"the {name} changes from {before} to {after} at {float(time):.3f} s; {effect}"
            for name, read, effect in kinds
            for before, after, time in _find_change(self.frames, read)
        )

    def describe_contradictions(self) -> tuple[str, ...]:
        """Return a sentence for each contradiction of HDR metadata with the colour or with itself."""
        colour, hdr = self.colour, self.hdr
        notes = []
        if (hdr.mastering_display or hdr.max_cll is not None) and colour.transfer is not None and not colour.is_hdr:
            notes.append(
                f"the frames have HDR10 metadata, but the transfer function {colour.transfer}; they are treated as SDR"
            )
        if hdr.max_cll and hdr.max_fall and hdr.max_fall > hdr.max_cll:
            notes.append(
                f"the stated average light level of a frame, {hdr.max_fall} cd/m2, is above the maximum of"
                f" {hdr.max_cll} cd/m2; both are kept"
            )
        return tuple(notes)


def _find_change(
    frames: Sequence[FrameProperties], read: Callable[[FrameProperties], str | None]
) -> list[tuple[str, str, Fraction]]:
    """Return the first stated value, the first other one, and seconds from the first frame to it."""
    stated = [(value, frame.time - frames[0].time) for frame in frames if (value := read(frame)) is not None]
    return [(stated[0][0], *each) for each in stated if each[0] != stated[0][0]][:1]


def _first_stated(default: V, values: Sequence[V]) -> V:
    """Return, for each field, the first value that is stated."""
    merged = {}
    for field in fields(default):
        stated = [value for each in (default, *values) if (value := getattr(each, field.name)) not in (None, False, ())]
        merged[field.name] = stated[0] if stated else getattr(default, field.name)
    return type(default)(**merged)


def _format_ratio(frame: FrameProperties) -> str | None:
    ratio = frame.sample_aspect_ratio
    return None if ratio is None else f"{ratio.numerator}:{ratio.denominator}"


def _format_orientation(frame: FrameProperties) -> str:
    mirrored = "mirrored, " if frame.orientation.is_mirrored else ""
    return f"{mirrored}{frame.orientation.rotation} degrees"
