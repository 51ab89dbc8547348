"""Distance of fill plans from the bound of the relaxation, and their offload beside LRU and LFU caches.

    python -m benchmarks.delivery.fill_quality [1: only the gaps; 2: only the large plan of 100,000 files x 200 sites]

Gap: 10,000 files x 50 sites, as 50 regions of one site, 10 of five, and one of fifty; disk for 20 % of the
files and service for 70 % of the demand in each region. Offload: 2,000 per-shot titles with Zipf exponent 0.8, one site
with disk for a fraction of the catalogue. The caches are warmed with as many views as are measured; the plan knows the
predicted views and the mean bytes per view and rung by replay, not the views themselves.
"""

from __future__ import annotations

import heapq
import resource
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np

import abr
import delivery

SEED = 1
FILES, SITES = 10_000, 50
LARGE_FILES, LARGE_SITES = 100_000, 200
TITLES, RUNGS, EXPONENT = 2000, 5, 0.8
VIEWS = 200_000
DISKS = (0.05, 0.1, 0.2)
#: Kinds of titles, each with its own ladder and its own replayed sessions.
KINDS, SESSIONS = 12, 60


def measure_gap(regions: int, count: int = FILES, site_count: int = SITES) -> tuple[float, float]:
    """Return the gap in percent and the CPU time in s of a plan."""
    rng = np.random.default_rng(SEED)
    sizes = rng.lognormal(np.log(1e9), 0.8, count).astype(np.int64)
    files = [delivery.FillFile(f"title-{n // RUNGS}", f"rung-{n % RUNGS}", int(size)) for n, size in enumerate(sizes)]
    per_region = site_count // regions
    demand, sites = {}, []
    for region in range(regions):
        wanted = 1e12 * np.arange(1, count + 1) ** -EXPONENT * rng.lognormal(0, 0.5, count)
        demand[str(region)] = wanted
        for number in range(per_region):
            scale = rng.uniform(0.5, 1.5)
            rate = 0.7 * wanted.sum() / per_region * scale * 8 / (86_400 * 0.5)
            disk = 0.2 * sizes.sum() / per_region * rng.uniform(0.5, 1.5)
            sites.append(delivery.Site(f"{region}-{number}", "", str(region), disk, rate))
    begun = time.process_time()
    plan = delivery.plan_fill(sites, files, demand)
    return 100 * plan.gap, time.process_time() - begun


