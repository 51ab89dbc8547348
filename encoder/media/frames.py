"""Decode a source into frames by number: the one module that does.

A frame's number is its place in `Source.pts`; every frame that comes out is checked against its time there,
so that a range decoded apart holds the same frames as one decoded in passing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from encoder.errors import SourceError
from encoder.media.source import Source

__all__ = ["Frame", "decodable", "decode"]

#: How many keyframes further back each new try to seek starts, before the film is decoded from its start.
_BACK_OFF = (0, 1, 4)


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture.

    Attributes
    ----------
    number : int
        Its place in the film, from 0.
    pts : int
        When it is shown, in ticks of `Source.time_base`.
    lines : tuple of ndarray
        Luma and, where there is any, two chroma planes, as the decoder laid them out: C-contiguous, uint8 up
        to 8 bits, uint16 above, lines often longer than the picture. Kernels read these.
    widths : tuple of int
        How many samples of a line are picture, for each plane.
    bit_depth : int
        Bits of a luma sample.
    pixel_format : str
        FFmpeg's name for what the planes hold.
    """

    number: int
    pts: int
    lines: tuple[NDArray[Any], ...]
    widths: tuple[int, ...]
    bit_depth: int
    pixel_format: str

    @property
    def planes(self) -> tuple[NDArray[Any], ...]:
        """The planes cut to the picture: views, shape (height, width)."""
        return tuple(lines[:, :width] for lines, width in zip(self.lines, self.widths, strict=True))

    @property
    def luma(self) -> NDArray[Any]:
        """The first plane, cut to the picture."""
        return self.lines[0][:, : self.widths[0]]


def decode(
    source: Source,
    first: int = 0,
    last: int | None = None,
    *,
    threads: int | None = None,
    deblock: bool = True,
    on_undecodable: Callable[[int, int], None] | None = None,
) -> Iterator[Frame]:
    """Yield the frames [first, last) of a film in order of presentation.

    Parameters
    ----------
    source : Source
        What `encoder.inspect` found.
    first, last : int
        Frame numbers, half-open; `last` is the film's end when None.
    threads : int, optional
        Threads of the decoder, 0 for one a core. None leaves PyAV's default, which costs the least CPU.
    deblock : bool
        False lets the decoder skip its loop filter on pictures that no other one refers to (HEVC), or that are
        predicted from both sides (H.264): cheaper, a touch blockier, and no error is carried far.
    on_undecodable : callable, optional
        Called with (first, last) for frames that the index holds and the decoder cannot give.

    Raises
    ------
    SourceError
        If the film no longer opens, gives a frame that its index does not hold, or, without `on_undecodable`,
        lacks one.
    ValueError
        If the range is not within the film.

    Examples
    --------
    >>> import encoder
    >>> film = encoder.inspect("film.mp4")  # doctest: +SKIP
    >>> sum(int(frame.luma.mean() > 128) for frame in decode(film, 100, 200))  # doctest: +SKIP
    """
    stop = source.frame_count if last is None else last
    if not 0 <= first <= stop <= source.frame_count:
        raise ValueError(f"frames {first} to {stop} are not within {source.frame_count} frames")
    if first == stop:
        return
    with closing(_pictures(source, first, threads, deblock)) as pictures:
        wanted = first
        for number, picture in _numbered(source, pictures, first, stop):
            if number > wanted:
                _lose(source, wanted, number, on_undecodable)
            yield _frame(number, source.pts[number], picture)
            wanted = number + 1
        if wanted < stop:
            _lose(source, wanted, stop, on_undecodable)


