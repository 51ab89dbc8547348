"""Decode a source into numbered frames.

The number of a frame is its index in `Source.pts`. The time of every decoded frame is checked against that index, so
that a range decoded on its own holds the same frames as the range within a decode of the whole source.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from encoder.errors import SourceError
from encoder.media.container import open_container
from encoder.media.geometry import Crop
from encoder.media.inspection import as_source
from encoder.media.source import Source
from encoder.media.tolerant_decoding import decode_intact
from encoder.media.unchanged_source import require_unchanged

__all__ = ["Frame", "choose_loop_filter_skip", "decode"]

#: Number of key frames that each attempt to seek starts further back, before the source is decoded from its start
#: (chosen by hand).
_BACK_OFF = (0, 1, 4)


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame.

    Attributes
    ----------
    number : int
        Its index in the source, from 0.
    pts : int
        Presentation time, in ticks of `Source.time_base`.
    lines : tuple of ndarray
        Luma and, unless the format is grey, two chroma planes in the memory layout of the decoder: shape (height,
        stride), C-contiguous, uint8 up to 8 bits, uint16 above. The stride is often larger than the width. Kernels
        read these arrays.
    widths : tuple of int
        Width of each plane, samples.
    bit_depth : int
        Bits of a luma sample.
    pixel_format : str
        FFmpeg's name of the pixel format of the planes.
    """

    number: int
    pts: int
    lines: tuple[NDArray[Any], ...]
    widths: tuple[int, ...]
    bit_depth: int
    pixel_format: str

    @property
    def planes(self) -> tuple[NDArray[Any], ...]:
        """The planes without padding: views of shape (height, width)."""
        return tuple(lines[:, :width] for lines, width in zip(self.lines, self.widths, strict=True))

    @property
    def luma(self) -> NDArray[Any]:
        """The first plane without padding: a view of shape (height, width)."""
        return self.lines[0][:, : self.widths[0]]


def decode(
    source: Source | str | Path,
    start: int = 0,
    stop: int | None = None,
    *,
    threads: int | None = None,
    deblock: bool = True,
    on_undecodable: Callable[[int, int], None] | None = None,
) -> Iterator[Frame]:
    """Yield the frames [start, stop) of a source in presentation order.

    Parameters
    ----------
    source : Source, str or Path
        A path or a URL is inspected first.
    start, stop : int
        Frame numbers, half-open; None stands for the end of the source.
    threads : int, optional
        Threads of the decoder, 0 for one per core. None stands for one, which takes the least CPU time.
    deblock : bool
        False lets the decoder skip its loop filter on pictures that are not references (HEVC) or on B pictures
        (H.264). This is faster, leaves slightly more blocking, and hardly propagates errors (`benchmarks.deblocking`).
    on_undecodable : callable, optional
        Called with (start, stop) for frames that are in the index and cannot be decoded.

    Raises
    ------
    SourceError
        If the source cannot be opened any more, has changed since its inspection, has a frame that is not in the index,
        or, without `on_undecodable`, has a frame that cannot be decoded.
    ValueError
        If the range is not within the source.

    Examples
    --------
    >>> import encoder
    >>> video = encoder.inspect("video.mp4")  # doctest: +SKIP
    >>> sum(int(frame.luma.mean() > 128) for frame in encoder.decode(video, 100, 200))  # doctest: +SKIP
    """
    source = as_source(source)
    if stop is None:
        stop = source.frame_count
    if not 0 <= start <= stop <= source.frame_count:
        raise ValueError(f"frames {start} to {stop} are not within {source.frame_count} frames")
    if start == stop:
        return
    stamp = require_unchanged(source)
    # PyAV's own default, slice threads, conceals no errors, so that damaged frames would differ from those of ffmpeg
    threads = 1 if threads is None else threads
    expected = start
    # frame threads lose frames near damage, and a lost frame would shift the number of all frames that are counted
    for attempt in (threads, 1) if threads != 1 and source.is_seekable else (1,):
        is_last = attempt == 1
        with closing(_decode_numbered(source, expected, stop, attempt, deblock)) as frames:
            for number, frame in frames:
                if number > expected:
                    if not is_last:
                        break
                    _report_undecodable(source, expected, number, on_undecodable)
                if number == stop - 1:
                    # before the last frame, because callers need not ask for another one
                    require_unchanged(source, stamp)
                yield _as_frame(number, source, frame)
                expected = number + 1
        if expected == stop:
            return
    require_unchanged(source, stamp)
    _report_undecodable(source, expected, stop, on_undecodable)


def _decode_numbered(
    source: Source, start: int, stop: int, threads: int, deblock: bool
) -> Generator[tuple[int, Any], None, None]:
    """Yield the decoded frames [start, stop) with their numbers."""
    if source.is_seekable:
        with closing(_decode_from(source, start, threads, deblock)) as decoded:
            yield from _number_frames(source, decoded, start, stop)
    else:
        with closing(_decode_file(source, None, threads, deblock)) as decoded:
            yield from islice(enumerate(decoded), start, stop)


