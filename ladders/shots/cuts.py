"""Score how surely a frame is the first of a new shot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ladders.shots.frame_window import THUMBNAIL, FrameWindow
from ladders.shots.illumination import detail

__all__ = ["CUT_FEATURES", "CUT_REACH", "cut_candidates", "cut_features"]

#: Frames on either side that a cut is judged by.
CUT_REACH = 12
#: Pairs of frames across the place of a cut, counted from it: what a flash parted, some pair joins again.
_ACROSS = ((-1, 2), (-1, 5), (-3, 0), (-3, 2), (-3, 5), (-6, 0), (-6, 2))
#: Those whose structure and detail are compared.
_FURTHER = ((-1, 2), (-3, 2), (-6, 0))
#: Frames on either side of a candidate whose thumbnails are laid side by side.
_ASIDE = 4
#: Steps between those, counted from the candidate, that are held against the step across it: how much the pictures
#: stir before and after it, and the shortest way around it (a flash, an occluder and one mixed frame have one).
_STIRRED = ((-3, -1), (1, 3), (-2, 2))
_AROUND = ((-2, 0), (-2, 1), (-1, 1), (-2, 2), (-3, 1), (-4, 4))
#: Of a mean squared difference of thumbnails, in levels squared: less is noise.
_STILL = 0.05
#: A frame less new than this is no candidate: blocks that are found again in the frame before it.
_LEAST_SHARE = 0.2
#: Nor is one that is newer than the frames about it usually are by less than this,
_LEAST_EXCESS = 0.05
#: unless it is so new that frames of two shots are hardly newer: about noise and water all are.
_FOREIGN = 0.4
_SHARE, _RESIDUAL, _EVEN, _ACTIVITY, _FRESH, _DIFFERENCE, _MOVED, _LEVEL, _COLOUR = 3, 0, 1, 2, 4, 5, 6, 7, 9

CUT_FEATURES = (
    "share",
    "fresh",
    "moved",
    "difference",
    "colour",
    "even_share",
    "share_over_before",
    "share_over_after",
    "share_over_median",
    "difference_over_neighbours",
    "across_share",
    "across_fresh",
    "across_moved",
    "across_difference",
    "across_even_share",
    "brightening",
    "quiet",
    "quieter_half",
    "likeness",
    "across_likeness",
    "structure",
    "structure_kept",
    "across_structure",
    "across_structure_kept",
    "detail",
    "across_detail",
    "share_before",
    "fresh_before",
    "difference_before",
    "colour_before",
    "share_after",
    "fresh_after",
    "difference_after",
    "colour_after",
    "luma_mixed",
    "luma_aside",
    "luma_stirred_before",
    "luma_stirred_after",
    "luma_stirred_both",
    "luma_around",
    "mixed",
    "aside",
    "stirred_before",
    "stirred_after",
    "stirred_both",
    "around",
)


def cut_candidates(changes: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the rows that might be cuts: new, newer than usual, and than both neighbours are or nearly so."""
    share = changes[:, _SHARE]
    before = np.concatenate(([0], share[:-1]))
    after = np.concatenate((share[1:], [0]))
    new = np.flatnonzero((share > _LEAST_SHARE) & (share > 0.8 * np.maximum(before, after)))
    around = np.lib.stride_tricks.sliding_window_view(np.pad(share, CUT_REACH), 2 * CUT_REACH + 1)[new]
    return new[(share[new] > _FOREIGN) | (share[new] > np.median(around, axis=1) + _LEAST_EXCESS)]


