"""What is known of a film once it has been inspected."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

__all__ = ["AudioStream", "Colour", "HDRMetadata", "Source", "TextStream"]


@dataclass(frozen=True, slots=True)
class Colour:
    """Colour description as the stream or its container states it (ITU-T H.273 names of FFmpeg).

    A field is `None` where nothing is stated.
    """

    primaries: str | None = None
    transfer: str | None = None
    matrix: str | None = None
    range: str | None = None
    chroma_location: str | None = None

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer is one of high dynamic range: PQ (HDR10) or HLG."""
        return self.transfer in ("smpte2084", "arib-std-b67")


@dataclass(frozen=True, slots=True)
class HDRMetadata:
    """What comes with pictures of high dynamic range.

    Attributes
    ----------
    mastering_display : bool
        Whether the colours or luminances of the display that it was mastered on are stated (SMPTE ST 2086).
    max_luminance : float or None
        Of that display, cd/m2.
    max_cll, max_fall : int or None
        The brightest pixel and the brightest frame's average, cd/m2 (CTA-861.3).
    dynamic : tuple of str
        What changes from frame to frame: "Dolby Vision", "HDR10+".
    """

    mastering_display: bool = False
    max_luminance: float | None = None
    max_cll: int | None = None
    max_fall: int | None = None
    dynamic: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One audio track: stream index in the file, codec, channels, sample rate (Hz), start (s), language, title.

    `dispositions` are FFmpeg's: default, dub, original, comment, hearing_impaired, visual_impaired...
    """

    index: int
    codec: str
    channels: int
    sample_rate: int
    start: Fraction
    language: str | None = None
    title: str | None = None
    dispositions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextStream:
    """One subtitle track: stream index in the file, codec, language, title, dispositions (default, forced...).

    Closed captions inside the video bear the video's index.
    """

    index: int
    codec: str
    language: str | None = None
    title: str | None = None
    dispositions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A film that has been inspected; made by `encoder.inspect`.

    Every later stage speaks in frame numbers: frame `n` is the n-th decoded frame in presentation order.

    Attributes
    ----------
    path : str
        Where it is.
    content_id : str
        Hash of the content: two copies of a file share it.
    stream_index : int
        Which stream of the file the video is.
    codec, pixel_format : str
        FFmpeg's names.
    width, height : int
        Coded size in samples, before rotation.
    sample_aspect_ratio : Fraction
        Width of a sample over its height.
    rotation : int
        Degrees clockwise that the picture must be turned by to stand upright: 0, 90, 180 or 270.
    interlaced : bool
        Whether the stream says that frames hold two fields, and they do.
    colour : Colour
        Colour description.
    bit_depth : int
        Bits of a luma sample.
    time_base : Fraction
        Seconds per tick of `pts`.
    pts : tuple of int
        Presentation time of every frame, in ticks, strictly increasing.
    keyframes : tuple of int
        Numbers of the frames at which decoding can start.
    frame_rate : Fraction
        Nominal frames per second (exact average over the film when the rate varies).
    end_pts : int
        When the last frame ends, in ticks.
    seek_lead : Fraction
        Seconds after a key frame that ffmpeg is told to seek to so that it starts at just that one.
    audio : tuple of AudioStream
    text : tuple of TextStream
    hdr : HDRMetadata
    """

    path: str
    content_id: str
    stream_index: int
    codec: str
    pixel_format: str
    width: int
    height: int
    sample_aspect_ratio: Fraction
    rotation: int
    interlaced: bool
    colour: Colour
    bit_depth: int
    time_base: Fraction
    pts: tuple[int, ...]
    keyframes: tuple[int, ...]
    frame_rate: Fraction
    end_pts: int
    seek_lead: Fraction = Fraction(0)
    audio: tuple[AudioStream, ...] = ()
    text: tuple[TextStream, ...] = ()
    hdr: HDRMetadata = HDRMetadata()

    def __reduce__(self) -> tuple[Callable[..., Source], tuple[dict[str, Any]]]:
        """Travel light: a film's index goes with every job, and is mostly one number over and over."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _unpacked, (values | {"pts": _packed(self.pts), "keyframes": _packed(self.keyframes)},)

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return len(self.pts)

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's start to the last one's end."""
        return (self.end_pts - self.pts[0]) * self.time_base

    def time(self, frame: int) -> Fraction:
        """Return seconds from the first frame to the start of `frame`; `frame_count` gives the duration."""
        ticks = self.end_pts if frame == self.frame_count else self.pts[frame]
        return (ticks - self.pts[0]) * self.time_base

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height of the upright picture in square pixels, both even.

        The longer way is kept: samples are stretched, never squeezed, so that no detail is thrown away.
        """
        sar = self.sample_aspect_ratio
        width, height = Fraction(self.width), Fraction(self.height)
        if sar > 1:
            width *= sar
        else:
            height /= sar
        if self.rotation % 180:
            width, height = height, width
        return 2 * max(1, round(width / 2)), 2 * max(1, round(height / 2))

    @property
    def is_cfr(self) -> bool:
        """Whether all frames but for rounding of ticks last equally long."""
        if len(self.pts) < 3:
            return True
        step = Fraction(self.pts[-1] - self.pts[0], len(self.pts) - 1)
        return all(abs(p - self.pts[0] - n * step) <= 1 for n, p in enumerate(self.pts))


@lru_cache(8)
def _packed(numbers: tuple[int, ...]) -> bytes:
    """Return numbers as compressed differences."""
    steps = array("q", (b - a for a, b in pairwise((0, *numbers))))
    return zlib.compress(steps.tobytes())


@lru_cache(8)
def _numbers(packed: bytes) -> tuple[int, ...]:
    return tuple(accumulate(array("q", zlib.decompress(packed))))


def _unpacked(values: dict[str, Any]) -> Source:
    return Source(**values | {name: _numbers(values[name]) for name in ("pts", "keyframes")})
