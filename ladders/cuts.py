"""Score how surely a frame is the first of a new shot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ladders.pictures import THUMBNAIL, Pictures

__all__ = ["CUT_FEATURES", "CUT_REACH", "cut_candidates", "cut_features"]

#: Frames on either side that a cut is judged by.
CUT_REACH = 12
#: Pairs of frames across the place of a cut, counted from it: what a flash parted, some pair joins again.
_ACROSS = ((-1, 2), (-1, 5), (-3, 0), (-3, 2), (-3, 5), (-6, 0), (-6, 2))
#: Those whose structure is compared.
_FURTHER = ((-1, 2), (-3, 2), (-6, 0))
#: A frame less new than this is no candidate: blocks that are found again in the frame before it.
_LEAST_SHARE = 0.2
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
)


def cut_candidates(changes: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the rows that might be cuts: new, and newer than both neighbours are or nearly so."""
    share = changes[:, _SHARE]
    before = np.concatenate(([0], share[:-1]))
    after = np.concatenate((share[1:], [0]))
    return np.flatnonzero((share > _LEAST_SHARE) & (share > 0.8 * np.maximum(before, after)))


def cut_features(pictures: Pictures, frame: int, frame_count: int) -> NDArray[np.float64]:
    """Describe a candidate by its own pair, its neighbourhood, and pairs across it (`CUT_FEATURES`)."""
    n = frame - pictures.first
    row = pictures.changes[n]
    low, high = max(n - CUT_REACH, 1 - min(pictures.first, 1)), min(n + CUT_REACH + 1, pictures.count)
    around = np.delete(pictures.changes[low:high], n - low, axis=0)
    near = np.delete(pictures.changes[max(low, n - 5) : min(high, n + 6)], n - max(low, n - 5), axis=0)
    pairs = [(frame + a, frame + b) for a, b in _ACROSS if frame + a >= 0 and frame + b < frame_count]
    pairs = pairs or [(frame - 1, frame)]
    across, alike = [], [(0.0, 0.0)]
    for pair in pairs:
        across.append(pictures.between(*pair))
        if (pair[0] - frame, pair[1] - frame) in _FURTHER:
            alike.append(pictures.likeness(*pair))
    differences = np.array(across)
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
            *np.max(alike, axis=0),
        ],
        np.float64,
    )


def _highest(shares: NDArray[np.float32]) -> float:
    return float(shares.max()) if len(shares) else 0.0


def _likeness(pictures: Pictures, pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the correlation of the luma thumbnails of each pair of frames, which light that changes does not touch."""
    cells = THUMBNAIL[0] * THUMBNAIL[1]
    luma = pictures.thumbnails[np.array(pairs) - pictures.first, :cells].astype(np.float64)
    # black bars are alike in all films
    lit = np.array([pictures.lit(a - pictures.first, b - pictures.first) for a, b in pairs])[:, None]
    luma -= (luma * lit).sum(-1, keepdims=True) / np.maximum(lit.sum(-1, keepdims=True), 1)
    luma *= lit
    power = (luma**2).sum(-1)
    # flat pictures are like nothing
    likeness: NDArray[np.float64] = (luma[:, 0] * luma[:, 1]).sum(-1) / (np.sqrt(power[:, 0] * power[:, 1]) + cells)
    return likeness


def _even_share(row: NDArray[np.float32]) -> float:
    return float(row[_EVEN] / (row[_EVEN] + row[_ACTIVITY] + 0.5))
