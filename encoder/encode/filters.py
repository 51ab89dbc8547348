"""The one way from a decoded frame to the picture that is analysed, encoded and measured.

FFmpeg turns the picture upright before the first filter; then it is deinterlaced where it holds fields, brought to
the range of standard dynamic range where the target asks for it, and scaled to square pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import av

from encoder.codecs.codec import Codec
from encoder.media.source import Colour, Source

__all__ = [
    "SINGLE_THREADED",
    "Filter",
    "colour_tags",
    "filter_text",
    "frame_range",
    "input_arguments",
    "input_options",
    "keeps_hdr",
    "numbering",
    "picture_filters",
    "preparation",
]

#: Decoders and filters run on one thread each: the processes run in parallel.
SINGLE_THREADED = ("-filter_threads", "1", "-filter_complex_threads", "1")

#: What the light of a tone-mapped picture's white is, cd/m2: FFmpeg's `tonemap` counts from it.
WHITE = 100
#: Brightest light of HLG (BT.2100: its nominal display) and of PQ where nothing is stated, cd/m2.
HLG_PEAK, PQ_PEAK = 1000, 4000
#: Bits of a sample that high dynamic range needs.
HDR_DEPTH = 10
_HDR_SIDE_DATA = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "AMBIENT_VIEWING_ENVIRONMENT")


@dataclass(frozen=True, slots=True)
class Filter:
    """One FFmpeg filter and its options."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Write it as FFmpeg reads it."""
        return self.name + ("=" + ":".join(f"{k}={v}" for k, v in self.options) if self.options else "")


def filter_text(filters: Iterable[Filter]) -> str:
    """Write a chain as FFmpeg reads it."""
    return ",".join(map(str, filters))


def input_options(source: Source, first: int) -> dict[str, str | None]:
    """Return the options with which ffmpeg opens a source so that frame `first` will decode.

    Times stay those of the file (`copyts`); `frame_range` then picks the frames by time.
    """
    options: dict[str, str | None] = {"threads": "1", "copyts": None}
    # the last key frame at or before the first frame, from which decoding surely is whole
    key = max((k for k in source.keyframes if k <= first), default=0)
    if key > 0:
        # half a tick late: half a tick early would be the key frame before it
        time = source.pts[key] * source.time_base + source.time_base / 2 + source.seek_lead
        options |= {"seek_timestamp": "1", "noaccurate_seek": None, "ss": _seconds(time)}
    return options


def input_arguments(source: Source, first: int) -> list[str]:
    """Return the same as the arguments of a command line, with the file."""
    words = [word for key, value in input_options(source, first).items() for word in (f"-{key}", value) if word]
    return [*words, "-i", source.path]


def frame_range(source: Source, first: int, last: int) -> tuple[Filter, ...]:
    """Return the filters that let frames [first, last) of the source through and number them from 0.

    The frames are picked by time, half a frame early, and then timed by number, so that two paths through a graph
    can only pair frame n with frame n.
    """
    span = [("start", _seconds(_between(source, first)))]
    if last < source.frame_count:
        span.append(("end", _seconds(_between(source, last))))
    return (Filter("trim", tuple(span)), *numbering(source))


def numbering(source: Source) -> tuple[Filter, ...]:
    """Return the filters that time frames by their number, one every 1/frame_rate."""
    rate = source.frame_rate
    return (Filter("settb", (("expr", f"{rate.denominator}/{rate.numerator}"),)), Filter("setpts", (("expr", "N"),)))


def keeps_hdr(source: Source, codec: Codec) -> bool:
    """Tell whether a codec's renditions are HDR; otherwise an HDR source is tone-mapped to BT.709 for them."""
    return source.colour.is_hdr and codec.hdr


