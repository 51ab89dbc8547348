"""Allocations of large fill problems: by density at the prices of the relaxation, then by local repair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from delivery.fill.fill_bound import SMOOTHING, Prices, file_worth, find_prices, upper_bound
from delivery.fill.fill_problem import Allocation, RegionProblem

__all__ = ["solve_greedily"]

#: Files on each side of a site's threshold that a repair tries to exchange (chosen by hand).
EXCHANGED = 200
#: Exchanges per site (chosen by hand).
MAX_EXCHANGES = 200
#: Pairs of a file and a site that are looked at together (chosen by hand: some MB).
BLOCK = 100_000
#: Seed of the drawn sites, so that a plan is the same in every run.
SEED = 1


def solve_greedily(problem: RegionProblem) -> Allocation:
    """Return an allocation and the bound of the linear relaxation.

    Notes
    -----
    Each pair of a file and a site has a density: its worth at the prices of the relaxation, per byte. Pairs are taken
    in decreasing order while they fit. Sites of a region have nearly the same prices, so that the site of each file is
    drawn first with the probabilities of the smoothed relaxation, which uses disk and service of every site to the same
    extent as the optimum. Prices of 0 are tried as well, because the smoothed prices of few files are not accurate. A
    third order gives each file to the site with the most service left per byte of disk left, so that both end
    together. The best of the three is returned.
    """
    prices = find_prices(problem)
    sites = len(problem.disk)
    free = Prices(np.zeros(sites), np.zeros(sites), np.zeros(sites))
    bound = min(upper_bound(problem, prices), upper_bound(problem, free))
    best: Allocation | None = None
    for each, is_balanced in ((prices, False), (free, False), (free, True)):
        state = _State(problem)
        if is_balanced:
            state.take_balanced()
        elif each is prices and sites > 1:
            state.take(*_draw(problem, prices))
        state.take(*_order(problem, each))
        for site in range(sites):
            state.exchange(site)
        found = Allocation(state.holds, state.served, bound, "greedy")
        # only the best is kept: an allocation of many files takes much memory
        if best is None or problem.value(found) > problem.value(best):
            best = found
    assert best is not None
    return best


#: Files or sites by index.
Indices = NDArray[np.int32]


def _order(problem: RegionProblem, prices: Prices) -> tuple[Indices, Indices]:
    """Return the sites and files of all pairs that serve something, in decreasing order of density."""
    # single precision: there may be tens of millions of pairs
    density = np.empty(problem.held.shape, np.float32)
    for site in range(len(problem.disk)):
        density[site] = file_worth(problem, prices, site) / problem.sizes
    density[:, problem.demand == 0] = -np.inf
    count = int(np.isfinite(density).sum())
    np.negative(density, out=density)
    order = np.argsort(density, axis=None, kind="stable")[:count]
    sites, files = np.divmod(order, len(problem.sizes))
    return sites.astype(np.int32), files.astype(np.int32)


def _draw(problem: RegionProblem, prices: Prices) -> tuple[Indices, Indices]:
    """Return one site for each file that is worth its prices, in decreasing order of density."""
    rng = np.random.default_rng(SEED)
    worth = np.stack([file_worth(problem, prices, site) for site in range(len(problem.disk))])
    width = SMOOTHING[-1] * float(problem.demand.sum()) / len(problem.sizes)
    # the largest of values with Gumbel noise has the probabilities of the softmax
    chosen = np.argmax(worth / width + rng.gumbel(size=worth.shape), axis=0)
    density = worth[chosen, np.arange(len(chosen))] / problem.sizes
    order = np.argsort(-density, kind="stable")
    order = order[(density[order] > 0) & (problem.demand[order] > 0)]
    return chosen[order].astype(np.int32), order.astype(np.int32)


class _State:
    """An allocation under construction, and what remains of each budget."""

    def __init__(self, problem: RegionProblem) -> None:
        self.problem = problem
        self.holds = np.zeros(problem.held.shape, np.bool_)
        self.served = np.zeros(problem.held.shape)
        self.disk, self.fill, self.capacity = problem.disk.copy(), problem.fill.copy(), problem.capacity.copy()
        self.unserved = problem.demand.copy()

    def take(self, sites: Indices, files: Indices) -> None:
        """Place files in the given order where they fit and are worth their cost."""
        problem = self.problem
        for start in range(0, len(files), BLOCK):
            block = slice(start, start + BLOCK)
            # what does not fit now does not fit later either
            fits = (self.unserved[files[block]] > 0) & (problem.sizes[files[block]] <= self.disk[sites[block]])
            fits &= self.capacity[sites[block]] > 0
            self._take_block(sites[block][fits].tolist(), files[block][fits].tolist())

    def _take_block(self, sites: list[int], files: list[int]) -> None:
        problem, cost = self.problem, self.problem.replacement_cost
        sizes, held = problem.sizes, problem.held
        disk, fill, capacity = self.disk.tolist(), self.fill.tolist(), self.capacity.tolist()
        for site, file in zip(sites, files, strict=True):
            left, size = float(self.unserved[file]), float(sizes[file])
            if left <= 0 or size > disk[site]:
                continue
            is_new = not held[site, file]
            amount = min(left, capacity[site])
            if amount <= (cost * size if is_new else 0) or (is_new and size > fill[site]):
                continue
            disk[site] -= size
            if is_new:
                fill[site] -= size
            capacity[site] -= amount
            self.unserved[file] = left - amount
            self.holds[site, file], self.served[site, file] = True, amount
        self.disk, self.fill, self.capacity = np.array(disk), np.array(fill), np.array(capacity)

    def take_balanced(self) -> None:
        """Place files in decreasing order of density, each at the site with the most service left per byte of disk."""
        problem = self.problem
        for file in np.argsort(-problem.demand / problem.sizes, kind="stable").tolist():
            size, left = problem.sizes[file], problem.demand[file]
            while left > 0:
                new = ~problem.held[:, file]
                room = np.where(new, np.minimum(self.disk, self.fill), self.disk)
                cost = problem.replacement_cost * size * new
                can = (room >= size) & (np.minimum(self.capacity, left) > cost) & ~self.holds[:, file]
                if not can.any():
                    break
                if (can & ~new & (self.capacity >= left)).any():
                    can &= ~new & (self.capacity >= left)
                # unlimited service is more than any other
                ratio = np.where(can, np.minimum(self.capacity, 1e30) / (room + size), -1.0)
                site = int(np.argmax(ratio))
                left -= self._place(site, file, left)
            self.unserved[file] = left

    def _place(self, site: int, file: int, left: float) -> float:
        """Store a file at a site and return the demand that it serves there."""
        size = self.problem.sizes[file]
        amount = min(left, float(self.capacity[site]))
        self.disk[site] -= size
        self.fill[site] -= size * ~self.problem.held[site, file]
        self.capacity[site] -= amount
        self.holds[site, file], self.served[site, file] = True, amount
        return amount

    def exchange(self, site: int) -> None:
        """Replace single files of a site by others while the value increases."""
        for _ in range(MAX_EXCHANGES):
            out, new = self._exchange_candidates(site)
            if not len(out) or not len(new):
                return
            problem = self.problem
            copy_out, copy_in = (np.where(problem.held[site, each], 0.0, problem.sizes[each]) for each in (out, new))
            room = self.disk[site] + problem.sizes[out][:, None] >= problem.sizes[new]
            room &= self.fill[site] + copy_out[:, None] >= copy_in
            amount = np.minimum(self.unserved[new], self.capacity[site] + self.served[site, out][:, None])
            cost = problem.replacement_cost
            gain = np.where(
                room, amount - cost * copy_in - (self.served[site, out] - cost * copy_out)[:, None], -np.inf
            )
            row, column = np.unravel_index(int(np.argmax(gain)), gain.shape)
            if gain[row, column] <= 1e-9 * max(float(problem.demand.sum()), 1.0):
                return
            self._replace(site, int(out[row]), int(new[column]))

    def _exchange_candidates(self, site: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the files of a site with the lowest density, and the files of no site with the highest."""
        problem = self.problem
        mine = np.flatnonzero(self.holds[site])
        others = np.flatnonzero((self.unserved > 0) & ~self.holds[site])
        return (
            mine[_smallest(self.served[site, mine] / problem.sizes[mine])],
            others[_smallest(-self.unserved[others] / problem.sizes[others])],
        )

    def _replace(self, site: int, out: int, new: int) -> None:
        problem = self.problem
        self.disk[site] += problem.sizes[out] - problem.sizes[new]
        self.fill[site] += ~problem.held[site, out] * problem.sizes[out] - ~problem.held[site, new] * problem.sizes[new]
        self.unserved[out] += self.served[site, out]
        self.capacity[site] += self.served[site, out]
        self.holds[site, out], self.served[site, out] = False, 0.0
        amount = min(float(self.unserved[new]), float(self.capacity[site]))
        self.unserved[new] -= amount
        self.capacity[site] -= amount
        self.holds[site, new], self.served[site, new] = True, amount


def _smallest(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of the `EXCHANGED` smallest values, in a fixed order."""
    if len(values) <= EXCHANGED:
        return np.arange(len(values))
    return np.sort(np.argpartition(values, EXCHANGED)[:EXCHANGED])
