"""BD-rate against the package `bjontegaard`, and its errors."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ladders import NoOverlapError, bd_rate
from ladders.rd.bd_rate import CurveError

with warnings.catch_warnings():
    # the peer imports matplotlib, which is old for this NumPy
    warnings.simplefilter("ignore")
    peer = pytest.importorskip("bjontegaard")


@st.composite
def curves(draw, least=4):
    count = draw(st.integers(least, 10))
    qualities = np.cumsum(draw(st.lists(st.floats(0.5, 9), min_size=count, max_size=count))) + draw(st.floats(20, 40))
    rates = draw(st.floats(1e4, 1e6)) * np.cumprod(draw(st.lists(st.floats(1.02, 3), min_size=count, max_size=count)))
    return list(zip(rates.tolist(), qualities.tolist(), strict=True))


def overlapping(a, b):
    return max(a[0][1], b[0][1]) + 0.5 < min(a[-1][1], b[-1][1])


@pytest.mark.parametrize("method", ["pchip", "akima"])
@settings(deadline=None)
@given(anchor=curves(), test=curves())
def test_bd_rate_equals_the_reference_package(method, anchor, test):
    assume(overlapping(anchor, test))
    columns = [np.array(column) for curve in (anchor, test) for column in zip(*curve, strict=True)]
    expected = peer.bd_rate(*columns, method=method, min_overlap=0, require_matching_points=False)
    assert bd_rate(anchor, test, method=method).percent == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(curves(least=2), st.floats(0.2, 5))
def test_bd_rate_of_a_constant_factor_is_exact(curve, factor):
    result = bd_rate(curve, [(rate * factor, quality) for rate, quality in curve])
    assert result.percent == pytest.approx((factor - 1) * 100, abs=1e-6)
    assert (result.low, result.high, result.overlap) == (curve[0][1], curve[-1][1], 1.0)


@settings(deadline=None)
@given(curves(least=2), curves(least=2))
def test_bd_rate_of_swapped_curves_is_the_inverse(a, b):
    assume(overlapping(a, b))
    there, back = bd_rate(a, b), bd_rate(b, a)
    assert (1 + there.percent / 100) * (1 + back.percent / 100) == pytest.approx(1)
    assert (there.low, there.high, there.overlap) == (back.low, back.high, back.overlap)


@settings(deadline=None)
@given(curves(), curves(), st.randoms())
def test_bd_rate_does_not_depend_on_the_order_of_points(a, b, random):
    assume(overlapping(a, b))
    shuffled = list(a)
    random.shuffle(shuffled)
    assert bd_rate(shuffled, b[::-1]) == bd_rate(a, b)


def test_bd_rate_integrates_only_the_band():
    # both straight in the logarithm, one half as steep: the gap at a quality is known, and its mean in a band
    anchor = [(1e6 * 2 ** ((q - 60) / 10), float(q)) for q in (60, 70, 80, 90)]
    test = [(1e6 * 2 ** ((q - 60) / 20), float(q)) for q in (60, 65, 75, 90)]
    for low, high in [(60, 70), (80, 90), (60, 90), (73, 74)]:
        expected = (2 ** -(((low + high) / 2 - 60) / 20) - 1) * 100
        assert bd_rate(anchor, test, band=(low, high)).percent == pytest.approx(expected)
    result = bd_rate(anchor, test, band=(50, 75))
    assert (result.low, result.high) == (60, 75)
    assert result.overlap == 0.5


def test_bd_rate_of_two_points_is_linear_for_every_method():
    line = [(1e6, 60.0), (4e6, 80.0)]
    dense = [(1e6 * 4 ** (n / 10), 60 + 2 * n) for n in range(11)]
    for method in ("pchip", "akima"):
        assert bd_rate(line, dense, method=method).percent == pytest.approx(0, abs=1e-6)


def test_bd_rate_rejects_curves_without_overlap_or_with_invalid_points():
    low, high = [(1e6, 10.0), (2e6, 20.0)], [(1e6, 30.0), (2e6, 40.0)]
    with pytest.raises(NoOverlapError, match=r"10\.00 to 20\.00 and 30\.00 to 40\.00"):
        bd_rate(low, high)
    with pytest.raises(NoOverlapError):
        bd_rate(low, low, band=(20, 25))
    with pytest.raises(ValueError, match="two or more points"):
        bd_rate(low[:1], low)
    with pytest.raises(ValueError, match="same quality"):
        bd_rate([(1e6, 10.0), (2e6, 10.0)], low)
    with pytest.raises(ValueError, match="cubic"):
        bd_rate(low, low, method="cubic")
    with pytest.raises(ValueError, match="rate"):
        bd_rate([(0, 10.0), (2e6, 20.0)], low)


RISING = [(1e6, 70.0), (2e6, 80.0), (4e6, 88.0)]


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        ([*RISING, (8e6, 85.0)], r"test\[3\] \(8e\+06 bit/s, 85\): test\[2\] has a quality of 88 at 4e\+06 bit/s"),
        ([RISING[0], (3e6, 88.0), *RISING[1:]], r"test\[2\] \(2e\+06 bit/s, 80\)|test\[3\] .* the same quality"),
        ([RISING[0], (1e6, 75.0)], r"test\[0\] \(1e\+06 bit/s, 70\): test\[1\] has a quality of 75 at 1e\+06"),
        ([*RISING, (8e6, float("nan"))], r"test\[3\] \(8e\+06 bit/s, nan\): expected a finite"),
        ([*RISING, (float("inf"), 95.0)], r"test\[3\] \(inf bit/s, 95\): expected a finite"),
        ([*RISING, (-1.0, 95.0)], r"test\[3\] \(-1 bit/s, 95\): expected a finite bitrate above 0"),
        ([*RISING, (8e6, None)], r"test\[3\]: expected a bitrate and a quality, found \(8000000\.0, None\)"),
        ([*RISING, (8e6,)], r"test\[3\]: expected a bitrate and a quality"),
        ([*RISING, 5], r"test\[3\]: expected a bitrate and a quality, found 5"),
        ([], "test: a curve needs two or more points"),
    ],
)
def test_bd_rate_names_the_point_that_is_not_valid(curve, message):
    with pytest.raises(CurveError, match=message) as caught:
        bd_rate(RISING, curve)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(CurveError, match=message.replace("test", "anchor")):
        bd_rate(curve, RISING)


def test_bd_rate_drops_dominated_points_on_request():
    back = [(8e6, 85.0), RISING[0], (2.5e6, 80.0), *RISING[1:]]
    assert bd_rate(RISING, back, drop_dominated=True).percent == pytest.approx(0, abs=1e-9)
    with pytest.raises(CurveError, match="two or more points that rise, found 1"):
        bd_rate(RISING, [(1e6, 80.0), (2e6, 70.0)], drop_dominated=True)


def test_bd_rate_refuses_a_result_or_a_band_that_is_not_finite():
    close = [(1e6, 70.0), (1e300, 70.0 + 2e-14), (2e300, 88.0)]
    with pytest.raises(CurveError, match="band: expected a lower and a higher quality"):
        bd_rate(RISING, RISING, band=(float("nan"), 80.0))
    with pytest.raises(CurveError, match="the BD-rate is not finite"):
        bd_rate([(1e-300, 70.0), (2e-300, 88.0)], [(1e300, 70.0), (2e300, 88.0)])
    assert np.isfinite(bd_rate(close, close).percent)
