"""Verdicts: an arm against itself, a better one, one that breaks a guardrail; intervals that cover."""

import numpy as np
import pytest

import abr
from tests.abr.conftest import random_trace


@pytest.fixture(scope="module")
def table(film):
    traces = [random_trace(seed, 4e6) for seed in range(24)]
    better = abr.Presentation("better", film.rungs, film.durations, film.sizes, np.minimum(film.vmaf + 3, 100))
    fat = abr.Presentation("fat", film.rungs, film.durations, film.sizes * 2, np.minimum(film.vmaf + 3, 100))
    return abr.simulate_many([film, better, fat, abr.renamed(film, "same")], traces, ["bba-2", "bola-e"], starts=3)


def test_more_vmaf_for_the_same_bytes_ships(table):
    result = abr.compare(table, ("film", "bba-2@2014"), ("better", "bba-2@2014"))
    assert result.verdict == "ship"
    assert result.sessions == 72
    assert result.traces == 24
    primary = next(e for e in result.effects if e.metric == "vmaf_mean")
    assert primary.ci95[0] > 0
    assert primary.adjusted < 0.05
    assert len(result.reasons) == 5


def test_an_arm_against_itself_holds(table):
    result = abr.compare(table, ("film", "bba-2@2014"), ("same", "bba-2@2014"))
    assert result.verdict == "hold"
    assert all(e.difference == 0 and e.adjusted == 1 for e in result.effects)


def test_twice_the_bytes_stops(table):
    result = abr.compare(table, ("film", "bola-e@sabre"), ("fat", "bola-e@sabre"))
    assert result.verdict == "stop"
    assert any("is broken" in reason for reason in result.reasons)


def test_shares_of_ladder_and_policy_add_up(table):
    share = abr.shares(table, ("film", "better"), ("bba-2@2014", "bola-e@sabre"), "vmaf_mean")
    assert share["ladder"] + share["policy"] == pytest.approx(share["together"])
    assert 0 < share["ladder"] <= 3


def test_the_clustered_interval_covers_where_a_naive_one_does_not():
    from abr.interval import cluster_interval

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


def test_an_unknown_arm_or_metric_is_told(table):
    with pytest.raises(abr.PolicyError, match="no arm is"):
        abr.compare(table, ("film", "bba-9"), ("better", "bba-2@2014"))
    with pytest.raises(abr.PolicyError, match="no metric is called"):
        abr.compare(table, ("film", "bba-2@2014"), ("better", "bba-2@2014"), primary="beauty")
