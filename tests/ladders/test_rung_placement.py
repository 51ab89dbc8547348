"""The placement of rungs, on usual and on degenerate titles."""

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import lognorm

from ladders import RungRules
from ladders.allocation.constraints import RungTarget
from ladders.allocation.rung_placement import allocate_rungs, choose_rungs
from ladders.allocation.title_curve import Allocation, TabulatedCurve, TitleCurve

DURATION = 60.0


def title(rates, quality) -> TitleCurve:
    """A curve by bits/s; what it would choose is of no matter here."""
    return TabulatedCurve(
        np.asarray(rates, float) * DURATION, np.asarray(quality, float), np.arange(len(rates))[:, None]
    )


def usual(height: int, ceiling: float, halving: float = 1.0) -> TitleCurve:
    """A curve of a usual film: a taller picture costs more and ends higher."""
    rates = np.geomspace(40e3, 400e6, 400) * (height / 1080) ** 1.2
    distortion = 60 * (rates / (1e6 * halving * (height / 1080) ** 1.5)) ** -0.9
    return title(rates, ceiling - np.minimum(distortion, ceiling))


FILM = {1080: usual(1080, 100), 720: usual(720, 97), 540: usual(540, 92), 360: usual(360, 82), 234: usual(234, 65)}


def bits_at(curves, rung):
    return curves[rung.height].quality_at(np.array([rung.rate * DURATION * (1 + 1e-8)]))[0]


def check_sane(curves, rules, rungs):
    assert rungs
    assert rules.count is None or len(rungs) <= rules.count
    for low, high in pairwise(rungs):
        assert high.rate > low.rate
        assert high.quality >= low.quality
        assert high.height >= low.height
    for rung in rungs:
        assert np.isfinite([rung.rate, rung.quality]).all()
        assert rung.height in curves
        # what is told is what the curve gives
        assert bits_at(curves, rung) == pytest.approx(rung.quality)


@pytest.mark.parametrize("target", [80, 93, 95, 99])
@pytest.mark.parametrize("count", [None, 1, 2, 3, 6, 10])
def test_choose_rungs_reaches_the_target_at_minimum_bitrate(target, count):
    rules = RungRules(target=target, count=count)
    rungs = choose_rungs(FILM, DURATION, rules)
    check_sane(FILM, rules, rungs)
    top = rungs[-1]
    assert top.quality >= target
    cheapest = min(curve.bits[curve.quality >= target][0] for curve in FILM.values() if curve.quality[-1] >= target)
    assert top.rate == pytest.approx(cheapest / DURATION)


def test_choose_rungs_keeps_ratios_and_gains_of_adjacent_rungs():
    rules = RungRules(target=95)
    rungs = choose_rungs(FILM, DURATION, rules)
    assert len(rungs) >= 5
    low, high = rules.ratio
    for a, b in pairwise(rungs):
        # rates lie on a grid of 2 %
        assert low / 1.011 <= b.rate / a.rate <= high * 1.011
        assert b.quality - a.quality >= rules.min_gain


@pytest.mark.parametrize("max_rate", [300_000.0, 1_500_000.0])
def test_choose_rungs_keeps_the_maximum_bitrate(max_rate):
    unlimited = choose_rungs(FILM, DURATION, RungRules(target=95))
    rungs = choose_rungs(FILM, DURATION, RungRules(target=95, max_rate=max_rate))
    assert unlimited[-1].rate > max_rate
    assert 0.8 * max_rate < rungs[-1].rate <= max_rate
    # no height gives more within the budget
    best = max(float(curve.quality_at(np.array([rungs[-1].rate * DURATION]))[0]) for curve in FILM.values())
    assert rungs[-1].quality == pytest.approx(best, abs=0.5)


def test_choose_rungs_with_a_maximum_above_the_target_changes_nothing():
    rules = RungRules(target=93)
    assert choose_rungs(FILM, DURATION, replace(rules, max_rate=1e9)) == choose_rungs(FILM, DURATION, rules)


def test_choose_rungs_starts_at_apples_lowest_bitrate():
    assert choose_rungs(FILM, DURATION, RungRules())[0].rate == pytest.approx(120_000)


def test_choose_rungs_has_the_requested_count_if_it_is_feasible():
    for count in (2, 3, 5, 8):
        assert len(choose_rungs(FILM, DURATION, RungRules(count=count))) == count


def test_choose_rungs_is_optimal_within_the_bounds():
    """By trying every choice of three inner rungs on the grid of rates."""
    rules = RungRules(target=93, count=4, ratio=(1.2, 8.0))
    chosen = choose_rungs(FILM, DURATION, rules)
    viewers = lognorm(rules.bandwidth_sigma, scale=rules.bandwidth_median)

    def worth(rungs):
        return sum(
            (viewers.cdf(b[0] / rules.safety) - viewers.cdf(a[0] / rules.safety)) * a[1] for a, b in pairwise(rungs)
        )

    rates = np.geomspace(chosen[0].rate, chosen[-1].rate, 60)
    options = [(r, max(c.quality_at(np.array([r * DURATION]))[0] for c in FILM.values())) for r in rates[1:-1]]
    ends = [(r.rate, r.quality) for r in (chosen[0], chosen[-1])]
    best = 0.0
    for inner in combinations(options, 2):
        rungs = [ends[0], *inner, ends[1]]
        if all(1.2 <= b[0] / a[0] <= 8.0 and b[1] - a[1] >= rules.min_gain for a, b in pairwise(rungs)):
            best = max(best, worth(rungs))
    assert best > 0
    assert worth([(r.rate, r.quality) for r in chosen]) >= best * 0.999


