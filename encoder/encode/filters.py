"""FFmpeg filters from a decoded frame to the frame that is analysed, encoded and measured.

The filters deinterlace, convert the range or tone-map HDR if the rendition is SDR, crop and turn frames upright, and
scale to square pixels. FFmpeg's own crop and rotation are switched off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import av

from encoder.codecs.codec import Codec
from encoder.media.container import input_options as allowed_inputs
from encoder.media.source import Colour, Source

__all__ = [
    "SINGLE_THREADED",
    "Filter",
    "input_options",
    "keeps_hdr",
    "make_colour_tags",
    "make_frame_filters",
    "make_geometry_filters",
    "make_preparation_filters",
    "number_frames",
    "own_geometry",
    "select_frames",
]

#: Options that run all filters on one thread: the processes run in parallel.
SINGLE_THREADED = ("-filter_threads", "1", "-filter_complex_threads", "1")

#: Luminance of SDR white, cd/m2: the unit of the `peak` option of FFmpeg's `tonemap`.
SDR_WHITE = 100
#: Peak luminance of HLG, cd/m2 (nominal display of BT.2100).
HLG_PEAK = 1000
#: Peak luminance of PQ without metadata, cd/m2: that of a common mastering display.
PQ_PEAK = 4000
#: Bits per sample of HDR renditions (BT.2100 requires 10 or 12).
HDR_DEPTH = 10
_HDR_SIDE_DATA = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "AMBIENT_VIEWING_ENVIRONMENT")


@dataclass(frozen=True, slots=True)
class Filter:
    """One FFmpeg filter and its options."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return the filter in the syntax of FFmpeg."""
        return self.name + ("=" + ":".join(f"{k}={v}" for k, v in self.options) if self.options else "")


def input_options(source: Source, start: int) -> dict[str, str | None]:
    """Return the input options with which ffmpeg decodes frame `start` and all later ones.

    The times of the file are kept (`copyts`); `select_frames` then selects frames by time.
    """
    options: dict[str, str | None] = {"threads": "1", "copyts": None}
    options |= own_geometry(source) | allowed_inputs(source.path)
    # the last key frame at or before the start, from which all frames decode completely
    key = max((k for k in source.keyframes if k <= start), default=0)
    if key > 0 and source.is_seekable:
        # half a tick after the key frame: half a tick before it would seek to the key frame before
        time = source.pts[key] * source.time_base + source.time_base / 2 + source.seek_lead
        options |= {"seek_timestamp": "1", "noaccurate_seek": None, "ss": _seconds(time)}
    return options


def own_geometry(source: Source) -> dict[str, str | None]:
    """Return the input options that leave crop, orientation and changes of the frame size to the filters.

    FFmpeg would start all filters again when the size changes, and number the frames from 0 again.
    """
    options: dict[str, str | None] = {"noautorotate": None, "reinit_filter": "0"}
    return options | ({"apply_cropping": "codec"} if source.crop else {})


def select_frames(source: Source, start: int, stop: int) -> tuple[Filter, ...]:
    """Return the filters that select frames [start, stop) of the source and number them from 0.

    Frames are selected by time, from half a frame before the start, and then timed by number, so that two branches of
    a graph always pair frame n with frame n. If the file states no times, frames are counted from its start.
    """
    if not source.is_seekable:
        counted = (("start_frame", str(start)), ("end_frame", str(stop)))
        return (Filter("trim", counted), *number_frames(source))
    span = [("start", _seconds(_time_before(source, start)))]
    if stop < source.frame_count:
        span.append(("end", _seconds(_time_before(source, stop))))
    return (Filter("trim", tuple(span)), *number_frames(source))


def number_frames(source: Source) -> tuple[Filter, ...]:
    """Return the filters that set the time of frame n to n / coding_rate."""
    rate = source.coding_rate
    return (Filter("settb", (("expr", f"{rate.denominator}/{rate.numerator}"),)), Filter("setpts", (("expr", "N"),)))


def keeps_hdr(source: Source, codec: Codec) -> bool:
    """Return whether renditions of a codec are HDR; otherwise an HDR source is tone-mapped to BT.709."""
    return source.colour.is_hdr and codec.hdr


def make_frame_filters(source: Source, size: tuple[int, int], codec: Codec) -> tuple[Filter, ...]:
    """Return the filters that make upright frames of square pixels.

    Parameters
    ----------
    source : Source
    size : (int, int)
        Width and height.
    codec : Codec
        Codec of the rendition. It decides whether HDR is kept, and the pixel format: the bit depth of the source, at
        least 10 for HDR, if the encoder supports it.
    """
    width, height = size
    hdr = keeps_hdr(source, codec)
    pixels = codec.pixel_format_for(max(source.bit_depth, HDR_DEPTH if hdr else 0))
    filters = [*make_preparation_filters(source, hdr=hdr), *make_geometry_filters(source)]
    # otherwise the encoder writes the orientation of the source into its output
    filters.append(Filter("sidedata", (("mode", "delete"), ("type", "DISPLAYMATRIX"))))
    tags = make_colour_tags(source, hdr=hdr)
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
    # every encoder writes the colour description of its frames
    if any(stated.values()):
        filters.append(Filter("setparams", tuple((k, v) for k, v in stated.items() if v)))
    return tuple(filters)


