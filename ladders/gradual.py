"""Find dissolves, fades and wipes: stretches over which one picture turns into another by the straightest way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ladders.gradual_kernels import mixture, progress, ramp, windows
from ladders.pictures import Pictures

__all__ = ["GRADUAL_FEATURES", "GRADUAL_REACH", "Gradual", "describe", "gradual_candidates", "lags_up_to"]

#: Ends of a window differ by at least this many levels a cell, and by this share of the way between them.
LEAST_DIFFERENCE = 2.5
LEAST_STRAIGHT = 0.35
#: A mixture changes the picture faster than what goes on before and after it: this share of it, at most.
MOST_OUTSIDE = 0.8
#: Below this standard deviation of luma, in levels, a picture is one flat colour.
FLAT = 3.0

#: Steps are measured against this quantile of those at most so many frames away.
_USUAL, _USUAL_REACH = 0.2, 30
#: Frames beyond both ends where a picture of before, or of after, must not come back.
_RETURNS = (8, 20, 40, 60)
#: How a transition may rise: evenly, speeding up or slowing down (the area of an iris), easing in and out.
_RISE = np.linspace(0, 1, 257)
_SHAPES = np.array(
    [_RISE, _RISE**2, 1 - (1 - _RISE) ** 2, _RISE**2 * (3 - 2 * _RISE), _RISE**3, 1 - (1 - _RISE) ** 3], np.float32
)
#: Frames beyond the longest transition that bear on one: those it must not come back in, and what is usual there.
GRADUAL_REACH = _RETURNS[-1] + _USUAL_REACH + 6
_SHARE, _EVEN, _ACTIVITY, _FRESH, _MOVED, _SPREAD, _PAN_Y, _PAN_X = 3, 1, 2, 4, 6, 8, 10, 11

GRADUAL_FEATURES = (
    "difference",
    "straight",
    "length",
    "blend",
    "either",
    "stray",
    "back",
    "error",
    "largest",
    "still",
    "share",
    "even_share",
    "moved",
    "fresh",
    "returns",
    "was_there",
    "inner_share",
    "inner_fresh",
    "outer_share",
    "flat",
    "pan",
    "pan_unevenness",
    "largest_share",
)


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
        `GRADUAL_FEATURES`.
    """

    first: int
    last: int
    kind: str
    features: tuple[float, ...]


def lags_up_to(most: int) -> NDArray[np.int64]:
    """Return the lengths of windows that are tried, each a quarter longer than the one before."""
    lags = [5]
    while lags[-1] < most:
        lags.append(max(lags[-1] + 1, round(lags[-1] * 1.25)))
    return np.array(lags)


