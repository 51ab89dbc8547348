"""The ladder search against the exhaustive optimum, replayed on grids that were encoded once.

Claim: with a few trials a shot, the ladder costs at most 1 % more bits than equal slope on the exhaustive grid (every
shot, 5 heights x 10 quantisers), at a fraction of its CPU time. The grids (`../shared/truth/grids`) hold bits, VMAF and
CPU seconds of each encode, with VMAF on each fifth frame as trials have it, so that nothing has to be encoded here;
trials between grid points are interpolated. `ladder_exhaustive` makes grids of its own, and real final encodes.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks._grids import QUANTISERS, Grid, GridProber, losses, rungs_of
from ladders import RatePoint, fit_curve
from ladders.search import explore

GRIDS = Path(__file__).resolve().parents[2] / "shared" / "truth" / "grids"
FRAME_RATES = {"angel": 25.0, "bbb": 24.0}


def read_grid(path: Path) -> tuple[Grid, float]:
    """Read a grid, and the CPU seconds of all of it."""
    cells: dict[tuple[int, int], list[RatePoint]] = defaultdict(list)
    costs: dict[tuple[int, int], float] = {}
    rows = list(csv.DictReader(path.open()))
    shots = sorted({(int(r["first"]), int(r["frames"])) for r in rows})
    for row in rows:
        key = shots.index((int(row["first"]), int(row["frames"]))), int(row["height"])
        cells[key].append(RatePoint(float(row["crf"]), int(row["bits"]), float(row["vmaf"])))
        costs[key] = float(row["cpu"])
    frames = [count for _, count in shots]
    duration = sum(frames) / next(rate for name, rate in FRAME_RATES.items() if path.name.startswith(name))
    sizes = sorted({height for _, height in cells}, reverse=True)
    curves = {key: fit_curve(points, QUANTISERS) for key, points in cells.items()}
    return Grid(frames, duration, sizes, curves, costs), sum(costs[key] * len(points) for key, points in cells.items())


def measure(path: Path) -> dict[str, float]:
    """Search one grid and compare each rung with the exhaustive optimum at the quality that it truly has."""
    grid, whole_cpu = read_grid(path)
    prober = GridProber(grid)
    curves = explore(
        prober,  # type: ignore[arg-type]
        grid.sizes,
        lambda c: [(size, [float(QUANTISERS[i]) for i in places]) for size, places, _ in rungs_of(grid, c)],
    )
    loss, against_title = losses(grid, rungs_of(grid, curves))
    return {
        "trials per shot": prober.trials / len(grid.frames),
        "CPU, % of the grid's": 100 * prober.cpu / whole_cpu,
        "loss mean %": float(np.mean(loss)),
        "loss worst rung %": max(loss),
        "against per-title %": float(np.mean(against_title)),
    }


def main() -> None:
    """Print the table."""
    for path in sorted(GRIDS.glob("*.csv")):
        figures = measure(path)
        print(path.name.split(".")[0] + ": " + ", ".join(f"{name} {value:.2f}" for name, value in figures.items()))
    if not GRIDS.is_dir():
        print("the grids are not beside this checkout")


if __name__ == "__main__":
    main()
