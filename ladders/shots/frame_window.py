"""The small pictures that shots are found on: the last ones of a film, and what neighbours say of each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from encoder import Frame, Source
from ladders.shots.downscale import Downscaler
from ladders.shots.kernels.frame_comparison import lit_blocks, pair_evidence, structure
from ladders.shots.kernels.frame_statistics import survey

__all__ = ["BLACK", "CHANGE_COLUMNS", "THUMBNAIL", "FrameWindow"]

#: What `pair_evidence` says of a frame and the one before it, in the order of its columns.
CHANGE_COLUMNS = (
    "residual",
    "even_residual",
    "activity",
    "share",
    "fresh",
    "difference",
    "moved",
    "level",
    "spread",
    "colour",
    "pan_y",
    "pan_x",
    "motion",
)
_PANS = slice(CHANGE_COLUMNS.index("pan_y"), CHANGE_COLUMNS.index("pan_x") + 1)
#: Rows and columns of the thumbnails that mixtures are recognised on; each chroma plane has half of each.
THUMBNAIL = (9, 16)
#: A cell of a thumbnail that is in neither of two frames brighter than this, in levels, is taken for a black bar.
BLACK = 20.0


class FrameWindow:
    """The small pictures of the last frames, oldest first, and what each pair of neighbours says.

    Parameters
    ----------
    source : Source
        The film.
    frame : Frame
        Any of its frames, for the layout.
    capacity : int
        How many frames are kept.

    Attributes
    ----------
    first : int
        Number of the oldest frame held.
    count : int
        How many are held.
    luma, blue, red : int16 arrays, shape (capacity, height, width)
        In sixteenths of a level.
    thumbnails : float32 array, shape (capacity, cells)
        Luma cells, then both chromas', in levels.
    changes : float32 array, shape (capacity, len(CHANGE_COLUMNS))
        Each frame against the one before it; zero for the first held.
    """

    def __init__(self, source: Source, frame: Frame, capacity: int) -> None:
        self.reduction = Downscaler(source, frame)
        height, width = self.reduction.shape
        chroma = self.reduction.chroma_shape or (1, 1)
        self.luma = np.zeros((capacity, height, width), np.int16)
        self.blue = np.zeros((capacity, *chroma), np.int16)
        self.red = np.zeros((capacity, *chroma), np.int16)
        cells, colours = THUMBNAIL[0] * THUMBNAIL[1], (THUMBNAIL[0] // 2) * (THUMBNAIL[1] // 2)
        self.thumbnails = np.zeros((capacity, cells + 2 * colours), np.float32)
        self.changes = np.zeros((capacity, len(CHANGE_COLUMNS)), np.float32)
        self.vectors = np.zeros((height // 8, width // 8, 2), np.int16)
        self._spare = np.zeros_like(self.vectors)
        self._row = np.zeros(len(CHANGE_COLUMNS), np.float32)
        self._compared = (-1, -1)
        self._lines = np.zeros((capacity, width + height), np.float32)
        self._counts = np.zeros((capacity, 256), np.int16)
        self._activity = np.zeros((capacity, height // 8, width // 8), np.int32)
        self._levels = np.zeros((capacity, 3), np.float32)
        self._resized = np.zeros(capacity, np.bool_)
        self._size = frame.luma.shape
        self.start = frame.number
        self.count = 0

    @property
    def last(self) -> int:
        """Number of the frame after the newest one held."""
        return self.start + self.count

    @property
    def full(self) -> bool:
        """Whether no further frame fits."""
        return self.count == len(self.luma)

    def push(self, frame: Frame) -> None:
        """Take in the next frame."""
        n = self.count
        self.reduction.luma(frame, self.luma[n])
        self.reduction.chroma(frame, 1, self.blue[n])
        self.reduction.chroma(frame, 2, self.red[n])
        self._resized[n] = frame.luma.shape != self._size
        self._size = frame.luma.shape
        self.count += 1
        self._finish(n)

    def resized(self) -> list[int]:
        """Return the frames held at which the pictures changed size."""
        return [self.start + int(n) for n in np.flatnonzero(self._resized[: self.count])]

    def repeat(self) -> None:
        """Take in a frame that could not be decoded: the one before it stands still."""
        n = self.count
        for held in (self.luma, self.blue, self.red):
            held[n] = held[n - 1]
        self._resized[n] = False
        self.count += 1
        self._finish(n)

    @property
    def steps(self) -> NDArray[np.float32]:
        """Mean absolute difference of each thumbnail from the one before it, in levels; shape (capacity,)."""
        return self._levels[:, 2]

    def _finish(self, n: int) -> None:
        survey(
            self.luma[n],
            self.blue[n],
            self.red[n],
            THUMBNAIL,
            self.thumbnails[max(n - 1, 0)],
            self.thumbnails[n],
            self._lines[n],
            self._counts[n],
            self._activity[n],
            self._levels[n],
        )
        if n:
            self._pair(n - 1, n, self.vectors, self.changes[n])

    def between(self, before: int, after: int) -> NDArray[np.float32]:
        """Compare any two frames held, by number; a row of `CHANGE_COLUMNS`."""
        if self._compared != (before, after):
            self._compared = (before, after)
            self._pair(before - self.start, after - self.start, self._spare, self._row)
        return self._row.copy()

    def likeness(self, before: int, after: int) -> tuple[float, float]:
        """Return what `structure` says of two frames held, by number."""
        self.between(before, after)
        found, window = np.zeros(2), np.zeros(4, np.int64)
        one, other = before - self.start, after - self.start
        carried = np.rint(self.changes[one + 1 : other + 1, _PANS].sum(0)).astype(np.int64)
        lit_blocks(self._lines[one], self._lines[other], self.luma.shape[2], window)
        structure(self.luma[one], self.luma[other], self._spare, carried, window, found)
        return float(found[0]), float(found[1])

    def lit(self, before: int, after: int) -> NDArray[np.bool_]:
        """Return which luma cells of a thumbnail are bright in either of two rows, and reach into no black bar."""
        cells = THUMBNAIL[0] * THUMBNAIL[1]
        bright = np.maximum(self.thumbnails[before, :cells], self.thumbnails[after, :cells]) > BLACK
        lit: NDArray[np.bool_] = bright & self.within_bars(before, after, THUMBNAIL)
        return lit

    def within_bars(self, before: int, after: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return which of rows and columns of cells reach into no black bar of two rows; flat."""
        width = self.luma.shape[2]
        lines = np.maximum(self._lines[before], self._lines[after]) > 16 * BLACK
        return np.outer(_within(lines[width:], shape[0]), _within(lines[:width], shape[1])).ravel()

    def quiet(self, before: int, after: int) -> tuple[float, float]:
        """Return how much less than all cells the quietest fifth, and half, of a thumbnail's luma cells change.

        A caption leaves most of a picture alone; a new picture leaves nothing but black bars. `before` and `after` are
        rows.
        """
        cells = THUMBNAIL[0] * THUMBNAIL[1]
        change, lit = np.abs(self.thumbnails[after, :cells] - self.thumbnails[before, :cells]), self.lit(before, after)
        change = np.sort(change[lit] if lit.sum() > cells // 4 else change)
        mean = float(change.mean()) + 1e-3
        return float(change[: len(change) // 5].mean()) / mean, float(change[: len(change) // 2].mean()) / mean

    def _pair(self, before: int, after: int, vectors: NDArray[np.int16], out: NDArray[np.float32]) -> None:
        pair_evidence(
            self.luma,
            self.blue,
            self.red,
            self._lines,
            self._counts,
            self._activity,
            self._levels,
            before,
            after,
            vectors,
            out,
        )

    def drop(self, before: int) -> None:
        """Forget the frames before number `before`."""
        gone = before - self.start
        if gone <= 0:
            return
        for held in (
            self.luma,
            self.blue,
            self.red,
            self.thumbnails,
            self.changes,
            self._lines,
            self._counts,
            self._activity,
            self._levels,
            self._resized,
        ):
            # piece by piece, so that numpy need not copy what overlaps
            for k in range(0, self.count - gone, gone):
                end = min(k + gone, self.count - gone)
                held[k:end] = held[k + gone : end + gone]
        self.start, self.count = before, self.count - gone


def _within(lit: NDArray[np.bool_], cells: int) -> NDArray[np.bool_]:
    """Return which of some cells lie between the first and the last line that is lit."""
    places = np.flatnonzero(lit)
    edges = np.arange(cells + 1) * len(lit) // cells
    if not len(places):
        return np.zeros(cells, np.bool_)
    found: NDArray[np.bool_] = (edges[:-1] >= places[0]) & (edges[1:] <= places[-1] + 1)
    return found
