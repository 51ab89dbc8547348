"""Encoding complexity: texture, temporal change, motion residual, grain; per frame, and pooled per shot.

Two sizes are measured in the same pass. Block energies are those of the downscaled planes of the shot detector.
Gradients, differences, grain and coding cost are estimated at full size on a sample of lines and blocks that changes
from frame to frame, so that measuring takes a small fraction of the time of decoding.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from encoder.media.frames import Frame
from encoder.media.source import Source
from ladders.complexity.complexity_kernels import (
    block_energies,
    block_energies_8,
    fine_blocks,
    line_moments,
    small_energies,
)

__all__ = ["COMPLEXITY_COLUMNS", "Complexity", "ComplexityMeter", "Pooled", "dct_energy", "pool"]

#: Measures of a frame, in the order of the columns of `ScanResult.complexity`.
COMPLEXITY_COLUMNS = (
    "texture",
    "temporal",
    "brightness",
    "chroma_texture",
    "chroma_temporal",
    "si",
    "ti",
    "inter_cost",
    "intra_cost",
    "residual",
    "grain",
)
#: Columns that compare a frame with the one before it; at the first frame of a shot they are ignored.
_ACROSS = tuple(COMPLEXITY_COLUMNS.index(c) for c in ("temporal", "chroma_temporal", "ti", "inter_cost", "residual"))
#: Side of a block, in samples of the downscaled plane.
_BLOCK = 8
#: One in this many lines is measured at full size, other lines in the next frame; chosen by hand, not tuned.
LINE_STEP = 32
#: One in this many blocks is measured at full size; chosen by hand, not tuned.
BLOCK_STEP = 4
#: Quantiser step, in 8-bit levels, for which the coding cost is estimated: about that of QP 27 in H.264.
_QUANTISER_STEP = 14.0


@dataclass(frozen=True, slots=True)
class Pooled:
    """Mean, standard deviation and 95th percentile of a measure over the frames of a shot."""

    mean: float
    std: float
    p95: float


@dataclass(frozen=True, slots=True)
class Complexity:
    """How difficult a shot is to encode.

    A measure is None if no frame of the shot has it: those that compare two frames need two frames.

    Attributes
    ----------
    texture, temporal, brightness : Pooled
        E, h and L of VCA (Menon et al. 2022): weighted DCT energy of blocks, its change from frame to frame, and the
        root of the mean level; of the downscaled planes, in blocks of 8 x 8.
    chroma_texture, chroma_temporal : Pooled
        E and h of both chroma planes.
    si, ti : Pooled
        Spatial and temporal information of ITU-T P.910, without display model, estimated on a sample of lines.
    inter_cost, intra_cost : Pooled
        Estimated bits per luma sample: sum of log2(1 + |Hadamard coefficient| / quantiser step) of blocks that are
        predicted from the frame before where that is cheaper, and of blocks that are not (the mean removed).
    residual : Pooled
        Mean absolute difference after motion compensation, in 8-bit levels.
    grain : Pooled
        Standard deviation of the noise in the flattest blocks, in 8-bit levels.
    """

    texture: Pooled | None
    temporal: Pooled | None
    brightness: Pooled | None
    chroma_texture: Pooled | None
    chroma_temporal: Pooled | None
    si: Pooled | None
    ti: Pooled | None
    inter_cost: Pooled | None
    intra_cost: Pooled | None
    residual: Pooled | None
    grain: Pooled | None


def pool(rows: NDArray[np.float32]) -> Complexity:
    """Pool the frames of one shot.

    Parameters
    ----------
    rows : float32 array, shape (frames, len(COMPLEXITY_COLUMNS))
        NaN where a frame has no value. Measures that compare the first frame with the one before it are ignored.
    """
    values = rows.astype(np.float64)
    values[0, _ACROSS] = np.nan
    pooled: list[Pooled | None] = []
    for column in values.T:
        known = column[np.isfinite(column)]
        pooled.append(
            Pooled(float(known.mean()), float(known.std()), float(np.percentile(known, 95))) if len(known) else None
        )
    return Complexity(*pooled)


assert tuple(f.name for f in fields(Complexity)) == COMPLEXITY_COLUMNS


def dct_weights(size: int) -> NDArray[np.float32]:
    """Return VCA's weight of each DCT coefficient of a block; the weight of the mean is 0.

    w(i, j) = floor(255 exp((ij / N^2)^2 - 1)) / 256 with i, j from 1, but 27 / 256 beside the mean.
    """
    i, j = np.mgrid[1 : size + 1, 1 : size + 1]
    weights = np.floor(255 * np.exp((i * j / size**2) ** 2 - 1))
    weights[0, 0] = 0
    weights[0, 1] = weights[1, 0] = 27
    return (weights / 256).astype(np.float32)


def dct_basis(size: int) -> NDArray[np.float32]:
    """Return the orthonormal DCT-II matrix, a row per frequency."""
    return np.ascontiguousarray(dct(np.eye(size), axis=0, norm="ortho"), np.float32)


def dct_energy(plane: NDArray[Any], block: int = 32) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weighted DCT energy and the mean coefficient of every whole block of a plane.

    Parameters
    ----------
    plane : ndarray of numbers, shape (height, width)
        In 8-bit levels.
    block : int
        Side of a block in samples; VCA uses 32.

    Returns
    -------
    energies, levels : float32 arrays, shape (height // block, width // block)
        Their means give E = mean(energies) / 90, and L = mean(sqrt(levels)); those of two frames
        h = mean(|energies - earlier|) / 18.

    Examples
    --------
    >>> energies, levels = dct_energy(np.full((64, 64), 100))
    >>> bool(np.allclose(energies, 0, atol=0.1)), round(float(levels[0, 0]))
    (True, 3200)
    """
    small = np.ascontiguousarray(np.rint(np.asarray(plane) * 16.0), np.int16)
    rows, columns = small.shape[0] // block, small.shape[1] // block
    energies, levels = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    if block == _BLOCK:
        block_energies_8(small, dct_weights(block).astype(np.float64), energies, levels)
    else:
        strip = np.zeros((block, small.shape[1]), np.float32)
        block_energies(small, dct_basis(block), dct_weights(block), strip, energies, levels)
    return energies, levels


