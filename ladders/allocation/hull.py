"""Convex hulls of rate-distortion points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ladders.allocation.hull_kernels import all_hulls

__all__ = ["convex_hull"]


def convex_hull(bits: Sequence[float], quality: Sequence[float]) -> tuple[int, ...]:
    """Return the indices of the points on the upper convex hull of quality over bits, cheapest first.

    Parameters
    ----------
    bits, quality : sequence of float, of equal length
        In any order.

    Returns
    -------
    tuple of int
        Indices of the vertices of the hull.

    Examples
    --------
    >>> convex_hull([1, 2, 3, 4], [10, 30, 35, 34])
    (0, 1, 2)
    """
    order = np.lexsort((np.asarray(quality, float), -np.asarray(bits, float)))
    cost = np.asarray(bits, float)[order][None]
    deficit = -np.asarray(quality, float)[order][None]
    vertices = np.empty(cost.shape, np.int64)
    counts = np.empty(1, np.int64)
    all_hulls(cost, deficit, np.ones(cost.shape, np.bool_), vertices, counts)
    return tuple(int(order[v]) for v in vertices[0, : counts[0]])
