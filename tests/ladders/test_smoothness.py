"""Allocations with bounded quality steps, against their reference implementation."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ladders import POOLINGS, Constraints
from ladders.allocation.constraints import RungTarget
from ladders.allocation.equal_slope import equal_slope
from ladders.allocation.smoothness import smooth
from ladders.allocation.smoothness_kernels import cheapest_chain
from tests.ladders.test_equal_slope import GRID, achieved, curve, titles
from tests.naive.hulls import naive_chain, naive_hull


@settings(deadline=None)
@given(titles(), st.sampled_from([0.0, 3.0, 10.0]), st.sampled_from([0.5, 1e3]), st.integers(0, 10**6))
def test_cheapest_chain_equals_the_reference_implementation(title, max_quality_step, penalty, seed):
    quality = np.array([c.quality for c in title[0]])
    rng = np.random.default_rng(seed)
    cost = np.where(rng.random(quality.shape) < 0.3, np.inf, rng.random(quality.shape))
    cost[:, -1] = 1.0
    chosen = np.empty(len(cost), np.int64)
    cheapest_chain(cost, quality, max_quality_step, penalty, np.empty(cost.shape, np.int64), chosen)
    each = np.arange(len(cost))
    beyond = np.maximum(np.abs(np.diff(quality[each, chosen])) - max_quality_step, 0).sum()
    assert cost[each, chosen].sum() + penalty * beyond == pytest.approx(
        naive_chain(cost, quality, max_quality_step, penalty)
    )


def constraints(max_quality_step):
    return Constraints(floor_below_mean=200.0, cap=100.0, peak_ratio=1e9, max_quality_step=max_quality_step)


@settings(deadline=None)
@given(titles(chunks=(2, 4)), st.floats(30, 100), st.sampled_from([2.0, 5.0, 10.0]))
def test_smooth_keeps_the_step_and_is_optimal_on_the_hull(title, target, max_quality_step):
    curves, frames = title
    # with the deficit as the loss, the optimum is on the hull of bits and quality
    pooling = replace(POOLINGS["mean"], loss=lambda deficit: deficit)
    found = smooth(curves, frames, constraints(max_quality_step), RungTarget(target, 100.0), pooling)
    assert (found.bits, found.quality) == pytest.approx(achieved(curves, frames, found.indices))
    chains = []
    for indices in product(range(GRID), repeat=len(curves)):
        chosen = [c.quality[i] for c, i in zip(curves, indices, strict=True)]
        if np.abs(np.diff(chosen)).max() <= max_quality_step:
            chains.append(achieved(curves, frames, indices))
    if not chains:
        return
    chosen = [c.quality[i] for c, i in zip(curves, found.indices, strict=True)]
    reaching = [bits for bits, quality in chains if quality >= target - 1e-9]
    # quality comes before smoothness
    best = sum(c.quality[0] * n for c, n in zip(curves, frames, strict=True)) / sum(frames)
    assert found.quality >= min(target, best) - 1e-6
    if reaching:
        assert np.abs(np.diff(chosen)).max() <= max_quality_step
        corners = [chains[n] for n in naive_hull(*zip(*chains, strict=True))]
        assert min(reaching) - 1e-6 <= found.bits
        assert found.bits <= min(bits for bits, quality in corners if quality >= target - 1e-9) + 1e-6


def test_smooth_changes_both_adjacent_chunks():
    steps = np.arange(60)
    easy, hard = (curve(h * 2.0 ** (-steps / 8), 100.0 - h**0.5 * 2.0 ** (steps / 16)) for h in (1.0, 16.0))
    shots, frames = [easy, hard, easy], [10, 10, 10]
    free = equal_slope(shots, frames, constraints(None)).for_quality(85.0)
    found = smooth(shots, frames, constraints(20.0), RungTarget(85.0, free.bits))
    (high, low, _), (before, after, _) = (
        [c.quality[i] for c, i in zip(shots, a.indices, strict=True)] for a in (free, found)
    )
    assert high - low > 20 >= before - after
    assert before < high
    assert after > low
    assert found.quality >= 85.0
    assert free.bits < found.bits < 1.5 * free.bits


def test_smooth_exceeds_an_infeasible_step_as_little_as_possible():
    still, alive = curve([90, 50, 20, 10], [97.4] * 4), curve([90, 50, 20, 10], [80, 70, 60, 40])
    found = smooth([still, alive, still], [10, 10, 10], constraints(5.0), RungTarget(60.0, 100.0))
    assert found.indices.tolist() == [3, 0, 3]


def test_smooth_keeps_the_current_quantiser_if_little_is_saved():
    shots = [curve([1000, 998, 500], [90, 89.99, 70])] * 2
    rung_target = RungTarget(89.99, 1500.0)
    assert smooth(shots, [10, 10], constraints(5.0), rung_target).indices.tolist() == [1, 1]
    assert smooth(shots, [10, 10], constraints(5.0), rung_target, current=np.array([0, 0])).indices.tolist() == [0, 0]