def cut_features(pictures: FrameWindow, frame: int, frame_count: int) -> NDArray[np.float64]:
    """Describe a candidate by its own pair, its neighbourhood, and pairs across it (`CUT_FEATURES`)."""
    n = frame - pictures.start
    row = pictures.changes[n]
    low, high = max(n - CUT_REACH, 1 - min(pictures.start, 1)), min(n + CUT_REACH + 1, pictures.count)
    around = np.delete(pictures.changes[low:high], n - low, axis=0)
    near = np.delete(pictures.changes[max(low, n - 5) : min(high, n + 6)], n - max(low, n - 5), axis=0)
    pairs = [(frame + a, frame + b) for a, b in _ACROSS if frame + a >= 0 and frame + b < frame_count]
    pairs = pairs or [(frame - 1, frame)]
    across, alike = [], [(0.0, 0.0, 0.0)]
    for one, other in pairs:
        across.append(pictures.between(one, other))
        if (one - frame, other - frame) in _FURTHER:
            rows = one - pictures.start, other - pictures.start
            alike.append((*pictures.likeness(one, other), detail(pictures, *rows)))
    differences, likest = np.array(across), np.max(alike, axis=0)
    likeness = _likeness(pictures, [(frame - 1, frame), *pairs])
    share, difference = row[_SHARE], np.log1p(row[_DIFFERENCE])
    if not len(near):
        near = around = np.zeros((1, len(row)), np.float32)
    return np.array(
        [
            share,
            row[_FRESH],
            row[_MOVED],
            difference,
            np.log1p(row[_COLOUR]),
            _even_share(row),
            share - _highest(pictures.changes[max(low, n - 5) : n, _SHARE]),
            share - _highest(pictures.changes[n + 1 : min(high, n + 6), _SHARE]),
            share - np.median(around[:, _SHARE]),
            difference - np.log1p(near[:, _DIFFERENCE].max()),
            differences[:, _SHARE].min(),
            differences[:, _FRESH].min(),
            differences[:, _MOVED].min(),
            np.log1p(differences[:, _DIFFERENCE].min()),
            min(_even_share(pair) for pair in differences),
            (row[_LEVEL] - pictures.changes[n - 1, _LEVEL]) / 32 if n > 1 else 0.0,
            *pictures.quiet(n - 1, n),
            likeness[0],
            likeness[1:].max(),
            *pictures.likeness(frame - 1, frame),
            *likest[:2],
            detail(pictures, n - 1, n),
            likest[2],
            *_beside(pictures.changes[n - 1]),
            *_beside(pictures.changes[n + 1] if frame + 1 < frame_count else np.zeros_like(row)),
            *_surroundings(pictures, frame, frame_count),
        ],
        np.float64,
    )


def _beside(row: NDArray[np.float32]) -> tuple[float, ...]:
    """Return how new a neighbour of a candidate is."""
    return float(row[_SHARE]), float(row[_FRESH]), float(np.log1p(row[_DIFFERENCE])), float(np.log1p(row[_COLOUR]))


def _surroundings(pictures: FrameWindow, frame: int, frame_count: int) -> tuple[float, ...]:
    """Describe how the thumbnails about a candidate lie to each other: luma less its mean, then all planes."""
    numbers = np.clip(np.arange(frame - _ASIDE, frame + _ASIDE + 1), 0, frame_count - 1)
    thumbnails = pictures.thumbnails[numbers - pictures.start].astype(np.float64)
    luma = thumbnails[:, : THUMBNAIL[0] * THUMBNAIL[1]]
    return *_places(luma - luma.mean(1, keepdims=True)), *_places(thumbnails)


def _places(points: NDArray[np.float64]) -> tuple[float, ...]:
    """Describe the way that pictures take through a candidate, as points one a row, the candidate's in the middle.

    Where a frame that is a mixture lies between its neighbours, and how far off the line through them; then the
    logarithms of the ratios of `_STIRRED` and of the shortest of `_AROUND` to the steps that they are held against.
    """
    apart = ((points[:, None] - points[None]) ** 2).mean(-1) + _STILL

    def step(one: int, other: int) -> float:
        return float(apart[_ASIDE + one, _ASIDE + other])

    whole, part = step(-1, 1), step(-1, 0) - _STILL
    along = (part + whole - step(0, 1)) / 2
    mixed = along / whole
    aside = max(part - mixed * along, 0.0) / whole
    stirred = (np.log(step(*pair) / whole) for pair in _STIRRED)
    around = np.log(min(step(*pair) for pair in _AROUND) / step(-1, 0))
    return float(np.clip(mixed, -1, 2)), float(np.log(aside + 1e-3)), *map(float, stirred), float(around)


def _highest(shares: NDArray[np.float32]) -> float:
    return float(shares.max()) if len(shares) else 0.0


def _likeness(pictures: FrameWindow, pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the correlation of the luma thumbnails of each pair of frames, which light that changes does not touch."""
    cells = THUMBNAIL[0] * THUMBNAIL[1]
    luma = pictures.thumbnails[np.array(pairs) - pictures.start, :cells].astype(np.float64)
    # black bars are alike in all films
    lit = np.array([pictures.lit(a - pictures.start, b - pictures.start) for a, b in pairs])[:, None]
    luma -= (luma * lit).sum(-1, keepdims=True) / np.maximum(lit.sum(-1, keepdims=True), 1)
    luma *= lit
    power = (luma**2).sum(-1)
    # flat pictures are like nothing
    likeness: NDArray[np.float64] = (luma[:, 0] * luma[:, 1]).sum(-1) / (np.sqrt(power[:, 0] * power[:, 1]) + cells)
    return likeness


def _even_share(row: NDArray[np.float32]) -> float:
    return float(row[_EVEN] / (row[_EVEN] + row[_ACTIVITY] + 0.5))