def test_choose_rungs_maximises_expected_quality():
    plain = choose_rungs(FILM, DURATION, RungRules())
    asked = []

    def audience(ladder):
        asked.append(tuple(ladder))
        return -abs(ladder[2].rate - 1.15 * plain[2].rate)

    placed = choose_rungs(FILM, DURATION, RungRules(expected_quality=audience))
    check_sane(FILM, RungRules(), placed)
    assert asked[0] == plain
    assert len(set(asked)) == len(asked) < 200
    assert (placed[0], placed[-1], len(placed)) == (plain[0], plain[-1], len(plain))
    assert placed[2].rate == pytest.approx(1.15 * plain[2].rate, rel=0.021)
    for low, high in pairwise(placed):
        assert high.rate >= 1.35 * low.rate
    assert choose_rungs(FILM, DURATION, RungRules(expected_quality=lambda ladder: 0.0)) == plain


@st.composite
def any_title(draw):
    """Curves of any form: steps, plateaus, crossing, starting anywhere."""
    curves = {}
    for height in draw(st.lists(st.sampled_from([234, 360, 540, 720, 1080]), min_size=1, max_size=4, unique=True)):
        count = draw(st.integers(1, 12))
        factors = draw(st.lists(st.floats(1.001, 4), min_size=count, max_size=count))
        gains = draw(st.lists(st.floats(0.001, 30), min_size=count, max_size=count))
        rates = draw(st.floats(100, 3e6)) * np.cumprod(factors)
        quality = np.minimum(draw(st.floats(0, 100)) + np.cumsum([0, *gains[1:]]), 100)
        rising = np.concatenate([[True], np.diff(quality) > 0])
        curves[height] = title(rates[rising], quality[rising])
    return curves


@settings(deadline=None, max_examples=300)
@given(any_title(), st.floats(1, 100), st.none() | st.integers(1, 12))
def test_choose_rungs_handles_any_title(curves, target, count):
    rules = RungRules(target=target, count=count)
    rungs = choose_rungs(curves, DURATION, rules)
    check_sane(curves, rules, rungs)
    best = max(curve.quality[-1] for curve in curves.values())
    assert rungs[-1].quality >= min(target, best) - 1e-9


@settings(deadline=None, max_examples=200)
@given(any_title(), st.integers(2, 6))
def test_choose_rungs_gives_a_wide_range_several_rungs(curves, count):
    """Where the cheapest picture costs far less than the top rung, the poorest viewers get it."""
    rules = RungRules(target=100, count=count)
    rungs = choose_rungs(curves, DURATION, rules)
    top = rungs[-1]
    cheapest = min(c.bits[0] for h, c in curves.items() if h <= top.height) / DURATION
    bottom = max(cheapest, min(rules.bottom_rate, top.rate / rules.typical_ratio))
    if bottom * rules.ratio[0] * 1.05 < top.rate:
        assert len(rungs) >= 2
        assert rungs[0].rate <= bottom * 1.03


@pytest.mark.parametrize("stuck", [100.0, 97.4, 30.0])
def test_choose_rungs_gives_constant_quality_one_cheap_rung(stuck):
    curves = {h: title([h * 100.0], [stuck]) for h in (1080, 720, 234)}
    (rung,) = choose_rungs(curves, DURATION, RungRules(target=93))
    assert rung.quality == stuck
    assert rung.rate == pytest.approx(23_400)


def test_choose_rungs_keeps_the_bottom_rung_despite_rounding():
    for bits in range(20_000_001, 20_000_400):
        curve = TabulatedCurve(np.array([bits, 4.0 * bits]), np.array([60.0, 93.0]), np.arange(2)[:, None])
        rungs = choose_rungs({360: curve}, 33.37, RungRules(target=93, count=2))
        assert [rung.quality for rung in rungs] == [60.0, 93.0]


def test_choose_rungs_gives_the_best_of_an_unreachable_target():
    curves = {234: FILM[234], 360: FILM[360]}
    rungs = choose_rungs(curves, DURATION, RungRules(target=99))
    check_sane(curves, RungRules(), rungs)
    assert rungs[-1].quality == pytest.approx(FILM[360].quality[-1])


def test_choose_rungs_has_rungs_below_a_low_top():
    cheap = {720: usual(720, 99, 0.01), 360: usual(360, 97, 0.01)}
    rungs = choose_rungs(cheap, DURATION, RungRules(target=93))
    check_sane(cheap, RungRules(), rungs)
    assert rungs[-1].rate < 145_000
    assert rungs[-1].quality >= 93


def test_allocate_rungs_chooses_heights_again_by_the_cost_of_constraints():
    def solve_for_quality(height, rung_target):
        # at 720 lines constraints cost half as much again, elsewhere nothing
        free = FILM[height].for_quality(rung_target.quality)
        return Allocation(free.indices, free.bits * (1.5 if height == 720 else 1.0), free.quality)

    chosen = choose_rungs(FILM, DURATION, RungRules(target=95))
    assert 720 in {choice.height for choice in chosen}
    shared = allocate_rungs(chosen, FILM, DURATION, solve_for_quality)
    heights = [height for height, _ in shared]
    assert heights == sorted(heights)
    assert max(heights) == chosen[-1].height
    for choice, (height, allocation) in zip(chosen, shared, strict=True):
        assert allocation.quality >= choice.quality - 1e-9
        kept = solve_for_quality(choice.height, RungTarget(choice.quality, 1.0))
        assert allocation.bits <= kept.bits
        assert height == choice.height or choice.height == 720


def test_allocate_rungs_keeps_heights_if_constraints_cost_nothing():
    chosen = choose_rungs(FILM, DURATION, RungRules(target=95))
    shared = allocate_rungs(
        chosen, FILM, DURATION, lambda height, rung_target: FILM[height].for_quality(rung_target.quality)
    )
    assert [height for height, _ in shared] == [choice.height for choice in chosen]
