"""Interpolated curves are monotone and pass through the probes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ladders.rd.curve_interpolation import fit_curve, shift_through_points
from ladders.rd.curves import RatePoint, quantiser_grid
from ladders.rd.isotonic_regression import pool_adjacent_violators
from ladders.rd.preset_calibration import OffsetLine, PresetOffset, fit_chunk_curves, fit_offset_line
from tests.naive.hulls import naive_pool_adjacent_violators

GRID = quantiser_grid(12, 46, 0.25)


@st.composite
def probes(draw, noise: float = 0.0):
    """Trials on the grid, better and dearer the finer, but for noise."""
    quantisers = sorted(draw(st.sets(st.sampled_from(GRID.tolist()), min_size=2, max_size=8)))
    log_bits, quality = draw(st.floats(12, 24)), draw(st.floats(60, 100))
    points, before = [], quantisers[0]
    for q in quantisers:
        log_bits -= (q - before) * draw(st.floats(0.02, 0.4))
        quality = max(0.0, quality - (q - before) * draw(st.floats(0.0, 3)))
        before = q
        shaken = min(100.0, max(0.0, quality + noise * draw(st.floats(-1, 1))))
        points.append(RatePoint(q, max(1, round(2.0 ** (log_bits + noise * draw(st.floats(-1, 1)) / 5))), shaken))
    return points


@settings(deadline=None, max_examples=200)
@given(probes() | probes(noise=4.0))
def test_fit_curve_is_monotone(points):
    curve = fit_curve(points, GRID)
    assert np.all(np.diff(curve.bits) <= 1e-9 * curve.bits[:-1])
    assert np.all(np.diff(curve.quality) <= 1e-9)
    assert np.all((curve.quality >= 0) & (curve.quality <= 100))
    assert np.all(curve.bits > 0)


@settings(deadline=None)
@given(probes(), st.randoms())
def test_fit_curve_passes_through_the_probes_in_any_order(points, random):
    random.shuffle(points)
    curve = fit_curve(points, GRID)
    for point in points:
        index = int(np.flatnonzero(point.quantiser == GRID)[0])
        assert curve.bits[index] == pytest.approx(point.bits)
        assert curve.quality[index] == pytest.approx(point.quality)


@settings(deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=1, max_size=12))
def test_pool_adjacent_violators_equals_the_reference_implementation(values):
    assert pool_adjacent_violators(np.array(values, float)).tolist() == pytest.approx(
        naive_pool_adjacent_violators(values)
    )


def test_fit_curve_extrapolates_bits_within_the_slope_bounds():
    for quality in ([95, 60], [97.4, 97.4], [100, 100]):
        curve = fit_curve([RatePoint(25, 10**6, quality[0]), RatePoint(31, 10**6, quality[1])], GRID)
        finest, coarsest = curve.bits[0] / 10**6, 10**6 / curve.bits[-1]
        assert 2 ** (13 / 24) * 0.99 < finest < 2 ** (13 / 3) * 1.01
        assert 2 ** (15 / 24) * 0.99 < coarsest < 2 ** (15 / 3) * 1.01


@pytest.mark.parametrize("stuck", [100.0, 97.4, 0.0])
def test_fit_curve_is_constant_between_probes_of_equal_vmaf(stuck):
    curve = fit_curve([RatePoint(20, 9000, stuck), RatePoint(35, 900, stuck)], GRID)
    inside = (GRID >= 20) & (GRID <= 35)
    np.testing.assert_allclose(curve.quality[inside], stuck, atol=1e-9)


def test_fit_curve_passes_through_the_probe_with_all_frames():
    some = [RatePoint(20, 9000, 90.0, 5), RatePoint(30, 3000, 70.0, 5)]
    final = RatePoint(20, 9000, 91.5, 1)
    for points in ([*some, final], [final, *some]):
        assert fit_curve(points, GRID).quality[GRID == 20] == pytest.approx(91.5)


def test_fit_curve_rejects_a_single_quantiser():
    with pytest.raises(ValueError, match="two or more quantisers"):
        fit_curve([RatePoint(20, 100, 90.0), RatePoint(20, 101, 90.0, 5)], GRID)


def law(quantiser, size, moved=0.0, dearer=1.0):
    """Bits and VMAF of a shot whose fast preset is `moved` quantisers worse and some per cent dearer."""
    q = quantiser + moved
    return dearer * 1e6 * size**0.8 * 2 ** (-q / 6), 100.5 - min(100.0, 3 * 1.08 ** (q - 20) + 20 * (1 - size))


#: A title whose offsets do not change with the quantiser.
NO_SLOPE = OffsetLine(PresetOffset(0.0, 0.0, 0.0), 0.0, 0.0)


def test_fit_offset_line_has_the_mean_of_the_chunks_and_the_slope_within_them():
    def offsets(level, *quantisers):
        return [PresetOffset(q, 3 + level + 0.1 * (q - 30), -level + 0.02 * (q - 30)) for q in quantisers]

    # a chunk with one offset shows no slope
    line = fit_offset_line([offsets(0, 15, 45), offsets(2, 15, 45), [], offsets(1, 30)])
    assert (line.mean.quantiser, line.mean.along, line.mean.bits) == pytest.approx((30, 4, -1))
    # 900 of 936 parts
    assert (line.along_slope, line.bits_slope) == pytest.approx((0.0962, 0.01923), rel=1e-3)
    assert fit_offset_line([[], []]) is None


def test_fit_chunk_curves_takes_the_offset_line_of_the_title_where_a_chunk_has_none():
    fast = {1.0: [RatePoint(q, *law(q, 1.0, 3, 1.07), 5) for q in (18.0, 27.0, 36.0)]}
    curve = fit_chunk_curves(fast, {}, GRID, OffsetLine(PresetOffset(27.0, 3.0, 0.0), 0.0, 0.02))[1.0]
    expected, _ = law(27.0, 1.0, 0.0, 1.07)
    assert curve.bits[GRID == 27] == pytest.approx(expected, rel=0.02)
    steeper = fit_chunk_curves(fast, {}, GRID, OffsetLine(PresetOffset(27.0, 3.0, 0.0), 0.0, 0.0))[1.0]
    assert curve.bits[GRID == 32] / steeper.bits[GRID == 32] == pytest.approx(2**0.1, rel=1e-3)


def test_fit_chunk_curves_calibrates_all_sizes_by_one_exact_probe():
    sizes = (1.0, 0.5, 0.25)
    fast = {s: [RatePoint(q, *law(q, s, 3, 1.07), 5) for q in (18.0, 27.0, 36.0)] for s in sizes}
    exact = {0.5: [RatePoint(28.0, *law(28.0, 0.5), 5)]}
    curves = fit_chunk_curves(fast, exact, GRID, NO_SLOPE)
    # beyond the probes bits are expected to bend
    within = (GRID >= 21) & (GRID <= 38)
    for size in sizes:
        bits, quality = zip(*(law(q, size) for q in GRID), strict=True)
        np.testing.assert_allclose(curves[size].bits[within], np.array(bits)[within], rtol=0.04)
        np.testing.assert_allclose(curves[size].quality[within], np.array(quality)[within], atol=0.8)


def test_fit_chunk_curves_passes_through_the_exact_probes():
    fast = {1.0: [RatePoint(q, *law(q, 1.0, 3), 5) for q in (18.0, 36.0)]}
    exact = {1.0: [RatePoint(24.0, 40_000, 91.0, 5), RatePoint(30.0, 21_000, 84.0)]}
    curve = fit_chunk_curves(fast, exact, GRID, NO_SLOPE)[1.0]
    assert curve.bits[GRID == 30] == pytest.approx(21_000)
    assert curve.quality[GRID == 30] == pytest.approx(84.0)
    assert np.all(np.diff(curve.bits) <= 0)
    assert np.all(np.diff(curve.quality) <= 1e-9)


@pytest.mark.parametrize("stuck", [100.0, 97.4, 0.0])
def test_fit_chunk_curves_is_stable_for_constant_curves(stuck):
    fast = {1.0: [RatePoint(q, 9000 - 100 * int(q), stuck, 5) for q in (18.0, 36.0)]}
    curve = fit_chunk_curves(fast, {1.0: [RatePoint(27.0, 7000, stuck, 5)]}, GRID, NO_SLOPE)[1.0]
    inside = (GRID >= 27) & (GRID <= 36)
    np.testing.assert_allclose(curve.quality[inside], stuck, atol=2.5)
    assert np.all((curve.bits > 1000) & (curve.bits < 300_000))


def test_fit_curve_has_the_curvature_of_real_chunks():
    def law(q):
        return round(2 ** (22 - 0.2 * q + 0.0017 * q**2)), 100 - 0.02 * q**2

    curve = fit_curve([RatePoint(q, *law(q)) for q in (20.5, 32.5)], GRID)
    truth = np.array([law(q)[0] for q in GRID])
    straight = np.exp(np.interp(GRID, (20.5, 32.5), np.log([law(20.5)[0], law(32.5)[0]])))
    within = (GRID >= 16) & (GRID <= 38)
    assert np.abs(np.log(curve.bits / truth))[within].max() < 0.02
    assert np.abs(np.log(straight / truth)).max() > 0.04


@pytest.mark.parametrize("measured", [100.0, 98.3])
def test_shift_through_points_near_the_ceiling_leaves_the_vmaf_of_coarse_quantisers(measured):
    points = [RatePoint(20.0, 800_000, 96.0), RatePoint(40.0, 60_000, 60.0)]
    curve = fit_curve(points, GRID)
    shifted = shift_through_points(curve, [RatePoint(24.0, 500_000, measured)])
    at, coarse = (int(np.flatnonzero(q == GRID)[0]) for q in (24.0, 42.0))
    assert shifted.quality[at] == pytest.approx(measured)
    # the whole residual in the log deficit would raise VMAF 54 to 96 or 89
    assert curve.quality[coarse] <= shifted.quality[coarse] <= curve.quality[coarse] + 21
    assert np.all(np.diff(shifted.quality) <= 1e-9)


def test_shift_through_points_with_a_large_deficit_shifts_all_coarser_quantisers():
    points = [RatePoint(20.0, 800_000, 96.0), RatePoint(40.0, 60_000, 60.0)]
    curve = fit_curve(points, GRID)
    shifted = shift_through_points(curve, [RatePoint(30.0, 200_000, float(curve.quality[72]) - 5)])
    assert np.all(shifted.quality[72:] < curve.quality[72:])
