"""Intervals for means of sessions: those of one trace are not independent, so that whole traces are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from abr.policy import Floats

__all__ = ["REALISATIONS", "bootstrap_means", "cluster_interval"]

REALISATIONS = 2000


def bootstrap_means(values: Floats, clusters: NDArray[Any], seed: int = 0, realisations: int = REALISATIONS) -> Floats:
    """Return means of `values` over clusters drawn with replacement, shape (realisations,)."""
    _, place = np.unique(clusters.astype(str), return_inverse=True)
    sums = np.bincount(place, values)
    counts = np.bincount(place).astype(np.float64)
    rng = np.random.default_rng(seed)
    # how often every cluster is drawn; the same for all metrics, which keeps them comparable
    draws = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), realisations)
    means: Floats = (draws @ sums) / (draws @ counts)
    return means


def cluster_interval(values: Floats, clusters: NDArray[Any], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean.

    Examples
    --------
    >>> low, high = cluster_interval(np.array([1.0, 1.0, 3.0, 3.0]), np.array(["a", "a", "b", "b"]))
    >>> low, high
    (1.0, 3.0)
    """
    low, high = np.percentile(bootstrap_means(values, clusters, seed), [2.5, 97.5])
    return float(low), float(high)
