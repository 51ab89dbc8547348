"""A sliding window of downscaled frames with the change metrics of each frame relative to the one before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from encoder.media.frames import Frame
from encoder.media.source import Source
from ladders.shots.downscale import Downscaler
from ladders.shots.kernels.frame_comparison import (
    CHANGE_METRICS,
    compare_frames,
    correlate_blocks,
    find_active_blocks,
)
from ladders.shots.kernels.frame_statistics import measure_frame

__all__ = ["BLACK_LEVEL", "THUMBNAIL", "FrameWindow"]

_GLOBAL_MOTION = slice(CHANGE_METRICS.index("global_motion_y"), CHANGE_METRICS.index("global_motion_x") + 1)
#: Rows and columns of the luma thumbnail; those of chroma have half of each. Chosen by hand, not tuned.
THUMBNAIL = (9, 16)
#: Maximum level of a thumbnail cell or line of a black bar (black is 16 in limited range); chosen by hand, not tuned.
BLACK_LEVEL = 20.0


class FrameWindow:
    """The last frames of a scan, oldest first: downscaled planes, statistics, and metrics of each adjacent pair.

    A *row* is the index of a frame in the window; its *number* is its index in the source, `start` + row.

    Parameters
    ----------
    source : Source
        The source that is scanned.
    frame : Frame
        Any frame of it; it determines sizes and planes.
    capacity : int
        Maximum number of frames in the window.

    Attributes
    ----------
    start : int
        Number of the oldest frame in the window.
    count : int
        Frames in the window.
    luma, blue, red : int16 arrays, shape (capacity, height, width)
        Downscaled planes, in sixteenths of a level.
    thumbnails : float32 array, shape (capacity, cells)
        Cells of luma, then of both chroma planes, in levels.
    changes : float32 array, shape (capacity, len(CHANGE_METRICS))
        Metrics of each frame relative to the one before it; zero for the first frame that was pushed.
    """

    def __init__(self, source: Source, frame: Frame, capacity: int) -> None:
        self.downscaler = Downscaler(source, frame)
        height, width = self.downscaler.shape
        chroma = self.downscaler.chroma_shape or (1, 1)
        self.luma = np.zeros((capacity, height, width), np.int16)
        self.blue = np.zeros((capacity, *chroma), np.int16)
        self.red = np.zeros((capacity, *chroma), np.int16)
        cells, colours = THUMBNAIL[0] * THUMBNAIL[1], (THUMBNAIL[0] // 2) * (THUMBNAIL[1] // 2)
        self.thumbnails = np.zeros((capacity, cells + 2 * colours), np.float32)
        self.changes = np.zeros((capacity, len(CHANGE_METRICS)), np.float32)
        self.vectors = np.zeros((height // 8, width // 8, 2), np.int16)
        self._compare_vectors = np.zeros_like(self.vectors)
        self._metrics = np.zeros(len(CHANGE_METRICS), np.float32)
        self._compared = (-1, -1)
        self._projections = np.zeros((capacity, width + height), np.float32)
        self._histograms = np.zeros((capacity, 256), np.int16)
        self._activity = np.zeros((capacity, height // 8, width // 8), np.int32)
        self._levels = np.zeros((capacity, 3), np.float32)
        self._resized = np.zeros(capacity, np.bool_)
        self._size = frame.luma.shape
        self.start = frame.number
        self.count = 0

    @property
    def stop(self) -> int:
        """Number of the frame after the newest one in the window."""
        return self.start + self.count

    @property
    def is_full(self) -> bool:
        """Whether the window has no room for another frame."""
        return self.count == len(self.luma)

    def push(self, frame: Frame) -> None:
        """Append the next frame."""
        n = self.count
        self.downscaler.luma(frame, self.luma[n])
        self.downscaler.chroma(frame, 1, self.blue[n])
        self.downscaler.chroma(frame, 2, self.red[n])
        self._resized[n] = frame.luma.shape != self._size
        self._size = frame.luma.shape
        self.count += 1
        self._measure(n)

    def resized_frames(self) -> list[int]:
        """Return the numbers of the frames in the window that differ in size from the frame before them."""
        return [self.start + int(n) for n in np.flatnonzero(self._resized[: self.count])]

    def push_undecodable(self) -> None:
        """Append a frame that could not be decoded as a copy of the one before it."""
        n = self.count
        for plane in (self.luma, self.blue, self.red):
            plane[n] = plane[n - 1]
        self._resized[n] = False
        self.count += 1
        self._measure(n)

    @property
    def thumbnail_changes(self) -> NDArray[np.float32]:
        """Mean absolute difference of each thumbnail from the one before it, in levels; shape (capacity,)."""
        return self._levels[:, 2]

    def _measure(self, n: int) -> None:
        measure_frame(
            self.luma[n],
            self.blue[n],
            self.red[n],
            THUMBNAIL,
            self.thumbnails[max(n - 1, 0)],
            self.thumbnails[n],
            self._projections[n],
            self._histograms[n],
            self._activity[n],
            self._levels[n],
        )
        if n:
            self._compare_rows(n - 1, n, self.vectors, self.changes[n])

    def compare(self, before: int, after: int) -> NDArray[np.float32]:
        """Return the `CHANGE_METRICS` of any two frames in the window, by number; shape (len(CHANGE_METRICS),)."""
        if self._compared != (before, after):
            self._compared = (before, after)
            self._compare_rows(before - self.start, after - self.start, self._compare_vectors, self._metrics)
        return self._metrics.copy()

    def block_similarity(self, before: int, after: int) -> tuple[float, float]:
        """Return the block correlation of two frames, by number, and the fraction of blocks that correlate."""
        self.compare(before, after)
        found, window = np.zeros(2), np.zeros(4, np.int64)
        one, other = before - self.start, after - self.start
        carried = np.rint(self.changes[one + 1 : other + 1, _GLOBAL_MOTION].sum(0)).astype(np.int64)
        find_active_blocks(self._projections[one], self._projections[other], self.luma.shape[2], window)
        correlate_blocks(self.luma[one], self.luma[other], self._compare_vectors, carried, window, found)
        return float(found[0]), float(found[1])

    def active_cells(self, before: int, after: int) -> NDArray[np.bool_]:
        """Return which luma cells of the thumbnails of two rows are bright in either and outside black bars; flat."""
        cells = THUMBNAIL[0] * THUMBNAIL[1]
        bright = np.maximum(self.thumbnails[before, :cells], self.thumbnails[after, :cells]) > BLACK_LEVEL
        active: NDArray[np.bool_] = bright & self.within_active_area(before, after, THUMBNAIL)
        return active

    def within_active_area(self, before: int, after: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return which cells of a grid of `shape` (rows, columns) lie outside the black bars of two rows; flat."""
        width = self.luma.shape[2]
        lines = np.maximum(self._projections[before], self._projections[after]) > 16 * BLACK_LEVEL
        return np.outer(_within(lines[width:], shape[0]), _within(lines[:width], shape[1])).ravel()

    def low_change_ratios(self, before: int, after: int) -> tuple[float, float]:
        """Return the mean change of the fifth and of the half of the luma cells that change least, relative to all.

        A caption or an object that appears leaves most cells as they are; a new shot changes all. `before` and `after`
        are rows.
        """
        cells = THUMBNAIL[0] * THUMBNAIL[1]
        change, active = (
            np.abs(self.thumbnails[after, :cells] - self.thumbnails[before, :cells]),
            self.active_cells(before, after),
        )
        change = np.sort(change[active] if active.sum() > cells // 4 else change)
        mean = float(change.mean()) + 1e-3
        return float(change[: len(change) // 5].mean()) / mean, float(change[: len(change) // 2].mean()) / mean

    def _compare_rows(self, before: int, after: int, vectors: NDArray[np.int16], out: NDArray[np.float32]) -> None:
        compare_frames(
            self.luma,
            self.blue,
            self.red,
            self._projections,
            self._histograms,
            self._activity,
            self._levels,
            before,
            after,
            vectors,
            out,
        )

    def discard_before(self, before: int) -> None:
        """Remove the frames with numbers below `before`."""
        gone = before - self.start
        if gone <= 0:
            return
        for array in (
            self.luma,
            self.blue,
            self.red,
            self.thumbnails,
            self.changes,
            self._projections,
            self._histograms,
            self._activity,
            self._levels,
            self._resized,
        ):
            # in pieces that do not overlap, so that numpy makes no temporary copy
            for k in range(0, self.count - gone, gone):
                end = min(k + gone, self.count - gone)
                array[k:end] = array[k + gone : end + gone]
        self.start, self.count = before, self.count - gone


def _within(bright: NDArray[np.bool_], cells: int) -> NDArray[np.bool_]:
    """Return which of `cells` equal parts of the lines lie between the first and the last bright line."""
    positions = np.flatnonzero(bright)
    edges = np.arange(cells + 1) * len(bright) // cells
    if not len(positions):
        return np.zeros(cells, np.bool_)
    inside: NDArray[np.bool_] = (edges[:-1] >= positions[0]) & (edges[1:] <= positions[-1] + 1)
    return inside