class ComplexityMeter:
    """Measure frames in order, each with the one before it.

    Parameters
    ----------
    source : Source
        The source.
    shape, chroma_shape : tuple of int
        Sizes of the downscaled planes; None without chroma.
    factor : int
        Side, in samples of full size, of the squares that are averaged to one sample.
    """

    def __init__(
        self, source: Source, shape: tuple[int, int], chroma_shape: tuple[int, int] | None, factor: int
    ) -> None:
        grid = (shape[0] // _BLOCK, shape[1] // _BLOCK)
        self._energies, self._levels = np.zeros((2, 3, *grid), np.float32), np.zeros(grid, np.float32)
        self._weights = dct_weights(_BLOCK).astype(np.float64)
        # the means of a plane without a whole block stay NaN
        self._means = np.full((3, 3), np.nan)
        self._coloured, self._now = chroma_shape is not None, 0
        self._factor = factor
        self._before: Frame | None = None
        full = source.colour.range == "pc" or source.pixel_format.startswith("yuvj")
        self._span = 255.0 if full else 219.0
        self._moments = np.zeros(5)
        self._fine = np.zeros(4, np.float32)
        self._grain = np.zeros(max(1, (shape[0] // 8) * (shape[1] // 8)), np.float32)
        self._tables: dict[int, NDArray[np.float32]] = {}

    def measure(
        self,
        frame: Frame,
        small: tuple[NDArray[np.int16], ...],
        vectors: NDArray[np.int16],
        out: NDArray[np.float32],
    ) -> None:
        """Measure a frame.

        Parameters
        ----------
        frame : Frame
        small : tuple of int16 arrays
            Its downscaled planes.
        vectors : int16 array, shape (rows, columns, 2)
            Motion vectors of the blocks of the downscaled luma.
        out : float32 array, shape (len(COMPLEXITY_COLUMNS),)
            Receives the measures.
        """
        out[:] = np.nan
        self._now ^= 1
        small_energies(*small, self._weights, self._energies, self._levels, self._now, self._means)
        (texture, temporal, light), blue, red = self._means.tolist()
        out[0], out[1], out[2] = texture / 90, temporal / 18, light
        if self._coloured:
            out[3], out[4] = blue[0] / 90 + red[0] / 90, blue[1] / 18 + red[1] / 18
        before = self._before
        self._before = frame
        known = before is not None and before.luma.shape == frame.luma.shape and before.bit_depth == frame.bit_depth
        if before is None or not known:
            before = frame
        # lines and blocks are measured in alternate frames
        if frame.number % 2 and known:
            self._lines(frame, before, out)
        else:
            self._blocks(frame, before, vectors, out)
            if not known:
                self._lines(frame, before, out)
        if not known:
            out[list(_ACROSS)] = np.nan

    def _lines(self, frame: Frame, before: Frame, out: NDArray[np.float32]) -> None:
        lines, width = frame.lines[0], frame.widths[0]
        if min(lines.shape[0], width) < 3:
            return
        step = min(LINE_STEP, max(1, lines.shape[0] // 8))
        # a stride of 11, so that consecutive frames measure distant lines
        phase = frame.number * 11 % step
        line_moments(lines, before.lines[0], width, phase, step, self._moments)
        inside, magnitude, squares, change, changes = self._moments.tolist()
        measured = len(range(phase, lines.shape[0], step)) * width
        scale = 255.0 / (self._span * (1 << (frame.bit_depth - 8)))
        if inside:
            out[5] = scale * sqrt(max(0.0, squares / inside - (magnitude / inside) ** 2))
        out[6] = scale * sqrt(max(0.0, changes / measured - (change / measured) ** 2))

    def _blocks(self, frame: Frame, before: Frame, vectors: NDArray[np.int16], out: NDArray[np.float32]) -> None:
        if not vectors.size:
            return
        levels = 1 << (frame.bit_depth - 8)
        if levels not in self._tables:
            # a Hadamard coefficient of an 8x8 block is 8 times an orthonormal one
            coefficients = np.arange(64 * 256 * levels)
            self._tables[levels] = np.log2(1 + coefficients / (8 * _QUANTISER_STEP * levels)).astype(np.float32)
        fine_blocks(
            frame.lines[0],
            before.lines[0],
            frame.widths[0],
            vectors,
            self._factor,
            frame.number,
            BLOCK_STEP,
            self._tables[levels],
            self._grain,
            self._fine,
        )
        out[7:9] = self._fine[:2]
        out[9:11] = self._fine[2:] / levels
