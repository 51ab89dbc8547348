"""Plan what each site holds, region by region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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
#: Highest tier (chosen by hand: embedded, exchange, region, and one to spare).
MAX_TIER = 4


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
    fill_start : float
        Start of the fill window, s after midnight UTC.
    tier : int
        Tier 1 serves viewers first; what it leaves goes to tier 2, and so on, and the rest to the origin.
    regions : tuple of str
        Regions that the site serves; empty for its own.
    """

    name: str
    url: str
    region: str
    disk: float
    throughput: float = np.inf
    fill_rate: float = np.inf
    fill_seconds: float = SECONDS_PER_DAY
    fill_start: float = 0.0
    tier: int = 1
    regions: tuple[str, ...] = ()

    @property
    def served_regions(self) -> tuple[str, ...]:
        """Regions that the site serves, sorted."""
        return tuple(sorted(set(self.regions or (self.region,))))

    def seconds_until_fill(self, now: float) -> float:
        """Return the time until the fill window is open, s; 0 while it is open.

        Parameters
        ----------
        now : float
            s after midnight UTC.

        Examples
        --------
        >>> site = Site("a", "", "fr", 1e12, fill_start=22 * 3600, fill_seconds=4 * 3600)
        >>> site.seconds_until_fill(21 * 3600), site.seconds_until_fill(3600), site.seconds_until_fill(2 * 3600)
        (3600.0, 0.0, 72000.0)
        """
        since = (now - self.fill_start) % SECONDS_PER_DAY
        return 0.0 if since < self.fill_seconds else SECONDS_PER_DAY - since

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not (np.isfinite(self.disk) and self.disk > 0):
            raise FillError(f"site {self.name}: the disk is {self.disk} bytes, expected a finite number > 0")
        if not 1 <= self.tier <= MAX_TIER:
            raise FillError(f"site {self.name}: the tier is {self.tier}, expected 1 to {MAX_TIER}")
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
        "exact" or "greedy" by tier and regions.
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
    notes, methods = [], dict[str, str]()
    value = bound = 0.0
    # what is left of the demand of each region; tier by tier
    left = {region: np.array(each, np.float64) for region, each in demand.items()}
    if not files:
        raise FillError("there are no files to plan")
    for region, each in left.items():
        if each.shape != (len(files),):
            raise FillError(f"the demand of {region} has {each.size} numbers for {len(files)} files")
    groups = _group_sites(sites, left)
    for number, (regions, here) in enumerate(groups):
        wanted = np.sum([left[region] for region in regions], axis=0)
        problem = _make_problem(here, files, wanted, held, replacement_cost)
        allocation = _solve(problem)
        methods[", ".join(regions) if here[0].tier == 1 else f"tier {here[0].tier}: {', '.join(regions)}"] = (
            allocation.method
        )
        value += problem.value(allocation)
        bound += allocation.bound
        # each region gets its part of what is served
        part = 1 - allocation.served.sum(axis=0) / np.where(wanted > 0, wanted, 1.0)
        for region in regions:
            left[region] = left[region] * np.clip(part, 0.0, 1.0)
        for row, site in enumerate(here):
            plans[site.name] = _site_plan(site, files, problem, allocation, row)
        report(number + 1, len(groups))
    served = {region for regions, _ in groups for region in regions}
    notes += [
        f"no site serves the region {region}; its demand goes to the origin"
        for region in demand
        if region not in served
    ]
    if any(site.tier > 1 for site in sites):
        notes.append("the bound of a tier is for what the tiers below leave")
    unused = [site.name for site in sites if site.name not in plans]
    if unused:
        notes.append(f"no demand in the region of {', '.join(unused)}; these sites are not in the plan")
    total = float(sum(np.sum(each) for each in demand.values()))
    ordered = tuple(plans[name] for name in names if name in plans)
    return FillPlan(ordered, total, value, bound, methods, tuple(notes))


def _group_sites(sites: Sequence[Site], demand: Mapping[str, object]) -> list[tuple[tuple[str, ...], list[Site]]]:
    """Return the sites that serve the same regions on the same tier, lowest tier first, with these regions."""
    groups: dict[tuple[int, tuple[str, ...]], list[Site]] = {}
    for site in sites:
        regions = tuple(region for region in site.served_regions if region in demand)
        if regions:
            groups.setdefault((site.tier, regions), []).append(site)
    order = {region: n for n, region in enumerate(demand)}
    keys = sorted(groups, key=lambda key: (key[0], order[key[1][0]]))
    return [(regions, groups[tier, regions]) for tier, regions in keys]


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
        _find_held(sites, files, held),
        replacement_cost,
    )


def _find_held(
    sites: Sequence[Site], files: Sequence[FillFile], held: Mapping[str, set[FillFile]]
) -> NDArray[np.bool_]:
    """Return which site holds which file now."""
    found = np.zeros((len(sites), len(files)), np.bool_)
    index = {file: n for n, file in enumerate(files)} if held else {}
    for row, site in enumerate(sites):
        known = [index[file] for file in held.get(site.name, ()) if file in index]
        found[row, known] = True
    return found


def _site_plan(
    site: Site, files: Sequence[FillFile], problem: RegionProblem, allocation: Allocation, row: int
) -> SitePlan:
    holds, held = allocation.holds[row], problem.held[row]

    def choose(flags: np.ndarray) -> tuple[FillFile, ...]:
        return tuple(files[index] for index in np.flatnonzero(flags).tolist())

    return SitePlan(
        site, choose(holds), choose(holds & ~held), choose(held & ~holds), float(allocation.served[row].sum())
    )