def _number_frames(source: Source, decoded: Iterator[Any], start: int, stop: int) -> Iterator[tuple[int, Any]]:
    """Yield each decoded frame with its number; skip frames before `start`, end at `stop`."""
    number = -1
    for frame in decoded:
        pts = frame.pts
        if pts is None or (number >= 0 and pts <= source.pts[number]):
            # inspection saw the same frame without a valid time and gave it the next index
            number += 1
        else:
            index = bisect_left(source.pts, pts)
            if index == source.frame_count or source.pts[index] != pts:
                if index <= start:
                    # decoded from an incomplete group of pictures before the first frame of the source
                    continue
                raise SourceError(
                    f"{source.path}: a frame at {float(pts * source.time_base):.3f} s after frame {number} "
                    "is not in its index; has the file changed?"
                )
            number = index
        if number >= stop:
            return
        if number >= start:
            yield number, frame


def _report_undecodable(
    source: Source, start: int, stop: int, on_undecodable: Callable[[int, int], None] | None
) -> None:
    if on_undecodable is None:
        which = f"frame {start}" if stop == start + 1 else f"frames {start} to {stop - 1}"
        raise SourceError(f"{source.path}: {which} (at {float(source.time(start)):.3f} s) cannot be decoded")
    on_undecodable(start, stop)


def _decode_from(source: Source, start: int, threads: int, deblock: bool) -> Generator[Any, None, None]:
    """Yield decoded frames from a key frame at or before `start`; seek further back if a seek lands too late."""
    index = bisect_right(source.keyframes, start) - 1
    for back in _BACK_OFF:
        if index - back < 0 or source.keyframes[index - back] == 0:
            break
        frames = _decode_file(source, source.pts[source.keyframes[index - back]], threads, deblock)
        first = next(frames, None)
        if first is not None and first.pts is not None and first.pts <= source.pts[start]:
            yield first
            yield from frames
            return
        frames.close()
    yield from _decode_file(source, None, threads, deblock)


def _decode_file(source: Source, seek_to: int | None, threads: int, deblock: bool) -> Generator[Any, None, None]:
    """Yield the frames of the file from its start or from a seek (ticks); damaged packets are skipped."""
    # this affects only the frames that FFmpeg decodes to probe the streams
    with open_container(source.path, {"skip_loop_filter": "all"}) as container:
        stream = container.streams[source.stream_index]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        if not deblock:
            stream.codec_context.options = {"skip_loop_filter": choose_loop_filter_skip(stream.codec_context.name)}
        if seek_to is not None:
            try:
                container.seek(seek_to, stream=stream)
            except av.FFmpegError:
                return
        yield from decode_intact(container, stream)


def choose_loop_filter_skip(codec: str) -> str:
    """Return the pictures that may skip the loop filter, a value of FFmpeg's `skip_loop_filter`."""
    # in HEVC all pictures of a video may be B pictures, so that "bidir" would let errors accumulate
    return "bidir" if codec == "h264" else "noref"


def _as_frame(number: int, source: Source, decoded: Any) -> Frame:
    name = decoded.format.name
    is_planar, depth = _parse_format(name)
    if not is_planar:
        # packed, semi-planar and RGB formats: all samples are kept, RGB becomes luma and chroma
        name = "yuv444p" if depth <= 8 else "yuv444p10le"
        decoded = decoded.reformat(format=name)
        _, depth = _parse_format(name)
    planes = decoded.planes[:3]
    lines = tuple(_as_array(plane, depth) for plane in planes)
    widths = tuple(plane.width for plane in planes)
    # frames of another size in the same source are of another part, which the container does not crop
    if source.crop and (decoded.width, decoded.height) == source.decoded_size:
        lines, widths = _cut_out(lines, widths, source.crop)
    return Frame(number, source.pts[number], lines, widths, depth, name)


def _cut_out(
    lines: tuple[NDArray[Any], ...], widths: tuple[int, ...], crop: Crop
) -> tuple[tuple[NDArray[Any], ...], tuple[int, ...]]:
    """Return copies of planes without the cropped samples; odd crops of subsampled planes are those of FFmpeg."""
    height, width = lines[0].shape[0] - crop.top - crop.bottom, widths[0] - crop.left - crop.right
    cut = []
    for plane, plane_width in zip(lines, widths, strict=True):
        across, down = round(widths[0] / plane_width), round(lines[0].shape[0] / plane.shape[0])
        top, left = crop.top // down, crop.left // across
        part = plane[top : top + -(-height // down), left : left + -(-width // across)]
        cut.append(np.ascontiguousarray(part))
    return tuple(cut), tuple(plane.shape[1] for plane in cut)


@cache
def _parse_format(name: str) -> tuple[bool, int]:
    """Return whether a pixel format holds planar luma and chroma, and the bits of a luma sample."""
    is_planar = name.startswith(("yuv4", "yuvj4", "yuva4", "gray")) and not name.endswith("be") and "f32" not in name
    return is_planar, av.VideoFormat(name).components[0].bits


def _as_array(plane: Any, depth: int) -> NDArray[Any]:
    # the array keeps a reference to the plane, and the plane to the buffer of its frame
    flat = np.frombuffer(plane, np.uint8 if depth <= 8 else np.uint16)
    return flat.reshape(plane.height, plane.line_size // flat.itemsize)
