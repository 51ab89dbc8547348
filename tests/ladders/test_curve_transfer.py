"""Transferred curves follow those of other chunks."""

import numpy as np
import pytest

from ladders.rd.curve_interpolation import fit_curve, shift_through_points
from ladders.rd.curve_transfer import impute_curves, nearest_probed_size, transfer_error_factor
from ladders.rd.curves import Curve, RatePoint, quantiser_grid

GRID = quantiser_grid(12, 46, 0.25)
SIZES = [(1280, 720), (640, 360), (416, 234)]


def curve(hardness, area):
    """Bits and distortion of laws in which the step between two sizes is one for all chunks."""
    points = [
        RatePoint(q, round(hardness * area * 2 ** (-(q - 24) / 6) * 1e6), 100.5 - 4 / area**0.3 * 1.09 ** (q - 24))
        for q in (20.0, 34.0)
    ]
    return fit_curve(points, GRID)


def all_sizes(hardness):
    return {size: curve(hardness, size[0] / 1280) for size in SIZES}


def test_nearest_probed_size_is_the_nearest_in_the_list():
    assert nearest_probed_size(SIZES[2], SIZES[:2], SIZES) == SIZES[1]
    assert nearest_probed_size(SIZES[0], SIZES[1:], SIZES) == SIZES[1]


@pytest.mark.parametrize("known", SIZES)
def test_impute_curves_is_exact_if_all_chunks_have_the_same_step(known):
    whole = [all_sizes(1.0), all_sizes(3.0), all_sizes(0.2)]
    drawn = [whole[0], whole[1], {known: whole[2][known]}]
    curves = impute_curves(drawn, [10, 10, 10], SIZES)
    for size in SIZES:
        np.testing.assert_allclose(curves[size][2].bits, whole[2][size].bits, rtol=1e-4)
        np.testing.assert_allclose(curves[size][2].quality, whole[2][size].quality, atol=1e-3)
        assert curves[size][:2] == [whole[0][size], whole[1][size]]


def test_impute_curves_gives_an_unprobed_chunk_the_mean_curve_per_frame():
    whole = [all_sizes(1.0), all_sizes(4.0)]
    curves = impute_curves([*whole, {}], [10, 10, 30], SIZES)
    for size in SIZES:
        np.testing.assert_allclose(curves[size][2].bits, 3 * curve(2.0, size[0] / 1280).bits, rtol=1e-4)


def test_shift_through_points_meets_a_final_encode():
    transferred = curve(1.0, 0.5)
    point = RatePoint(30.0, 70_000, 91.0)
    moved = shift_through_points(transferred, [point])
    index = int(np.flatnonzero(GRID == 30.0)[0])
    assert (moved.bits[index], moved.quality[index]) == pytest.approx((70_000, 91.0))
    assert shift_through_points(transferred, []) is transferred


def fits_with_scatter(scatter):
    """Four chunks at three sizes whose distances between sizes have a scatter in ln(bits)."""
    random = np.random.default_rng(1)
    quantisers = np.linspace(12, 46, 35)
    quality = 99 - 1.8 * (quantisers - 12)
    fits = []
    for _ in range(4):
        offsets = np.cumsum([0.0, *random.normal(-0.4, scatter, 2)])
        fits.append(
            {
                (1280 >> n, 720 >> n): Curve(quantisers, np.exp(14 - 0.1 * quantisers + offset), quality - 2 * n)
                for n, offset in enumerate(offsets)
            }
        )
    return fits, [(1280 >> n, 720 >> n) for n in range(3)]


def test_transfer_error_factor_is_one_where_chunks_agree():
    assert transfer_error_factor(*fits_with_scatter(0.02)) == 1.0


def test_transfer_error_factor_increases_with_the_scatter_of_a_title():
    assert 2.0 < transfer_error_factor(*fits_with_scatter(0.6)) < 6.0


def test_transfer_error_factor_is_one_without_chunks_at_two_sizes():
    fits, sizes = fits_with_scatter(0.6)
    assert transfer_error_factor(fits[:1], sizes) == 1.0
    assert transfer_error_factor([{sizes[0]: each[sizes[0]]} for each in fits], sizes) == 1.0
