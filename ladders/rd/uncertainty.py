"""Estimate how many bits a ladder wastes because its rate-distortion curves are not known exactly."""

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
    "excess_of_sigma",
    "expected_excess_rate",
    "expected_improvement",
    "log_rate_sigma",
    "sigma_of_excess",
]

# Error model of a curve: standard deviations of ln(bits of a chunk) at a given VMAF. All are from replays on the
# exhaustive grids of benchmarks.ladder_grids.

#: At a probe.
SIGMA_AT_PROBE = 0.03
#: Added between two probes, per product of the distances to both, in halvings of the bits.
SIGMA_INTERPOLATION = 0.026
#: Added outside the probes, per halving of the bits.
SIGMA_EXTRAPOLATION = 0.08
#: Of a curve transferred from the adjacent size.
SIGMA_TRANSFER = 0.14
#: Added to a transferred curve for each further size.
SIGMA_PER_SIZE = 0.035
#: Of a chunk without probes.
SIGMA_PRIOR = 0.42
#: Exponent b of deficit ~ bits ** -b at the bitrates of streaming; from the same replays.
DEFICIT_EXPONENT = 0.5
#: Standard deviation of the error of ln(bits) that all chunks of a title have in common at one size.
SIGMA_COMMON = 0.02
#: Fraction of the variance that a nearer probe would remove which the chunks of one size have in common (the curves of
#: a title have similar curvature). The errors of different sizes are independent.
CORRELATED_FRACTION = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class OperatingPoint:
    """The encodes of all chunks that one rung would use at one size, and how well their bits are known.

    Attributes
    ----------
    bits : ndarray of float64, shape (chunks,)
    sigma : ndarray of float64, shape (chunks,)
        Standard deviation of ln(bits) of each chunk at its VMAF.
    sigma_if_probed : ndarray of float64, shape (chunks,)
        The same after a probe of the chunk at this point.
    is_transferred : ndarray of bool, shape (chunks,)
        Whether the curve of the chunk is transferred from another size. The errors of such chunks are correlated.
    """

    bits: NDArray[np.float64]
    sigma: NDArray[np.float64]
    sigma_if_probed: NDArray[np.float64]
    is_transferred: NDArray[np.bool_]

    @property
    def bit_fractions(self) -> NDArray[np.float64]:
        """Bits of each chunk as a fraction of all bits."""
        return self.bits / self.bits.sum()

    @property
    def variance(self) -> float:
        """Variance of ln(sum of bits).

        The sum of independent errors of the chunks, the error of the transfer, which all transferred chunks share, the
        correlated fraction of the interpolation error, and the common error.
        """
        own = float(np.sum((self.bit_fractions * self.sigma) ** 2))
        correlated = CORRELATED_FRACTION * float(self._correlated_weight.sum()) ** 2
        return own + self._transferred_variance(self._transferred_weight) + correlated + SIGMA_COMMON**2

    @property
    def variance_saved(self) -> NDArray[np.float64]:
        """Decrease of the variance by a probe of each chunk, shape (chunks,)."""
        own = self.bit_fractions**2 * (self.sigma**2 - self.sigma_if_probed**2)
        remaining = self._transferred_weight - self.bit_fractions * self.sigma
        transfer = self._transferred_variance(self._transferred_weight) - self._transferred_variance(remaining, more=1)
        weight = self._correlated_weight.sum()
        correlated = CORRELATED_FRACTION * (weight**2 - (weight - self._correlated_weight) ** 2)
        return own + np.where(self.is_transferred, transfer, correlated)

    @property
    def _correlated_weight(self) -> NDArray[np.float64]:
        """Weighted sigma that nearer probes would remove from chunks probed at this size, shape (chunks,)."""
        return np.where(self.is_transferred, 0.0, self.bit_fractions * (self.sigma - self.sigma_if_probed))

    @property
    def _transferred_weight(self) -> float:
        """Weighted sigma of all transferred chunks."""
        return float(np.sum((self.bit_fractions * self.sigma)[self.is_transferred]))

    def _transferred_variance(self, weight: Any, more: int = 0) -> Any:
        """Return the variance of the mean over the chunks that the transfer is estimated from."""
        return weight**2 / max(int(np.sum(~self.is_transferred)) + more, 1)


