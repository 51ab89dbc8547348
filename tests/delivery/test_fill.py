"""Plans are optimal where brute force can tell, and near the bound of the relaxation elsewhere."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import abr
import delivery
from delivery.fill import exact_plan, fill_plan, greedy_plan
from delivery.fill.exact_plan import solve_exactly
from delivery.fill.fill_bound import SMOOTHING, Prices, find_prices, upper_bound
from delivery.fill.fill_problem import RegionProblem
from delivery.fill.greedy_plan import solve_greedily


def problem(seed, files, sites, *, cost=0.0, capacity=0.7):
    rng = np.random.default_rng(seed)
    sizes = rng.lognormal(0, 0.8, files)
    demand = np.arange(1, files + 1) ** -0.8 * rng.lognormal(0, 0.5, files)
    share = sizes.sum() / sites * rng.uniform(0.2, 0.6, sites)
    served = demand.sum() * capacity / sites * rng.uniform(0.5, 1.5, sites)
    return RegionProblem(sizes, demand, share, 0.7 * share, served, rng.random((sites, files)) < 0.2, cost)


def brute_force(p):
    """Return the best value over all sets of held files; the service is the largest flow from files to sites."""
    sites, files = p.held.shape
    best = 0.0
    for bits in itertools.product((False, True), repeat=sites * files):
        holds = np.array(bits).reshape(sites, files)
        copied = (holds & ~p.held) @ p.sizes
        if np.any(holds @ p.sizes > p.disk) or np.any(copied > p.fill):
            continue
        # smallest cut: each set of sites serves at most its capacity, and the others what they hold
        flow = min(
            p.capacity[list(cut)].sum() + p.demand[np.delete(holds, list(cut), axis=0).any(axis=0)].sum()
            for size in range(sites + 1)
            for cut in itertools.combinations(range(sites), size)
        )
        best = max(best, flow - p.replacement_cost * copied.sum())
    return best


def check(p, allocation):
    assert np.all(allocation.holds @ p.sizes <= p.disk * (1 + 1e-9))
    assert np.all((allocation.holds & ~p.held) @ p.sizes <= p.fill * (1 + 1e-9))
    assert np.all(allocation.served.sum(axis=1) <= p.capacity * (1 + 1e-9))
    assert np.all(allocation.served.sum(axis=0) <= p.demand * (1 + 1e-9))
    assert np.all((allocation.served == 0) | allocation.holds)
    assert p.value(allocation) <= allocation.bound * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cost", [0.0, 0.05])
def test_solve_exactly_equals_brute_force(seed, cost):
    p = problem(seed, 5, 2, cost=cost) if seed % 2 else problem(seed, 10, 1, cost=cost)
    best = brute_force(p)
    exact, greedy = solve_exactly(p), solve_greedily(p)
    check(p, exact)
    check(p, greedy)
    assert p.value(exact) == pytest.approx(best, rel=1e-6)
    assert exact.bound == pytest.approx(best, rel=1e-6)
    assert greedy.bound >= best * (1 - 1e-9)


@pytest.mark.parametrize("unit", [1e-6, 1e12])
def test_solve_exactly_bounds_the_value_in_any_unit(unit):
    p = problem(2, 8, 2)
    scaled = replace(p, demand=p.demand * unit, capacity=p.capacity * unit)
    exact = solve_exactly(scaled)
    assert scaled.value(exact) == pytest.approx(unit * p.value(solve_exactly(p)), rel=1e-6)
    assert exact.bound == pytest.approx(scaled.value(exact), rel=1e-6)


def test_solve_exactly_holds_nothing_without_demand():
    p = replace(problem(1, 4, 2), demand=np.zeros(4), held=np.zeros((2, 4), np.bool_))
    exact = solve_exactly(p)
    assert not exact.holds.any() and exact.bound == p.value(exact) == 0


def test_plan_fill_reports_the_bound_of_a_solver_that_ended_early(monkeypatch):
    def end_early(cost, **arguments):
        # the first file only, and a bound of all demand
        solution = np.zeros(len(cost))
        solution[[0, len(cost) // 2]] = 1
        return SimpleNamespace(x=solution, mip_dual_bound=cost[cost < 0].sum())

    monkeypatch.setattr(exact_plan, "milp", end_early)
    files = [delivery.FillFile("a", "low", 5), delivery.FillFile("a", "high", 8)]
    sites = [replace(SITE, name=region, region=region) for region in ("fr", "de")]
    plan = delivery.plan_fill(sites, files, {"fr": [3, 1], "de": [6, 2]})
    assert (plan.value, plan.bound) == (3 + 6, 4 + 8)
    assert plan.gap == pytest.approx(0.25)


def test_plan_fill_is_greedy_when_the_solver_finds_nothing_in_its_time(monkeypatch):
    monkeypatch.setattr(exact_plan, "milp", lambda *arguments, **options: SimpleNamespace(x=None))
    files = [delivery.FillFile("a", "low", 5), delivery.FillFile("a", "high", 8)]
    plan = delivery.plan_fill([SITE], files, {"all": [3, 4]})
    assert plan.methods == {"all": "greedy"}
    assert plan.sites[0].files == (files[1],)


def test_plan_fill_solves_exactly_up_to_its_limit_of_pairs(monkeypatch):
    files = [delivery.FillFile("a", str(n), 5) for n in range(3)]
    for limit, method in ((3, "exact"), (2, "greedy")):
        monkeypatch.setattr(fill_plan, "MAX_EXACT_PAIRS", limit)
        assert delivery.plan_fill([SITE], files, {"all": [3, 4, 1]}).methods == {"all": method}


def test_plan_fill_has_no_gap_and_no_offload_without_demand():
    plan = delivery.plan_fill([SITE], [delivery.FillFile("a", "low", 5)], {"all": [0]})
    assert (plan.value, plan.bound, plan.gap, plan.offload) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"disk": np.zeros(0), "held": np.zeros((0, 3), np.bool_)},
        {"held": np.zeros((3, 2), np.bool_)},
        {"demand": np.ones(2)},
        {"sizes": np.ones(0), "demand": np.ones(0), "held": np.zeros((2, 0), np.bool_)},
    ],
)
def test_region_problem_refuses_arrays_that_do_not_fit(change):
    with pytest.raises(delivery.FillError, match=r"^demand has shape .*, held .*, for \d x \d$"):
        replace(problem(1, 3, 2), **change)


def test_draw_chooses_sites_with_the_probabilities_of_the_relaxation():
    files, sites = 20_000, 3
    p = RegionProblem(np.ones(files), np.ones(files), *np.full((3, sites), np.inf), np.ones((sites, files), np.bool_))
    width = SMOOTHING[-1]
    prices = Prices(width * np.array([2.0, 1.0, 0.0]), np.zeros(sites), np.zeros(sites))
    chosen, _ = greedy_plan._draw(p, prices)
    expected = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    # four standard deviations of 20,000 draws
    assert np.bincount(chosen) / files == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize(("files", "sites"), [(2000, 1), (2000, 4)])
def test_solve_greedily_is_within_1_percent_of_the_bound(files, sites):
    p = problem(3, files, sites, cost=0.001)
    allocation = solve_greedily(p)
    check(p, allocation)
    assert p.value(allocation) >= 0.99 * allocation.bound


def test_solve_greedily_does_not_depend_on_the_size_of_blocks(monkeypatch):
    p = problem(5, 300, 4, cost=0.001)
    whole = solve_greedily(p)
    monkeypatch.setattr(greedy_plan, "BLOCK", 7)
    parts = solve_greedily(p)
    assert np.array_equal(parts.holds, whole.holds)
    assert p.value(parts) == p.value(whole)


def test_upper_bound_holds_for_any_prices():
    p = problem(4, 10, 1)
    best = brute_force(p)
    rng = np.random.default_rng(0)
    for _ in range(50):
        prices = Prices(*rng.exponential(0.2, (3, 1)))
        assert upper_bound(p, prices) >= best * (1 - 1e-9)


def test_find_prices_reach_the_fractional_knapsack():
    rng = np.random.default_rng(1)
    sizes, demand = rng.lognormal(0, 0.5, 3000), rng.lognormal(0, 1, 3000)
    none = np.array([np.inf])
    p = RegionProblem(sizes, demand, np.array([sizes.sum() / 4]), none, none, np.zeros((1, 3000), np.bool_))
    order = np.argsort(-demand / sizes)
    room = np.clip(p.disk[0] - (np.cumsum(sizes[order]) - sizes[order]), 0, sizes[order])
    optimum = float(np.sum(demand[order] * room / sizes[order]))
    assert optimum <= upper_bound(p, find_prices(p)) <= 1.001 * optimum


SITE = delivery.Site("one", "", "all", 10.0)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"demand": {"all": [float("nan"), 1]}}, "the demand of file 0 is nan"),
        ({"demand": {"all": [-1, 1]}}, "the demand of file 0 is -1"),
        ({"sites": [SITE, SITE]}, "two sites have the name one"),
        ({"demand": {"all": [1, 2, 3]}}, "the demand of all has 3 numbers for 2 files"),
        ({"demand": {"all": [1, 2], "moon": [1]}}, "the demand of moon has 1 numbers for 2 files"),
        ({"files": [], "demand": {"all": []}}, "there are no files"),
    ],
)
def test_plan_fill_names_invalid_input(change, fault):
    files = [delivery.FillFile("a", "low", 5), delivery.FillFile("a", "high", 8)]
    arguments = {"sites": [SITE], "files": files, "demand": {"all": [3, 4]}} | change
    with pytest.raises(delivery.FillError, match=fault):
        delivery.plan_fill(**arguments)


@pytest.mark.parametrize("disk", [0.0, -1.0, float("nan"), float("inf")])
def test_site_refuses_a_disk_without_capacity(disk):
    with pytest.raises(delivery.FillError, match="site one: the disk is"):
        delivery.Site("one", "", "all", disk)


@pytest.mark.parametrize("name", ["throughput", "fill_rate", "fill_seconds"])
def test_site_refuses_numbers_that_are_not_above_zero(name):
    for value in (0.0, -1.0, float("nan")):
        with pytest.raises(delivery.FillError, match=f"^site one: {name} is {value}, expected a number > 0$"):
            replace(SITE, **{name: value})


def test_region_problem_names_the_site_or_cost_that_is_not_valid():
    p = problem(1, 3, 2)
    for name in ("disk", "fill", "capacity"):
        with pytest.raises(delivery.FillError, match=f"^the {name} of site 1 is nan, expected a number >= 0$"):
            replace(p, **{name: np.array([1.0, np.nan])})
    with pytest.raises(delivery.FillError, match=r"^the replacement cost is inf, expected a finite number >= 0$"):
        replace(p, replacement_cost=np.inf)


def test_plan_fill_names_sites_without_demand():
    files = [delivery.FillFile("a", "low", 5)]
    plan = delivery.plan_fill([SITE, replace(SITE, name="two", region="moon")], files, {"all": [3]})
    assert [each.site.name for each in plan.sites] == ["one"]
    assert plan.notes == ("no demand in the region of two; these sites are not in the plan",)


def test_bytes_per_view_needs_a_trace():
    pres = abr.Presentation("video", (abr.Rung("low", 1_000_000),), np.full(2, 4.0), np.full((2, 1), 500_000))
    with pytest.raises(delivery.FillError, match="needs at least one network trace"):
        delivery.bytes_per_view(pres, [], "throughput")


def test_seconds_until_fill_counts_over_midnight():
    site = replace(SITE, fill_start=22 * 3600.0, fill_seconds=4 * 3600.0)
    assert [site.seconds_until_fill(hour * 3600) for hour in (21, 22, 1, 2)] == [3600, 0, 0, 20 * 3600]


def test_plan_fill_reports_what_is_new_and_removed():
    files = [delivery.FillFile("a", "low", 5), delivery.FillFile("a", "high", 8)]
    plan = delivery.plan_fill([SITE], files, {"all": [3, 4], "moon": [1, 0]}, held={"one": {files[0]}})
    (site,) = plan.sites
    assert (site.files, site.new, site.removed) == ((files[1],), (files[1],), (files[0],))
    assert plan.offload == pytest.approx(4 / 8) and plan.gap == pytest.approx(0)
    assert plan.notes == ("no site serves the region moon; its demand goes to the origin",)
    costly = delivery.plan_fill([SITE], files, {"all": [3, 4]}, held={"one": {files[0]}}, replacement_cost=0.5)
    assert costly.sites[0].files == (files[0],)


def test_plan_fill_gives_the_second_tier_what_the_first_leaves():
    files = [delivery.FillFile("t", str(n), 10) for n in range(4)]
    sites = [
        delivery.Site("fr-1", "", "fr", 10),
        delivery.Site("de-1", "", "de", 10),
        delivery.Site("exchange", "", "eu", 20, tier=2, regions=("fr", "de")),
    ]
    plan = delivery.plan_fill(sites, files, {"fr": [9.0, 5.0, 1.0, 0.0], "de": [2.0, 7.0, 0.0, 4.0]})
    held = {each.site.name: {file.rung for file in each.files} for each in plan.sites}
    assert held["fr-1"] == {"0"} and held["de-1"] == {"1"}
    # left: fr 5 of rung 1 and 1 of rung 2, de 2 of rung 0 and 4 of rung 3
    assert held["exchange"] == {"1", "3"}
    assert plan.offload == pytest.approx((9 + 7 + 5 + 4) / 28)
    assert any("tiers below" in note for note in plan.notes)


def test_bytes_per_view_are_those_of_the_rungs_that_networks_allow():
    rungs = (abr.Rung("low", 1_000_000), abr.Rung("high", 3_000_000))
    pres = abr.Presentation("video", rungs, np.full(30, 4.0), np.full((30, 2), [500_000, 1_500_000]))
    slow, fast = (abr.Trace(name, [100], [rate], [0.01]) for name, rate in (("slow", 1.2e6), ("fast", 50e6)))
    assert delivery.bytes_per_view(pres, [slow], "throughput").tolist() == [15_000_000, 0]
    low, high = delivery.bytes_per_view(pres, [slow, fast], "throughput")
    assert low > 7_500_000 and high > 20_000_000
    assert low / 500_000 + high / 1_500_000 == pytest.approx(30)
