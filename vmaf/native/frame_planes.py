"""Read the planes of a video's frames at the size and bit depth of the comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from encoder import Source
from encoder.media.frames import Frame, decode
from encoder.media.geometry import turn_upright

__all__ = ["FramePlanes"]


class FramePlanes:
    """Read the frames of a video in order.

    Parameters
    ----------
    source : Source
    numbers : sequence of (int or None)
        Frame number that each call of `read` returns, ascending; None for a frame that the video does not hold.
    size : (int, int)
        Width and height to scale the upright frame to (bicubic, libswscale).
    depth : int
        Bits of the returned samples, at least those of the video.
    pixel_format : str
        Format that `planes` returns, of this bit depth.
    partial : bool
        Skip frames that cannot be decoded.
    """

    def __init__(
        self,
        source: Source,
        numbers: Sequence[int | None],
        size: tuple[int, int],
        depth: int,
        pixel_format: str,
        *,
        partial: bool,
    ) -> None:
        self.source = source
        self._numbers = iter(numbers)
        self._next_frame: Frame | None = None
        self._size = size
        self._depth = depth
        self._pixel_format = pixel_format
        self._frames = _decoded(source, [n for n in numbers if n is not None], partial)

    def read(self) -> Frame | None:
        """Return the next frame as it is stored, None if the video does not hold it or it cannot be decoded."""
        number = next(self._numbers)
        if number is None:
            return None
        frame = self._next_frame or next(self._frames, None)
        is_found = frame is not None and frame.number == number
        self._next_frame = None if is_found else frame
        return frame if is_found else None

    def luma(self, frame: Frame, reformatter: VideoReformatter) -> Any:
        """Return the luma of a frame, a (height, width) array of uint8 or uint16.

        Parameters
        ----------
        frame : Frame
        reformatter : VideoReformatter
            One for each thread and video, so that frames can be scaled in parallel.
        """
        samples = frame.luma
        is_mirrored, rotation = self.source.is_mirrored, self.source.rotation
        if is_mirrored or rotation:
            # kernels need contiguous rows, which a view of a rotated frame does not have
            samples = np.ascontiguousarray(turn_upright(samples, is_mirrored=is_mirrored, rotation=rotation))
        width, height = self._size
        if frame.bit_depth == self._depth and samples.shape == (height, width):
            return samples
        shown = self._video_frame(samples, frame.bit_depth)
        name = f"yuv420p{self._depth}le" if self._depth > 8 else "yuv420p"
        if frame.bit_depth == self._depth:
            name = name.replace("yuv420p", "gray")
        # one thread, because frames are scaled in parallel
        scaled = reformatter.reformat(shown, width, height, name, interpolation=Interpolation.BICUBIC, threads=1)
        return _samples(scaled)[0]

    def planes(self, frame: Frame, reformatter: VideoReformatter) -> tuple[Any, ...]:
        """Return luma and chroma of an upright frame of planar YUV."""
        width, height = self._size
        if frame.pixel_format == self._pixel_format and frame.luma.shape == (height, width):
            return frame.planes
        # the copy has no chroma location, because ffmpeg's scaler gets none either
        shown = av.VideoFrame(frame.luma.shape[1], frame.luma.shape[0], frame.pixel_format)
        for copy, plane in zip(_samples(shown), frame.planes, strict=True):
            copy[:] = plane
        scaled = reformatter.reformat(
            shown, width, height, self._pixel_format, interpolation=Interpolation.BICUBIC, threads=1
        )
        return _samples(scaled)

    def _video_frame(self, samples: Any, depth: int) -> Any:
        """Return samples as a frame for libswscale, which scales each plane by itself."""
        height, width = samples.shape
        # libswscale takes grey for full range and would stretch it when the bit depth changes
        kind = "gray" if depth == self._depth else "yuv420p"
        frame = av.VideoFrame(width, height, kind if depth == 8 else f"{kind}{depth}le")
        _samples(frame)[0][:] = samples
        return frame


def _samples(frame: Any) -> tuple[Any, ...]:
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    return tuple(np.frombuffer(p, dtype).reshape(p.height, -1)[:, : p.width] for p in frame.planes)


# not a method: a reference cycle of reader and generator would keep decoders in memory long after use
def _decoded(source: Source, numbers: Sequence[int], partial: bool) -> Iterator[Frame]:
    if numbers:
        on_undecodable = (lambda first, last: None) if partial else None
        # one thread for each video, because videos are decoded in parallel
        yield from decode(source, numbers[0], numbers[-1] + 1, threads=1, on_undecodable=on_undecodable)
