"""Equal slope against the search over all allocations, and its constraints."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ladders import POOLINGS, Constraints
from ladders.allocation import equal_slope as equal_slope_module
from ladders.allocation.constraints import PEAK_MARGIN, RungTarget
from ladders.allocation.equal_slope import equal_slope, solve_for_quality
from ladders.allocation.per_title import QUALITY_STEP, one_quantiser, same_quality
from ladders.allocation.title_curve import TitleCurve
from ladders.rd.curves import Curve
from ladders.rd.pooling import Pooling
from tests.naive.hulls import naive_allocations, naive_hull

FREE = Constraints(floor_below_mean=200.0, cap=100.0, peak_ratio=1e9)
FAMILIES = (lambda c, f: equal_slope(c, f, FREE), one_quantiser, same_quality)
GRID = 5


def curve(bits, quality) -> Curve:
    return Curve(np.arange(len(bits), dtype=float), np.asarray(bits, float), np.asarray(quality, float))


FLAT = curve([1] * GRID, [80] * GRID)
#: The middle of a chunk's three quantisers lies on the line of the others, but for the last digit of a float.
NEARLY_STRAIGHT = [FLAT, curve([37, 37, 31, 1, 1], [94, 94, 92, 82, 82]), FLAT, FLAT], [4, 4, 3, 3]


@st.composite
def titles(draw, chunks=(1, 4), grid=GRID):
    """Curves that fall with the quantiser, with plateaus and equal steps; and the chunks' lengths."""
    curves, frames = [], []
    for _ in range(draw(st.integers(*chunks))):
        falls = draw(st.lists(st.integers(0, 40), min_size=grid - 1, max_size=grid - 1))
        losses = draw(st.lists(st.integers(0, 20), min_size=grid - 1, max_size=grid - 1))
        bits = draw(st.integers(1, 50)) + np.cumsum([0, *falls])[::-1]
        quality = draw(st.integers(80, 100)) - np.cumsum([0, *losses])
        curves.append(replace(curve(bits, quality), worst_shot_deficit=float(draw(st.integers(0, 5)))))
        frames.append(draw(st.integers(1, 4)))
    return curves, frames


def naive_losses(curves, frames, feasible_mask, pooling=POOLINGS["mean"]):
    """Bits and pooled loss of every allocation: the loss is the plain mean of another scale."""
    scaled = [pooling.loss(pooling.deficit(c.quality)) for c in curves]
    return naive_allocations([c.bits for c in curves], scaled, frames, feasible_mask)


def achieved(curves, frames, indices):
    bits = sum(c.bits[i] for c, i in zip(curves, indices, strict=True))
    quality = np.average([c.quality[i] for c, i in zip(curves, indices, strict=True)], weights=frames)
    return bits, quality


def achieved_loss(curves, frames, indices, pooling=POOLINGS["mean"]):
    """Pooled loss of an allocation."""
    losses = [pooling.loss(pooling.deficit(c.quality[i])) for c, i in zip(curves, indices, strict=True)]
    return np.average(losses, weights=frames)


def steps(title: TitleCurve):
    return [title.allocation(step) for step in range(len(title.bits))]


@settings(deadline=None)
@given(titles())
@example(NEARLY_STRAIGHT)
def test_title_curve_bits_and_quality_are_those_of_each_allocation(title):
    curves, frames = title
    for make in FAMILIES:
        for allocation in steps(make(curves, frames)):
            bits, quality = achieved(curves, frames, allocation.indices)
            assert allocation.bits == pytest.approx(bits)
            assert allocation.quality == pytest.approx(quality)


@pytest.mark.parametrize("pooling", POOLINGS.values(), ids=POOLINGS)
@settings(deadline=None)
@given(titles())
def test_equal_slope_is_not_beaten_by_any_allocation(pooling, title):
    curves, frames = title
    everything = naive_losses(curves, frames, [[True] * GRID] * len(curves), pooling)
    for allocation in steps(equal_slope(curves, frames, FREE, pooling=pooling)):
        best = min(loss for bits, loss in everything if bits <= allocation.bits + 1e-6)
        assert achieved_loss(curves, frames, allocation.indices, pooling) == pytest.approx(best)


