"""Downscale decoded frames to the size on which shots are detected."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from encoder.media.frames import Frame
from encoder.media.source import Source
from ladders.shots.kernels.frame_statistics import box_downscale

__all__ = ["Downscaler"]

#: Minimum side, in samples, of a square with the area of the downscaled luma plane; chosen by hand, not tuned.
LUMA_SIDE = 90
#: The same of a chroma plane.
CHROMA_SIDE = 25
#: Minimum width and height of a downscaled plane: one 8 x 8 block.
_MIN_SIZE = 8


class Downscaler:
    """Downscales the frames of one source by a box filter.

    Squares whose side is a power of two are averaged in one pass over the lines as the decoder laid them out; a
    remainder at the right and lower edge is dropped. A frame of another size than the first one is resized first.

    Attributes
    ----------
    shape, chroma_shape : tuple of int
        Height and width of the downscaled luma and chroma planes; None without chroma.
    factor : int
        Side, in luma samples, of the squares that are averaged.
    """

    def __init__(self, source: Source, frame: Frame) -> None:
        self._size = (source.height, source.width)
        self.factor = _factor(frame.luma.shape, LUMA_SIDE)
        self.shape = _shape(frame.luma.shape, self.factor)
        self.chroma_shape: tuple[int, int] | None = None
        self._chroma_size: tuple[int, ...] | None = None
        if len(frame.lines) == 3:
            self._chroma_size = frame.planes[1].shape
            self._chroma_factor = _factor(self._chroma_size, CHROMA_SIDE)
            self.chroma_shape = _shape(self._chroma_size, self._chroma_factor)
        self._size = frame.luma.shape
        self._sums = np.zeros(max(lines.shape[1] for lines in frame.lines) + 8, np.uint64)

    def luma(self, frame: Frame, out: NDArray[np.int16]) -> None:
        """Downscale the luma plane."""
        # every fourth line of a square of eight is enough for the mean
        step = max(1, self.factor // 2)
        self._plane(frame.lines[0], frame.widths[0], frame.bit_depth, self._size, self.factor, step, out)

    def chroma(self, frame: Frame, which: int, out: NDArray[np.int16]) -> None:
        """Downscale a chroma plane (1 or 2); a frame without chroma is grey."""
        if self._chroma_size is None or len(frame.lines) < 3:
            out[:] = 128 * 16
            return
        factor = self._chroma_factor
        # chroma is smooth: two lines of each square are enough
        step = max(1, factor // 2)
        self._plane(frame.lines[which], frame.widths[which], frame.bit_depth, self._chroma_size, factor, step, out)

    def _plane(
        self,
        lines: NDArray[Any],
        width: int,
        depth: int,
        size: tuple[int, ...],
        factor: int,
        step: int,
        out: NDArray[np.int16],
    ) -> None:
        if (lines.shape[0], width) != size:
            lines = cv2.resize(lines[:, :width], size[::-1], interpolation=cv2.INTER_AREA)
        if lines.shape[1] * lines.itemsize % 8:
            lines = np.pad(lines, ((0, 0), (0, 8 - lines.shape[1] % 8)))
        scale = np.float32(16 * step / (factor * factor << (depth - 8)))
        box_downscale(lines.view(np.uint64), factor, step, lines.itemsize == 1, scale, self._sums, out)


def _factor(size: tuple[int, ...], side: int) -> int:
    factor = 1
    while (size[0] * size[1]) ** 0.5 / (2 * factor) >= side and min(size[:2]) // (2 * factor) >= _MIN_SIZE:
        factor *= 2
    return min(factor, 64)


def _shape(size: tuple[int, ...], factor: int) -> tuple[int, int]:
    return size[0] // factor, size[1] // factor
