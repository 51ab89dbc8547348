"""Fit monotone sequences to noisy values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["pool_adjacent_violators"]


def pool_adjacent_violators(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the non-increasing sequence nearest to values in least squares.

    References
    ----------
    .. [1] M. Ayer et al., "An empirical distribution function for sampling with incomplete information", Annals of
       Mathematical Statistics 26, 1955.
    """
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, count = float(value), 1
        while blocks and blocks[-1][0] < mean:
            left, n = blocks.pop()
            mean, count = (left * n + mean * count) / (n + count), n + count
        blocks.append((mean, count))
    return np.concatenate([np.full(count, mean) for mean, count in blocks])
