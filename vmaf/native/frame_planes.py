"""Pictures of a film, at the size and depth of the comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from encoder import Source
from encoder.media.frames import Frame, decode

__all__ = ["FramePlanes"]


class FramePlanes:
    """Read frames of a film, in order.

    Parameters
    ----------
    source : Source
    numbers : sequence of (int or None)
        What each call of `read` is to give: ascending numbers of frames, `None` for one that is not there.
    size : (int, int)
        Width and height to bring the upright picture to (bicubic, libswscale).
    depth : int
        Bits to bring samples to, at least those they have.
    pixel_format : str
        Format of this depth whose chroma `planes` gives.
    partial : bool
        Pass over frames that cannot be decoded.
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
        self._held: Frame | None = None
        self._size = size
        self._depth = depth
        self._pixel_format = pixel_format
        self._frames = _decoded(source, [n for n in numbers if n is not None], partial)

    def read(self) -> Frame | None:
        """Return the next frame as it is stored, `None` if it is not there or cannot be decoded."""
        number = next(self._numbers)
        if number is None:
            return None
        frame = self._held or next(self._frames, None)
        there = frame is not None and frame.number == number
        self._held = None if there else frame
        return frame if there else None

    def luma(self, frame: Frame, reformatter: VideoReformatter) -> Any:
        """Return the samples of a frame, (height, width) of uint8 or uint16.

        Parameters
        ----------
        frame : Frame
        reformatter : VideoReformatter
            The calling thread's own for this film, so that frames can be scaled at once.
        """
        samples = frame.luma
        if self.source.rotation:
            # kernels read along rows, so a view of a turned picture will not do
            samples = np.ascontiguousarray(np.rot90(samples, -self.source.rotation // 90))
        width, height = self._size
        if frame.bit_depth == self._depth and samples.shape == (height, width):
            return samples
        shown = self._shown(samples, frame.bit_depth)
        name = f"yuv420p{self._depth}le" if self._depth > 8 else "yuv420p"
        if frame.bit_depth == self._depth:
            name = name.replace("yuv420p", "gray")
        # one thread: frames are what runs in parallel
        scaled = reformatter.reformat(shown, width, height, name, interpolation=Interpolation.BICUBIC, threads=1)
        return _samples(scaled)[0]

    def planes(self, frame: Frame, reformatter: VideoReformatter) -> tuple[Any, ...]:
        """Return the samples of luma and chroma of a frame of planar YUV that stands upright."""
        width, height = self._size
        if frame.pixel_format == self._pixel_format and frame.luma.shape == (height, width):
            return frame.planes
        # a frame of our own says nothing of where chroma lies, as nothing is said to ffmpeg's scaler
        shown = av.VideoFrame(frame.luma.shape[1], frame.luma.shape[0], frame.pixel_format)
        for copy, plane in zip(_samples(shown), frame.planes, strict=True):
            copy[:] = plane
        scaled = reformatter.reformat(
            shown, width, height, self._pixel_format, interpolation=Interpolation.BICUBIC, threads=1
        )
        return _samples(scaled)

    def _shown(self, samples: Any, depth: int) -> Any:
        """Wrap samples for libswscale, which scales each plane alone."""
        height, width = samples.shape
        if depth == self._depth:
            return av.VideoFrame.from_ndarray(
                np.ascontiguousarray(samples), format="gray" if depth == 8 else f"gray{depth}le"
            )
        # grey would be taken for full range and stretched when its depth changes
        frame = av.VideoFrame(width, height, "yuv420p" if depth == 8 else f"yuv420p{depth}le")
        _samples(frame)[0][:] = samples
        return frame


def _samples(frame: Any) -> tuple[Any, ...]:
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    return tuple(np.frombuffer(p, dtype).reshape(p.height, -1)[:, : p.width] for p in frame.planes)


# not a method: a generator that holds the film that holds it would keep decoders in memory long after use
def _decoded(source: Source, numbers: Sequence[int], partial: bool) -> Iterator[Frame]:
    if numbers:
        on_undecodable = (lambda first, last: None) if partial else None
        # one thread a film: the films are what runs in parallel
        yield from decode(source, numbers[0], numbers[-1] + 1, threads=1, on_undecodable=on_undecodable)
