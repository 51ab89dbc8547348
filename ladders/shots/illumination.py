"""What light that changes cannot have done: the part of one picture that no even light on another explains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ladders.shots.frame_window import BLACK, FrameWindow
from ladders.shots.kernels.frame_statistics import thumbnail

__all__ = ["RELIGHT", "detail", "relight"]

#: What `relight` returns.
RELIGHT = ("relit", "relit_all", "relit_levels", "relit_levels_all", "relit_worse")

#: Pictures are compared on so many rows and columns of cells.
_GRID = (18, 32)
#: Variance, in square levels, that counts as noise.
_NOISE = 4.0
_CELLS = _GRID[0] * _GRID[1]
_DOWN, _ACROSS = (axis.ravel() for axis in np.meshgrid(*(np.linspace(-1, 1, n) for n in _GRID), indexing="ij"))
#: Levels of what is black.
_ZERO = np.array([[16.0], [128.0], [128.0]])
#: Ridge of the twelve weights, a cell: luma, two chromas, a constant; even, across, down.
_RIDGE = np.diag([_NOISE] * 3 + [1e-6] + 2 * ([_NOISE / 3] * 3 + [1e-6]))
#: Deviation in cells of the blur that is taken off to leave detail; of that, less than this variance is nothing.
_COARSE, _FAINT = 3.0, 0.25
#: Places of those in the moments: a constant, three planes of one picture, three of the other; even, across, down.
_ONE, _OTHER = (np.array([7 * way + k for way in range(3) for k in (*planes, 0)]) for planes in ((1, 2, 3), (4, 5, 6)))


def relight(pictures: FrameWindow, before: int, after: int) -> tuple[float, float, float, float, float]:
    """Say how much of either of two pictures is left when the other is put into another light.

    Lamps scale red, green and blue, each maybe more on one side; so each plane of one picture is fitted by all three
    of the other, with weights that change linearly across and down. The better of both ways round counts: what a
    light hides, it does not show again.

    Parameters
    ----------
    pictures : Pictures
    before, after : int
        Rows of them.

    Returns
    -------
    tuple of float
        Share of luma's variance that is left; of all planes'; the logarithm of 1 and the standard deviation of that, in
        levels, for luma and for all; and the share of all planes' that is left the worse way round.
    """
    one, other = _cells(pictures, before), _cells(pictures, after)
    lit = _lit(one, other)
    known = np.vstack([np.ones((1, _CELLS)), one - _ZERO, other - _ZERO])
    known = np.vstack([known, known * _ACROSS, known * _DOWN])[:, lit]
    moments = known @ known.T / len(known.T)
    ways = _left(moments, _ONE, slice(4, 7)), _left(moments, _OTHER, slice(1, 4))
    (shares, levels), worse = sorted(ways, key=lambda way: float(way[0, 1]))
    return (*shares.tolist(), *np.log1p(np.sqrt(levels)).tolist(), float(worse[0, 1]))


def _cells(pictures: FrameWindow, row: int) -> NDArray[np.float64]:
    """Return the three planes of a picture as cells, in levels; shape (3, cells)."""
    cells = np.empty((3, *_GRID), np.float32)
    for plane, out in zip((pictures.luma, pictures.blue, pictures.red), cells, strict=True):
        thumbnail(plane[row], out)
    return cells.reshape(3, _CELLS).astype(np.float64)


def _lit(
    one: NDArray[np.float64], other: NDArray[np.float64], among: NDArray[np.bool_] | bool = True
) -> NDArray[np.bool_]:
    """Return which cells are bright in either of two pictures: black bars are alike in all films. All, if few are."""
    lit: NDArray[np.bool_] = (np.maximum(one[0], other[0]) > BLACK) & among
    return lit if lit.sum() >= _CELLS // 8 else np.ones_like(lit)


def _left(moments: NDArray[np.float64], known: NDArray[np.intp], wanted: slice) -> NDArray[np.float64]:
    """Return what a fit leaves of luma and of all planes: (shares of their variance, variances)."""
    mean = moments[0, wanted]
    spread = np.diag(moments)[wanted] - mean**2
    both = moments[known, wanted] - np.outer(moments[known, 0], mean)
    own = moments[np.ix_(known, known)]
    weights = np.linalg.solve(own + _RIDGE, both)
    left = np.maximum(spread - (weights * (2 * both - own @ weights)).sum(0), 0)
    left, spread = np.array([left[0], left.sum()]), np.array([spread[0], spread.sum()])
    # of what is flat nothing is left, and nothing was there to be explained
    return np.array([(left + 1) / (spread + 1), left])


def detail(pictures: FrameWindow, before: int, after: int) -> float:
    """Say how much of the detail of two pictures is the other's in a coloured light that changes smoothly across.

    Such a light makes the luma of one a sum of all planes of the other with smooth weights, and has no detail of its
    own: what it sheds is blurred away. The worse of both ways round counts.

    Parameters
    ----------
    pictures : Pictures
    before, after : int
        Rows of them.

    Returns
    -------
    float
        The share of the variance of luma's detail that is explained, 0 to 1.
    """
    one, other = _cells(pictures, before), _cells(pictures, after)
    lit = _lit(one, other, pictures.within_bars(before, after, _GRID))
    one, other = _fine(one, lit), _fine(other, lit)
    ways = np.stack([np.ones(_CELLS), _ACROSS, _DOWN])[:, lit]
    return min(_explained(one, other[0], ways), _explained(other, one[0], ways))


def _fine(cells: NDArray[np.float64], lit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what is left of the lit cells of each plane when what they are on average about them is taken off."""
    planes, weights = (cells * lit).reshape(3, *_GRID), lit.astype(np.float64).reshape(_GRID)
    coarse = gaussian_filter(planes, (0, _COARSE, _COARSE)) / np.maximum(gaussian_filter(weights, _COARSE), 1e-6)
    fine: NDArray[np.float64] = (planes - coarse).reshape(3, _CELLS)[:, lit]
    return fine


def _explained(known: NDArray[np.float64], wanted: NDArray[np.float64], ways: NDArray[np.float64]) -> float:
    """Return how much of a plane others explain with weights that change as `ways` do, linearly across and down."""
    known = (known[:, None] * ways).reshape(-1, len(wanted))
    ridge = _FAINT / 5 * np.eye(len(known))
    weights = np.linalg.solve(known @ known.T / len(wanted) + ridge, known @ wanted / len(wanted))
    left = wanted - weights @ known
    return float(1 - (np.mean(left**2) + _FAINT) / (np.mean(wanted**2) + _FAINT))
