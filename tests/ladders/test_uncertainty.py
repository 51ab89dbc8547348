"""The expected excess rate against simulations."""

import numpy as np
import pytest

from ladders.rd.uncertainty import (
    CORRELATED_FRACTION,
    DEFICIT_EXPONENT,
    SIGMA_COMMON,
    OperatingPoint,
    expected_excess_rate,
)

BITS = np.array([900.0, 300.0, 120.0, 40.0])


def operating_point(bits=BITS, sigma=0.1, after=0.05, transferred=False):
    shape = np.ones(len(bits))
    return OperatingPoint(bits, sigma * shape, after * shape, np.full(len(bits), transferred))


def test_expected_excess_rate_is_zero_for_exact_curves():
    loss, saved = expected_excess_rate(
        [operating_point(sigma=0.0, after=0.0), operating_point(1.3 * BITS, sigma=0.0, after=0.0)]
    )
    assert loss == pytest.approx(0, abs=1e-6)
    assert all(np.all(np.abs(row) < 1e-9) for row in saved)


def test_expected_excess_rate_equals_the_simulated_cost_of_slope_errors():
    # bits R of each chunk give distortion c R ** -b; each c is known up to a factor, and sharing goes by what is known
    rng = np.random.default_rng(1)
    sigma, b = 0.1, DEFICIT_EXPONENT
    extra = []
    for _ in range(4000):
        truth = BITS ** (1 + b)
        seen = truth * np.exp(sigma * rng.standard_normal(len(BITS)))
        chosen, best = seen ** (1 / (1 + b)), BITS
        distortion = lambda bits, c=truth: float(np.sum(c * bits**-b))  # noqa: E731
        # as many bits as the same distortion takes when shared that way
        scale = (distortion(chosen) / distortion(best)) ** (1 / b)
        extra.append(100 * (scale * chosen.sum() / best.sum() - 1))
    loss, _ = expected_excess_rate([operating_point(sigma=sigma)])
    assert loss == pytest.approx(np.mean(extra), rel=0.35)


@pytest.mark.parametrize("gap", [0.0, 0.05, 0.2])
def test_expected_excess_rate_adds_the_expected_improvement_of_another_size(gap):
    sigma, after = 0.2, 0.05
    rng = np.random.default_rng(2)
    here, there = (
        operating_point(sigma=sigma, after=after),
        operating_point(np.exp(gap) * BITS, sigma=sigma, after=after),
    )
    deviation = (
        2 * (np.sum((here.bit_fractions * sigma) ** 2) + CORRELATED_FRACTION * (sigma - after) ** 2 + SIGMA_COMMON**2)
    ) ** 0.5
    drawn = np.maximum(-(gap + deviation * rng.standard_normal(200_000)), 0).mean()
    assert expected_excess_rate([here, there])[0] - expected_excess_rate([here])[0] == pytest.approx(
        100 * drawn, rel=0.03, abs=0.01
    )


@pytest.mark.parametrize("transferred", [False, True])
def test_expected_excess_rate_predicts_the_gain_of_a_probe(transferred):
    several = np.tile(BITS, 20)
    sizes = [operating_point(several, 0.12), operating_point(1.1 * several, 0.12, transferred=transferred)]
    loss, saved = expected_excess_rate(sizes)
    for which, size in enumerate(sizes):
        for chunk in (0, 3):
            sigma, lent = size.sigma.copy(), size.is_transferred.copy()
            sigma[chunk], lent[chunk] = size.sigma_if_probed[chunk], False
            then = [*sizes]
            then[which] = OperatingPoint(size.bits, sigma, size.sigma_if_probed, lent)
            assert loss - expected_excess_rate(then)[0] == pytest.approx(saved[which][chunk], rel=0.25, abs=1e-4)


def test_variance_decreases_with_the_number_of_probed_chunks():
    transferred = np.array([True, False, False, False])
    few = OperatingPoint(BITS, np.full(4, 0.1), np.full(4, 0.05), transferred)
    many = OperatingPoint(
        np.append(BITS, [1e-9] * 8), np.full(12, 0.1), np.full(12, 0.05), np.append(transferred, [False] * 8)
    )
    assert many.variance < few.variance
