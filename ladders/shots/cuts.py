"""Find candidates for cuts, and compute the features that the cut classifier scores.

`docs/shots.md` gives the formula of each feature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ladders.shots.frame_window import THUMBNAIL, FrameWindow
from ladders.shots.illumination import explained_detail
from ladders.shots.kernels.frame_comparison import CHANGE_METRICS

__all__ = ["CUT_FEATURES", "CUT_REACH", "cut_candidates", "cut_features"]

#: Frames on either side of a candidate that its features depend on; chosen by hand, not tuned.
CUT_REACH = 12
#: Frames on either side that `ratio_over_max_*` and `log_difference_over_max_nearby` look at.
_NEARBY = 5
#: Pairs of frames across a candidate, as offsets from it. A flash separates two frames of one shot, but the frames
#: before and after the flash are alike, so one of these pairs shows a small change.
_ACROSS = ((-1, 2), (-1, 5), (-3, 0), (-3, 2), (-3, 5), (-6, 0), (-6, 2))
#: The pairs of `_ACROSS` whose blocks and detail are correlated too; fewer, because that takes longer.
_CORRELATED = ((-1, 2), (-3, 2), (-6, 0))
#: Frames on either side of a candidate whose thumbnails are compared with each other.
_SPAN = 4
#: Pairs of frames near a candidate, as offsets: change before it, after it and across it.
_NEAR_PAIRS = ((-3, -1), (1, 3), (-2, 2))
#: Pairs of frames that bypass a candidate. A flash, an object that passes by, or one blended frame has a pair with a
#: small change; a cut has none.
_BYPASS = ((-2, 0), (-2, 1), (-1, 1), (-2, 2), (-3, 1), (-4, 4))
#: Added to mean squared thumbnail differences (levels squared), so that noise gives no large ratios.
_NOISE_POWER = 0.05
#: Added to `*_log_blend_error` before the logarithm.
_MIN_BLEND_ERROR = 1e-3
#: Minimum `inter_residual_ratio` of a candidate.
_MIN_RATIO = 0.2
#: Minimum of that ratio relative to the larger of both adjacent frames' ratios.
_MIN_RATIO_TO_ADJACENT = 0.8
#: Minimum excess of that ratio over the median of the frames within `CUT_REACH`. It excludes 88 % of the candidates
#: of a busy clip and none of 3,789 frames with a score above 0.05 (November 2026).
_MIN_EXCESS = 0.05
#: A ratio above this is a candidate without that excess: in noise and water all frames have a high ratio.
_HIGH_RATIO = 0.4

_COLUMN = {name: column for column, name in enumerate(CHANGE_METRICS)}
_RATIO = _COLUMN["inter_residual_ratio"]
_INTRA = _COLUMN["intra_fraction"]
_HISTOGRAM = _COLUMN["histogram_distance"]
_DIFFERENCE = _COLUMN["frame_difference"]
_CHROMA = _COLUMN["chroma_difference"]
_MEAN = _COLUMN["mean_luma"]
_DC_REMOVED = _COLUMN["dc_removed_residual"]
_ACTIVITY = _COLUMN["activity"]

#: Names of the features, in the order of the classifier's inputs.
CUT_FEATURES = (
    "inter_residual_ratio",
    "intra_fraction",
    "histogram_distance",
    "log_frame_difference",
    "log_chroma_difference",
    "dc_removed_ratio",
    "ratio_over_max_before",
    "ratio_over_max_after",
    "ratio_over_median",
    "log_difference_over_max_nearby",
    "across_min_residual_ratio",
    "across_min_intra_fraction",
    "across_min_histogram_distance",
    "across_min_log_difference",
    "across_min_dc_removed_ratio",
    "mean_luma_change",
    "low_change_ratio",
    "lower_half_change_ratio",
    "thumbnail_correlation",
    "across_max_thumbnail_correlation",
    "block_correlation",
    "correlated_block_fraction",
    "across_max_block_correlation",
    "across_max_correlated_block_fraction",
    "explained_detail",
    "across_max_explained_detail",
    "previous_residual_ratio",
    "previous_intra_fraction",
    "previous_log_difference",
    "previous_log_chroma_difference",
    "next_residual_ratio",
    "next_intra_fraction",
    "next_log_difference",
    "next_log_chroma_difference",
    "luma_blend_position",
    "luma_log_blend_error",
    "luma_log_change_before",
    "luma_log_change_after",
    "luma_log_change_across",
    "luma_log_min_bypass",
    "planes_blend_position",
    "planes_log_blend_error",
    "planes_log_change_before",
    "planes_log_change_after",
    "planes_log_change_across",
    "planes_log_min_bypass",
)


def cut_candidates(changes: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the rows that may be the first frame of a shot.

    Parameters
    ----------
    changes : float32 array, shape (frames, len(CHANGE_METRICS))
        `FrameWindow.changes`.

    Returns
    -------
    intp array
        Rows whose `inter_residual_ratio` is high, higher than is typical around them, and about as high as that of
        both adjacent rows or higher.
    """
    ratio = changes[:, _RATIO]
    before = np.concatenate(([0], ratio[:-1]))
    after = np.concatenate((ratio[1:], [0]))
    new = np.flatnonzero((ratio > _MIN_RATIO) & (ratio > _MIN_RATIO_TO_ADJACENT * np.maximum(before, after)))
    around = np.lib.stride_tricks.sliding_window_view(np.pad(ratio, CUT_REACH), 2 * CUT_REACH + 1)[new]
    return new[(ratio[new] > _HIGH_RATIO) | (ratio[new] > np.median(around, axis=1) + _MIN_EXCESS)]