def log_rate_sigma(
    halvings: Sequence[float] | NDArray[np.float64], sizes_away: int | None, transfer_factor: float = 1.0
) -> float:
    """Return the standard deviation of ln(bits) of a chunk at one size and quantiser.

    Parameters
    ----------
    halvings : sequence of float
        Number of halvings of the bits from there to each probe at that size; negative if the probe has more bits.
    sizes_away : int or None
        Number of sizes between this size and the one that its curve is transferred from; None if it is not transferred.
    transfer_factor : float
        Factor on the standard deviation of a transferred curve.

    Returns
    -------
    float
        `SIGMA_PRIOR` if there is neither a probe nor a transferred curve.

    Examples
    --------
    >>> round(log_rate_sigma([-1.0, 1.0], None), 3)
    0.056
    >>> log_rate_sigma([], 1)
    0.14
    """
    sigmas = [SIGMA_PRIOR]
    if sizes_away is not None:
        sigmas.append(transfer_factor * (SIGMA_TRANSFER + SIGMA_PER_SIZE * (sizes_away - 1)))
    if len(halvings):
        sigmas.append(SIGMA_AT_PROBE + SIGMA_EXTRAPOLATION * min(map(abs, halvings)))
    finer, coarser = [-a for a in halvings if a <= 0], [a for a in halvings if a >= 0]
    if finer and coarser:
        # the error of a chord is proportional to the product of the distances to its ends
        sigmas.append(SIGMA_AT_PROBE + SIGMA_INTERPOLATION * min(finer) * min(coarser))
    return min(sigmas)


def excess_of_sigma(sigma: float) -> float:
    """Return the percentage of the bits that misallocation costs at a standard deviation of ln(bits) of all chunks.

    Examples
    --------
    >>> round(excess_of_sigma(0.173), 2)
    1.0
    """
    return 50 * sigma**2 / (1 + DEFICIT_EXPONENT)


def sigma_of_excess(percent: float) -> float:
    """Return the standard deviation of ln(bits) of all chunks at which misallocation costs a percentage of the bits.

    Examples
    --------
    >>> round(sigma_of_excess(1.0), 3)
    0.173
    """
    return float(np.sqrt(percent * (1 + DEFICIT_EXPONENT) / 50))


def expected_improvement(mean: Any, deviation: Any) -> Any:
    """Return the expected value of max(gain, 0) for a normally distributed gain.

    Parameters
    ----------
    mean, deviation : float or ndarray
        Mean and standard deviation of the gain.

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
    """Return the density of the standard normal distribution."""
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def expected_excess_rate(points: Sequence[OperatingPoint]) -> tuple[float, list[NDArray[np.float64]]]:
    """Estimate the excess bits of one rung over the rung that fully known curves would give.

    Parameters
    ----------
    points : sequence of OperatingPoint
        One for each size that reaches the VMAF of the rung; the first is the one that the rung uses.

    Returns
    -------
    float
        Expected excess, percent of the bits of the rung.
    list of ndarray of float64, shape (chunks,)
        For each operating point: the expected decrease of the excess, in percent, by a probe of each chunk.

    Notes
    -----
    The excess has two parts. (1) Allocation: bits are allocated by slopes with errors. If the deficit is proportional
    to bits ** -b, the cost is the variance of the chunks' ln(bits), weighted by bits, over 2 (1 + b). (2) Choice of the
    size: another size may need fewer bits. The logarithm of its ratio is normally distributed, and not choosing it
    costs its expected improvement (Jones et al. 1998, section 4.1).
    """
    chosen = points[0]
    allocation = 50 / (1 + DEFICIT_EXPONENT) * chosen.bit_fractions * (1 - chosen.bit_fractions)
    excess = float(np.sum(allocation * chosen.sigma**2))
    gains = [allocation * (chosen.sigma**2 - chosen.sigma_if_probed**2)]
    for other in points[1:]:
        gap = float(np.log(other.bits.sum() / chosen.bits.sum()))
        deviation = (chosen.variance + other.variance) ** 0.5
        excess += 100 * float(expected_improvement(-gap, deviation))
        # derivative of the expected improvement by the variance
        slope = 100 * float(_density(gap / deviation)) / (2 * deviation)
        gains[0] = gains[0] + slope * chosen.variance_saved
        gains.append(slope * other.variance_saved)
    return excess, gains