def make_preparation_filters(source: Source, *, hdr: bool = False) -> tuple[Filter, ...]:
    """Return the filters before scaling; they are also applied to the reference of a measurement.

    Parameters
    ----------
    source : Source
    hdr : bool
        Keep HDR; otherwise it is tone-mapped to BT.709.
    """
    filters = []
    if source.interlaced:
        filters.append(Filter("bwdif", (("mode", "send_frame"), ("deint", "interlaced"))))
    if source.colour.is_hdr and not hdr:
        # Hable's curve in linear light; with a fixed peak, which FFmpeg would otherwise estimate per frame
        peak = f"{_get_peak_luminance(source) / SDR_WHITE:g}"
        filters += [
            Filter("zscale", (*_describe_input(source.colour), ("t", "linear"), ("npl", str(SDR_WHITE)))),
            Filter("format", (("pix_fmts", "gbrpf32le"),)),
            Filter("zscale", (("p", "bt709"),)),
            Filter("tonemap", (("tonemap", "hable"), ("desat", "0"), ("peak", peak))),
            Filter("zscale", (("t", "bt709"), ("m", "bt709"), ("r", "tv"))),
            # the metadata describes the luminances before tone mapping
            *(Filter("sidedata", (("mode", "delete"), ("type", kind))) for kind in _HDR_SIDE_DATA),
        ]
    elif source.colour.range == "pc":
        filters.append(Filter("scale", (("in_range", "pc"), ("out_range", "tv"))))
    return _at_one_size(source, filters)


def make_geometry_filters(source: Source) -> tuple[Filter, ...]:
    """Return the filters that crop decoded frames and turn them upright."""
    filters = []
    if source.crop:
        size = (("w", str(source.width)), ("h", str(source.height)))
        position = (("x", str(source.crop.left)), ("y", str(source.crop.top)))
        filters.append(Filter("crop", (*size, *position, ("exact", "1"))))
    if source.is_mirrored:
        filters.append(Filter("hflip"))
    filters += {
        90: [Filter("transpose", (("dir", "clock"),))],
        180: [Filter("hflip"), Filter("vflip")],
        270: [Filter("transpose", (("dir", "cclock"),))],
    }.get(source.rotation, [])
    return _at_one_size(source, filters)


def _at_one_size(source: Source, filters: list[Filter]) -> tuple[Filter, ...]:
    """Scale frames to the size of the first before other filters: most of these do not support a change of size."""
    width, height = source.decoded_size
    size = Filter("scale", (("w", str(width)), ("h", str(height))))
    return (size, *filters) if filters else ()


def make_colour_tags(source: Source, *, hdr: bool = False) -> Colour:
    """Return the colour description of a rendition: that of the source, except for what the filters convert.

    Properties that the source leaves unspecified remain unspecified: a player would take a guess for a fact, and tools
    that compare source and rendition would convert one of them. RGB is converted to BT.709 luma and chroma.
    """
    if source.colour.is_hdr and not hdr:
        return Colour("bt709", "bt709", "bt709", "tv", "left")
    if _is_rgb(source.pixel_format):
        return replace(source.colour, matrix="bt709", range="tv")
    if source.colour.range == "pc":
        return replace(source.colour, range="tv")
    return source.colour


def _describe_input(colour: Colour) -> tuple[tuple[str, str], ...]:
    """Return the input options of zscale: those of BT.2020 where an HDR source leaves them unspecified."""
    given = {
        "tin": colour.transfer,
        "pin": colour.primaries or "bt2020",
        "min": colour.matrix or "bt2020nc",
        "rin": colour.range or "tv",
    }
    return tuple((key, value) for key, value in given.items() if value)


def _get_peak_luminance(source: Source) -> float:
    """Return the peak luminance of an HDR source according to its metadata, cd/m2."""
    if source.colour.transfer == "arib-std-b67":
        return HLG_PEAK
    stated = source.hdr.max_cll or source.hdr.max_luminance or PQ_PEAK
    return max(stated, SDR_WHITE)


def _is_rgb(name: str) -> bool:
    return bool(av.VideoFormat(name).is_rgb)


def _time_before(source: Source, frame: int) -> Fraction:
    """Return the time (s, in the time of the file) midway between frame - 1 and `frame`."""
    if frame == 0:
        return source.pts[0] * source.time_base - 1 / (2 * source.coding_rate)
    return Fraction(source.pts[frame - 1] + source.pts[frame], 2) * source.time_base


def _seconds(time: Fraction) -> str:
    """Format a time in microseconds, the resolution of FFmpeg's options."""
    return f"{float(time):.6f}"
