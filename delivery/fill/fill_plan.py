"""Plan what each site holds, region by region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from delivery.errors import FillError
from delivery.fill.exact_plan import MAX_EXACT_PAIRS, solve_exactly
from delivery.fill.fill_problem import Allocation, RegionProblem
from delivery.fill.greedy_plan import solve_greedily
from shotladder_runtime.progress import Progress, progress_callback

__all__ = ["FillFile", "FillPlan", "Site", "SitePlan", "plan_fill"]

#: Fraction of the peak throughput that a day's demand takes on average; chosen by hand: the evening peak is about twice
#: the mean of a day.
MEAN_TO_PEAK = 0.5
SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class FillFile:
    """A rung of a presentation, the unit that a site holds.

    Attributes
    ----------
    presentation, rung : str
        Names.
    size : int
        Bytes.
    """

    presentation: str
    rung: str
    size: int


@dataclass(frozen=True, slots=True)
class Site:
    """An edge.

    Attributes
    ----------
    name, url, region : str
        `url` is where files are published; empty if the plan is only exported.
    disk : float
        Bytes that it can store.
    throughput : float
        Maximum throughput to viewers, bit/s.
    fill_rate : float
        Throughput of copies to the site, bit/s.
    fill_seconds : float
        Length of the fill window, s per day.
    """

    name: str
    url: str
    region: str
    disk: float
    throughput: float = np.inf
    fill_rate: float = np.inf
    fill_seconds: float = SECONDS_PER_DAY

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not (np.isfinite(self.disk) and self.disk > 0):
            raise FillError(f"site {self.name}: the disk is {self.disk} bytes, expected a finite number > 0")
        for name in ("throughput", "fill_rate", "fill_seconds"):
            if not getattr(self, name) > 0:
                raise FillError(f"site {self.name}: {name} is {getattr(self, name)}, expected a number > 0")


@dataclass(frozen=True, slots=True)
class SitePlan:
    """What one site holds.

    Attributes
    ----------
    site : Site
    files, new, removed : tuple of FillFile
        The files that it holds; those of them to copy; those to delete.
    served : float
        Bytes that it serves per day.
    """

    site: Site
    files: tuple[FillFile, ...]
    new: tuple[FillFile, ...]
    removed: tuple[FillFile, ...]
    served: float


@dataclass(frozen=True, slots=True)
class FillPlan:
    """The plan of all sites.

    Attributes
    ----------
    sites : tuple of SitePlan
    demand : float
        Bytes that viewers request per day.
    value, bound : float
        Bytes served less the cost of copies, and the upper bound of this value.
    methods : dict
        "exact" or "greedy" by region.
    notes : tuple of str
    """

    sites: tuple[SitePlan, ...]
    demand: float
    value: float
    bound: float
    methods: Mapping[str, str]
    notes: tuple[str, ...] = field(default=())

    @property
    def offload(self) -> float:
        """Fraction of the demand that the sites serve."""
        return sum(each.served for each in self.sites) / self.demand if self.demand else 0.0

    @property
    def gap(self) -> float:
        """Difference between the bound and the value as a fraction of the bound."""
        return max(1 - self.value / self.bound, 0.0) if self.bound > 0 else 0.0


def plan_fill(
    sites: Sequence[Site],
    files: Sequence[FillFile],
    demand: Mapping[str, Sequence[float]],
    *,
    held: Mapping[str, set[FillFile]] | None = None,
    replacement_cost: float = 0.0,
    progress: bool | Progress | None = None,
) -> FillPlan:
    """Return which files each site should hold.

    Parameters
    ----------
    sites : sequence of Site
    files : sequence of FillFile
    demand : mapping
        Bytes per day that viewers request of each file, by region.
    held : mapping, optional
        Files that a site holds already, by its name.
    replacement_cost : float
        Bytes served per day that one copied byte must be worth.
    progress : bool or callable, optional
        Called with (regions done, regions).

    Raises
    ------
    FillError
        When a number is not valid, or no site serves a region.
    """
    held = held or {}
    report = progress_callback(progress, "fill")
    names = [site.name for site in sites]
    if len(set(names)) < len(names):
        raise FillError(f"two sites have the name {next(name for name in names if names.count(name) > 1)}")
    plans: dict[str, SitePlan] = {}
    notes, methods = [], {}
    value = bound = 0.0
    for number, (region, wanted) in enumerate(demand.items()):
        here = [site for site in sites if site.region == region]
        if not here:
            notes.append(f"no site serves the region {region}; its demand goes to the origin")
            continue
        problem = _make_problem(here, files, wanted, held, replacement_cost)
        allocation = _solve(problem)
        methods[region] = allocation.method
        value += problem.value(allocation)
        bound += allocation.bound
        for row, site in enumerate(here):
            plans[site.name] = _site_plan(site, files, problem, allocation, row)
        report(number + 1, len(demand))
    unused = [site.name for site in sites if site.region not in demand]
    if unused:
        notes.append(f"no demand in the region of {', '.join(unused)}; these sites are not in the plan")
    total = float(sum(np.sum(each) for each in demand.values()))
    ordered = tuple(plans[name] for name in names if name in plans)
    return FillPlan(ordered, total, value, bound, methods, tuple(notes))


def _solve(problem: RegionProblem) -> Allocation:
    if problem.held.size <= MAX_EXACT_PAIRS:
        exact = solve_exactly(problem)
        if exact is not None:
            return exact
    return solve_greedily(problem)


def _make_problem(
    sites: Sequence[Site],
    files: Sequence[FillFile],
    demand: Sequence[float],
    held: Mapping[str, set[FillFile]],
    replacement_cost: float,
) -> RegionProblem:
    return RegionProblem(
        np.array([file.size for file in files], np.float64),
        np.asarray(demand, np.float64),
        np.array([site.disk for site in sites], np.float64),
        np.array([site.fill_rate * site.fill_seconds / 8 for site in sites]),
        np.array([site.throughput * SECONDS_PER_DAY * MEAN_TO_PEAK / 8 for site in sites]),
        np.array([[file in held.get(site.name, ()) for file in files] for site in sites], np.bool_),
        replacement_cost,
    )


def _site_plan(
    site: Site, files: Sequence[FillFile], problem: RegionProblem, allocation: Allocation, row: int
) -> SitePlan:
    holds, held = allocation.holds[row], problem.held[row]

    def choose(flags: np.ndarray) -> tuple[FillFile, ...]:
        return tuple(files[index] for index in np.flatnonzero(flags).tolist())

    return SitePlan(
        site, choose(holds), choose(holds & ~held), choose(held & ~holds), float(allocation.served[row].sum())
    )
