"""Blend, wipe and push models of the frames inside a transition.

Three frames of a transition are compared with its first and its last frame: a dissolve is a weighted sum of both, a
wipe contains blocks of one or the other, a push moves one out of the frame by the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ladders.shots.frame_window import FrameWindow
from ladders.shots.gradual.blend_wipe_push_kernels import fit_blocks, fit_push, halve, strip_means

__all__ = ["blend_features", "push_features", "wipe_features"]

#: Strips across the direction of a push; each has its own mean profile. Chosen by hand, not tuned.
_STRIPS = 4
#: Fractions of a transition at which a frame is looked at.
_FRACTIONS = (0.25, 0.5, 0.75)
#: Variance a sample, in levels squared, that counts as noise.
_NOISE = 4.0
#: How much of the residual of a push a steady motion of the seam outweighs, where two directions are compared.
_SEAM_BONUS = 0.3


def blend_features(window: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return how well weighted sums of the ends explain the frames between them.

    With a and b the ends and x a frame between them, means removed:

    - `ends_correlation` is the correlation of a and b;
    - `contrast_ratio` is the mean standard deviation of x relative to that of the ends (a dissolve between unlike
      frames lowers it);
    - `contrast_error` is the mean difference of that deviation from the one that the blend predicts;
    - `blend_explained` is the fraction of the power of x that the least squares fit w a + v b explains;
    - `blend_min_weight` is the mean of min(w, v).
    """
    old, new = _centred(window, s), _centred(window, e)
    aa, bb, ab = float(old @ old), float(new @ new), float(old @ new)
    noise = _NOISE * old.size
    correlation = ab / np.sqrt((aa + noise) * (bb + noise))
    deviation = np.sqrt(np.array([aa, bb]) / old.size)
    explained, weights, deviations, errors = [], [], [], []
    for n in _rows_between(s, e):
        x = _centred(window, n)
        xa, xb, xx = float(x @ old), float(x @ new), float(x @ x)
        a, b = np.linalg.solve([[aa + noise, ab], [ab, bb + noise]], [xa, xb])
        explained.append((a * xa + b * xb + 0.01 * noise) / (xx + 0.01 * noise))
        weights.append(min(a, b))
        part = float(np.clip((xb - xa + aa - ab) / (aa + bb - 2 * ab + noise), 0, 1))
        blend = np.sqrt(max(0.0, (1 - part) ** 2 * aa + part**2 * bb + 2 * part * (1 - part) * ab) / old.size)
        deviations.append(np.sqrt(xx / old.size))
        errors.append(abs(deviations[-1] - blend))
    ends = float(deviation.mean()) + 1.0
    return {
        "ends_correlation": float(correlation),
        "contrast_ratio": min(float(np.mean(deviations)) / ends, 2.0),
        "contrast_error": min(float(np.mean(errors)) / ends, 2.0),
        "blend_explained": float(np.clip(np.mean(explained), -1, 1)),
        "blend_min_weight": float(np.clip(np.mean(weights), -1, 1)),
    }


def wipe_features(window: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return how well blocks of the old and of the new frame explain the frames between them (`fit_blocks`)."""
    old, new = _half_size(window.luma[s]), _half_size(window.luma[e])
    fits = np.zeros((3, 5), np.float32)
    for n, row in zip(_rows_between(s, e), fits, strict=True):
        fit_blocks(_half_size(window.luma[n]), old, new, row)
    correlation, blend_explained, of_old, of_new, _ = fits.T
    mean = fits.mean(0)
    return {
        "block_correlation_mean": float(mean[0]),
        "block_correlation_min": float(correlation.min()),
        "block_blend_explained_mean": float(mean[1]),
        "block_blend_explained_min": float(blend_explained.min()),
        "old_block_fraction": float(mean[2]),
        "new_block_fraction": float(mean[3]),
        "new_block_growth": float(of_new[2] - of_new[0]),
        "old_block_decline": float(of_old[0] - of_old[2]),
        "split_block_fraction": float(np.minimum(of_old, of_new).max()),
        "block_min_weight": float(mean[4]),
    }


def push_features(window: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return how well the new frame, pushing the old one out, explains the frames between them.

    Of the four directions the best counts:

    - `push_error` is the mean residual relative to the difference of the ends;
    - `push_gain` is how much smaller it is than the residual of the better end alone;
    - `push_seam_speed` is the slower movement of the seam from one quarter to the next, as a fraction of the frame.
    """
    best = (np.inf, 0.0, 0.0)
    for axis in (0, 1):
        old, new = _strip_profiles(window.luma[s], axis), _strip_profiles(window.luma[e], axis)
        size = old.shape[1]
        residuals = np.zeros((3, size + 1, 2), np.float32)
        for n, out in zip(_rows_between(s, e), residuals, strict=True):
            fit_push(_strip_profiles(window.luma[n], axis), old, new, out)
        residuals /= np.abs(old - new).mean() + 1
        seam = residuals.argmin(1)
        error = residuals.min(1).mean(0)
        without_push = residuals[:, [0, -1]].min(1).mean(0)
        speed = np.diff(seam, axis=0).min(0) / size
        directions = [(float(error[k]), float(without_push[k] - error[k]), float(speed[k])) for k in (0, 1)]
        best = min([best, *directions], key=lambda fit: fit[0] - _SEAM_BONUS * max(0.0, fit[2]))
    return {"push_error": best[0], "push_gain": best[1], "push_seam_speed": best[2]}


def _rows_between(s: int, e: int) -> list[int]:
    """Return three rows a quarter of the window apart; an end only if the window is too short."""
    return [s + max(1, min(e - s - 1, round(fraction * (e - s)))) for fraction in _FRACTIONS]


def _half_size(luma: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return downscaled luma at half its size, in levels."""
    out = np.empty((luma.shape[0] // 2, luma.shape[1] // 2), np.float32)
    halve(luma, out)
    return out


def _centred(window: FrameWindow, row: int) -> NDArray[np.float32]:
    """Return the luma of a row at half its size as a vector with its mean removed."""
    small = _half_size(window.luma[row]).ravel()
    out: NDArray[np.float32] = small - small.mean()
    return out


def _strip_profiles(luma: NDArray[np.int16], axis: int) -> NDArray[np.float32]:
    """Return the mean profile of each strip of downscaled luma, in levels: along the width (axis 0) or height (1)."""
    lines = luma if axis == 0 else luma.T
    out = np.empty((_STRIPS, lines.shape[1]), np.float32)
    strip_means(lines, out)
    return out