def cut_features(window: FrameWindow, frame: int, frame_count: int) -> dict[str, float]:
    """Compute the features of a candidate.

    Parameters
    ----------
    window : FrameWindow
        Contains the frames within `CUT_REACH`.
    frame : int
        Number of the frame that may be the first of a shot.
    frame_count : int
        Frames of the source.

    Returns
    -------
    dict of str to float
        A value for each of `CUT_FEATURES`, in that order.
    """
    n = frame - window.start
    after = window.changes[n + 1] if frame + 1 < frame_count else np.zeros_like(window.changes[n])
    return {
        **_pair_features(window.changes[n]),
        **_neighbourhood_features(window, frame),
        **_across_features(window, frame, frame_count),
        **_adjacent_features("previous", window.changes[n - 1]),
        **_adjacent_features("next", after),
        **_thumbnail_features(window, frame, frame_count),
    }


def _pair_features(row: NDArray[np.float32]) -> dict[str, float]:
    """Return the metrics of the frame and the one before it."""
    return {
        "inter_residual_ratio": float(row[_RATIO]),
        "intra_fraction": float(row[_INTRA]),
        "histogram_distance": float(row[_HISTOGRAM]),
        "log_frame_difference": float(np.log1p(row[_DIFFERENCE])),
        "log_chroma_difference": float(np.log1p(row[_CHROMA])),
        "dc_removed_ratio": _dc_removed_ratio(row),
    }


def _neighbourhood_features(window: FrameWindow, frame: int) -> dict[str, float]:
    """Return how much the metrics of a frame exceed those of the frames around it."""
    n = frame - window.start
    row = window.changes[n]
    low, high = max(n - CUT_REACH, 1 - min(window.start, 1)), min(n + CUT_REACH + 1, window.count)
    near_low, near_high = max(low, n - _NEARBY), min(high, n + _NEARBY + 1)
    around = np.delete(window.changes[low:high], n - low, axis=0)
    near = np.delete(window.changes[near_low:near_high], n - near_low, axis=0)
    if not len(near):
        near = around = np.zeros((1, len(row)), np.float32)
    ratio, difference = row[_RATIO], np.log1p(row[_DIFFERENCE])
    return {
        "ratio_over_max_before": float(ratio - _max_or_zero(window.changes[near_low:n, _RATIO])),
        "ratio_over_max_after": float(ratio - _max_or_zero(window.changes[n + 1 : near_high, _RATIO])),
        "ratio_over_median": float(ratio - np.median(around[:, _RATIO])),
        "log_difference_over_max_nearby": float(difference - np.log1p(near[:, _DIFFERENCE].max())),
    }


def _across_features(window: FrameWindow, frame: int, frame_count: int) -> dict[str, float]:
    """Return how alike the frames before and after a candidate are: the pair itself, and the best of `_ACROSS`."""
    n = frame - window.start
    pairs = [(frame + a, frame + b) for a, b in _ACROSS if frame + a >= 0 and frame + b < frame_count]
    pairs = pairs or [(frame - 1, frame)]
    across, correlated = [], [(0.0, 0.0, 0.0)]
    for one, other in pairs:
        across.append(window.compare(one, other))
        if (one - frame, other - frame) in _CORRELATED:
            rows = one - window.start, other - window.start
            correlated.append((*window.block_similarity(one, other), explained_detail(window, *rows)))
    lowest = np.array(across).min(0)
    highest = np.max(correlated, axis=0)
    thumbnails = _thumbnail_correlations(window, [(frame - 1, frame), *pairs])
    low_change, lower_half = window.low_change_ratios(n - 1, n)
    correlation, correlated_fraction = window.block_similarity(frame - 1, frame)
    brightening = (window.changes[n][_MEAN] - window.changes[n - 1, _MEAN]) / 32 if n > 1 else 0.0
    return {
        "across_min_residual_ratio": float(lowest[_RATIO]),
        "across_min_intra_fraction": float(lowest[_INTRA]),
        "across_min_histogram_distance": float(lowest[_HISTOGRAM]),
        "across_min_log_difference": float(np.log1p(lowest[_DIFFERENCE])),
        "across_min_dc_removed_ratio": min(_dc_removed_ratio(row) for row in across),
        "mean_luma_change": float(brightening),
        "low_change_ratio": low_change,
        "lower_half_change_ratio": lower_half,
        "thumbnail_correlation": float(thumbnails[0]),
        "across_max_thumbnail_correlation": float(thumbnails[1:].max()),
        "block_correlation": correlation,
        "correlated_block_fraction": correlated_fraction,
        "across_max_block_correlation": float(highest[0]),
        "across_max_correlated_block_fraction": float(highest[1]),
        "explained_detail": explained_detail(window, n - 1, n),
        "across_max_explained_detail": float(highest[2]),
    }