@settings(deadline=None)
@given(titles())
def test_equal_slope_maximises_the_harmonic_mean(title):
    curves, frames = title
    pooling = POOLINGS["harmonic"]
    everything = naive_losses(curves, frames, [[True] * GRID] * len(curves), pooling)
    for allocation in steps(equal_slope(curves, frames, FREE, pooling=pooling)):
        best = min(loss for bits, loss in everything if bits <= allocation.bits + 1e-6)
        assert allocation.quality == pytest.approx(pooling.inverse(best))


@settings(deadline=None)
@given(titles())
def test_equal_slope_contains_every_vertex_of_the_hull_of_all_allocations(title):
    curves, frames = title
    everything = naive_losses(curves, frames, [[True] * GRID] * len(curves))
    # in exact numbers: lengths and losses are integers, so that the sum over frames is one
    exact = [(round(b), -round(loss * sum(frames))) for b, loss in everything]
    corners = {exact[n] for n in naive_hull(*zip(*exact, strict=True))}
    found = {
        (round(a.bits), -round(achieved_loss(curves, frames, a.indices) * sum(frames)))
        for a in steps(equal_slope(curves, frames, FREE))
    }
    assert corners <= found


@settings(deadline=None)
@given(titles(chunks=(2, 4)))
def test_equal_slope_cannot_gain_by_moving_bits_between_two_shots(title):
    curves, frames = title
    for allocation in steps(equal_slope(curves, frames, FREE)):
        chosen = allocation.indices
        loss = achieved_loss(curves, frames, chosen)
        for a in range(len(curves)):
            for b in range(len(curves)):
                for i in range(GRID):
                    for j in range(GRID):
                        if a == b:
                            continue
                        other = chosen.copy()
                        other[a], other[b] = i, j
                        bits, _ = achieved(curves, frames, other)
                        less = achieved_loss(curves, frames, other) < loss - 1e-6
                        assert not (bits <= allocation.bits + 1e-9 and less)


@settings(deadline=None)
@given(titles(chunks=(1, 8)), st.sampled_from(range(len(FAMILIES))))
def test_equal_slope_never_decreases_a_shot_with_more_bits(title, which):
    curves, frames = title
    family = FAMILIES[which](curves, frames)
    # of equal slope every bit must buy something; others may have to step over a plateau
    assert np.all(np.diff(family.bits) > 0) or (which and np.all(np.diff(family.bits) >= 0))
    assert np.all(np.diff(family.quality) > 0)
    for before, after in pairwise(steps(family)):
        assert np.all(after.indices <= before.indices)
    budgets = np.linspace(family.bits[0], family.bits[-1] * 1.1, 30)
    qualities = [family.for_bits(budget).quality for budget in budgets]
    assert qualities == sorted(qualities)
    assert all(family.for_bits(budget).bits <= budget + 1e-9 for budget in budgets)
    np.testing.assert_array_equal(family.quality_at(budgets), qualities)


@settings(deadline=None)
@given(titles(), st.floats(0, 110))
def test_for_quality_returns_the_cheapest_allocation_that_reaches_the_target(title, target):
    curves, frames = title
    family = equal_slope(curves, frames, FREE)
    allocation = family.for_quality(target)
    assert (allocation.bits, allocation.quality) == pytest.approx(achieved(curves, frames, allocation.indices))
    every = steps(family)
    enough = [a.bits for a in every if a.quality >= target]
    if not enough:
        assert allocation.bits == family.bits[-1]
        return
    # no dearer than the hull's step that reaches it, and dearer than the one that does not
    assert allocation.quality >= target - 1e-9
    assert allocation.bits <= min(enough)
    assert all(a.bits <= allocation.bits + 1e-9 for a in every if a.quality < target)


def test_equal_slope_keeps_edges_of_a_hull_in_order_if_rounding_makes_the_second_one_steeper():
    # the loss of the harmonic mean falls by 0.0011 per bit from each quantiser to the next
    rounded = curve([46, 43, 9], [91.59259259259258, 69.92198581560282, 18.41747572815534])
    slopes = np.diff(1 / (rounded.quality + 1)) / -np.diff(rounded.bits)
    assert slopes[0] > slopes[1]
    for curves in ([rounded], [rounded, rounded], [curve([9, 5, 1], [90, 50, 10]), rounded]):
        family = equal_slope(curves, [1] * len(curves), FREE, pooling=POOLINGS["harmonic"])
        for before, after in pairwise(steps(family)):
            assert np.all(after.indices <= before.indices) and np.any(after.indices < before.indices)
        assert not family.indices(2 * len(curves)).any()
        assert family.bits[-1] == sum(each.bits[0] for each in curves)


