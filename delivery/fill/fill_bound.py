"""The bound of the linear relaxation of a fill problem, by its Lagrangian dual.

With a price for each byte of disk (p), of fill (q) and of service (t) at each site, a file is best placed at the site
where it is worth most, so that

    bound(p, q, t) = sum_s (p_s disk_s + q_s fill_s + t_s capacity_s)
                   + sum_i max(0, max_s (demand_i (1 - t_s) - size_i (p_s + new_si (cost + q_s))))

Every choice of prices >= 0 gives an upper bound, and the minimum over the prices is the optimum of the linear
relaxation (Fisher 1981, section 4, because the inner problem has integral solutions). The minimum is found by
L-BFGS-B on a function in which the maxima are smoothed; the bound itself is evaluated without smoothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from delivery.fill.fill_problem import Floats, RegionProblem

__all__ = ["Prices", "find_prices", "upper_bound"]

#: Widths of the smoothed maxima as fractions of the demand-weighted mean value of a file; chosen by hand: the last one
#: changes the bound of 10,000 files by less than 0.1 %.
SMOOTHING = (1.0, 0.3, 0.1, 0.03, 0.01)
#: Iterations of L-BFGS-B per width (chosen by hand).
ITERATIONS = 100
#: Pairs of a file and a site above which prices are found on a sample of the files; bounds the time (chosen by hand).
SAMPLED_PAIRS = 1_000_000


class Prices(NamedTuple):
    """Prices of a byte at each site, in bytes served; shape (sites,)."""

    disk: Floats
    fill: Floats
    service: Floats


def upper_bound(problem: RegionProblem, prices: Prices) -> float:
    """Return the upper bound of the value of any allocation that the prices prove, bytes per day."""
    worth = np.full(len(problem.sizes), 0.0)
    for site in range(len(problem.disk)):
        np.maximum(worth, file_worth(problem, prices, site), out=worth)
    return float(worth.sum()) + _budget_cost(problem, prices)


def file_worth(problem: RegionProblem, prices: Prices, site: int) -> Floats:
    """Return what each file is worth at a site, less the prices of what it uses there."""
    cost = prices.disk[site] + ~problem.held[site] * (problem.replacement_cost + prices.fill[site])
    worth: Floats = problem.demand * (1 - prices.service[site]) - problem.sizes * cost
    return worth


def _budget_cost(problem: RegionProblem, prices: Prices) -> float:
    budgets = (problem.disk, problem.fill, problem.capacity)
    # an unlimited budget has the price 0
    return sum(
        float(np.sum(price[np.isfinite(budget)] * budget[np.isfinite(budget)]))
        for price, budget in zip(prices, budgets, strict=True)
    )


def find_prices(problem: RegionProblem) -> Prices:
    """Return prices with nearly the smallest bound."""
    scale = float(problem.demand.sum()) or 1.0
    sample, counts = _sample(problem)
    sites = len(problem.disk)
    # prices in units of the mean demand per byte, so that all variables have one order of magnitude
    unit = scale / float(problem.sizes.sum())
    units = np.repeat([unit, unit, 1.0], sites)
    budgets = np.concatenate([problem.disk, problem.fill, problem.capacity])
    upper = [0.0 if not np.isfinite(budget) else None for budget in budgets]
    budgets = np.where(np.isfinite(budgets), budgets, 0.0)
    if sites > 1:
        # one site with the budgets of all has the same dual with equal prices, and three variables only
        merged = find_prices(_merge_sites(problem))
        start = np.repeat(np.concatenate(merged), sites) / units * (budgets > 0)
        widths: tuple[float, ...] = SMOOTHING[-2:]
    else:
        start = np.array([float(np.isfinite(problem.disk[0])), 0.0, 0.0])
        widths = SMOOTHING
    mean = scale / len(problem.sizes)

    def smoothed(variables: Floats, width: float) -> tuple[float, Floats]:
        prices = variables * units
        value, slopes = _smooth_worth(sample, counts, Prices(*np.split(prices, 3)), width)
        return (value + prices @ budgets) / scale, (slopes + budgets) * units / scale

    limits = [(0.0, limit) for limit in upper]
    best, least = start, upper_bound(problem, Prices(*np.split(start * units, 3)))
    for width in widths:
        found = minimize(
            smoothed, best, (width * mean,), "L-BFGS-B", jac=True, bounds=limits, options={"maxiter": ITERATIONS}
        )
        bound = upper_bound(problem, Prices(*np.split(found.x * units, 3)))
        if bound < least:
            best, least = found.x, bound
    return Prices(*np.split(best * units, 3))


def _merge_sites(problem: RegionProblem) -> RegionProblem:
    """Return the problem with one site that has the budgets of all; its optimum is at least as large."""
    return RegionProblem(
        problem.sizes,
        problem.demand,
        problem.disk.sum(keepdims=True),
        problem.fill.sum(keepdims=True),
        problem.capacity.sum(keepdims=True),
        np.logical_or.reduce(problem.held, axis=0, keepdims=True),
        problem.replacement_cost,
    )


def _sample(problem: RegionProblem) -> tuple[RegionProblem, Floats]:
    """Return a problem with fewer files, and how many files each of them stands for: 1 for those of most demand."""
    count, room = len(problem.sizes), SAMPLED_PAIRS // len(problem.disk)
    if count <= room:
        return problem, np.ones(count)
    order = np.argsort(-problem.demand, kind="stable")
    first, rest = order[: room // 2], order[room // 2 :]
    rest = rest[np.argsort(problem.demand[rest] / problem.sizes[rest], kind="stable")]
    chosen = rest[np.linspace(0, len(rest) - 1, room - len(first)).astype(np.int64)]
    weights = np.concatenate([np.ones(len(first)), np.full(len(chosen), len(rest) / len(chosen))])
    chosen = np.concatenate([first, chosen])
    sample = RegionProblem(
        problem.sizes[chosen],
        problem.demand[chosen],
        problem.disk,
        problem.fill,
        problem.capacity,
        problem.held[:, chosen],
        problem.replacement_cost,
    )
    return sample, weights


def _smooth_worth(problem: RegionProblem, counts: Floats, prices: Prices, width: float) -> tuple[float, Floats]:
    """Return the sum of the smoothed maxima times `counts`, and its derivatives by the prices, shape (3 sites,)."""
    sites = range(len(problem.disk))
    worth = np.stack([file_worth(problem, prices, site) for site in sites]) / width
    top = np.maximum(worth.max(axis=0), 0.0)
    weights = np.exp(worth - top)
    total = weights.sum(axis=0) + np.exp(-top)
    weights *= counts / total
    # einsum without BLAS, whose threads wait for each other on a busy machine
    used = np.einsum("sf,f->s", weights, problem.sizes)
    new = np.einsum("sf,sf,f->s", weights, ~problem.held, problem.sizes)
    served = np.einsum("sf,f->s", weights, problem.demand)
    return float(width * np.sum(counts * (top + np.log(total)))), -np.concatenate([used, new, served])