def make_titles(rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return, by kind of title, the bytes of each rung, and the bytes that replayed sessions take of each rung."""
    traces = [abr.generate_trace(network, seed=n) for n, network in enumerate(list(abr.NETWORKS.values()) * 2)]
    sizes, sessions = [], []
    for kind in range(KINDS):
        top = rng.uniform(2e6, 8e6)
        rates = top * np.geomspace(0.08, 1, RUNGS)
        shots = rng.lognormal(0, 0.4, (150, 1))
        bytes_of = np.maximum(4 * rates / 8 * shots / shots.mean(), 1).astype(np.int64)
        rungs = tuple(abr.Rung(str(n), int(rate)) for n, rate in enumerate(rates))
        pres = abr.Presentation(str(kind), rungs, np.full(150, 4.0), bytes_of)
        taken = np.zeros((SESSIONS, RUNGS))
        for n in range(SESSIONS):
            session = abr.simulate(pres, traces[n % len(traces)], "bba-2", start=float(rng.uniform(0, 600)))
            np.add.at(taken[n], list(session.rungs), bytes_of[np.arange(150), list(session.rungs)])
        sizes.append(bytes_of.sum(axis=0))
        sessions.append(taken)
    return sizes, sessions


class Lru:
    """The files that were requested last."""

    def __init__(self, room: float) -> None:
        self.room, self.files = room, OrderedDict[int, int]()

    def request(self, file: int, size: int) -> bool:
        """Return whether the file was there; store it."""
        if file in self.files:
            self.files.move_to_end(file)
            return True
        self.files[file] = size
        self.room -= size
        while self.room < 0:
            self.room += self.files.popitem(last=False)[1]
        return False


class Lfu:
    """The files with the most requests so far; requests of absent files are counted as well."""

    def __init__(self, room: float) -> None:
        self.room, self.files = room, dict[int, int]()
        self.counts, self.heap = dict[int, int](), list[tuple[int, int]]()

    def request(self, file: int, size: int) -> bool:
        """Return whether the file was there; store it if it is more frequent than what it replaces."""
        self.counts[file] = self.counts.get(file, 0) + 1
        if file in self.files:
            return True
        removed: list[int] = []
        while self.room < size and self.heap:
            count, rarest = heapq.heappop(self.heap)
            if rarest not in self.files:
                continue
            if count != self.counts[rarest]:
                heapq.heappush(self.heap, (self.counts[rarest], rarest))
                continue
            if count >= self.counts[file]:
                heapq.heappush(self.heap, (count, rarest))
                break
            self.room += self.files.pop(rarest)
            removed.append(rarest)
        if self.room >= size:
            self.files[file] = size
            self.room -= size
            heapq.heappush(self.heap, (self.counts[file], file))
        return False


class Fixed:
    """The files of a plan."""

    def __init__(self, files: set[int]) -> None:
        self.files = files

    def request(self, file: int, size: int) -> bool:
        """Return whether the file is there."""
        return file in self.files


def views(rng: np.random.Generator, kinds: np.ndarray, sessions: list[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the title and the bytes of each rung of every view."""
    weights = delivery.zipf_views(TITLES, 1, EXPONENT)
    for title in rng.choice(TITLES, VIEWS, p=weights).tolist():
        yield title, sessions[kinds[title]][rng.integers(SESSIONS)]


def measure_offload() -> None:
    """Print the offload of the plan and of the caches."""
    rng = np.random.default_rng(SEED)
    sizes, sessions = make_titles(rng)
    kinds = rng.integers(KINDS, size=TITLES)
    files = [delivery.FillFile(str(t), str(r), int(sizes[kinds[t]][r])) for t in range(TITLES) for r in range(RUNGS)]
    counts = delivery.zipf_views(TITLES, VIEWS, EXPONENT)
    demand = np.concatenate([counts[t] * sessions[kinds[t]].mean(axis=0) for t in range(TITLES)])
    total = sum(file.size for file in files)
    index = {file: n for n, file in enumerate(files)}
    for disk in DISKS:
        plan = delivery.plan_fill([delivery.Site("one", "", "all", disk * total)], files, {"all": demand})
        caches = {
            "plan": Fixed({index[file] for file in plan.sites[0].files}),
            "LRU": Lru(disk * total),
            "LFU": Lfu(disk * total),
        }
        served, asked = dict.fromkeys(caches, 0.0), 0.0
        for is_measured in (False, True):
            for title, taken in views(rng, kinds, sessions):
                for rung in np.flatnonzero(taken).tolist():
                    number, amount = title * RUNGS + rung, float(taken[rung])
                    asked += amount * is_measured
                    for name, cache in caches.items():
                        is_hit = cache.request(number, files[number].size)
                        served[name] += amount * (is_hit and is_measured)
        figures = ", ".join(f"{name} {value / asked:.1%}" for name, value in served.items())
        print(f"disk {disk:.0%} of the catalogue: offload {figures}; bound of the plan {plan.bound / plan.demand:.1%}")


def main(part: int = 0) -> None:
    """Run the benchmark and print its results."""
    if part == 0:
        measure_offload()
    plans = [(LARGE_FILES, LARGE_SITES, LARGE_SITES)] if part == 2 else [(FILES, SITES, n) for n in (50, 10, 1)]
    for files, sites, regions in plans:
        gap, seconds = measure_gap(regions, files, sites)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{files} files x {sites} sites in {regions} regions: gap {gap:.2f} %, {seconds:.0f} CPU s, {peak:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
