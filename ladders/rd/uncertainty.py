"""What a ladder is expected to cost more than the best one, because its curves are not known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

__all__ = [
    "SIGMA_AT_PROBE",
    "SIGMA_PRIOR",
    "SIGMA_TRANSFER",
    "OperatingPoint",
    "expected_excess_rate",
    "expected_improvement",
    "log_rate_sigma",
]

#: How much a chunk's bits at a quality are in sigma (standard deviation, natural logarithm), as replays on exhaustive
#: grids show it: at a probe; more, one halving of the bits away from each of two; more, for each halving beyond; where
#: the next size lends its curve; more, for each size further off; and where nothing of the chunk is known.
SIGMA_AT_PROBE, SIGMA_INTERPOLATION, SIGMA_EXTRAPOLATION, SIGMA_TRANSFER, SIGMA_PER_SIZE, SIGMA_PRIOR = (
    0.03,
    0.026,
    0.08,
    0.14,
    0.035,
    0.42,
)
#: How much distortion falls as bits grow, in logarithms: about so at the rates of delivery.
DEFICIT_EXPONENT = 0.5
#: By how much all of a title's curves at a size may be off together (standard deviation, natural logarithm of bits).
SIGMA_COMMON = 0.02
#: How much of the sigma that nearer probes would take away the chunks of a size have together, but not with other sizes
#: (share of its variance): the curves of a title bend uniform_quantiser_curve.
CORRELATED_FRACTION = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class OperatingPoint:
    """What one rung would encode at one size.

    Attributes
    ----------
    bits : ndarray of float64, shape (chunks,)
    sigma : ndarray of float64, shape (chunks,)
        Standard deviation of the natural logarithm of each chunk's bits at its quality.
    after : ndarray of float64, shape (chunks,)
        The same, were the chunk tried here.
    transferred : ndarray of bool, shape (chunks,)
        Whose curves stand on those of other chunks, and so are off together.
    """

    bits: NDArray[np.float64]
    sigma: NDArray[np.float64]
    after: NDArray[np.float64]
    transferred: NDArray[np.bool_]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each chunk's share of the bits."""
        return self.bits / self.bits.sum()

    @property
    def variance(self) -> float:
        """Of the logarithm of all bits."""
        own = float(np.sum((self.shares * self.sigma) ** 2))
        return (
            own
            + self._transferred_variance(self._transferred_weight)
            + CORRELATED_FRACTION * float(self._correlated_weight.sum()) ** 2
            + SIGMA_COMMON**2
        )

    @property
    def variance_saved(self) -> NDArray[np.float64]:
        """What of it a probe of each chunk takes away."""
        own = self.shares**2 * (self.sigma**2 - self.after**2)
        left = self._transferred_weight - self.shares * self.sigma
        fewer = self._transferred_variance(self._transferred_weight) - self._transferred_variance(left, more=1)
        bent = self._correlated_weight.sum()
        return own + np.where(
            self.transferred, fewer, CORRELATED_FRACTION * (bent**2 - (bent - self._correlated_weight) ** 2)
        )

    @property
    def _correlated_weight(self) -> NDArray[np.float64]:
        """What nearer probes would tell of chunks that were tried at this size."""
        return np.where(self.transferred, 0.0, self.shares * (self.sigma - self.after))

    @property
    def _transferred_weight(self) -> float:
        return float(np.sum((self.shares * self.sigma)[self.transferred]))

    def _transferred_variance(self, weight: Any, more: int = 0) -> Any:
        """Return what the mean of the chunks that lend adds: the fewer they are, the less it is worth."""
        return weight**2 / max(int(np.sum(~self.transferred)) + more, 1)


def log_rate_sigma(away: Sequence[float] | NDArray[np.float64], lent: int | None) -> float:
    """Return how much a chunk's bits are in sigma at one of its sizes.

    Parameters
    ----------
    away : sequence of float
        How many times the bits are halved from there to the probes at that size; negative if those are finer.
    lent : int or None
        How many sizes further the curve is lent by; None if it is not.

    Returns
    -------
    float
        Standard deviation of the natural logarithm of the bits; without probes and curve, as if nothing were known.

    Examples
    --------
    >>> round(log_rate_sigma([-1.0, 1.0], None), 3)
    0.056
    >>> log_rate_sigma([], 1)
    0.14
    """
    sigmas = [SIGMA_PRIOR if lent is None else SIGMA_TRANSFER + SIGMA_PER_SIZE * (lent - 1)]
    if len(away):
        sigmas.append(SIGMA_AT_PROBE + SIGMA_EXTRAPOLATION * min(map(abs, away)))
    finer, coarser = [-a for a in away if a <= 0], [a for a in away if a >= 0]
    if finer and coarser:
        # as the error of a chord grows
        sigmas.append(SIGMA_AT_PROBE + SIGMA_INTERPOLATION * min(finer) * min(coarser))
    return min(sigmas)


def expected_improvement(mean: Any, deviation: Any) -> Any:
    """Return what is gained on average by the choice of something where it turns out to be a gain.

    Parameters
    ----------
    mean, deviation : float or ndarray
        Of the gain, which is normally distributed.

    Examples
    --------
    >>> round(float(expected_improvement(0.0, 1.0)), 3), round(float(expected_improvement(5.0, 1.0)), 3)
    (0.399, 5.0)

    References
    ----------
    .. [1] D. R. Jones et al., "Efficient global optimization of expensive black-box functions", J. Global Optimization
       13, 1998, section 4.1.
    """
    return deviation * _density(mean / deviation) + mean * ndtr(mean / deviation)


def _density(x: Any) -> Any:
    """Return the normal density."""
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def expected_excess_rate(rung: Sequence[OperatingPoint]) -> tuple[float, list[NDArray[np.float64]]]:
    """Estimate what one rung costs more bits than it would if all curves were known.

    Parameters
    ----------
    rung : sequence of Landing
        At each size that reaches the rung's quality; the first is the one that it takes.

    Returns
    -------
    float
        Percent of the rung's bits.
    list of ndarray of float64, shape (chunks,)
        For each operating_point, by how many percent a probe of each chunk is expected to bring that down.

    Notes
    -----
    Two things are lost. Bits are shared out by slopes that are off: with distortion falling as bits to the power of
    -b, errors of the chunks' logarithms cost their variance, weighted by bits, over 2 (1 + b). And another size may be
    the better one: its bits, less by a normally distributed logarithm, are an option that is not taken, worth its
    expected improvement.
    """
    chosen = rung[0]
    sharing = 50 / (1 + DEFICIT_EXPONENT) * chosen.shares * (1 - chosen.shares)
    loss = float(np.sum(sharing * chosen.sigma**2))
    gains = [sharing * (chosen.sigma**2 - chosen.after**2)]
    for other in rung[1:]:
        gap = float(np.log(other.bits.sum() / chosen.bits.sum()))
        deviation = (chosen.variance + other.variance) ** 0.5
        loss += 100 * float(expected_improvement(-gap, deviation))
        # its derivative by the variance
        slope = 100 * float(_density(gap / deviation)) / (2 * deviation)
        gains[0] = gains[0] + slope * chosen.variance_saved
        gains.append(slope * other.variance_saved)
    return loss, gains
