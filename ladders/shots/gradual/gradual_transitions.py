"""Find dissolves, fades and wipes: stretches over which one picture turns into another by the straightest way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ladders.shots.frame_window import CHANGE_COLUMNS, FrameWindow
from ladders.shots.gradual.gradual_features import RETURNS, USUAL_REACH, gradual_features, outside, push_share, usual
from ladders.shots.gradual.gradual_kernels import peaks, progress, ramp, windows

__all__ = ["GRADUAL_REACH", "Gradual", "describe", "gradual_candidates", "lags_up_to"]

#: Ends of a window differ by at least this many levels a cell, and by this share of the way between them.
LEAST_DIFFERENCE = 2.5
LEAST_STRAIGHT = 0.35
#: A mixture changes the picture faster than what goes on before and after it: this share of it, at most.
MOST_OUTSIDE = 0.8
#: Below this standard deviation of luma, in levels, a picture is one flat colour.
FLAT = 3.0

#: How a transition may rise: evenly, speeding up or slowing down (the area of an iris), easing in and out.
_RISE = np.linspace(0, 1, 257)
_SHAPES = np.array(
    [_RISE, _RISE**2, 1 - (1 - _RISE) ** 2, _RISE**2 * (3 - 2 * _RISE), _RISE**3, 1 - (1 - _RISE) ** 3], np.float32
)
#: Frames beyond the longest transition that bear on one: those it must not come back in, and what is usual there.
GRADUAL_REACH = RETURNS[-1] + USUAL_REACH + 6
_SHARE, _SPREAD, _PAN_Y, _PAN_X = (CHANGE_COLUMNS.index(name) for name in ("share", "spread", "pan_y", "pan_x"))


@dataclass(frozen=True, slots=True)
class Gradual:
    """A stretch that may be a gradual transition.

    Attributes
    ----------
    first, last : int
        Its mixed frames, half-open.
    kind : str
        "dissolve", "wipe", "fade_in" or "fade_out".
    features : tuple of float
        `gradual_features`.
    """

    start: int
    stop: int
    kind: str
    features: tuple[float, ...]


def lags_up_to(most: int) -> NDArray[np.int64]:
    """Return the lengths of windows that are tried, each a quarter longer than the one before."""
    lags = [5]
    while lags[-1] < most:
        lags.append(max(lags[-1] + 1, round(lags[-1] * 1.25)))
    return np.array(lags)


def gradual_candidates(pictures: FrameWindow, lags: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Return windows (centre, s, e), rows of `pictures`, that are worth more than others about the same place."""
    count = pictures.count
    thumbnails = pictures.thumbnails[:count]
    change = pictures.steps[:count]
    worth, lag = np.zeros((6, count), np.float32), np.zeros((6, count), np.int64)
    excess = np.maximum(change - usual(change, 0, count), 0)
    windows(thumbnails, change, excess, lags, LEAST_DIFFERENCE, LEAST_STRAIGHT, worth, lag)
    best = np.zeros(worth.shape, np.bool_)
    peaks(worth, lag, best)
    readings, centres = np.nonzero(best)
    lengths = lag[readings, centres]
    starts = centres - lengths // 2
    found = {*zip(centres.tolist(), starts.tolist(), (starts + lengths).tolist(), strict=True)}
    return sorted(found | _pushes(pictures, int(lags[-1])))


def _pushes(pictures: FrameWindow, most: int) -> set[tuple[int, int, int]]:
    """Return runs over which the whole picture moves evenly by just its own size: a new one pushes it out."""
    found = set()
    for column, size in ((_PAN_Y, pictures.luma.shape[1]), (_PAN_X, pictures.luma.shape[2])):
        pan = pictures.changes[: pictures.count, column].tolist()
        start = 0
        for n in range(1, pictures.count + 1):
            going = n < pictures.count and abs(pan[n]) >= size / (most + 1)
            if going and start and pan[n] * pan[n - 1] > 0 and abs(pan[n] - pan[n - 1]) <= 2:
                continue
            if start and 4 <= n - start <= most and abs(abs(sum(pan[start:n])) - size) <= 0.12 * size:
                found.add(((start + n - 1) // 2, start - 1, n - 1))
            start = n if going else 0
    return found


def describe(pictures: FrameWindow, s: int, e: int) -> Gradual | None:
    """Find the exact ends of a candidate, and what speaks for it and against; None if it is none."""
    pushed = push_share(pictures, s, e)
    error = 0.0
    for _ in range(0 if abs(pushed - 1) < 0.12 else 2):
        s, e, error = _ends(pictures, s, e)
        if e - s < 3:
            return None
    still, _ = outside(pictures, s, e)
    if still > MOST_OUTSIDE:
        return None
    features = gradual_features(pictures, s, e, error)
    kind = "wipe" if features["either"] < 0.9 * features["blend"] else "dissolve"
    before, after = pictures.changes[max(s, 1), _SPREAD], pictures.changes[e, _SPREAD]
    if _is_flat(before, after):
        kind = "fade_in"
    elif _is_flat(after, before):
        kind = "fade_out"
    return Gradual(pictures.start + s + 1, pictures.start + e, kind, tuple(float(f) for f in features.values()))


def _is_flat(spread: float, other: float) -> bool:
    # a caption may stand on the black
    return bool(spread < FLAT or (spread < 3 * FLAT and spread < 0.25 * other))


def _ends(pictures: FrameWindow, s: int, e: int) -> tuple[int, int, float]:
    """Move a window's ends to the last frame that is all old and the first that is all new."""
    reach = max(4, (e - s) // 4)
    low, high = max(0, s - reach), min(pictures.count - 1, e + reach)
    # a cut beside it is no part of it
    sudden = 2 * pictures.steps[s + 1 : e + 1].max()
    for k in range(s, low, -1):
        if pictures.changes[k, _SHARE] > 0.4 and pictures.steps[k] > sudden:
            low = k
            break
    for k in range(e + 1, high + 1):
        if pictures.changes[k, _SHARE] > 0.4 and pictures.steps[k] > sudden:
            high = k - 1
            break
    way = np.zeros(high - low + 1, np.float32)
    progress(pictures.thumbnails[: pictures.count], s, e, low, way)
    found = np.zeros(2, np.int64)
    error = float(np.sqrt(ramp(way, _SHAPES, found)))
    return low + int(found[0]), low + int(found[1]), error
