"""The offline bound: no policy exceeds the upper bound, and a session reaches the lower bound."""

import itertools

import numpy as np
import pytest

import abr
from tests.abr.conftest import random_trace
from tests.abr.fixed_plan import fixed_plan


def simulate_objectives(film, traces, names):
    table = abr.simulate_many(film, traces, names)
    return abr.objective(table["qoe_lin"], table["startup_delay"]).reshape(len(names), len(traces))


def test_offline_bound_exceeds_every_policy_and_its_plan_reaches_the_lower_bound(film, networks):
    traces = [*networks, *(random_trace(seed, 2.5e6) for seed in range(20, 23))]
    short = slice(0, 30)
    film = abr.Presentation(film.title, film.rungs, film.durations[short], film.sizes[short], film.vmaf[short])
    best = simulate_objectives(film, traces, list(abr.REGISTRY)).max(axis=0)
    gaps = []
    for trace, reached in zip(traces, best, strict=True):
        bound = abr.offline_bound(film, trace)
        assert reached <= bound.upper + 1e-6
        played = abr.simulate(film, trace, fixed_plan(bound.rungs)).metrics
        assert abr.objective(played["qoe_lin"], played["startup_delay"]) == pytest.approx(bound.lower, abs=1e-6)
        assert bound.lower <= bound.upper
        gaps.append(bound.gap)
    assert np.median(gaps) < 0.02


def test_offline_bound_of_a_small_presentation_is_the_best_of_all_plans(film):
    small = abr.Presentation("small", film.rungs[:3], film.durations[:5], film.sizes[:5, :3], film.vmaf[:5, :3])
    for seed in range(3):
        trace = random_trace(seed, 1.2e6)
        for buffer in (8.0, 60.0):
            bound = abr.offline_bound(small, trace, buffer=buffer)
            best = -np.inf
            for plan in itertools.product(range(3), repeat=5):
                metrics = abr.simulate(small, trace, fixed_plan(plan), buffer=buffer).metrics
                best = max(best, abr.objective(metrics["qoe_lin"], metrics["startup_delay"]))
            assert bound.lower <= best + 1e-9
            assert best <= bound.upper + 1e-9
            assert bound.upper == pytest.approx(best, abs=1e-6)


def test_offline_bound_does_not_fall_with_throughput_or_lower_latency(film):
    trace = random_trace(3, 1.5e6)
    bounds = [abr.offline_bound(film, trace.scaled(factor)) for factor in (0.7, 1.0, 1.4)]
    for worse, better in itertools.pairwise(bounds):
        assert worse.lower <= better.upper
        assert worse.upper <= better.upper * 1.02
    quick = abr.Trace("quick", trace.durations, trace.rates, np.zeros_like(trace.latencies))
    assert bounds[1].lower <= abr.offline_bound(film, quick).upper


def test_simulate_many_computes_the_regret_from_the_offline_bound(film, networks):
    table = abr.simulate_many(film, networks, ["bba-0", "robust-mpc"], regret=True)
    assert (table["regret"] >= -1e-6).all()
    upper = abr.offline_bound(film, networks[2]).upper
    reached = abr.objective(table["qoe_lin"][2], table["startup_delay"][2])
    assert table["regret"][2] == pytest.approx(upper - reached)


def test_offline_bound_refuses_a_session_model_that_it_does_not_cover(film, networks):
    with pytest.raises(abr.PolicyError, match="bound covers"):
        abr.offline_bound(film, networks[0], model="pensieve")


@pytest.mark.parametrize("rungs", [1, 3])
def test_simulate_many_computes_the_regret_of_one_segment(rungs):
    ladder = tuple(abr.Rung(f"{n}", 1_000_000 * n) for n in range(1, rungs + 1))
    film = abr.Presentation("short", ladder, [4.0], np.full((1, rungs), 500_000))
    trace = abr.Trace("steady", [10], [2.5e6], [0.05])
    table = abr.simulate_many(film, trace, "throughput", starts=abr.start_offsets(trace, 2), regret=True)
    assert len(table) == 2
    assert (np.asarray(table["regret"]) >= -1e-6).all()
