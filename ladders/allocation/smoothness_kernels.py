"""Kernel of the smoothness constraint: plain arrays in and out."""

import numpy as np
from numpy.typing import NDArray

from shotladder_runtime.kernels.compiler import kernel

__all__ = ["cheapest_chain"]


@kernel(error_model="python")
def cheapest_chain(
    cost: NDArray[np.float64],
    quality: NDArray[np.float64],
    max_quality_step: float,
    penalty: float,
    origins: NDArray[np.int64],
    chosen: NDArray[np.int64],
) -> None:
    """Write the index of every row that minimises the total cost of a chain with bounded quality steps.

    A step beyond `max_quality_step` costs `penalty` per unit. Quality does not increase along a row. Dynamic
    programming over the rows (Viterbi): for each index the cheapest predecessor is the best of three, those within the
    maximum step, over which a sliding window minimum moves (Lemire 2006), those too high and those too low. `origins`
    is scratch space of the shape of `cost`.
    """
    rows, grid = cost.shape
    best = cost[0].copy()
    following = np.empty(grid)
    window = np.empty(grid, np.int64)
    below = np.empty(grid + 1)
    below_place = np.empty(grid + 1, np.int64)
    for row in range(1, rows):
        before, here = quality[row - 1], quality[row]
        below[grid], below_place[grid] = np.inf, grid - 1
        for j in range(grid - 1, -1, -1):
            below[j], below_place[j] = below[j + 1], below_place[j + 1]
            if best[j] - penalty * before[j] < below[j]:
                below[j], below_place[j] = best[j] - penalty * before[j], j
        above, above_place = np.inf, 0
        begin = end = head = tail = 0
        for k in range(grid):
            while end < grid and before[end] >= here[k] - max_quality_step:
                while tail > head and best[window[tail - 1]] >= best[end]:
                    tail -= 1
                window[tail] = end
                tail += 1
                end += 1
            while begin < end and before[begin] > here[k] + max_quality_step:
                if best[begin] + penalty * before[begin] < above:
                    above, above_place = best[begin] + penalty * before[begin], begin
                if tail > head and window[head] == begin:
                    head += 1
                begin += 1
            value, index = np.inf, 0
            if tail > head:
                value, index = best[window[head]], window[head]
            if above - penalty * (here[k] + max_quality_step) < value:
                value, index = above - penalty * (here[k] + max_quality_step), above_place
            if below[end] + penalty * (here[k] - max_quality_step) < value:
                value, index = below[end] + penalty * (here[k] - max_quality_step), below_place[end]
            origins[row, k] = index
            following[k] = value + cost[row, k]
        best, following = following, best
    chosen[rows - 1] = np.argmin(best)
    for row in range(rows - 1, 0, -1):
        chosen[row - 1] = origins[row, chosen[row]]
