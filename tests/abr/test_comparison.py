"""`compare_arms`, `decompose_effect` and `cluster_interval`: verdicts, intervals and errors."""

import numpy as np
import pytest

import abr
from tests.abr.conftest import random_trace


@pytest.fixture(scope="module")
def table(film):
    traces = [random_trace(seed, 4e6) for seed in range(24)]
    better = abr.Presentation("better", film.rungs, film.durations, film.sizes, np.minimum(film.vmaf + 3, 100))
    fat = abr.Presentation("fat", film.rungs, film.durations, film.sizes * 2, np.minimum(film.vmaf + 3, 100))
    return abr.simulate_many([film, better, fat, film.renamed("same")], traces, ["bba-2", "bola-e"], starts=3)


def test_compare_arms_returns_ship_for_higher_vmaf_at_equal_bytes(table):
    result = abr.compare_arms(table, ("film", "bba-2@2014"), ("better", "bba-2@2014"))
    assert result.verdict == "ship"
    assert result.sessions == 72
    assert result.traces == 24
    primary = next(e for e in result.effects if e.metric == "vmaf_mean")
    assert primary.ci95[0] > 0
    assert primary.adjusted < 0.05
    assert len(result.reasons) == 5


def test_compare_arms_returns_hold_for_equal_arms(table):
    result = abr.compare_arms(table, ("film", "bba-2@2014"), ("same", "bba-2@2014"))
    assert result.verdict == "hold"
    assert all(e.difference == 0 and e.adjusted == 1 for e in result.effects)


def test_compare_arms_returns_stop_for_twice_the_bytes(table):
    result = abr.compare_arms(table, ("film", "bola-e@sabre"), ("fat", "bola-e@sabre"))
    assert result.verdict == "stop"
    assert any("is broken" in reason for reason in result.reasons)


def test_decompose_effect_returns_parts_whose_sum_is_the_effect(table):
    parts = abr.decompose_effect(table, ("film", "better"), ("bba-2@2014", "bola-e@sabre"), "vmaf_mean")
    assert parts["ladder"] + parts["policy"] == pytest.approx(parts["together"])
    assert 0 < parts["ladder"] <= 3


def test_cluster_interval_contains_the_mean_where_an_unclustered_interval_does_not():
    from abr.results.interval import cluster_interval

    rng = np.random.default_rng(0)
    clustered = naive = 0
    for seed in range(200):
        values = np.repeat(rng.normal(size=30), 20) + 0.1 * rng.normal(size=600)
        traces = np.repeat(np.arange(30), 20)
        low, high = cluster_interval(values, traces, seed)
        clustered += low <= 0 <= high
        error = 1.96 * values.std() / np.sqrt(600)
        naive += abs(values.mean()) <= error
    assert clustered > 176
    assert naive < 120


def random_table(seed, traces, effect=0.0):
    """Return two arms of ten sessions for each trace; they differ by `effect` plus noise of trace and session."""
    rng = np.random.default_rng(seed)
    names = np.repeat(np.array([f"t{i}" for i in range(traces)], object), 10)
    before = 80 + np.repeat(rng.normal(0, 8, traces), 10) + rng.normal(0, 3, len(names))
    after = before + effect + np.repeat(rng.normal(0, 1, traces), 10) + rng.normal(0, 1, len(names))
    columns = {
        "presentation": np.full(2 * len(names), "film", object),
        "policy": np.repeat(np.array(["a", "b"], object), len(names)),
        "device": np.full(2 * len(names), "tv-1080p", object),
        "trace": np.concatenate([names, names]),
        "start": np.zeros(2 * len(names)),
        "vmaf_mean": np.concatenate([before, after]),
    }
    return abr.SessionTable(columns, "default")


@pytest.mark.parametrize("traces", [8, 30])
def test_compare_arms_rarely_decides_between_arms_without_effect(traces):
    count = 120
    verdicts = [
        abr.compare_arms(random_table(seed, traces), ("film", "a"), ("film", "b"), seed=seed).verdict
        for seed in range(count)
    ]
    # 2.5 % each by design; more than 9 of 120 have a probability of about 0.001
    assert verdicts.count("ship") <= 9
    assert verdicts.count("stop") <= 9
    assert verdicts.count("hold") >= 108


def test_compare_arms_finds_the_detectable_difference_with_power_of_80_percent():
    true = np.sqrt(1 / 30 + 1 / 300) * (1.96 + 0.84)
    found, detectable = 0, []
    for seed in range(120):
        (effect,) = abr.compare_arms(random_table(seed, 30, true), ("film", "a"), ("film", "b"), seed=seed).effects
        found += effect.ci95[0] > 0
        detectable.append(effect.detectable)
    assert 0.66 < found / 120 < 0.9
    assert np.mean(detectable) == pytest.approx(true, rel=0.1)


def test_compare_arms_needs_sessions_in_inverse_proportion_to_the_square_of_the_difference():
    small, large = (
        abr.compare_arms(random_table(5, 30, e), ("film", "a"), ("film", "b")).effects[0] for e in (0.3, 3.0)
    )
    ratio = (small.detectable / small.difference) ** 2
    assert small.sessions_needed == np.ceil(300 * ratio)
    assert large.sessions_needed < small.sessions_needed


def test_compare_arms_refuses_a_single_trace(film):
    table = abr.simulate_many(film, [random_trace(1, 4e6)], ["bba-2", "bola-e"], starts=5)
    with pytest.raises(abr.PolicyError, match="at least two traces"):
        abr.compare_arms(table, ("film", "bba-2@2014"), ("film", "bola-e@sabre"))


def test_compare_arms_names_an_unknown_arm_or_metric(table):
    with pytest.raises(abr.PolicyError, match="has no arm of"):
        abr.compare_arms(table, ("film", "bba-9"), ("better", "bba-2@2014"))
    with pytest.raises(abr.PolicyError, match="unknown metric"):
        abr.compare_arms(table, ("film", "bba-2@2014"), ("better", "bba-2@2014"), primary="beauty")
