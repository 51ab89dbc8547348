"""Kernels of dissolve detection: window scores, their peaks, and the exact ends of a transition, on thumbnails."""

import numpy as np
from numpy.typing import NDArray

from shotladder_runtime.kernels.compiler import kernel

__all__ = ["fit_ramp", "mixture_residuals", "peaks", "progress", "score_windows"]


@kernel(error_model="python")
def score_windows(
    thumbnails: NDArray[np.float32],
    change: NDArray[np.float32],
    excess: NDArray[np.float32],
    lengths: NDArray[np.int64],
    min_difference: float,
    min_straightness: float,
    scores: NDArray[np.float32],
    best_lengths: NDArray[np.int64],
) -> None:
    """Find, for each frame, the window centred on it with the highest score, for six kinds of score.

    The path between two thumbnails is as long as the sum of the changes from frame to frame. Thumbnails of a mixture
    lie on a straight path, those of motion do not.

    Parameters
    ----------
    thumbnails : float32 array, shape (frames, cells)
        In levels.
    change, excess : float32 arrays, shape (frames,)
        Mean difference of each thumbnail from the one before it, and what of it exceeds the typical change there.
    lengths : int64 array
        Window lengths, in frames from first to last, ascending.
    min_difference : float
        Minimum mean difference of a window's ends, in levels.
    min_straightness : float
        Minimum straightness of scores 0 to 4.
    scores : float32 array, shape (6, frames)
        Receives the highest score of each kind, 0 without a window.
    best_lengths : int64 array, shape (6, frames)
        Receives the length of that window.

    Notes
    -----
    With net the mean difference of the ends, straightness = min(net / sum(excess), 1), rest = max(0, net - what motion
    alone explains), contrast = 1 - smaller mean change of the six frames on either side / mean change within, and
    mixture = 1 - 2 x residual of the middle frame / net, the residual being that of half of both ends or of the nearer
    end in each cell:

    | row | score |
    |---|---|
    | 0 | net x straightness |
    | 1 | net x straightness^2 |
    | 2 | rest x straightness |
    | 3 | rest x straightness^4 |
    | 4 | net x straightness x contrast |
    | 5 | net x mixture |

    each times 1 - 0.001 x length, so that of equal windows the shorter one counts. A window in which one change
    makes up half of the path contains a cut and has no score.
    """
    count, cells = thumbnails.shape
    path, excess_path = np.zeros(count + 1), np.zeros(count + 1)
    for n in range(count):
        path[n + 1] = path[n] + change[n]
        excess_path[n + 1] = excess_path[n] + excess[n]
    scores[:] = 0.0
    best_lengths[:] = 0
    for c in range(count):
        for k in range(lengths.size):
            s = c - lengths[k] // 2
            e = s + lengths[k]
            if s < 0 or e >= count:
                break
            # the difference of the ends is at most the length of the path
            if path[e + 1] - path[s + 1] < min_difference:
                continue
            length = max(excess_path[e + 1] - excess_path[s + 1], 1e-3)
            largest = np.float32(0)
            for n in range(s + 1, e + 1):
                largest = max(largest, change[n])
            if largest > 0.5 * (path[e + 1] - path[s + 1]):
                continue
            total = np.float32(0)
            for i in range(cells):
                total += abs(thumbnails[e, i] - thumbnails[s, i])
            net = total / cells
            if net < min_difference:
                continue
            length_factor = 1.0 - 0.001 * lengths[k]
            middle = (s + e) // 2
            blend = either = np.float32(0)
            for i in range(cells):
                a, b, x = thumbnails[s, i], thumbnails[e, i], thumbnails[middle, i]
                blend += abs(x - (a + b) * np.float32(0.5))
                either += min(abs(x - a), abs(x - b))
            mixture = max(0.0, 1.0 - 2.0 * min(blend, either) / total)
            if net * mixture * length_factor > scores[5, c]:
                scores[5, c] = net * mixture * length_factor
                best_lengths[5, c] = lengths[k]
            straightness = min(net / length, 1.0)
            if straightness < min_straightness:
                continue
            before = (path[s + 1] - path[max(0, s - 5)]) / (s + 1 - max(0, s - 5))
            after = (path[min(count, e + 7)] - path[e + 1]) / max(1, min(count, e + 7) - e - 1)
            within = (path[e + 1] - path[s + 1]) / lengths[k]
            contrast = max(0.0, 1.0 - min(before, after) / max(within, 1e-3))
            motion = (path[e + 1] - path[s + 1]) - (excess_path[e + 1] - excess_path[s + 1])
            rest = max(0.0, net - motion)
            values = (
                net * straightness,
                net * straightness**2,
                rest * straightness,
                rest * straightness**4,
                net * straightness * contrast,
            )
            for p in range(5):
                if values[p] * length_factor > scores[p, c]:
                    scores[p, c] = values[p] * length_factor
                    best_lengths[p, c] = lengths[k]


