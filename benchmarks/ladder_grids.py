"""The ladder search against the exhaustive optimum, replayed on grids that were encoded once.

Claim: with a few probes a shot, the ladder costs at most 1 % more bits than equal slope on the exhaustive grid (every
shot, 5 heights x 10 quantisers), 0.5 % with the thorough effort, at a fraction of its CPU time. The grids
(`../shared/truth/grids`) hold bits, VMAF and CPU seconds of each encode, with VMAF on each fifth frame as probes have
it, so that nothing has to be encoded here; probes between grid points are interpolated. `ladder_exhaustive` makes grids
of its own, and real final encodes.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import encoder
from benchmarks._grids import (
    QUANTISERS,
    Grid,
    GridLadders,
    grid_prober,
    losses,
    rungs_of,
    smooth_costs,
)
from ladders import StoppingRule
from ladders.probing.search import ProbeSearch
from ladders.rd.curve_interpolation import fit_curve
from ladders.rd.curves import RatePoint, Size

GRIDS = Path(__file__).resolve().parents[2] / "shared" / "truth" / "grids"
FRAME_RATES = {"angel": 25.0, "bbb": 24.0}
#: Of the grid's CPU time, to see what a budget costs.
BUDGETS = (0.04, 0.08, 0.12, 0.16)
#: VMAF between neighbouring shots, to see what bounding it costs.
JUMPS = (10.0, 6.0)


def read_grid(path: Path) -> tuple[Grid, float]:
    """Read a grid, and the CPU seconds of all of it."""
    cells: dict[tuple[int, Size], list[RatePoint]] = defaultdict(list)
    costs: dict[tuple[int, Size], float] = {}
    rows = list(csv.DictReader(path.open()))
    shots = sorted({(int(r["first"]), int(r["frames"])) for r in rows})
    for row in rows:
        key = (
            shots.index((int(row["first"]), int(row["frames"]))),
            (round(int(row["height"]) * 16 / 9), int(row["height"])),
        )
        cells[key].append(RatePoint(float(row["crf"]), int(row["bits"]), float(row["vmaf"])))
        costs[key] = float(row["cpu"])
    frames = [count for _, count in shots]
    duration = sum(frames) / next(rate for name, rate in FRAME_RATES.items() if path.name.startswith(name))
    sizes = sorted({size for _, size in cells}, reverse=True)
    curves = {key: fit_curve(points, QUANTISERS) for key, points in cells.items()}
    return Grid(frames, duration, sizes, curves, costs), sum(costs[key] * len(points) for key, points in cells.items())


def measure(path: Path, effort: str, budget: float | None = None) -> dict[str, float]:
    """Search one grid and compare each rung with the exhaustive optimum at the quality that it truly has.

    A budget is a fraction of the grid's CPU time.
    """
    grid, whole_cpu = read_grid(path)
    prober = grid_prober(grid)
    stop = StoppingRule.for_effort(effort, budget=None if budget is None else budget * whole_cpu)
    found = ProbeSearch(prober, grid.sizes, GridLadders(grid), stop).run()
    loss, against_title = losses(grid, rungs_of(grid, found.curves))
    return {
        "probes per shot": prober.cost.probes / len(grid.frames),
        "CPU, % of the grid's": 100 * prober.cost.cpu_seconds / whole_cpu,
        "loss expected %": found.expected_excess_rate,
        "loss mean %": float(np.mean(loss)),
        "loss worst rung %": max(loss),
        "against per-title %": float(np.mean(against_title)),
    }


def _format(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())


def main() -> None:
    """Print the table."""
    for path in sorted(GRIDS.glob("*.csv")):
        print(path.name.split(".")[0])
        for effort in encoder.EFFORTS:
            print(f"    effort {effort}: {_format(measure(path, effort))}")
        for fraction in BUDGETS:
            figures = measure(path, "thorough", fraction)
            print(f"    thorough, within {fraction:.0%} of the grid's CPU: {_format(figures)}")
        grid, _ = read_grid(path)
        rungs = rungs_of(grid, {size: grid.at(size) for size in grid.sizes})
        for max_quality_step in JUMPS:
            costs = ", ".join(f"{cost:.2f}" for cost in smooth_costs(grid, rungs, max_quality_step))
            print(f"    neighbours within {max_quality_step:g} VMAF cost, by rung, %: {costs}")
    if not GRIDS.is_dir():
        print("the grids are not beside this checkout")


if __name__ == "__main__":
    main()