def picture_filters(source: Source, size: tuple[int, int], codec: Codec) -> tuple[Filter, ...]:
    """Return the filters that make an upright square-pixel picture of this size.

    Parameters
    ----------
    source : Source
        What the frames come from.
    size : (int, int)
        Width and height.
    codec : Codec
        What encodes it: in samples as deep as the source's, HDR in 10 bits, as far as the codec can.
    """
    width, height = size
    hdr = keeps_hdr(source, codec)
    pixels = codec.pixel_format_for(max(source.bit_depth, HDR_DEPTH if hdr else 0))
    filters = list(preparation(source, hdr=hdr))
    tags = colour_tags(source, hdr=hdr)
    scaling = [("w", str(width)), ("h", str(height)), ("flags", "bicubic")]
    if _is_rgb(source.pixel_format):
        scaling += [("out_color_matrix", "bt709"), ("out_range", "tv")]
    filters.append(Filter("scale", tuple(scaling)))
    filters.append(Filter("setsar", (("sar", "1"),)))
    filters.append(Filter("format", (("pix_fmts", pixels),)))
    stated = {
        "color_primaries": tags.primaries,
        "color_trc": tags.transfer,
        "colorspace": tags.matrix,
        "range": tags.range,
        "chroma_location": tags.chroma_location,
    }
    # the tags of the frames are what every encoder writes
    if any(stated.values()):
        filters.append(Filter("setparams", tuple((k, v) for k, v in stated.items() if v)))
    return tuple(filters)


def preparation(source: Source, *, hdr: bool = False) -> tuple[Filter, ...]:
    """Return the filters that come before scaling, and that a reference passes before it is measured against.

    Parameters
    ----------
    source : Source
    hdr : bool
        Keep high dynamic range; otherwise it is tone-mapped to BT.709.
    """
    filters = []
    if source.interlaced:
        filters.append(Filter("bwdif", (("mode", "send_frame"), ("deint", "all"))))
    if source.colour.is_hdr and not hdr:
        # Hable's curve in linear light; the peak is told, or it would be guessed anew from every frame
        peak = f"{_peak(source) / WHITE:g}"
        filters += [
            Filter("zscale", (*_stated_input(source.colour), ("t", "linear"), ("npl", str(WHITE)))),
            Filter("format", (("pix_fmts", "gbrpf32le"),)),
            Filter("zscale", (("p", "bt709"),)),
            Filter("tonemap", (("tonemap", "hable"), ("desat", "0"), ("peak", peak))),
            Filter("zscale", (("t", "bt709"), ("m", "bt709"), ("r", "tv"))),
            # what the light was like before is no longer true
            *(Filter("sidedata", (("mode", "delete"), ("type", kind))) for kind in _HDR_SIDE_DATA),
        ]
    elif source.colour.range == "pc":
        filters.append(Filter("scale", (("in_range", "pc"), ("out_range", "tv"))))
    return tuple(filters)


def colour_tags(source: Source, *, hdr: bool = False) -> Colour:
    """Return the colour description that a rendition carries: the source's, but for what preparation changed.

    What the source does not state, renditions do not state either: a guess would be read as a fact, and tools that
    compare the two would convert one of them. RGB becomes BT.709's luma and chroma, and says so.
    """
    if source.colour.is_hdr and not hdr:
        return Colour("bt709", "bt709", "bt709", "tv", "left")
    if _is_rgb(source.pixel_format):
        return replace(source.colour, matrix="bt709", range="tv")
    if source.colour.range == "pc":
        return replace(source.colour, range="tv")
    return source.colour


def _stated_input(colour: Colour) -> tuple[tuple[str, str], ...]:
    """Return zscale's options for what comes in: BT.2020's where high dynamic range states no more."""
    given = {
        "tin": colour.transfer,
        "pin": colour.primaries or "bt2020",
        "min": colour.matrix or "bt2020nc",
        "rin": colour.range or "tv",
    }
    return tuple((key, value) for key, value in given.items() if value)


def _peak(source: Source) -> float:
    """Return the brightest light of a film of high dynamic range, as its metadata tells, cd/m2."""
    if source.colour.transfer == "arib-std-b67":
        return HLG_PEAK
    stated = source.hdr.max_cll or source.hdr.max_luminance or PQ_PEAK
    return max(stated, WHITE)


def _is_rgb(name: str) -> bool:
    return bool(av.VideoFormat(name).is_rgb)


def _between(source: Source, frame: int) -> Fraction:
    """Return a moment (s, in the file's own time) after frame - 1 and before `frame`, midway."""
    if frame == 0:
        return source.pts[0] * source.time_base - 1 / (2 * source.frame_rate)
    return Fraction(source.pts[frame - 1] + source.pts[frame], 2) * source.time_base


def _seconds(time: Fraction) -> str:
    """Write a time to FFmpeg's microsecond."""
    return f"{float(time):.6f}"
