"""Rungs placed for an audience against the plain choice, judged on networks that neither has seen.

    python -m benchmarks.audience

Exhaustive grids and traces (`../shared`) stand for encodes and viewers. Traces are split by route; the rungs are placed
on one half and both ladders replayed on the other, over the sizes and VMAF of every shot. Printed: the difference in
what `abr.expected_quality` counts
(delivered VMAF less 2 points for each per cent of stalled time), and in VMAF alone, with
95 % intervals over traces; at the end the mean of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

import abr
from abr.expected_quality import STALL_PENALTY
from abr.results.interval import cluster_interval
from benchmarks._grids import LIMITS, Grid
from benchmarks.ladder_grids import GRIDS, read_grid
from ladders import RungRules
from ladders.allocation.equal_slope import equal_slope
from ladders.allocation.rung_placement import RungChoice, choose_rungs
from ladders.allocation.title_curve import TitleCurve
from shotladder.pipeline.client_population import ClientPopulation

TRACES = Path(__file__).resolve().parents[2] / "shared" / "traces"
NETWORKS = ("norway3g", "pensieve", "fcc-sd", "ghent4g")
#: networks are scaled until the median of their mean rates is so many times the plain ladder's middle rung
LOADS = (0.7, 1.0)
SEGMENT = 4.0
POLICIES = ("bba-2", "bola-e", "robust-mpc")


def curves(grid: Grid) -> dict[int, TitleCurve]:
    return {size: equal_slope(grid.at(size), grid.frames, LIMITS) for size in grid.sizes}


def presentation(grid: Grid, title: dict[int, TitleCurve], ladder: Sequence[RungChoice]) -> abr.Presentation:
    """Return the ladder with the bits and VMAF of every shot, the film played often enough to fill ten minutes."""
    columns = []
    for choice in ladder:
        places = title[choice.height].for_bits(choice.rate * grid.duration * (1 + 1e-9)).indices
        mine = list(zip(grid.at(choice.height), places, strict=True))
        columns.append([(curve.bits[i] / 8, curve.quality[i]) for curve, i in mine])
    table = np.array(columns).transpose(1, 0, 2)
    seconds = np.array(grid.frames) * grid.duration / sum(grid.frames)
    # shots longer than a segment are several
    parts = np.maximum(1, np.round(seconds / SEGMENT).astype(int))
    laps = max(1, round(600 / grid.duration))
    sizes = np.tile(np.repeat(table[:, :, 0] / parts[:, None], parts, axis=0), (laps, 1))
    vmaf = np.tile(np.repeat(table[:, :, 1], parts, axis=0), (laps, 1))
    durations = np.tile(np.repeat(seconds / parts, parts), laps)
    rungs = tuple(abr.Rung(str(n), round(c.rate), height=c.height) for n, c in enumerate(ladder))
    return abr.Presentation("film", rungs, durations, np.ceil(sizes).astype(np.int64), vmaf)


def main() -> None:
    if not GRIDS.is_dir():
        print("the grids are not beside this checkout")
        return
    every: list[float] = []
    for path in sorted(GRIDS.glob("*.csv")):
        grid, _ = read_grid(path)
        title = curves(grid)
        plain = choose_rungs(title, grid.duration, RungRules())
        middle = float(np.median([choice.rate for choice in plain]))
        for name, load in product(NETWORKS, LOADS):
            traces = abr.load_traces([TRACES / name])
            factor = load * middle / float(np.median([trace.mean_rate for trace in traces]))
            seen, unseen = abr.split_traces([trace.scaled(factor) for trace in traces], 0.5, seed=1)
            placed = choose_rungs(
                title, grid.duration, RungRules(expected_quality=ClientPopulation("seen", 600.0, SEGMENT, seen))
            )
            ladders = [presentation(grid, title, ladder) for ladder in (plain, placed)]
            heading = f"{path.name.partition('.')[0]}, {name}, load {load}"
            print(f"{heading}: {len(seen)} traces to place on, {len(unseen)} to judge on")
            for ladder, kind in ((plain, "plain"), (placed, "placed")):
                print(f"  {kind:7}" + " ".join(f"{c.rate / 1e3:.0f}k({c.quality:.0f})" for c in ladder))
            offsets = abr.start_offsets(unseen, 8, seed=7)
            for policy in POLICIES:
                tables = [abr.simulate_many(ladder, unseen, policy, starts=offsets) for ladder in ladders]
                counted = [t["vmaf_mean"] - 100 * STALL_PENALTY * t["rebuffer_ratio"] for t in tables]
                told = []
                for values in (counted, [t["vmaf_mean"] for t in tables]):
                    difference = values[1] - values[0]
                    low, high = cluster_interval(difference, tables[0]["trace"])
                    told.append(f"{difference.mean():+.2f} [{low:+.2f}, {high:+.2f}]")
                every.append(float((counted[1] - counted[0]).mean()))
                print(f"  {policy:11} counted {told[0]}, VMAF {told[1]}")
    better = sum(value > 0 for value in every)
    print(f"counted, all {len(every)}: mean {np.mean(every):+.2f}, better in {better}, worst {min(every):+.2f}")


if __name__ == "__main__":
    main()
