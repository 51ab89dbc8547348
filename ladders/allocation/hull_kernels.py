"""Kernels of convex hulls: plain arrays in and out."""

import numpy as np
from numpy.typing import NDArray

from shotladder_runtime.kernels.compiler import kernel

__all__ = ["all_hulls", "lower_hull"]


@kernel(error_model="python")
def lower_hull(
    cost: NDArray[np.float64], deficit: NDArray[np.float64], feasible: NDArray[np.bool_], vertices: NDArray[np.int64]
) -> int:
    """Write the vertices of the lower convex hull of (deficit, cost), cheapest first, and return their number.

    Points are in order of decreasing cost and increasing deficit, or nearly so. The hull starts at the cheapest
    feasible point (of equal ones, the one with the smallest deficit) and ends at the smallest deficit (of equal ones,
    the cheapest); every edge decreases the deficit by less per cost than the edge before. Andrew's monotone chain.
    """
    count = 0
    for i in range(len(cost) - 1, -1, -1):
        if not feasible[i]:
            continue
        # vertices with at least the cost and at least the deficit of this point are dominated
        while count and cost[vertices[count - 1]] >= cost[i] and deficit[vertices[count - 1]] >= deficit[i]:
            count -= 1
        if count:
            last = vertices[count - 1]
            if deficit[i] >= deficit[last]:
                continue
            # drop vertices on or above the line from their predecessor to this point
            while count > 1:
                a, b = vertices[count - 2], vertices[count - 1]
                if (cost[b] - cost[a]) * (deficit[a] - deficit[i]) >= (cost[i] - cost[a]) * (deficit[a] - deficit[b]):
                    count -= 1
                else:
                    break
        vertices[count] = i
        count += 1
    return count


@kernel(error_model="python")
def all_hulls(
    cost: NDArray[np.float64],
    deficit: NDArray[np.float64],
    feasible: NDArray[np.bool_],
    vertices: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Write the hull of every row and the number of its vertices."""
    for row in range(len(cost)):
        counts[row] = lower_hull(cost[row], deficit[row], feasible[row], vertices[row])
