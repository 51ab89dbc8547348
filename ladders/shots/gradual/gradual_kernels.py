"""Kernels that look for gradual transitions on thumbnails, a row a frame."""

import numpy as np
from numpy.typing import NDArray

from shotladder_runtime.kernels.compiler import kernel

__all__ = ["fit_ramp", "mixture_residuals", "peaks", "progress", "score_windows"]


@kernel(error_model="python")
def score_windows(
    thumbnails: NDArray[np.float32],
    change: NDArray[np.float32],
    excess: NDArray[np.float32],
    lags: NDArray[np.int64],
    least: float,
    straight: float,
    worth: NDArray[np.float32],
    lag: NDArray[np.int64],
) -> None:
    """Find for each frame the window about it whose ends differ most, and by the straightest way.

    The way between two thumbnails is as long as the sum of its steps (`change`; `excess` is what of a step goes
    beyond what is usual around it). A mixture goes straight, motion wanders. What a window is worth has as many
    readings as `worth` and `lag` have rows: the difference of its ends times difference / way once, twice, and,
    less what motion alone may have done, once and four times; once and times how far it outpaces the six frames on
    its quieter side; and, last, times how well its middle is half of both ends, or one of them in each cell. A
    window is nothing when its ends differ by less than `least` levels or when one step makes up half of it: a cut;
    and, but for the last reading, when difference / way is below `straight`.
    """
    count, cells = thumbnails.shape
    way, beyond = np.zeros(count + 1), np.zeros(count + 1)
    for n in range(count):
        way[n + 1] = way[n] + change[n]
        beyond[n + 1] = beyond[n] + excess[n]
    worth[:] = 0.0
    lag[:] = 0
    for c in range(count):
        for k in range(lags.size):
            s = c - lags[k] // 2
            e = s + lags[k]
            if s < 0 or e >= count:
                break
            # a difference is never longer than the way
            if way[e + 1] - way[s + 1] < least:
                continue
            length = max(beyond[e + 1] - beyond[s + 1], 1e-3)
            largest = np.float32(0)
            for n in range(s + 1, e + 1):
                largest = max(largest, change[n])
            if largest > 0.5 * (way[e + 1] - way[s + 1]):
                continue
            total = np.float32(0)
            for i in range(cells):
                total += abs(thumbnails[e, i] - thumbnails[s, i])
            net = total / cells
            if net < least:
                continue
            shorter = 1.0 - 0.001 * lags[k]
            middle = (s + e) // 2
            blend = either = np.float32(0)
            for i in range(cells):
                a, b, x = thumbnails[s, i], thumbnails[e, i], thumbnails[middle, i]
                blend += abs(x - (a + b) * np.float32(0.5))
                either += min(abs(x - a), abs(x - b))
            mixed = max(0.0, 1.0 - 2.0 * min(blend, either) / total)
            if net * mixed * shorter > worth[5, c]:
                worth[5, c] = net * mixed * shorter
                lag[5, c] = lags[k]
            share = min(net / length, 1.0)
            if share < straight:
                continue
            before = (way[s + 1] - way[max(0, s - 5)]) / (s + 1 - max(0, s - 5))
            after = (way[min(count, e + 7)] - way[e + 1]) / max(1, min(count, e + 7) - e - 1)
            within = (way[e + 1] - way[s + 1]) / lags[k]
            stands = max(0.0, 1.0 - min(before, after) / max(within, 1e-3))
            moved = (way[e + 1] - way[s + 1]) - (beyond[e + 1] - beyond[s + 1])
            left = max(0.0, net - moved)
            values = (net * share, net * share**2, left * share, left * share**4, net * share * stands)
            for p in range(5):
                if values[p] * shorter > worth[p, c]:
                    worth[p, c] = values[p] * shorter
                    lag[p, c] = lags[k]


@kernel(error_model="python")
def peaks(worth: NDArray[np.float32], lag: NDArray[np.int64], out: NDArray[np.bool_]) -> None:
    """Mark the windows of `score_windows` that none about them, within half their length, is worth more than."""
    readings, count = worth.shape
    for p in range(readings):
        for c in range(count):
            half = lag[p, c] // 2
            out[p, c] = worth[p, c] > 0
            for k in range(max(0, c - half), min(count, c + half + 1)):
                # of equal ones the first
                if worth[p, k] > worth[p, c] or (k < c and worth[p, k] == worth[p, c]):
                    out[p, c] = False
                    break


@kernel(error_model="python")
def progress(thumbnails: NDArray[np.float32], s: int, e: int, low: int, out: NDArray[np.float32]) -> None:
    """Write how far the thumbnails from `low` on have come from thumbnail `s` (0) to `e` (1)."""
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
def fit_ramp(way: NDArray[np.float32], shapes: NDArray[np.float32], found: NDArray[np.int64]) -> float:
    """Fit 0, then a rise, then 1 to `way`: write the last place at 0 and the first at 1; return the mean square error.

    A rise has one of some `shapes` (rows of samples from 0 to 1); another than the first has to fit clearly better.
    """
    size = way.size
    fine = shapes.shape[1] - 1
    best = np.inf
    result = 0.0
    below, above = np.zeros(size + 1), np.zeros(size + 1)
    for k in range(size):
        below[k + 1] = below[k] + way[k] * way[k]
        above[k + 1] = above[k] + (1.0 - way[k]) ** 2
    for a in range(size - 1):
        for b in range(a + 1, size):
            flat = below[a + 1] + above[size] - above[b]
            if flat >= best:
                continue
            for shape in range(shapes.shape[0]):
                handicap = 1.0 if shape == 0 else 1.25
                error = flat
                for k in range(a + 1, b):
                    d = way[k] - shapes[shape, (k - a) * fine // (b - a)]
                    error += d * d
                    if error * handicap >= best:
                        break
                if error * handicap < best:
                    best, result = error * handicap, error
                    found[0], found[1] = a, b
    return result / size


@kernel(error_model="python")
def mixture_residuals(thumbnails: NDArray[np.float32], s: int, e: int, out: NDArray[np.float32]) -> None:
    """Say how well the thumbnails between `s` and `e` are made of those two.

    `out` (5) receives, as shares of the difference of the ends: what a common weight of both leaves unexplained; what
    one or the other in each cell leaves; how far cells stray outside both; how much of the change goes the wrong way;
    how much of it the largest step of each cell makes.
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
