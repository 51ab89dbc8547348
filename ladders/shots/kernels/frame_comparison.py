"""Kernels that compute the per-frame change metrics: motion search, block correlation, frame differences."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ladders.blocks import absolute, difference, offset
from shotladder_runtime.kernels.compiler import kernel

__all__ = [
    "CHANGE_METRICS",
    "compare_frames",
    "correlate_blocks",
    "find_active_blocks",
    "find_projection_shift",
    "search_motion",
]

#: Metrics of a frame relative to the one before it, in the order of the columns that `compare_frames` writes. Formulas
#: are in docs/shots.md.
CHANGE_METRICS = (
    "motion_residual",
    "dc_removed_residual",
    "activity",
    "inter_residual_ratio",
    "intra_fraction",
    "frame_difference",
    "histogram_distance",
    "mean_luma",
    "luma_std",
    "chroma_difference",
    "global_motion_y",
    "global_motion_x",
    "mean_motion",
)
#: Sum of absolute differences of an 8 x 8 block, in sixteenths of a level, at which the motion search stops: 3/16 of a
#: level a sample; chosen by hand, not tuned.
_NOISE = 192
#: Maximum number of steps of the motion search from the best start vector; chosen by hand, not tuned.
_STEPS = 6
#: Maximum mean of a line of a black bar, in sixteenths of a level: 20 levels, as `BLACK_LEVEL` of `frame_window`.
_BLACK = 320.0


@kernel(error_model="python", fastmath={"reassoc"})
def find_projection_shift(before: NDArray[np.float32], after: NDArray[np.float32], reach: int) -> int:
    """Return the shift of one projection against the other with the smallest mean difference, means removed."""
    size = before.size
    offset = np.float32(0.0)
    for k in range(size):
        offset += after[k] - before[k]
    offset /= np.float32(size)
    best, shift = np.float32(np.inf), 0
    for s in range(-reach, reach + 1):
        first, second = after[max(0, s) : min(size, size + s)], before[max(0, -s) : min(size, size - s)]
        total = np.float32(0.0)
        for k in range(first.size):
            total += abs(first[k] - second[k] - offset)
        total /= np.float32(first.size)
        # a small penalty on large shifts, so that flat projections do not shift
        total *= np.float32(1.0 + 0.08 * abs(s) / size)
        if total < best or (total == best and abs(s) < abs(shift)):
            best, shift = total, s
    return shift


@kernel(error_model="python")
def _active_range(one: NDArray[np.float32], other: NDArray[np.float32], out: NDArray[np.int64]) -> None:
    """Write the range [start, stop) of blocks of 8 between the black lines of both frames; all if fewer than 2."""
    first, last = 0, one.size
    while first < last and one[first] <= _BLACK and other[first] <= _BLACK:
        first += 1
    while last > first and one[last - 1] <= _BLACK and other[last - 1] <= _BLACK:
        last -= 1
    out[0], out[1] = (first + 7) // 8, last // 8
    if out[1] - out[0] < 2:
        out[0], out[1] = 0, one.size // 8


@kernel(error_model="python")
def find_active_blocks(
    before: NDArray[np.float32], after: NDArray[np.float32], width: int, window: NDArray[np.int64]
) -> None:
    """Write the rows and the columns of blocks, each half-open, that lie between the black bars of two frames.

    `before` and `after` are what `compute_projections` wrote.
    """
    _active_range(before[width:], after[width:], window[:2])
    _active_range(before[:width], after[:width], window[2:])


@kernel
def search_motion(
    before: NDArray[np.int16],
    after: NDArray[np.int16],
    activity: NDArray[np.int32],
    still: NDArray[np.int32],
    around: NDArray[np.int16],
    window: NDArray[np.int64],
    found: NDArray[np.int16],
    out: NDArray[Any],
) -> None:
    """Estimate the motion of each 8 x 8 block by a gradient search, and sum up the residual.

    Parameters
    ----------
    before, after : int16 arrays, shape (height, width)
    activity, still : int32 arrays, shape (rows, columns)
        Sums of absolute differences of each block from its mean, and from the same place in `before`.
    around : int16 array, shape (2,)
        Global motion, one of the start vectors. Vectors of earlier frames are not used: the metrics of a frame must
        not depend on where the scan started.
    window : int64 array, shape (4,)
        Rows and columns of blocks that are searched, each half-open; the others get the vector 0.
    found : int16 array, shape (rows, columns, 2)
        The vectors (dy, dx) into `before`.
    out : float32 array, shape (6,)
        Per sample, in levels: residual, residual with each block's mean removed, activity of the blocks of `after`;
        the mean ratio residual / (residual + activity + 0.5 level) of a block; the fraction of blocks whose residual
        is larger than their activity, which an encoder would code as intra blocks; the mean length of the vectors
        (vertical plus horizontal) of the others.
    """
    height, width = after.shape
    found[:] = 0
    inter = flat = intra = np.int64(0)
    shares = 0.0
    fresh = travelled = 0
    starts = np.zeros((3, 2), np.int64)
    cost = np.zeros((1, 1), np.int32)
    for r in range(window[0], window[1]):
        y = r * 8
        for c in range(window[2], window[3]):
            x = c * 8
            best = still[r, c]
            u, v = y, x
            starts[0, 0], starts[0, 1] = around[0], around[1]
            starts[1:] = 0
            if c:
                starts[1, 0], starts[1, 1] = found[r, c - 1, 0], found[r, c - 1, 1]
            if r:
                starts[2, 0], starts[2, 1] = found[r - 1, c, 0], found[r - 1, c, 1]
            for k in range(3):
                if best <= _NOISE:
                    break
                ty = min(max(y + starts[k, 0], 0), height - 8)
                tx = min(max(x + starts[k, 1], 0), width - 8)
                if ty != u or tx != v:
                    absolute(after, before, cost, y, x, ty, tx)
                    if cost[0, 0] < best:
                        best, u, v = cost[0, 0], ty, tx
            for _ in range(_STEPS):
                if best <= _NOISE:
                    break
                cy, cx = u, v
                for k in range(4):
                    ty = cy + (k == 0) - (k == 1)
                    tx = cx + (k == 2) - (k == 3)
                    if 0 <= ty <= height - 8 and 0 <= tx <= width - 8:
                        absolute(after, before, cost, y, x, ty, tx)
                        if cost[0, 0] < best:
                            best, u, v = cost[0, 0], ty, tx
                if u == cy and v == cx:
                    break
            found[r, c, 0], found[r, c, 1] = u - y, v - x
            difference(after, before, cost, y, x, u, v)
            offset(after, before, cost, y, x, u, v, cost[0, 0] >> 6)
            inter += best
            flat += cost[0, 0]
            intra += activity[r, c]
            shares += best / (best + activity[r, c] + 512.0)
            if best > activity[r, c]:
                fresh += 1
            else:
                travelled += abs(u - y) + abs(v - x)
    blocks = max(1, (window[1] - window[0]) * (window[3] - window[2]))
    out[0] = inter / (blocks * 1024.0)
    out[1] = flat / (blocks * 1024.0)
    out[2] = intra / (blocks * 1024.0)
    out[3] = shares / blocks
    out[4] = fresh / blocks
    out[5] = travelled / max(1, blocks - fresh)


@kernel(error_model="python", fastmath={"reassoc", "contract"})
def correlate_blocks(
    before: NDArray[np.int16],
    after: NDArray[np.int16],
    vectors: NDArray[np.int16],
    carried: NDArray[np.int64],
    window: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Correlate the blocks of two frames, a similarity that does not depend on brightness and contrast.

    Each block of `after` is correlated with three blocks of `before`: at its own position, at that of its motion
    vector and at that of the global motion; the best counts. Noise of one level in either lowers the correlation.

    Parameters
    ----------
    before, after : int16 arrays, shape (height, width)
    vectors : int16 array, shape (height // 8, width // 8, 2)
        What `search_motion` found.
    carried : int64 array, shape (2,)
        Global motion: a vector (dy, dx) into `before`.
    window : int64 array, shape (4,)
        What `find_active_blocks` wrote.
    out : float64 array, shape (2,)
        The mean correlation, each block weighted by the larger standard deviation; the fraction of that weight with a
        correlation above 0.7.
    """
    height, width = after.shape
    likeness = alike = 0.0
    weights = 1e-6
    starts = np.zeros((3, 2), np.int64)
    for r in range(window[0], window[1]):
        for c in range(window[2], window[3]):
            y, x = r * 8, c * 8
            starts[1, 0], starts[1, 1] = vectors[r, c, 0], vectors[r, c, 1]
            starts[2, 0], starts[2, 1] = carried[0], carried[1]
            best, deviation = -1.0, 0.0
            for k in range(3):
                u = min(max(y + starts[k, 0], 0), height - 8)
                v = min(max(x + starts[k, 1], 0), width - 8)
                a = b = aa = bb = ab = np.float32(0)
                for i in range(8):
                    line, other = after[y + i, x : x + 8], before[u + i, v : v + 8]
                    for j in range(8):
                        p, q = np.float32(line[j]), np.float32(other[j])
                        a += p
                        b += q
                        aa += p * p
                        bb += q * q
                        ab += p * q
                # in levels
                mean, other_mean = a / np.float32(1024), b / np.float32(1024)
                own = max(aa / np.float32(16384) - mean * mean, np.float32(0))
                theirs = max(bb / np.float32(16384) - other_mean * other_mean, np.float32(0))
                scale = np.sqrt((own + np.float32(1)) * (theirs + np.float32(1)))
                best = max(best, float((ab / np.float32(16384) - mean * other_mean) / scale))
                deviation = max(deviation, float(np.sqrt(max(own, theirs))))
            weights += deviation
            likeness += deviation * best
            if best > 0.7:
                alike += deviation
    out[0], out[1] = likeness / weights, alike / weights