def test_for_bits_returns_the_cheapest_allocation_below_the_range():
    family = equal_slope([curve([9, 5], [90, 50])], [10], FREE)
    assert family.for_bits(1).bits == 5
    assert family.quality_at(np.array([1.0]))[0] == -np.inf


@st.composite
def constraints(draw):
    """Limits that bind, and what they count from."""
    bounds = Constraints(draw(st.floats(0, 30)), draw(st.floats(40, 100)), draw(st.sampled_from([1.0, 1.5, 2.0, 1e9])))
    most = draw(st.sampled_from([np.inf, 10.0, 40.0]))
    return bounds, RungTarget(draw(st.floats(20, 100)), draw(st.integers(1, 400)), most)


def uniform_place(curves, frames, target):
    """The coarsest quantiser with which all shots together reach the target, or the finest if none does."""
    means = [
        sum(c.quality[n] * count for c, count in zip(curves, frames, strict=True)) / sum(frames) for n in range(GRID)
    ]
    return max((n for n in range(GRID) if means[n] >= target - 1e-9), default=0)


def allowed_places(each, share, bounds, rung_target, uniform):
    """The constraints in words: under the cap and the peak where a shot can be, then above the floor where it can.

    The floor is not above what one quantiser for all shots gives.
    """
    peak = PEAK_MARGIN * bounds.peak_ratio * rung_target.bits * share
    few = (each.bits * each.peak_to_average <= peak) & (each.bits <= rung_target.max_bits)
    indices = [n for n in range(GRID) if each.quality[n] <= bounds.cap and few[n]]
    indices = sorted({*indices, GRID - 1})
    worst = each.quality - each.worst_shot_deficit
    floor = min(rung_target.quality - bounds.floor_below_mean, max(worst[n] for n in indices), worst[uniform])
    return [n in indices and worst[n] >= floor for n in range(GRID)]


@settings(deadline=None)
@given(titles(chunks=(1, 3)), constraints())
def test_equal_slope_is_optimal_within_the_constraints(title, bound):
    curves, frames = title
    uniform = uniform_place(curves, frames, bound[1].quality)
    shares = [n / sum(frames) for n in frames]
    feasible_mask = [allowed_places(c, share, *bound, uniform) for c, share in zip(curves, shares, strict=True)]
    everything = naive_losses(curves, frames, feasible_mask)
    for allocation in steps(equal_slope(curves, frames, *bound)):
        assert all(row[index] for row, index in zip(feasible_mask, allocation.indices, strict=True))
        best = min(loss for bits, loss in everything if bits <= allocation.bits + 1e-6)
        assert achieved_loss(curves, frames, allocation.indices) == pytest.approx(best)


def test_solve_for_quality_evaluates_the_peak_relative_to_its_own_bits():
    steps = np.arange(80)
    shots = [
        curve(1e6 * hardness * 2.0 ** (-steps / 8), 100.5 - 2 * hardness**0.5 * 2.0 ** (steps / 16))
        for hardness in (1.0, 1.0, 1.0, 10.0)
    ]
    frames, constraints = [24] * 4, Constraints(floor_below_mean=100.0, peak_ratio=1.3)
    free = equal_slope(shots, frames, FREE).for_quality(90.0)
    found = solve_for_quality(shots, frames, constraints, RungTarget(90.0, free.bits))
    from_free = equal_slope(shots, frames, constraints, RungTarget(90.0, free.bits)).for_quality(90.0)
    heaviest = shots[3].bits[found.indices[3]]
    assert found.quality >= 90.0
    assert free.bits < found.bits < from_free.bits
    assert 0.9 * PEAK_MARGIN * 1.3 < heaviest / (found.bits / 4) < 1.003 * PEAK_MARGIN * 1.3


def test_equal_slope_of_the_mean_protects_the_worst_shot():
    # of equal hulls in deficit, except that each step of the second shot starts from a lower VMAF
    easy, hard = curve([70, 30, 10], [96, 94, 90]), curve([70, 30, 10], [78, 72, 60])
    shots, frames = [easy, easy, easy, hard], [10] * 4
    plain_mean = Pooling(POOLINGS["mean"].deficit, POOLINGS["mean"].inverse, lambda deficit: deficit)
    ours, other = equal_slope(shots, frames, FREE), equal_slope(shots, frames, FREE, pooling=plain_mean)
    for bits in np.unique([*ours.bits, *other.bits]):
        worst, worst_of_mean = (
            min(c.quality[i] for c, i in zip(shots, each.for_bits(bits).indices, strict=True)) for each in (ours, other)
        )
        assert worst >= worst_of_mean


