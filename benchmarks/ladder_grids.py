"""The ladder search against the exhaustive optimum, replayed on grids that were encoded once.

Claim: with a few trials a shot, the ladder costs at most 1 % more bits than equal slope on the exhaustive grid (every
shot, 5 heights x 10 quantisers), at a fraction of its CPU time. The grids (`../shared/truth/grids`) hold bits, VMAF and
CPU seconds of each encode, so that nothing has to be encoded here; trials between grid points are interpolated.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ladders import (
    Aim,
    Curve,
    Encoding,
    Limits,
    Point,
    RatePoint,
    RungRules,
    choose_rungs,
    equal_slope,
    fit_curve,
    one_quantiser,
    quantiser_grid,
)
from ladders.search import explore

GRIDS = Path(__file__).resolve().parents[2] / "shared" / "truth" / "grids"
FRAME_RATES = {"angel": 25.0, "bbb": 24.0}
GRID = quantiser_grid(12.0, 46.0, 0.25)
#: CPU seconds of a grid's cell cover encode, scaling and VMAF on each fifth frame, as trials do.
LIMITS = Limits()


@dataclass
class GridProber:
    """Answers trials from a grid, and counts what they would have cost."""

    path: Path
    encoding: Encoding = field(default_factory=Encoding)
    found: dict[Any, dict[float, RatePoint]] = field(default_factory=lambda: defaultdict(dict))
    cpu: float = 0.0
    trials: int = 0

    def __post_init__(self) -> None:
        """Read the grid."""
        cells: dict[tuple[int, int], list[RatePoint]] = defaultdict(list)
        cost: dict[tuple[int, int], float] = {}
        rows = list(csv.DictReader(self.path.open()))
        shots = sorted({(int(r["first"]), int(r["frames"])) for r in rows})
        for row in rows:
            key = shots.index((int(row["first"]), int(row["frames"]))), int(row["height"])
            cells[key].append(RatePoint(float(row["crf"]), int(row["bits"]), float(row["vmaf"])))
            cost[key] = float(row["cpu"])
        self.chunks = tuple(SimpleNamespace(frame_count=frames) for _, frames in shots)
        self.heights = sorted({height for _, height in cells}, reverse=True)
        self.truth = {key: fit_curve(points, GRID) for key, points in cells.items()}
        self.cost = cost
        self.whole_cpu = sum(cost[key] * len(points) for key, points in cells.items())

    def run(self, points: Iterable[Point], progress: Any = None) -> None:
        """Answer trials."""
        for point in points:
            curve = self.truth[point.chunk, point.size]
            place = int(np.searchsorted(GRID, point.quantiser))
            answer = RatePoint(point.quantiser, int(curve.bits[place]), float(curve.quality[place]))
            self.found[point.chunk, point.size][point.quantiser] = answer
            self.cpu += self.cost[point.chunk, point.size]
            self.trials += 1


def measure(path: Path) -> dict[str, float]:
    """Search one grid and compare each rung with the exhaustive optimum at the quality that it truly has."""
    prober = GridProber(path)
    frames = [chunk.frame_count for chunk in prober.chunks]
    duration = sum(frames) / next(rate for name, rate in FRAME_RATES.items() if path.name.startswith(name))

    def rungs(curves: dict[Any, list[Curve]]) -> list[tuple[Any, list[float], Any]]:
        title = {height: equal_slope(curves[height], frames, LIMITS) for height in prober.heights}
        chosen = []
        for choice in choose_rungs(title, duration, RungRules()):
            aim = Aim(choice.quality, choice.rate * duration)
            shared = equal_slope(curves[choice.height], frames, LIMITS, aim).for_quality(choice.quality)
            chosen.append((choice.height, [float(GRID[i]) for i in shared.indices], aim))
        return chosen

    curves = explore(prober, prober.heights, lambda c: [(h, q) for h, q, _ in rungs(c)])  # type: ignore[arg-type]
    losses, against_title = [], []
    for height, quantisers, aim in rungs(curves):
        places = np.searchsorted(GRID, quantisers)
        true = [prober.truth[n, height] for n in range(len(frames))]
        bits = sum(curve.bits[i] for curve, i in zip(true, places, strict=True))
        quality = np.average([c.quality[i] for c, i in zip(true, places, strict=True)], weights=frames)
        losses.append(100 * (bits / _cheapest(prober, frames, quality, aim) - 1))
        against_title.append(100 * (bits / _cheapest(prober, frames, quality, None) - 1))
    return {
        "trials per shot": prober.trials / len(frames),
        "CPU, % of the grid's": 100 * prober.cpu / prober.whole_cpu,
        "loss mean %": float(np.mean(losses)),
        "loss worst rung %": max(losses),
        "against per-title %": float(np.mean(against_title)),
    }


def _cheapest(prober: GridProber, frames: list[int], quality: float, aim: Aim | None) -> float:
    """Return the fewest bits that reach a quality: by equal slope with an aim, by one quantiser without."""
    costs = []
    for height in prober.heights:
        curves = [prober.truth[n, height] for n in range(len(frames))]
        title = equal_slope(curves, frames, LIMITS, aim) if aim else one_quantiser(curves, frames)
        if quality <= title.quality[-1]:
            costs.append(float(np.exp(np.interp(quality, title.quality, np.log(title.bits)))))
    return min(costs)


def main() -> None:
    """Print the table."""
    for path in sorted(GRIDS.glob("*.csv")):
        figures = measure(path)
        print(path.name.split(".")[0] + ": " + ", ".join(f"{name} {value:.2f}" for name, value in figures.items()))
    if not GRIDS.is_dir():
        print("the grids are not beside this checkout")


if __name__ == "__main__":
    main()