def _adjacent_features(name: str, row: NDArray[np.float32]) -> dict[str, float]:
    """Return the metrics of the frame before or after a candidate."""
    return {
        f"{name}_residual_ratio": float(row[_RATIO]),
        f"{name}_intra_fraction": float(row[_INTRA]),
        f"{name}_log_difference": float(np.log1p(row[_DIFFERENCE])),
        f"{name}_log_chroma_difference": float(np.log1p(row[_CHROMA])),
    }


def _thumbnail_features(window: FrameWindow, frame: int, frame_count: int) -> dict[str, float]:
    """Compare the thumbnails around a candidate with each other: luma with its mean removed, then all planes."""
    numbers = np.clip(np.arange(frame - _SPAN, frame + _SPAN + 1), 0, frame_count - 1)
    thumbnails = window.thumbnails[numbers - window.start].astype(np.float64)
    luma = thumbnails[:, : THUMBNAIL[0] * THUMBNAIL[1]]
    return {
        **_trajectory_features("luma", luma - luma.mean(1, keepdims=True)),
        **_trajectory_features("planes", thumbnails),
    }


def _trajectory_features(name: str, points: NDArray[np.float64]) -> dict[str, float]:
    """Describe the path of the thumbnails through a candidate.

    Parameters
    ----------
    name : str
        Prefix of the features.
    points : float64 array, shape (2 * _SPAN + 1, cells)
        Thumbnails, the candidate's in the middle.
    """
    power = ((points[:, None] - points[None]) ** 2).mean(-1) + _NOISE_POWER

    def change(one: int, other: int) -> float:
        return float(power[_SPAN + one, _SPAN + other])

    # project the candidate on the line from the frame before it to the frame after it
    whole, part = change(-1, 1), change(-1, 0) - _NOISE_POWER
    along = (part + whole - change(0, 1)) / 2
    position = along / whole
    error = max(part - position * along, 0.0) / whole
    before, after, across = (float(np.log(change(*pair) / whole)) for pair in _NEAR_PAIRS)
    return {
        f"{name}_blend_position": float(np.clip(position, -1, 2)),
        f"{name}_log_blend_error": float(np.log(error + _MIN_BLEND_ERROR)),
        f"{name}_log_change_before": before,
        f"{name}_log_change_after": after,
        f"{name}_log_change_across": across,
        f"{name}_log_min_bypass": float(np.log(min(change(*pair) for pair in _BYPASS) / change(-1, 0))),
    }


def _max_or_zero(ratios: NDArray[np.float32]) -> float:
    return float(ratios.max()) if len(ratios) else 0.0


def _thumbnail_correlations(window: FrameWindow, pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the correlation of the luma thumbnails of each pair of frames, which is independent of brightness."""
    cells = THUMBNAIL[0] * THUMBNAIL[1]
    luma = window.thumbnails[np.array(pairs) - window.start, :cells].astype(np.float64)
    # black bars are alike in all sources
    active = np.array([window.active_cells(a - window.start, b - window.start) for a, b in pairs])[:, None]
    luma -= (luma * active).sum(-1, keepdims=True) / np.maximum(active.sum(-1, keepdims=True), 1)
    luma *= active
    power = (luma**2).sum(-1)
    # one level of noise a cell: flat frames correlate with nothing
    correlations: NDArray[np.float64] = (luma[:, 0] * luma[:, 1]).sum(-1) / (np.sqrt(power[:, 0] * power[:, 1]) + cells)
    return correlations


def _dc_removed_ratio(row: NDArray[np.float32]) -> float:
    return float(row[_DC_REMOVED] / (row[_DC_REMOVED] + row[_ACTIVITY] + 0.5))