def test_feasible_mask_compares_the_peak_segment_with_the_peak():
    # two equal shots, but for the segment of the second that has three times its rate
    even = curve([90, 50, 20, 10], [99, 90, 70, 40])
    rung_target = RungTarget(70.0, 100.0)
    for peak_to_average, finest in ((1.0, 0), (1.5, 1), (3.0, 2)):
        uneven = replace(even, peak_to_average=peak_to_average)
        best = equal_slope([even, uneven], [10, 10], Constraints(100.0, 100.0, 2.0), rung_target).for_quality(100.0)
        assert best.indices.tolist() == [0, finest]


@settings(deadline=None)
@given(titles())
def test_feasible_mask_applies_only_the_cap_without_a_rung_target(title):
    curves, frames = title
    for allocation in steps(equal_slope(curves, frames, Constraints(0.0, 90.0, 1.0))):
        for each, index in zip(curves, allocation.indices, strict=True):
            assert each.quality[index] <= 90 or index == GRID - 1


@settings(deadline=None)
@given(titles())
def test_same_quality_is_within_a_step_of_every_shot_that_reaches_it(title):
    curves, frames = title
    for allocation in steps(same_quality(curves, frames)):
        chosen = [(c, c.quality[i], i) for c, i in zip(curves, allocation.indices, strict=True)]
        level = min(max(q for _, q, _ in chosen), max(c.quality[0] for c in curves))
        for each, quality, index in chosen:
            # no coarser quantiser of any shot reaches what the worst of the others has
            worst = min([q for c, q, _ in chosen if q < c.quality[0]], default=level)
            coarser = each.quality[index + 1 :]
            assert quality == each.quality[0] or not np.any(coarser >= worst + QUALITY_STEP)


@pytest.mark.parametrize("stuck", [100.0, 97.4])
def test_equal_slope_gives_a_shot_of_constant_quality_its_minimum_bits(stuck):
    still = curve([90, 50, 20, 10], [stuck] * 4)
    alive = curve([90, 50, 20, 10], [99, 90, 70, 40])
    for constraints in (FREE, Constraints()):
        for allocation in steps(equal_slope([still, alive], [10, 10], constraints)):
            assert allocation.indices[0] == 3
    assert len(one_quantiser([still], [10]).bits) == 1


def test_one_quantiser_gives_all_chunks_the_same_index():
    curves = [curve([9, 5, 2], [95, 90, 50]), curve([30, 20, 3], [99, 90, 20])]
    family = one_quantiser(curves, [1, 3])
    assert [set(a.indices.tolist()) for a in steps(family)] == [{2}, {1}, {0}]
    assert family.quality.tolist() == [27.5, 90.0, 98.0]
    assert family.bits.tolist() == [5.0, 25.0, 39.0]


@pytest.mark.parametrize(("target", "step"), [(0.0, 0), (27.5, 0), (27.6, 1), (90.0, 1), (98.0, 2), (98.1, 2)])
def test_for_quality_of_a_table_returns_the_first_step_that_reaches_the_target_or_the_last(target, step):
    family = one_quantiser([curve([9, 5, 2], [95, 90, 50]), curve([30, 20, 3], [99, 90, 20])], [1, 3])
    found = family.for_quality(target)
    assert (found.bits, found.quality) == (family.bits[step], family.quality[step])


def test_solve_for_quality_ends_when_the_bits_are_those_that_it_started_from(monkeypatch):
    shots, frames = [curve([90, 50, 20, 10], [99, 90, 70, 40])] * 2, [10, 10]
    free = equal_slope(shots, frames, FREE).for_quality(90.0)
    calls = []

    def count(*arguments):
        calls.append(arguments)
        return equal_slope(*arguments)

    monkeypatch.setattr(equal_slope_module, "equal_slope", count)
    found = solve_for_quality(shots, frames, FREE, RungTarget(90.0, free.bits))
    assert (found.bits, found.quality, len(calls)) == (free.bits, free.quality, 1)
