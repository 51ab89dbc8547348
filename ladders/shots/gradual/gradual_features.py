"""What speaks for a gradual transition between two frames, and against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import rank_filter

from ladders.shots.frame_window import CHANGE_COLUMNS, FrameWindow
from ladders.shots.gradual.blend_wipe_push import mixed, parted, pushed
from ladders.shots.gradual.gradual_kernels import mixture
from ladders.shots.illumination import RELIGHT, relight

__all__ = ["RETURNS", "USUAL_REACH", "gradual_features", "outside", "push_share", "usual"]

#: Steps are measured against this quantile of those at most so many frames away.
_USUAL, USUAL_REACH = 0.2, 30
#: Frames beyond both ends where a picture of before, or of after, must not come back.
RETURNS = (8, 20, 40, 60)
_COLUMN = {name: k for k, name in enumerate(CHANGE_COLUMNS)}
_SHARE, _FRESH, _SPREAD, _MOTION = (_COLUMN[name] for name in ("share", "fresh", "spread", "motion"))
_PAN_Y, _PAN_X = _COLUMN["pan_y"], _COLUMN["pan_x"]


def gradual_features(pictures: FrameWindow, s: int, e: int, error: float) -> dict[str, float]:
    """Describe the way from row `s` of the pictures to row `e`.

    Parameters
    ----------
    pictures : Pictures
        They hold what is near.
    s, e : int
        The last row that is all old, and the first that is all new.
    error : float
        What the best rise between them leaves unexplained.

    Returns
    -------
    dict of str to float
        In an order that does not change.
    """
    row = pictures.between(pictures.start + s, pictures.start + e).tolist()
    ends = dict(zip(CHANGE_COLUMNS, row, strict=True))
    return {
        **_way(pictures, s, e),
        "error": error,
        **_surroundings(pictures, s, e),
        **_ends(pictures, s, e, ends),
        **_camera(pictures, s, e),
        **mixed(pictures, s, e),
        **dict(zip(RELIGHT, relight(pictures, s, e), strict=True)),
        **parted(pictures, s, e),
        **pushed(pictures, s, e),
    }


def usual(change: NDArray[np.float32], first: int, last: int) -> NDArray[np.float32]:
    """Return what a step is usually as large as about each of the rows [first, last)."""
    low, high = max(0, first - USUAL_REACH), min(len(change), last + USUAL_REACH)
    rank = round(_USUAL * 2 * USUAL_REACH)
    return rank_filter(change[low:high], rank, 2 * USUAL_REACH + 1, mode="nearest")[first - low : last - low]


def outside(pictures: FrameWindow, s: int, e: int) -> tuple[float, float]:
    """Return how fast the picture changes on the quieter side of a window, and on the other, in shares of within."""
    inner = max(float(pictures.steps[s + 1 : e + 1].mean()), 1e-3)
    sides = (pictures.steps[max(1, s - 5) : s + 1], pictures.steps[e + 1 : min(pictures.count, e + 7)])
    pace = [float(side.mean()) / inner for side in sides if len(side)] or [0.0]
    return min(pace), min(max(pace), 3.0)


def push_share(pictures: FrameWindow, s: int, e: int) -> float:
    """Return by how much of its size the whole picture moved, the way it moved more."""
    pans = pictures.changes[s + 1 : e + 1]
    height, width = pictures.luma.shape[1:]
    return float(max(abs(pans[:, _PAN_X].sum()) / width, abs(pans[:, _PAN_Y].sum()) / height))


def _way(pictures: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return how far the ends are apart, and how straight and even the way between them is."""
    thumbnails = pictures.thumbnails[: pictures.count]
    parts = np.zeros(5, np.float32)
    mixture(thumbnails, s, e, parts)
    net = float(np.abs(thumbnails[e] - thumbnails[s]).mean())
    steps = pictures.steps[: pictures.count]
    inner = steps[s + 1 : e + 1]
    excess = float(np.maximum(inner - usual(steps, s + 1, e + 1), 0).sum())
    return {
        "difference": float(np.log1p(net)),
        "straight": min(net / max(excess, 1e-3), 1.5),
        "length": float(np.log(e - s)),
        **dict(zip(("blend", "either", "stray", "back", "sudden"), parts.tolist(), strict=True)),
        "largest": float(inner.max() / max(inner.sum(), 1e-3)),
    }


def _surroundings(pictures: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return what goes on within a window and around it."""
    changes = pictures.changes
    inner = changes[s + 1 : e + 1]
    around = np.concatenate((changes[max(1, s - 11) : s + 1], changes[e + 1 : min(pictures.count, e + 13)]))
    still, restless = outside(pictures, s, e)
    return {
        "still": still,
        "restless": restless,
        "inner_share": float(inner[:, _SHARE].mean()),
        "largest_share": float(inner[:, _SHARE].max()),
        "inner_fresh": float(min(inner[:, _FRESH].sum(), 3.0)),
        "outer_share": float(np.median(around[:, _SHARE])) if len(around) else 0.0,
        "inner_motion": float(np.log1p(inner[:, _MOTION].mean())),
        "outer_motion": float(np.log1p(np.median(around[:, _MOTION]))) if len(around) else 0.0,
    }


def _ends(pictures: FrameWindow, s: int, e: int, ends: dict[str, float]) -> dict[str, float]:
    """Return how the ends differ, and whether one picture is there beyond the other end too."""
    first, last = pictures.start + s, pictures.start + e
    later = [float(pictures.between(first, last + j)[_SHARE]) for j in RETURNS if last + j < pictures.last]
    earlier = [float(pictures.between(first - j, last)[_SHARE]) for j in RETURNS if first - j >= pictures.start]
    structure, kept = pictures.likeness(first, last)
    quiet, quieter_half = pictures.quiet(s, e)
    flattest = min(pictures.changes[max(s, 1), _SPREAD], pictures.changes[e, _SPREAD])
    return {
        "share": ends["share"],
        "even_share": ends["even_residual"] / (ends["even_residual"] + ends["activity"] + 0.5),
        "moved": ends["moved"],
        "fresh": ends["fresh"],
        "returns": min(later, default=ends["share"]),
        "was_there": min(earlier, default=ends["share"]),
        "flat": float(np.log1p(flattest)),
        "structure": structure,
        "structure_kept": kept,
        "quiet": quiet,
        "quieter_half": quieter_half,
    }


def _camera(pictures: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return how far the whole picture moved, and how unevenly, both as shares of its size."""
    pans = pictures.changes[s + 1 : e + 1]
    height, width = pictures.luma.shape[1:]
    uneven = max(float(np.ptp(pans[:, _PAN_X])) / width, float(np.ptp(pans[:, _PAN_Y])) / height)
    return {"pan": min(push_share(pictures, s, e), 2.0), "pan_unevenness": min(uneven, 1.0)}
