"""The description of an inspected source: streams, colour, geometry, and the time of every frame."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import lru_cache
from html import escape
from itertools import accumulate, pairwise
from typing import Any

from encoder.media.file_stamp import Stamp
from encoder.media.geometry import NO_CROP, Crop
from shotladder_runtime.passwords import without_password

__all__ = ["AudioStream", "Colour", "HDRMetadata", "Source", "SubtitleStream", "has_constant_rate"]


@dataclass(frozen=True, slots=True)
class Colour:
    """Colour description as stated by the stream or its container (FFmpeg's names of ITU-T H.273 code points).

    An unspecified field is None.
    """

    primaries: str | None = None
    transfer: str | None = None
    matrix: str | None = None
    range: str | None = None
    chroma_location: str | None = None

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer function is PQ (HDR10) or HLG."""
        return self.transfer in ("smpte2084", "arib-std-b67")


@dataclass(frozen=True, slots=True)
class HDRMetadata:
    """HDR metadata of a stream.

    Attributes
    ----------
    mastering_display : bool
        Whether primaries or luminances of the mastering display are stated (SMPTE ST 2086).
    max_luminance : float or None
        Maximum luminance of the mastering display, cd/m2.
    max_cll, max_fall : int or None
        Maximum content light level and maximum frame-average light level, cd/m2 (CTA-861.3).
    dynamic : tuple of str
        Kinds of dynamic metadata: "Dolby Vision", "HDR10+".
    """

    mastering_display: bool = False
    max_luminance: float | None = None
    max_cll: int | None = None
    max_fall: int | None = None
    dynamic: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One audio track: stream index in the file, codec, channels, sample rate (Hz), start (s), language, title.

    `language` is a BCP 47 tag. `dispositions` are FFmpeg's: default, dub, original, comment, hearing_impaired,
    visual_impaired... `layout` is FFmpeg's name of the channel layout, empty if the source states none. `is_empty`
    states that the file announces the track and holds no packet of it. `has_objects` states that E-AC-3 contains the
    objects of Dolby Atmos.
    """

    index: int
    codec: str
    channels: int
    sample_rate: int
    start: Fraction
    language: str | None = None
    title: str | None = None
    dispositions: tuple[str, ...] = ()
    layout: str = ""
    is_empty: bool = False
    has_objects: bool = False


@dataclass(frozen=True, slots=True)
class SubtitleStream:
    """One subtitle track: stream index in the file, codec, language, title, dispositions (default, forced...).

    The index of closed captions inside the video is that of the video. `is_utf8` is False if a cue is not UTF-8.
    """

    index: int
    codec: str
    language: str | None = None
    title: str | None = None
    dispositions: tuple[str, ...] = ()
    is_utf8: bool = True


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """An inspected source, as returned by `encoder.inspect`.

    All later stages use frame numbers: frame `n` is the n-th decoded frame in presentation order.

    Attributes
    ----------
    path : str
        Absolute path or URL.
    content_id : str
        Hash of the content; copies of a file have the same hash.
    stream_index : int
        Index of the video stream in the file.
    codec, pixel_format : str
        FFmpeg's names of codec and pixel format.
    width, height : int
        Size of a frame in samples, after the crop and before the rotation.
    sample_aspect_ratio : Fraction
        Width of a sample divided by its height.
    rotation : int
        Clockwise rotation that, after mirroring, makes frames upright: 0, 90, 180 or 270 degrees.
    interlaced : bool
        Whether frames are flagged as interlaced and hold fields of two different moments.
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
        Mean frames per second.
    end_pts : int
        When the last frame ends, in ticks.
    seek_lead : Fraction
        Seconds to add to the time of a key frame so that ffmpeg seeks to exactly that key frame.
    audio : tuple of AudioStream
    subtitles : tuple of SubtitleStream
    hdr : HDRMetadata
    notes : tuple of str
        What is left out, assumed or replaced: one sentence each.
    crop : Crop
        Samples at the sides of decoded frames that the container removes.
    is_mirrored : bool
        Whether left and right are exchanged before the rotation.
    stamp : FileStamp, FileState or None
        State of the file at its inspection; None if a server does not state it.
    is_seekable : bool
        Whether frames are found by their times, also after a seek. Otherwise the file states no times, or FFmpeg
        guesses others after a seek, and frame `n` is found by counting the frames from the start of the file.
    nominal_rate : Fraction or None
        Frames per second without gaps, which encoders use for their rate control; None if it is `frame_rate`.
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
    subtitles: tuple[SubtitleStream, ...] = ()
    hdr: HDRMetadata = HDRMetadata()
    notes: tuple[str, ...] = ()
    crop: Crop = NO_CROP
    is_mirrored: bool = False
    stamp: Stamp | None = None
    is_seekable: bool = True
    nominal_rate: Fraction | None = None

    def __repr__(self) -> str:
        """Return path, upright size, number of frames and frame rate."""
        width, height = self.display_size
        name = without_password(self.path)
        return f"Source({name!r}, {width}x{height}, {self.frame_count} frames, {float(self.frame_rate):.5g} fps)"

    def _repr_html_(self) -> str:
        """Return a table of the main properties for notebooks."""
        width, height = self.display_size
        rows = {
            "path": without_password(self.path),
            "duration": f"{float(self.duration):.3f} s",
            "frames": f"{self.frame_count} at {float(self.frame_rate):.5g} fps",
            "size": f"{width}x{height}",
            "codec": f"{self.codec}, {self.pixel_format}",
            "transfer": self.colour.transfer or "unspecified",
            "audio": ", ".join(f"{each.language or 'und'} {each.codec}" for each in self.audio) or "none",
            "subtitles": ", ".join(f"{each.language or 'und'} {each.codec}" for each in self.subtitles) or "none",
        }
        cells = (f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
        return f"<table>{''.join(cells)}</table>"

    def __reduce__(self) -> tuple[Callable[..., Source], tuple[dict[str, Any]]]:
        """Pickle compactly: the index travels with every job, and its differences are mostly one repeated number."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _unpickle, (values | {"pts": _pack(self.pts), "keyframes": _pack(self.keyframes)},)

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
    def decoded_size(self) -> tuple[int, int]:
        """Width and height of a decoded frame, before the crop."""
        return (
            self.width + self.crop.left + self.crop.right,
            self.height + self.crop.top + self.crop.bottom,
        )

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height of an upright frame in square pixels, both even.

        Samples are only stretched in one direction, never shrunk in the other, so that no detail is lost.
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
        """Whether all frames have the same duration, apart from rounding to ticks."""
        return has_constant_rate(self.pts)

    @property
    def coding_rate(self) -> Fraction:
        """Frames per second of a chunk, whose frames all have the same duration."""
        return self.nominal_rate or self.frame_rate


def has_constant_rate(pts: Sequence[int]) -> bool:
    """Return whether increasing times are equidistant, apart from rounding to ticks."""
    if len(pts) < 3:
        return True
    step = Fraction(pts[-1] - pts[0], len(pts) - 1)
    return all(abs(p - pts[0] - n * step) <= 1 for n, p in enumerate(pts))


@lru_cache(8)
def _pack(numbers: tuple[int, ...]) -> bytes:
    """Return numbers as compressed differences."""
    steps = array("q", (b - a for a, b in pairwise((0, *numbers))))
    return zlib.compress(steps.tobytes())


@lru_cache(8)
def _unpack(packed: bytes) -> tuple[int, ...]:
    return tuple(accumulate(array("q", zlib.decompress(packed))))


def _unpickle(values: dict[str, Any]) -> Source:
    return Source(**values | {name: _unpack(values[name]) for name in ("pts", "keyframes")})
