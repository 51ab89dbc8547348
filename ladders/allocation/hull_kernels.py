"""Kernels of hulls: plain arrays in and out."""

import numpy as np
from numpy.typing import NDArray

from shotladder_runtime.kernels.compiler import kernel

__all__ = ["all_hulls", "lower_hull"]


@kernel(error_model="python")
def lower_hull(
    cost: NDArray[np.float64], loss: NDArray[np.float64], allowed: NDArray[np.bool_], vertices: NDArray[np.int64]
) -> int:
    """Write the vertices of the lower convex hull of (loss, cost), from the cheapest on, and return how many.

    Points come in order of falling cost and rising loss, or nearly so. The hull starts at the cheapest allowed point
    (of equally cheap ones the one that loses least) and ends at the one that loses least (of equal ones the
    cheapest); on the way every edge buys less loss per cost than the one before.
    """
    count = 0
    for i in range(len(cost) - 1, -1, -1):
        if not allowed[i]:
            continue
        # anything kept so far that costs no less than this and loses no less is dominated
        while count and cost[vertices[count - 1]] >= cost[i] and loss[vertices[count - 1]] >= loss[i]:
            count -= 1
        if count:
            last = vertices[count - 1]
            if loss[i] >= loss[last]:
                continue
            # drop corners that lie on or above the line from their predecessor to this point
            while count > 1:
                a, b = vertices[count - 2], vertices[count - 1]
                if (cost[b] - cost[a]) * (loss[a] - loss[i]) >= (cost[i] - cost[a]) * (loss[a] - loss[b]):
                    count -= 1
                else:
                    break
        vertices[count] = i
        count += 1
    return count


@kernel(error_model="python")
def all_hulls(
    cost: NDArray[np.float64],
    loss: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    vertices: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Do the same for every row."""
    for row in range(len(cost)):
        counts[row] = lower_hull(cost[row], loss[row], allowed[row], vertices[row])