def gradual_candidates(pictures: Pictures, lags: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Return windows (centre, s, e), rows of `pictures`, that are worth more than others about the same place."""
    count = pictures.count
    thumbnails = pictures.thumbnails[:count]
    change = pictures.steps[:count]
    worth, lag = np.zeros((4, count), np.float32), np.zeros((4, count), np.int64)
    excess = np.maximum(change - _usual(change), 0)
    windows(thumbnails, change, excess, lags, LEAST_DIFFERENCE, LEAST_STRAIGHT, worth, lag)
    found = set()
    for p in range(4):
        for c in np.flatnonzero(worth[p]):
            half = lag[p, c] // 2
            around = worth[p, max(0, int(c) - half) : int(c) + half + 1]
            if worth[p, c] >= around.max() and int(np.argmax(around)) == min(c, half):
                found.add((int(c), int(c - half), int(c - half + lag[p, c])))
    return sorted(found | _pushes(pictures, int(lags[-1])))


def _pushes(pictures: Pictures, most: int) -> set[tuple[int, int, int]]:
    """Return runs over which the whole picture moves evenly by just its own size: a new one pushes it out."""
    found = set()
    for column, size in ((_PAN_Y, pictures.luma.shape[1]), (_PAN_X, pictures.luma.shape[2])):
        pan = pictures.changes[: pictures.count, column]
        start = 0
        for n in range(1, pictures.count + 1):
            going = n < pictures.count and abs(pan[n]) >= size / (most + 1)
            if going and start and pan[n] * pan[n - 1] > 0 and abs(pan[n] - pan[n - 1]) <= 2:
                continue
            if start and 4 <= n - start <= most and abs(abs(pan[start:n].sum()) - size) <= 0.12 * size:
                found.add(((start + n - 1) // 2, start - 1, n - 1))
            start = n if going else 0
    return found


def _usual(change: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.pad(change, _USUAL_REACH, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _USUAL_REACH + 1)
    return np.quantile(around, _USUAL, axis=1).astype(np.float32)


def describe(pictures: Pictures, s: int, e: int) -> Gradual | None:
    """Find the exact ends of a candidate, and what speaks for it and against; None if it is none."""
    thumbnails, changes, count = pictures.thumbnails[: pictures.count], pictures.changes, pictures.count
    pushed = _push_share(pictures, s, e)
    error = 0.0
    for _ in range(0 if abs(pushed - 1) < 0.12 else 2):
        s, e, error = _ends(pictures, s, e)
        if e - s < 3:
            return None
    parts = np.zeros(4, np.float32)
    mixture(thumbnails, s, e, parts)
    net = float(np.abs(thumbnails[e] - thumbnails[s]).mean())
    inner = pictures.steps[s + 1 : e + 1]
    excess = float(np.maximum(inner - _usual(pictures.steps[:count])[s + 1 : e + 1], 0).sum())
    outside = np.concatenate((pictures.steps[max(1, s - 5) : s + 1], pictures.steps[e + 1 : e + 7]))
    still = float(outside.mean() / max(inner.mean(), 1e-3)) if len(outside) else 0.0
    if still > MOST_OUTSIDE:
        return None
    outer = np.concatenate((changes[max(1, s - 11) : s + 1, _SHARE], changes[e + 1 : min(count, e + 13), _SHARE]))
    first = pictures.first
    ends = pictures.between(first + s, first + e)
    later = [pictures.between(first + s, first + e + j)[_SHARE] for j in _RETURNS if e + j < count]
    earlier = [pictures.between(first + s - j, first + e)[_SHARE] for j in _RETURNS if s - j >= 0]
    flat_before, flat_after = changes[max(s, 1), _SPREAD], changes[e, _SPREAD]
    features = (
        np.log1p(net),
        min(net / max(excess, 1e-3), 1.5),
        np.log(e - s),
        *parts,
        error,
        float(inner.max() / max(inner.sum(), 1e-3)),
        still,
        ends[_SHARE],
        ends[_EVEN] / (ends[_EVEN] + ends[_ACTIVITY] + 0.5),
        ends[_MOVED],
        ends[_FRESH],
        min(later, default=ends[_SHARE]),
        min(earlier, default=ends[_SHARE]),
        float(changes[s + 1 : e + 1, _SHARE].mean()),
        float(min(changes[s + 1 : e + 1, _FRESH].sum(), 3.0)),
        float(np.median(outer)) if len(outer) else 0.0,
        float(np.log1p(min(flat_before, flat_after))),
        min(_push_share(pictures, s, e), 2.0),
        _unevenness(pictures, s, e),
        float(changes[s + 1 : e + 1, _SHARE].max()),
    )
    kind = "wipe" if parts[1] < 0.9 * parts[0] else "dissolve"
    if _is_flat(flat_before, flat_after):
        kind = "fade_in"
    elif _is_flat(flat_after, flat_before):
        kind = "fade_out"
    return Gradual(first + s + 1, first + e, kind, tuple(float(f) for f in features))


def _push_share(pictures: Pictures, s: int, e: int) -> float:
    """Return by how much of its size the whole picture moved, the way it moved more."""
    pans = pictures.changes[s + 1 : e + 1]
    height, width = pictures.luma.shape[1:]
    return float(max(abs(pans[:, _PAN_X].sum()) / width, abs(pans[:, _PAN_Y].sum()) / height))


def _unevenness(pictures: Pictures, s: int, e: int) -> float:
    """Return how much the whole picture's motion changes from frame to frame, as a share of its size, at most 1."""
    pans = pictures.changes[s + 1 : e + 1]
    height, width = pictures.luma.shape[1:]
    return min(max(float(np.ptp(pans[:, _PAN_X])) / width, float(np.ptp(pans[:, _PAN_Y])) / height), 1.0)


def _is_flat(spread: float, other: float) -> bool:
    # a caption may stand on the black
    return bool(spread < FLAT or (spread < 3 * FLAT and spread < 0.25 * other))


def _ends(pictures: Pictures, s: int, e: int) -> tuple[int, int, float]:
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