def _numbered(source: Source, pictures: Iterator[Any], first: int, stop: int) -> Iterator[tuple[int, Any]]:
    """Give each decoded picture its number; drop those before `first`, end at `stop`."""
    number = -1
    for picture in pictures:
        pts = picture.pts
        if pts is None or (number >= 0 and pts <= source.pts[number]):
            # the index gave such a picture the next place, as inspection saw the same
            number += 1
        else:
            place = bisect_left(source.pts, pts)
            if place == source.frame_count or source.pts[place] != pts:
                if place <= first:
                    # what a decoder makes of a picture group whose start was cut away
                    continue
                raise SourceError(
                    f"{source.path}: a frame at {float(pts * source.time_base):.3f} s after frame {number} "
                    "is not in its index; has the file changed?"
                )
            number = place
        if number >= stop:
            return
        if number >= first:
            yield number, picture


def _lose(source: Source, first: int, last: int, on_undecodable: Callable[[int, int], None] | None) -> None:
    if on_undecodable is None:
        which = f"frame {first}" if last == first + 1 else f"frames {first} to {last - 1}"
        raise SourceError(f"{source.path}: {which} (at {float(source.time(first)):.3f} s) cannot be decoded")
    on_undecodable(first, last)


def _pictures(source: Source, first: int, threads: int | None, deblock: bool) -> Generator[Any, None, None]:
    """Yield pictures from a keyframe at or before `first`; seek further back if a seek lands too late."""
    place = bisect_right(source.keyframes, first) - 1
    for back in _BACK_OFF:
        if place - back < 0 or source.keyframes[place - back] == 0:
            break
        pictures = _decoded(source, source.pts[source.keyframes[place - back]], threads, deblock)
        start = next(pictures, None)
        if start is not None and start.pts is not None and start.pts <= source.pts[first]:
            yield start
            yield from pictures
            return
        pictures.close()
    yield from _decoded(source, None, threads, deblock)


def _decoded(source: Source, seek_to: int | None, threads: int | None, deblock: bool) -> Generator[Any, None, None]:
    """Yield what the decoder gives, passing over damage, from the start or from a seek."""
    try:
        # only of the pictures that FFmpeg decodes to know the streams
        container = av.open(source.path, options={"skip_loop_filter": "all"})
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"{source.path}: cannot be opened any more ({error})") from error
    with container:
        stream = container.streams[source.stream_index]
        if threads is not None:
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = threads
        if not deblock:
            stream.codec_context.options = {"skip_loop_filter": unfiltered(stream.codec_context.name)}
        if seek_to is not None:
            try:
                container.seek(seek_to, stream=stream)
            except av.FFmpegError:
                return
        yield from decodable(container, stream)


def unfiltered(codec: str) -> str:
    """Return which pictures may go without their loop filter, in FFmpeg's words (see `benchmarks.deblocking`)."""
    # in HEVC whole films are made of B pictures, so that "bidir" would let errors grow there
    return "bidir" if codec == "h264" else "noref"


def decodable(container: Any, stream: Any) -> Generator[Any, None, None]:
    """Yield the pictures of an opened stream that decode; what is damaged is passed over."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue


def _frame(number: int, pts: int, picture: Any) -> Frame:
    name = picture.format.name
    planar, depth = _layout(name)
    if not planar:
        # packed, half-planar and RGB pictures: every sample kept, colours as luma and chroma
        name = "yuv444p" if depth <= 8 else "yuv444p10le"
        picture = picture.reformat(format=name)
        _, depth = _layout(name)
    planes = picture.planes[:3]
    lines = tuple(_lines(plane, depth) for plane in planes)
    return Frame(number, pts, lines, tuple(plane.width for plane in planes), depth, name)


@cache
def _layout(name: str) -> tuple[bool, int]:
    """Return of a pixel format whether it is planar luma and chroma, and the bits of a luma sample."""
    planar = name.startswith(("yuv4", "yuvj4", "yuva4", "gray")) and not name.endswith("be") and "f32" not in name
    return planar, av.VideoFormat(name).components[0].bits


def _lines(plane: Any, depth: int) -> NDArray[Any]:
    # the array holds the plane, and the plane its frame's buffer
    flat = np.frombuffer(plane, np.uint8 if depth <= 8 else np.uint16)
    return flat.reshape(plane.height, plane.line_size // flat.itemsize)
