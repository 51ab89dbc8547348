"""Tell changes of lighting (flashes, lamps that are switched, stage lights) from cuts.

A change of lighting scales the colours of a frame smoothly across it. So one frame is fitted to the other by an
illumination model, and what the model does not explain is evidence for another shot. The model predicts each plane
from all three planes of the other frame by weights that change linearly across and down, fitted by ridge regression.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ladders.shots.frame_window import BLACK_LEVEL, FrameWindow
from ladders.shots.kernels.frame_statistics import thumbnail

__all__ = ["ILLUMINATION_FEATURES", "explained_detail", "illumination_residual"]

#: Names of what `illumination_residual` returns, in that order.
ILLUMINATION_FEATURES = (
    "illumination_residual_luma",
    "illumination_residual_planes",
    "log_illumination_error_luma",
    "log_illumination_error_planes",
    "illumination_residual_reverse",
)

#: Rows and columns of the cells on which frames are compared; chosen by hand, not tuned.
_GRID = (18, 32)
#: Variance of a cell, in levels squared, that counts as noise; chosen by hand, not tuned.
_NOISE = 4.0
_CELLS = _GRID[0] * _GRID[1]
_DOWN, _ACROSS = (axis.ravel() for axis in np.meshgrid(*(np.linspace(-1, 1, n) for n in _GRID), indexing="ij"))
#: Levels of black in limited range: luma and both chroma planes (ITU-R BT.709).
_BLACK_LEVELS = np.array([[16.0], [128.0], [128.0]])
#: Ridge penalty of the twelve weights: for luma, both chroma planes and a constant, each constant over the frame,
#: changing across it and changing down it.
_RIDGE = np.diag([_NOISE] * 3 + [1e-6] + 2 * ([_NOISE / 3] * 3 + [1e-6]))
#: Standard deviation, in cells, of the Gaussian blur that is subtracted to leave detail; chosen by hand, not tuned.
_BLUR = 3.0
#: Variance of detail, in levels squared, that counts as noise; chosen by hand, not tuned.
_DETAIL_NOISE = 0.25
#: Rows of the moment matrix that hold the regressors when the other frame (`_OTHER`) or this one (`_ONE`) is fitted:
#: a constant, three planes of one frame, three of the other; the same times the column; the same times the row.
_ONE, _OTHER = (np.array([7 * way + k for way in range(3) for k in (*planes, 0)]) for planes in ((1, 2, 3), (4, 5, 6)))


def illumination_residual(window: FrameWindow, before: int, after: int) -> tuple[float, float, float, float, float]:
    """Return the residual of a frame after another frame is fitted to it by the illumination model.

    Each plane of one frame is fitted by all three planes of the other, with weights that change linearly across and
    down. The better of both directions counts, because a lamp that is switched off hides detail that cannot be
    predicted.

    Parameters
    ----------
    window : FrameWindow
    before, after : int
        Rows of the window.

    Returns
    -------
    tuple of float
        `ILLUMINATION_FEATURES`: the residual's fraction of the variance of luma and of all planes; log(1 + standard
        deviation of the residual, in levels) of luma and of all planes; and the residual's fraction of all planes in
        the worse direction.
    """
    one, other = _cells(window, before), _cells(window, after)
    active = _active_cells(one, other)
    regressors = np.vstack([np.ones((1, _CELLS)), one - _BLACK_LEVELS, other - _BLACK_LEVELS])
    regressors = np.vstack([regressors, regressors * _ACROSS, regressors * _DOWN])[:, active]
    moments = regressors @ regressors.T / len(regressors.T)
    slopes = _residuals(moments, _ONE, slice(4, 7)), _residuals(moments, _OTHER, slice(1, 4))
    (fractions, levels), worse = sorted(slopes, key=lambda way: float(way[0, 1]))
    return (*fractions.tolist(), *np.log1p(np.sqrt(levels)).tolist(), float(worse[0, 1]))


def _cells(window: FrameWindow, row: int) -> NDArray[np.float64]:
    """Return the three planes of a frame averaged to cells, in levels; shape (3, cells)."""
    cells = np.empty((3, *_GRID), np.float32)
    for plane, out in zip((window.luma, window.blue, window.red), cells, strict=True):
        thumbnail(plane[row], out)
    return cells.reshape(3, _CELLS).astype(np.float64)


def _active_cells(
    one: NDArray[np.float64], other: NDArray[np.float64], among: NDArray[np.bool_] | bool = True
) -> NDArray[np.bool_]:
    """Return which cells are bright in either frame, so that black bars do not count; all cells if few are bright."""
    active: NDArray[np.bool_] = (np.maximum(one[0], other[0]) > BLACK_LEVEL) & among
    return active if active.sum() >= _CELLS // 8 else np.ones_like(active)


def _residuals(moments: NDArray[np.float64], regressors: NDArray[np.intp], target: slice) -> NDArray[np.float64]:
    """Return the residual of a ridge regression for luma and for all planes: fractions of variance, then variances."""
    mean = moments[0, target]
    variance = np.diag(moments)[target] - mean**2
    both = moments[regressors, target] - np.outer(moments[regressors, 0], mean)
    own = moments[np.ix_(regressors, regressors)]
    weights = np.linalg.solve(own + _RIDGE, both)
    residual = np.maximum(variance - (weights * (2 * both - own @ weights)).sum(0), 0)
    residual, variance = np.array([residual[0], residual.sum()]), np.array([variance[0], variance.sum()])
    # a flat frame has no variance to explain, so its fraction is 1
    return np.array([(residual + 1) / (variance + 1), residual])


def explained_detail(window: FrameWindow, before: int, after: int) -> float:
    """Return how much of the detail of one frame the illumination model explains by the detail of the other.

    A coloured light that changes smoothly makes the luma of one frame a sum of all planes of the other with smooth
    weights, and adds no detail of its own. Detail is what remains after a blur is subtracted. The worse of both
    directions counts.

    Parameters
    ----------
    window : FrameWindow
    before, after : int
        Rows of the window.

    Returns
    -------
    float
        Explained fraction of the variance of luma's detail, 0 to 1.
    """
    one, other = _cells(window, before), _cells(window, after)
    active = _active_cells(one, other, window.within_active_area(before, after, _GRID))
    one, other = _detail(one, active), _detail(other, active)
    slopes = np.stack([np.ones(_CELLS), _ACROSS, _DOWN])[:, active]
    return min(_explained_fraction(one, other[0], slopes), _explained_fraction(other, one[0], slopes))


def _detail(cells: NDArray[np.float64], active: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the active cells of each plane with their local mean subtracted."""
    planes, weights = (cells * active).reshape(3, *_GRID), active.astype(np.float64).reshape(_GRID)
    coarse = gaussian_filter(planes, (0, _BLUR, _BLUR)) / np.maximum(gaussian_filter(weights, _BLUR), 1e-6)
    fine: NDArray[np.float64] = (planes - coarse).reshape(3, _CELLS)[:, active]
    return fine


def _explained_fraction(
    regressors: NDArray[np.float64], target: NDArray[np.float64], slopes: NDArray[np.float64]
) -> float:
    """Return how much of the variance of a plane the others explain with weights that change as `slopes` do."""
    regressors = (regressors[:, None] * slopes).reshape(-1, len(target))
    ridge = _DETAIL_NOISE / 5 * np.eye(len(regressors))
    weights = np.linalg.solve(regressors @ regressors.T / len(target) + ridge, regressors @ target / len(target))
    residual = target - weights @ regressors
    return float(1 - (np.mean(residual**2) + _DETAIL_NOISE) / (np.mean(target**2) + _DETAIL_NOISE))
