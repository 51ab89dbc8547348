"""Compute the features that the classifier of dissolves, fades and wipes scores.

`docs/shots.md` gives the formula of each feature. A window of frames goes from row `s`, the last frame before the
transition, to row `e`, the first frame after it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import rank_filter

from ladders.shots.frame_window import FrameWindow
from ladders.shots.gradual.blend_wipe_push import blend_features, push_features, wipe_features
from ladders.shots.gradual.gradual_kernels import mixture_residuals
from ladders.shots.illumination import ILLUMINATION_FEATURES, illumination_residual
from ladders.shots.kernels.frame_comparison import CHANGE_METRICS

__all__ = [
    "GRADUAL_FEATURES",
    "RETURN_OFFSETS",
    "TYPICAL_REACH",
    "global_motion_fraction",
    "gradual_features",
    "outside_change_ratios",
    "typical_change",
]

#: Quantile of the changes of the adjacent frames that counts as typical; chosen by hand, not tuned.
_TYPICAL_QUANTILE = 0.2
#: Frames on either side that `typical_change` looks at; chosen by hand, not tuned.
TYPICAL_REACH = 30
#: Frames beyond both ends of a transition at which the frame of the other end must not return (as after an object
#: that passed by); chosen by hand, not tuned.
RETURN_OFFSETS = (8, 20, 40, 60)
#: Frames before and after a window that count as outside it, for changes and for motion.
_OUTSIDE_CHANGE = 6
_OUTSIDE_MOTION = 12

_COLUMN = {name: column for column, name in enumerate(CHANGE_METRICS)}
_RATIO = _COLUMN["inter_residual_ratio"]
_INTRA = _COLUMN["intra_fraction"]
_STD = _COLUMN["luma_std"]
_MOTION = _COLUMN["mean_motion"]
_GLOBAL_Y = _COLUMN["global_motion_y"]
_GLOBAL_X = _COLUMN["global_motion_x"]

#: Names of the features, in the order of the classifier's inputs.
GRADUAL_FEATURES = (
    "log_end_difference",
    "path_straightness",
    "log_length",
    "blend_residual",
    "replacement_residual",
    "out_of_range_residual",
    "reversed_change",
    "max_cell_step_fraction",
    "max_step_fraction",
    "ramp_error",
    "min_outside_change_ratio",
    "max_outside_change_ratio",
    "mean_residual_ratio",
    "max_residual_ratio",
    "total_intra_fraction",
    "outside_residual_ratio",
    "log_mean_motion",
    "log_outside_motion",
    "ends_residual_ratio",
    "ends_dc_removed_ratio",
    "ends_histogram_distance",
    "ends_intra_fraction",
    "old_frame_return_ratio",
    "new_frame_before_ratio",
    "log_min_luma_std",
    "ends_block_correlation",
    "ends_correlated_block_fraction",
    "ends_low_change_ratio",
    "ends_lower_half_change_ratio",
    "global_motion_fraction",
    "global_motion_unevenness",
    "ends_correlation",
    "contrast_ratio",
    "contrast_error",
    "blend_explained",
    "blend_min_weight",
    "illumination_residual_luma",
    "illumination_residual_planes",
    "log_illumination_error_luma",
    "log_illumination_error_planes",
    "illumination_residual_reverse",
    "block_correlation_mean",
    "block_correlation_min",
    "block_blend_explained_mean",
    "block_blend_explained_min",
    "old_block_fraction",
    "new_block_fraction",
    "new_block_growth",
    "old_block_decline",
    "split_block_fraction",
    "block_min_weight",
    "push_error",
    "push_gain",
    "push_seam_speed",
)


def gradual_features(window: FrameWindow, s: int, e: int, error: float) -> dict[str, float]:
    """Compute the features of a candidate for a dissolve, fade or wipe.

    Parameters
    ----------
    window : FrameWindow
        Contains the frames of the transition and `RETURN_OFFSETS` beyond it, as far as the source has them.
    s, e : int
        Rows of the last frame before the transition and of the first frame after it.
    error : float
        Root mean square error of the ramp that `fit_ramp` fitted between them.

    Returns
    -------
    dict of str to float
        A value for each of `GRADUAL_FEATURES`, in that order.
    """
    row = window.compare(window.start + s, window.start + e).tolist()
    ends = dict(zip(CHANGE_METRICS, row, strict=True))
    return {
        **_path_features(window, s, e),
        "ramp_error": error,
        **_outside_features(window, s, e),
        **_end_features(window, s, e, ends),
        **_camera_features(window, s, e),
        **blend_features(window, s, e),
        **dict(zip(ILLUMINATION_FEATURES, illumination_residual(window, s, e), strict=True)),
        **wipe_features(window, s, e),
        **push_features(window, s, e),
    }


def typical_change(change: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    """Return a low quantile of the changes around each of the rows [start, stop): what motion alone causes."""
    low, high = max(0, start - TYPICAL_REACH), min(len(change), stop + TYPICAL_REACH)
    rank = round(_TYPICAL_QUANTILE * 2 * TYPICAL_REACH)
    return rank_filter(change[low:high], rank, 2 * TYPICAL_REACH + 1, mode="nearest")[start - low : stop - low]


def outside_change_ratios(window: FrameWindow, s: int, e: int) -> tuple[float, float]:
    """Return the mean change before and after a window, the smaller first, relative to the mean change within."""
    changes = window.thumbnail_changes
    inner = max(float(changes[s + 1 : e + 1].mean()), 1e-3)
    sides = (
        changes[max(1, s + 1 - _OUTSIDE_CHANGE) : s + 1],
        changes[e + 1 : min(window.count, e + 1 + _OUTSIDE_CHANGE)],
    )
    ratios = [float(side.mean()) / inner for side in sides if len(side)] or [0.0]
    return min(ratios), min(max(ratios), 3.0)


def global_motion_fraction(window: FrameWindow, s: int, e: int) -> float:
    """Return the sum of the global motion within a window as a fraction of the frame size, along the larger axis."""
    motion = window.changes[s + 1 : e + 1]
    height, width = window.luma.shape[1:]
    return float(max(abs(motion[:, _GLOBAL_X].sum()) / width, abs(motion[:, _GLOBAL_Y].sum()) / height))


def _path_features(window: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return how much the ends differ, and how straight and even the path of the thumbnails between them is."""
    thumbnails = window.thumbnails[: window.count]
    residuals = np.zeros(5, np.float32)
    mixture_residuals(thumbnails, s, e, residuals)
    blend, replacement, out_of_range, reversed_change, largest_cell_step = residuals.tolist()
    net = float(np.abs(thumbnails[e] - thumbnails[s]).mean())
    changes = window.thumbnail_changes[: window.count]
    inner = changes[s + 1 : e + 1]
    excess = float(np.maximum(inner - typical_change(changes, s + 1, e + 1), 0).sum())
    return {
        "log_end_difference": float(np.log1p(net)),
        "path_straightness": min(net / max(excess, 1e-3), 1.5),
        "log_length": float(np.log(e - s)),
        "blend_residual": blend,
        "replacement_residual": replacement,
        "out_of_range_residual": out_of_range,
        "reversed_change": reversed_change,
        "max_cell_step_fraction": largest_cell_step,
        "max_step_fraction": float(inner.max() / max(inner.sum(), 1e-3)),
    }