@kernel(error_model="python")
def _mean_difference(one: NDArray[np.int16], other: NDArray[np.int16]) -> float:
    """Return the mean absolute difference of two downscaled planes, in levels."""
    height, width = one.shape
    total = np.int64(0)
    for y in range(height):
        line, against = one[y], other[y]
        part = np.int32(0)
        for x in range(width):
            part += np.int32(abs(np.int32(line[x]) - np.int32(against[x])))
        total += part
    return total / (height * width * 16.0)


@kernel
def compare_frames(
    luma: NDArray[np.int16],
    blue: NDArray[np.int16],
    red: NDArray[np.int16],
    lines: NDArray[np.float32],
    counts: NDArray[np.int16],
    activity: NDArray[np.int32],
    levels: NDArray[np.float32],
    before: int,
    after: int,
    vectors: NDArray[np.int16],
    out: NDArray[Any],
) -> None:
    """Compute the metrics of a frame relative to one before it.

    Parameters
    ----------
    luma, blue, red, lines, counts, activity, levels : arrays
        Arrays of a `FrameWindow`, a row a frame: downscaled planes, and what `measure_frame` wrote.
    before, after : int
        Rows of the two frames.
    vectors : int16 array, shape (height // 8, width // 8, 2)
        Receives the motion vectors of blocks.
    out : float32 array, shape (13,)
        Receives `CHANGE_METRICS`.
    """
    one, other = luma[before], luma[after]
    height, width = other.shape
    out[5] = _mean_difference(one, other)
    moved = seen = np.int64(0)
    for k in range(counts.shape[1]):
        moved += abs(np.int64(counts[after, k]) - np.int64(counts[before, k]))
        seen += counts[after, k]
    out[6] = moved / (2.0 * seen)
    out[7], out[8] = levels[after, 0], levels[after, 1]
    out[9] = _mean_difference(blue[before], blue[after]) + _mean_difference(red[before], red[after])
    around = np.zeros(2, np.int16)
    # a frame that hardly changed has no global motion
    if out[5] > 0.5:
        # a vector points back to where the content came from
        old, new = lines[before], lines[after]
        around[0] = -find_projection_shift(old[width:], new[width:], height // 3)
        around[1] = -find_projection_shift(old[:width], new[:width], width // 3)
    out[10], out[11] = around[0], around[1]
    still = np.zeros((height // 8, width // 8), np.int32)
    cost = np.zeros((1, 1), np.int32)
    for r in range(still.shape[0]):
        for c in range(still.shape[1]):
            absolute(other, one, cost, r * 8, c * 8, r * 8, c * 8)
            still[r, c] = cost[0, 0]
    window = np.zeros(4, np.int64)
    find_active_blocks(lines[before], lines[after], width, window)
    found = np.zeros(6, np.float32)
    search_motion(one, other, activity[after], still, around, window, vectors, found)
    for k in range(5):
        out[k] = found[k]
    out[12] = found[5]
