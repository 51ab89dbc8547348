"""What pictures in the midst of a transition are made of: both its ends, one of them in each part, one that pushes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ladders.shots.frame_window import FrameWindow
from ladders.shots.gradual.blend_wipe_push_kernels import halve, parts, seams, strip_means

__all__ = ["mixed", "parted", "pushed"]

#: Pictures move along so many strips when one is thought to push another out.
_STRIPS = 4


def mixed(pictures: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return how the small pictures within are made of those at the ends.

    The likeness (correlation) of the ends; the mean deviation of those within as a share of the ends'; how far it is
    off that of a mixture; what share of the pictures within a mixture of both explains, and the smaller of its weights.
    """
    old, new = _flattened(pictures, s), _flattened(pictures, e)
    aa, bb, ab = float(old @ old), float(new @ new), float(old @ new)
    noise = 4.0 * old.size
    likeness = ab / np.sqrt((aa + noise) * (bb + noise))
    deviation = np.sqrt(np.array([aa, bb]) / old.size)
    explained, weights, within, off = [], [], [], []
    for n in _between(s, e):
        x = _flattened(pictures, n)
        xa, xb, xx = float(x @ old), float(x @ new), float(x @ x)
        a, b = np.linalg.solve([[aa + noise, ab], [ab, bb + noise]], [xa, xb])
        explained.append((a * xa + b * xb + 0.01 * noise) / (xx + 0.01 * noise))
        weights.append(min(a, b))
        part = float(np.clip((xb - xa + aa - ab) / (aa + bb - 2 * ab + noise), 0, 1))
        mixed = np.sqrt(max(0.0, (1 - part) ** 2 * aa + part**2 * bb + 2 * part * (1 - part) * ab) / old.size)
        within.append(np.sqrt(xx / old.size))
        off.append(abs(within[-1] - mixed))
    ends = float(deviation.mean()) + 1.0
    return {
        "likeness": float(likeness),
        "dip": min(float(np.mean(within)) / ends, 2.0),
        "dip_error": min(float(np.mean(off)) / ends, 2.0),
        "two": float(np.clip(np.mean(explained), -1, 1)),
        "both": float(np.clip(np.mean(weights), -1, 1)),
    }


def parted(pictures: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return what `parts` says of blocks: in the mean, at worst, and how much more of them is new later on."""
    old, new = _half(pictures.luma[s]), _half(pictures.luma[e])
    found = np.zeros((3, 5), np.float32)
    for n, row in zip(_between(s, e), found, strict=True):
        parts(_half(pictures.luma[n]), old, new, row)
    explained, both, of_old, of_new, _ = found.T
    mean = found.mean(0)
    return {
        "explained": float(mean[0]),
        "least_explained": float(explained.min()),
        "by_both": float(mean[1]),
        "least_by_both": float(both.min()),
        "of_old": float(mean[2]),
        "of_new": float(mean[3]),
        "new_grows": float(of_new[2] - of_new[0]),
        "old_goes": float(of_old[0] - of_old[2]),
        "parted": float(np.minimum(of_old, of_new).max()),
        "in_both": float(mean[4]),
    }


def pushed(pictures: FrameWindow, s: int, e: int) -> dict[str, float]:
    """Return how well one picture that pushes the other out, whichever way, explains those within.

    What it leaves, as a share of the difference of the ends; how much less that is than either end alone leaves; and
    by what share of the picture the seam moves in a quarter of the time, the slower of twice.
    """
    best = (np.inf, 0.0, 0.0)
    for axis in (0, 1):
        old, new = _strips(pictures.luma[s], axis), _strips(pictures.luma[e], axis)
        size = old.shape[1]
        left = np.zeros((3, size + 1, 2), np.float32)
        for n, found in zip(_between(s, e), left, strict=True):
            seams(_strips(pictures.luma[n], axis), old, new, found)
        left /= np.abs(old - new).mean() + 1
        seam = left.argmin(1)
        error = left.min(1).mean(0)
        stay = left[:, [0, -1]].min(1).mean(0)
        rise = np.diff(seam, axis=0).min(0) / size
        ways = [(float(error[k]), float(stay[k] - error[k]), float(rise[k])) for k in (0, 1)]
        best = min([best, *ways], key=lambda way: way[0] - 0.3 * max(0.0, way[2]))
    return {"push_error": best[0], "push_gain": best[1], "push_rise": best[2]}


def _between(s: int, e: int) -> list[int]:
    """Return three rows a quarter of the way apart, none of them an end if it can be helped."""
    return [s + max(1, min(e - s - 1, round(part * (e - s)))) for part in (0.25, 0.5, 0.75)]


def _half(luma: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return a small picture at half its size, in levels."""
    out = np.empty((luma.shape[0] // 2, luma.shape[1] // 2), np.float32)
    halve(luma, out)
    return out


def _flattened(pictures: FrameWindow, row: int) -> NDArray[np.float32]:
    """Return a picture of `_half` as a vector, less its mean."""
    small = _half(pictures.luma[row]).ravel()
    out: NDArray[np.float32] = small - small.mean()
    return out


def _strips(luma: NDArray[np.int16], axis: int) -> NDArray[np.float32]:
    """Return the means across strips of a small picture, in levels: along its width (axis 0) or height."""
    lines = luma if axis == 0 else luma.T
    out = np.empty((_STRIPS, lines.shape[1]), np.float32)
    strip_means(lines, out)
    return out
