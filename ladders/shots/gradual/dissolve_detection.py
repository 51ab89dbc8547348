"""Detect candidates for dissolves, fades and wipes: windows over which one frame turns into another directly.

The thumbnails of a dissolve, fade or wipe lie on a nearly straight path between both ends, because each is a mixture
of the two; the thumbnails of a moving scene do not. So a window is a candidate where the difference of its ends is
large relative to the sum of the changes within it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ladders.shots.frame_window import FrameWindow
from ladders.shots.gradual.gradual_features import (
    RETURN_OFFSETS,
    TYPICAL_REACH,
    global_motion_fraction,
    gradual_features,
    outside_change_ratios,
    typical_change,
)
from ladders.shots.gradual.gradual_kernels import fit_ramp, peaks, progress, score_windows
from ladders.shots.kernels.frame_comparison import CHANGE_METRICS

__all__ = ["GRADUAL_REACH", "RAMP_SHAPES", "Gradual", "describe_candidate", "gradual_candidates", "window_lengths"]

#: Minimum mean difference of a window's end thumbnails, in levels; chosen by hand, not tuned.
MIN_DIFFERENCE = 2.5
#: Minimum of that difference relative to the sum of the changes within; chosen by hand, not tuned.
MIN_STRAIGHTNESS = 0.35
#: Maximum of the mean change on the calmer side of a window relative to the mean change within; chosen by hand, not
#: tuned.
MAX_OUTSIDE_RATIO = 0.8
#: Maximum standard deviation of luma, in levels, of a frame of one flat colour; chosen by hand, not tuned.
FLAT_STD = 3.0
#: Shortest window, in frames from its first to its last.
MIN_LENGTH = 5
#: Ratio of a window's length to the next shorter one.
LENGTH_RATIO = 1.25
#: Largest difference of the global motion of a push from the frame size, as a fraction of it.
PUSH_TOLERANCE = 0.12
#: Minimum `inter_residual_ratio` at which a large change adjacent to a window is a cut, which the window must not span.
ADJACENT_CUT_RATIO = 0.4

_RISE = np.linspace(0, 1, 257)
#: Shapes of the ramp from old to new: linear; accelerating and decelerating, by a square (as the area of an iris) and
#: by a cube; smoothstep.
RAMP_SHAPES = np.array(
    [_RISE, _RISE**2, 1 - (1 - _RISE) ** 2, _RISE**2 * (3 - 2 * _RISE), _RISE**3, 1 - (1 - _RISE) ** 3], np.float32
)
#: Frames beyond the longest transition that a candidate depends on: those at which an end must not return, those that
#: show the typical change there, and a margin for the ends that move.
GRADUAL_REACH = RETURN_OFFSETS[-1] + TYPICAL_REACH + 6

_COLUMN = {name: column for column, name in enumerate(CHANGE_METRICS)}
_RATIO = _COLUMN["inter_residual_ratio"]
_STD = _COLUMN["luma_std"]
_GLOBAL_Y = _COLUMN["global_motion_y"]
_GLOBAL_X = _COLUMN["global_motion_x"]


@dataclass(frozen=True, slots=True)
class Gradual:
    """A candidate for a dissolve, fade or wipe.

    Attributes
    ----------
    start, stop : int
        Numbers of the frames [start, stop) inside the transition.
    kind : str
        "dissolve", "wipe", "fade_in" or "fade_out".
    features : dict of str to float
        What `gradual_features` returned.
    """

    start: int
    stop: int
    kind: str
    features: dict[str, float]


def window_lengths(longest: int) -> NDArray[np.int64]:
    """Return the window lengths that are searched, in frames, each about a quarter longer than the one before."""
    lengths = [MIN_LENGTH]
    while lengths[-1] < longest:
        lengths.append(max(lengths[-1] + 1, round(lengths[-1] * LENGTH_RATIO)))
    return np.array(lengths)


def gradual_candidates(window: FrameWindow, lengths: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Return the rows (centre, s, e) of windows whose score is a local maximum.

    Parameters
    ----------
    window : FrameWindow
    lengths : int64 array
        What `window_lengths` returned.
    """
    count = window.count
    thumbnails = window.thumbnails[:count]
    change = window.thumbnail_changes[:count]
    scores, best_lengths = np.zeros((6, count), np.float32), np.zeros((6, count), np.int64)
    excess = np.maximum(change - typical_change(change, 0, count), 0)
    score_windows(thumbnails, change, excess, lengths, MIN_DIFFERENCE, MIN_STRAIGHTNESS, scores, best_lengths)
    is_peak = np.zeros(scores.shape, np.bool_)
    peaks(scores, best_lengths, is_peak)
    kinds, centres = np.nonzero(is_peak)
    chosen = best_lengths[kinds, centres]
    starts = centres - chosen // 2
    candidates = {*zip(centres.tolist(), starts.tolist(), (starts + chosen).tolist(), strict=True)}
    return sorted(candidates | _push_candidates(window, int(lengths[-1])))