@kernel(error_model="python")
def peaks(scores: NDArray[np.float32], best_lengths: NDArray[np.int64], out: NDArray[np.bool_]) -> None:
    """Mark the windows of `score_windows` with the highest score within half their length on either side."""
    kinds, count = scores.shape
    for p in range(kinds):
        for c in range(count):
            half = best_lengths[p, c] // 2
            out[p, c] = scores[p, c] > 0
            for k in range(max(0, c - half), min(count, c + half + 1)):
                # of equal maxima the first counts
                if scores[p, k] > scores[p, c] or (k < c and scores[p, k] == scores[p, c]):
                    out[p, c] = False
                    break


@kernel(error_model="python")
def progress(thumbnails: NDArray[np.float32], s: int, e: int, low: int, out: NDArray[np.float32]) -> None:
    """Write the position of each thumbnail, from row `low` on, between thumbnails `s` (0) and `e` (1)."""
    cells = thumbnails.shape[1]
    net = np.float32(0)
    for i in range(cells):
        net += abs(thumbnails[e, i] - thumbnails[s, i])
    for k in range(out.size):
        old = new = np.float32(0)
        for i in range(cells):
            old += abs(thumbnails[low + k, i] - thumbnails[s, i])
            new += abs(thumbnails[low + k, i] - thumbnails[e, i])
        out[k] = 0.5 + 0.5 * (old - new) / max(net, np.float32(1e-6))


@kernel(error_model="python")
def fit_ramp(path: NDArray[np.float32], shapes: NDArray[np.float32], found: NDArray[np.int64]) -> float:
    """Fit 0, then a ramp, then 1 to `path`; write the last index at 0 and the first at 1; return the mean square error.

    The ramp has one of several `shapes` (rows of samples from 0 to 1); any but the first has its error multiplied by
    1.25 in the comparison, because more shapes fit noise better.
    """
    size = path.size
    fine = shapes.shape[1] - 1
    best = np.inf
    result = 0.0
    below, above = np.zeros(size + 1), np.zeros(size + 1)
    for k in range(size):
        below[k + 1] = below[k] + path[k] * path[k]
        above[k + 1] = above[k] + (1.0 - path[k]) ** 2
    for a in range(size - 1):
        for b in range(a + 1, size):
            flat = below[a + 1] + above[size] - above[b]
            if flat >= best:
                continue
            for shape in range(shapes.shape[0]):
                handicap = 1.0 if shape == 0 else 1.25
                error = flat
                for k in range(a + 1, b):
                    d = path[k] - shapes[shape, (k - a) * fine // (b - a)]
                    error += d * d
                    if error * handicap >= best:
                        break
                if error * handicap < best:
                    best, result = error * handicap, error
                    found[0], found[1] = a, b
    return result / size


@kernel(error_model="python")
def mixture_residuals(thumbnails: NDArray[np.float32], s: int, e: int, out: NDArray[np.float32]) -> None:
    """Compute how well mixtures of thumbnails `s` and `e` explain those between them.

    `out` (5) receives, relative to the difference of the ends: the residual of a weighted sum of both (blend); that of
    the nearer of both in each cell (replacement); how far cells lie outside the range of both; how much of the change
    is opposite to that of the ends; the sum of the largest step of each cell.
    """
    cells = thumbnails.shape[1]
    net = power = np.float32(0)
    for i in range(cells):
        d = thumbnails[e, i] - thumbnails[s, i]
        net += abs(d)
        power += d * d
    out[:] = 0.0
    inside = max(1, e - s - 1)
    for k in range(s + 1, e):
        dot = np.float32(0)
        for i in range(cells):
            dot += (thumbnails[k, i] - thumbnails[s, i]) * (thumbnails[e, i] - thumbnails[s, i])
        weight = min(max(dot / max(power, np.float32(1e-6)), np.float32(0)), np.float32(1))
        blend = either = stray = np.float32(0)
        for i in range(cells):
            a, b, x = thumbnails[s, i], thumbnails[e, i], thumbnails[k, i]
            blend += abs(x - a - weight * (b - a))
            either += min(abs(x - a), abs(x - b))
            stray += max(np.float32(0), max(min(a, b) - x, x - max(a, b)))
        out[0] += blend
        out[1] += either
        out[2] += stray
    back = sudden = np.float32(0)
    for i in range(cells):
        d = thumbnails[e, i] - thumbnails[s, i]
        largest = np.float32(0)
        for k in range(s + 1, e + 1):
            step = thumbnails[k, i] - thumbnails[k - 1, i]
            if d * step < 0:
                back += abs(step)
            else:
                largest = max(largest, abs(step))
        sudden += largest
    scale = 1.0 / max(net, np.float32(1e-6))
    out[0] *= scale / inside
    out[1] *= scale / inside
    out[2] *= scale / inside
    out[3] = back * scale
    out[4] = sudden * scale
