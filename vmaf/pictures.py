"""Luma pictures of a film, at the size and depth of the comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from encoder import Source
from encoder.frames import decode
from vmaf.errors import PairingError
from vmaf.request import native_size

__all__ = ["Pictures"]


class Pictures:
    """Read the frames [first, last) of a film, in order.

    Parameters
    ----------
    source : Source
    first, last : int
    size : (int, int)
        Width and height to bring the upright picture to (bicubic, libswscale).
    depth : int
        Bits to bring samples to, at least those they have.
    """

    def __init__(self, source: Source, first: int, last: int, size: tuple[int, int], depth: int) -> None:
        self.source = source
        self.next = first
        self._size = size
        self._depth = depth
        self._lost: list[int] = []
        self._frames = self._read(first, last)
        self._reformatter = VideoReformatter()
        self._plain = native_size(source) == size and source.bit_depth == depth

    def _read(self, first: int, last: int) -> Iterator[Any]:
        # one thread a film: the films are what runs in parallel
        yield from decode(self.source, first, last, threads=1)

    def skip(self) -> None:
        """Pass over one frame."""
        self._decoded()

    def luma(self) -> Any:
        """Return the samples of the next frame, (height, width) of uint8 or uint16, valid until the call after."""
        frame = self._decoded()
        samples = np.rot90(frame.luma, -self.source.rotation // 90) if self.source.rotation else frame.luma
        width, height = self._size
        if frame.bit_depth == self._depth and samples.shape == (height, width):
            return samples
        shown = self._shown(samples, frame.bit_depth)
        name = f"yuv420p{self._depth}le" if self._depth > 8 else "yuv420p"
        if frame.bit_depth == self._depth:
            name = name.replace("yuv420p", "gray")
        scaled = self._reformatter.reformat(shown, width, height, name, interpolation=Interpolation.BICUBIC)
        return _samples(scaled, width, height)

    def _shown(self, samples: Any, depth: int) -> Any:
        """Wrap samples for libswscale, which scales each plane alone."""
        height, width = samples.shape
        if depth == self._depth:
            return av.VideoFrame.from_ndarray(
                np.ascontiguousarray(samples), format="gray" if depth == 8 else f"gray{depth}le"
            )
        # grey would be taken for full range and stretched when its depth changes
        frame = av.VideoFrame(width, height, "yuv420p" if depth == 8 else f"yuv420p{depth}le")
        plane = frame.planes[0]
        lines = np.frombuffer(plane, samples.dtype).reshape(height, plane.line_size // samples.itemsize)
        lines[:, :width] = samples
        return frame

    def _decoded(self) -> Any:
        frame = next(self._frames, None)
        if frame is None or frame.number != self.next:
            raise PairingError(f"{self.source.path}: frame {self.next} is missing")
        self.next += 1
        return frame


def _samples(frame: Any, width: int, height: int) -> Any:
    plane = frame.planes[0]
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    return np.frombuffer(plane, dtype).reshape(height, -1)[:, :width]