def _push_candidates(window: FrameWindow, longest: int) -> set[tuple[int, int, int]]:
    """Return windows over which the whole frame moves steadily by its own size, as when a new shot pushes it out."""
    candidates = set()
    for column, size in ((_GLOBAL_Y, window.luma.shape[1]), (_GLOBAL_X, window.luma.shape[2])):
        motion = window.changes[: window.count, column].tolist()
        start = 0
        for n in range(1, window.count + 1):
            moves = n < window.count and abs(motion[n]) >= size / (longest + 1)
            if moves and start and motion[n] * motion[n - 1] > 0 and abs(motion[n] - motion[n - 1]) <= 2:
                continue
            total = abs(sum(motion[start:n]))
            if start and 4 <= n - start <= longest and abs(total - size) <= PUSH_TOLERANCE * size:
                candidates.add(((start + n - 1) // 2, start - 1, n - 1))
            start = n if moves else 0
    return candidates


def describe_candidate(window: FrameWindow, s: int, e: int) -> Gradual | None:
    """Find the exact ends, the kind and the features of a candidate.

    Parameters
    ----------
    window : FrameWindow
    s, e : int
        Rows that `gradual_candidates` found.

    Returns
    -------
    Gradual or None
        None if the window is too short, or the frames around it change about as fast as those within.
    """
    motion = global_motion_fraction(window, s, e)
    error = 0.0
    for _ in range(0 if abs(motion - 1) < PUSH_TOLERANCE else 2):
        s, e, error = _refine_ends(window, s, e)
        if e - s < 3:
            return None
    if outside_change_ratios(window, s, e)[0] > MAX_OUTSIDE_RATIO:
        return None
    features = gradual_features(window, s, e, error)
    kind = "wipe" if features["replacement_residual"] < 0.9 * features["blend_residual"] else "dissolve"
    before, after = window.changes[max(s, 1), _STD], window.changes[e, _STD]
    if _is_flat(before, after):
        kind = "fade_in"
    elif _is_flat(after, before):
        kind = "fade_out"
    return Gradual(window.start + s + 1, window.start + e, kind, {k: float(v) for k, v in features.items()})


def _is_flat(std: float, other: float) -> bool:
    # a flat frame may contain a caption
    return bool(std < FLAT_STD or (std < 3 * FLAT_STD and std < 0.25 * other))


def _refine_ends(window: FrameWindow, s: int, e: int) -> tuple[int, int, float]:
    """Move the ends to the last frame before and the first frame after the transition; return the ramp's error too."""
    reach = max(4, (e - s) // 4)
    low, high = max(0, s - reach), min(window.count - 1, e + reach)
    # a cut adjacent to the transition is not part of it
    sudden = 2 * window.thumbnail_changes[s + 1 : e + 1].max()
    for k in range(s, low, -1):
        if window.changes[k, _RATIO] > ADJACENT_CUT_RATIO and window.thumbnail_changes[k] > sudden:
            low = k
            break
    for k in range(e + 1, high + 1):
        if window.changes[k, _RATIO] > ADJACENT_CUT_RATIO and window.thumbnail_changes[k] > sudden:
            high = k - 1
            break
    position = np.zeros(high - low + 1, np.float32)
    progress(window.thumbnails[: window.count], s, e, low, position)
    ends = np.zeros(2, np.int64)
    error = float(np.sqrt(fit_ramp(position, RAMP_SHAPES, ends)))
    return low + int(ends[0]), low + int(ends[1]), error