def _outside_features(window: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return the metrics of the frames within a window and of those outside it."""
    changes = window.changes
    inner = changes[s + 1 : e + 1]
    outside = np.concatenate(
        (
            changes[max(1, s + 1 - _OUTSIDE_MOTION) : s + 1],
            changes[e + 1 : min(window.count, e + 1 + _OUTSIDE_MOTION)],
        )
    )
    smaller, larger = outside_change_ratios(window, s, e)
    return {
        "min_outside_change_ratio": smaller,
        "max_outside_change_ratio": larger,
        "mean_residual_ratio": float(inner[:, _RATIO].mean()),
        "max_residual_ratio": float(inner[:, _RATIO].max()),
        "total_intra_fraction": float(min(inner[:, _INTRA].sum(), 3.0)),
        "outside_residual_ratio": float(np.median(outside[:, _RATIO])) if len(outside) else 0.0,
        "log_mean_motion": float(np.log1p(inner[:, _MOTION].mean())),
        "log_outside_motion": float(np.log1p(np.median(outside[:, _MOTION]))) if len(outside) else 0.0,
    }


def _end_features(window: FrameWindow, s: int, e: int, ends: dict[str, float]) -> dict[str, float]:
    """Return how the ends differ, and whether the frame of one end appears beyond the other end too."""
    first, last = window.start + s, window.start + e
    later = [float(window.compare(first, last + j)[_RATIO]) for j in RETURN_OFFSETS if last + j < window.stop]
    earlier = [float(window.compare(first - j, last)[_RATIO]) for j in RETURN_OFFSETS if first - j >= window.start]
    correlation, correlated_fraction = window.block_similarity(first, last)
    low_change, lower_half = window.low_change_ratios(s, e)
    flattest = min(window.changes[max(s, 1), _STD], window.changes[e, _STD])
    dc_removed, activity = ends["dc_removed_residual"], ends["activity"]
    return {
        "ends_residual_ratio": ends["inter_residual_ratio"],
        "ends_dc_removed_ratio": dc_removed / (dc_removed + activity + 0.5),
        "ends_histogram_distance": ends["histogram_distance"],
        "ends_intra_fraction": ends["intra_fraction"],
        "old_frame_return_ratio": min(later, default=ends["inter_residual_ratio"]),
        "new_frame_before_ratio": min(earlier, default=ends["inter_residual_ratio"]),
        "log_min_luma_std": float(np.log1p(flattest)),
        "ends_block_correlation": correlation,
        "ends_correlated_block_fraction": correlated_fraction,
        "ends_low_change_ratio": low_change,
        "ends_lower_half_change_ratio": lower_half,
    }


def _camera_features(window: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return how far the whole frame moved, and how unevenly, both as fractions of the frame size."""
    motion = window.changes[s + 1 : e + 1]
    height, width = window.luma.shape[1:]
    unevenness = max(float(np.ptp(motion[:, _GLOBAL_X])) / width, float(np.ptp(motion[:, _GLOBAL_Y])) / height)
    return {
        "global_motion_fraction": min(global_motion_fraction(window, s, e), 2.0),
        "global_motion_unevenness": min(unevenness, 1.0),
    }
