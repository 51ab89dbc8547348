"""Bootstrap confidence intervals for means over sessions.

Sessions on one trace are not independent, so whole traces are drawn (cluster bootstrap).

With few traces, percentile intervals are too narrow. They are widened as in Hesterberg's expanded percentile interval
(What Teachers Should Know About the Bootstrap, The American Statistician 69, 2015, 5.3): at the normal tail of
sqrt(n / (n - 1)) times the quantile of Student's t with n - 1 degrees of freedom.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from abr.policy_interface.policy import Floats

__all__ = ["REALISATIONS", "bootstrap_means", "cluster_interval", "error_factor", "interval", "p_value"]

#: bootstrap draws; chosen by hand
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


def _widening(clusters: int) -> float:
    return float(np.sqrt(clusters / (clusters - 1)))


def interval(realisations: Floats, clusters: int) -> tuple[float, float]:
    """Return the 95 % interval of bootstrap realisations over a number of clusters."""
    if clusters < 2:  # the variance between clusters is unknown
        return float(realisations.min()), float(realisations.max())
    tail = 100 * float(ndtr(-_widening(clusters) * stdtrit(clusters - 1, 0.975)))
    low, high = np.percentile(realisations, [tail, 100 - tail])
    return float(low), float(high)


def p_value(realisations: Floats, clusters: int) -> float:
    """Return the two-sided p of no difference, from the same distribution; there must be at least two clusters."""
    tail = min((realisations <= 0).sum(), (realisations >= 0).sum()) / len(realisations)
    z = float(ndtri(tail))
    if tail == 0.0:  # beyond the resolution of the realisations: use a normal distribution
        spread = max(float(realisations.std()), 1e-12)
        z = min(float(ndtri(1 / len(realisations))), -abs(float(realisations.mean())) / spread)
    return float(min(1.0, 2 * stdtr(clusters - 1, min(z, 0.0) / _widening(clusters))))


def error_factor(clusters: int, power: float = 0.8) -> float:
    """Return the number of standard errors at which a difference is detected with a given power."""
    return float(_widening(clusters) * (stdtrit(clusters - 1, 0.975) + stdtrit(clusters - 1, power)))


def cluster_interval(values: Floats, clusters: NDArray[Any], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of the mean.

    Examples
    --------
    >>> low, high = cluster_interval(np.array([1.0, 1.0, 3.0, 3.0]), np.array(["a", "a", "b", "b"]))
    >>> low, high
    (1.0, 3.0)
    """
    return interval(bootstrap_means(values, clusters, seed), len(set(clusters.tolist())))
