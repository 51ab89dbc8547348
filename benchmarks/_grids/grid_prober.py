"""Ladders replayed on exhaustive grids: what a search finds, and what the best choices on the whole grid would cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from ladders import Constraints, EncodeSettings, ProbeCost, Prober, RungRules
from ladders.allocation.constraints import RungTarget
from ladders.allocation.equal_slope import equal_slope, solve_for_quality
from ladders.allocation.per_title import one_quantiser, same_quality
from ladders.allocation.rung_placement import allocate_rungs, choose_rungs
from ladders.allocation.smoothness import smooth
from ladders.allocation.title_curve import TitleCurve
from ladders.probing.probe_results import ProbeBatch, ProbePoint
from ladders.rd.curve_interpolation import fit_curve
from ladders.rd.curves import Curve, RatePoint, quantiser_grid

QUANTISERS = quantiser_grid(12.0, 46.0, 0.25)
LIMITS = Constraints()

Cell = tuple[int, Any]
#: Size, quantiser index of each chunk, and the target of the rung.
Rung = tuple[Any, list[int], RungTarget]


@dataclass(frozen=True)
class Grid:
    """A title's exhaustive grid.

    Attributes
    ----------
    frames : list of int
        Of each chunk.
    duration : float
        s.
    sizes : list
        Tallest first.
    curves : dict
        From (chunk, size) to the curve through all of its cells.
    costs : dict
        From (chunk, size) to the CPU seconds of one probe as a search runs it.
    """

    frames: list[int]
    duration: float
    sizes: list[Any]
    curves: dict[Cell, Curve]
    costs: dict[Cell, float]

    def at(self, size: Any) -> list[Curve]:
        """Return the curves of all chunks at a size."""
        return [self.curves[n, size] for n in range(len(self.frames))]

    def delivered(self, size: Any, indices: Sequence[int]) -> tuple[float, float]:
        """Return bits and mean quality of a choice of quantisers."""
        curves = self.at(size)
        bits = sum(float(curve.bits[i]) for curve, i in zip(curves, indices, strict=True))
        quality = np.average([c.quality[i] for c, i in zip(curves, indices, strict=True)], weights=self.frames)
        return bits, float(quality)

    def cheapest(self, quality: float, title: Callable[[list[Curve]], TitleCurve]) -> float:
        """Return the minimum bits that reach a VMAF, over all sizes, in one family of allocations."""
        costs = []
        for size in self.sizes:
            curve = title(self.at(size))
            if curve.quality[0] <= quality <= curve.quality[-1]:
                costs.append(float(np.exp(np.interp(quality, curve.quality, np.log(curve.bits)))))
        return min(costs, default=float("nan"))

    def optimum(self, quality: float, rung_target: RungTarget) -> float:
        """Return the minimum bits by equal slope, one size for all chunks, with constraints relative to these bits."""

        def within(curves: list[Curve]) -> TitleCurve:
            own = solve_for_quality(curves, self.frames, LIMITS, rung_target)
            return equal_slope(curves, self.frames, LIMITS, RungTarget(quality, own.bits))

        return self.cheapest(quality, within)

    def per_title(self, quality: float) -> float:
        """Return the minimum bits with one quantiser for all chunks."""
        return self.cheapest(quality, lambda curves: one_quantiser(curves, self.frames))

    def constant_quality(self, quality: float) -> float:
        """Return the minimum bits with one VMAF for all chunks."""
        return self.cheapest(quality, lambda curves: same_quality(curves, self.frames))


@dataclass
class GridRunner:
    """Measures probe points on a grid, at the cost that their encodes have had.

    Attributes
    ----------
    grid : Grid
        By the target preset.
    fast_grid : Grid or None
        By the fast preset; None if the target preset is fast itself.
    """

    grid: Grid
    fast_grid: Grid | None = None

    def run(self, points: Iterable[ProbePoint], progress: Any = None) -> ProbeBatch:
        """Return the results of points and their cost."""
        results, cpu = [], 0.0
        for point in points:
            grid = self.fast_grid if point.fast and self.fast_grid else self.grid
            curve = grid.curves[point.chunk, point.size]
            index = int(np.searchsorted(QUANTISERS, point.quantiser))
            peak, deficit = (
                float(np.broadcast_to(value, QUANTISERS.shape)[index])
                for value in (curve.peak_to_average, curve.worst_shot_deficit)
            )
            bits, quality = int(curve.bits[index]), float(curve.quality[index])
            result = RatePoint(point.quantiser, bits, quality, peak_to_average=peak, worst_shot_deficit=deficit)
            results.append((point, result))
            cpu += grid.costs[point.chunk, point.size]
        return ProbeBatch(tuple(results), ProbeCost(len(results), cpu))


def grid_prober(grid: Grid, fast_grid: Grid | None = None) -> Prober:
    """Return a prober of the chunks of a grid, with presets as different as those of the grids."""
    chunks: Any = tuple(SimpleNamespace(frame_count=frames) for frames in grid.frames)
    nothing: Any = None
    encoding = EncodeSettings(preset="medium" if fast_grid else "veryfast")
    return Prober(nothing, chunks, encoding, nothing, nothing, runner=GridRunner(grid, fast_grid))


def fit_grid(grid: Grid, prober: Prober) -> dict[Any, list[Curve]]:
    """Fit curves to the probes so far; every chunk has two or more at every size."""
    chunks = range(len(grid.frames))
    return {s: [fit_curve(list(prober.results.exact(n, s).values()), QUANTISERS) for n in chunks] for s in grid.sizes}


@dataclass(frozen=True)
class GridLadders:
    """Builds the rungs of a grid's ladder from curves, for a search."""

    grid: Grid
    rules: RungRules | None = None

    def operating_points(self, curves: Mapping[Any, list[Curve]]) -> list[dict[Any, list[float]]]:
        """Return for every rung the quantisers of all chunks at each size that reaches its VMAF."""
        return operating_points_of(self.grid, curves, self.rules)


def rungs_of(
    grid: Grid, curves: Mapping[Any, list[Curve]], rules: RungRules | None = None, constraints: Constraints = LIMITS
) -> list[Rung]:
    """Choose rungs on curves as `per-shot` does."""
    sizes = {size[1]: size for size in grid.sizes}
    titles = {height: equal_slope(curves[size], grid.frames, constraints) for height, size in sizes.items()}
    chosen = choose_rungs(titles, grid.duration, rules or RungRules())
    shared = allocate_rungs(
        chosen,
        titles,
        grid.duration,
        lambda height, rung_target: solve_for_quality(curves[sizes[height]], grid.frames, constraints, rung_target),
    )
    return [
        (sizes[height], [int(i) for i in allocation.indices], RungTarget(choice.quality, allocation.bits))
        for choice, (height, allocation) in zip(chosen, shared, strict=True)
    ]


def operating_points_of(
    grid: Grid, curves: Mapping[Any, list[Curve]], rules: RungRules | None = None
) -> list[dict[Any, list[float]]]:
    """Return for every rung the quantisers at each size that reaches its VMAF, first at the size that it uses."""
    operating_points = []
    for size, indices, rung_target in rungs_of(grid, curves, rules):
        others = {s: solve_for_quality(curves[s], grid.frames, LIMITS, rung_target) for s in grid.sizes if s != size}
        reached = {s: a.indices for s, a in others.items() if a.quality >= rung_target.quality}
        operating_points.append(
            {s: [float(QUANTISERS[i]) for i in at] for s, at in ({size: indices} | reached).items()}
        )
    return operating_points


def smooth_costs(grid: Grid, rungs: Iterable[Rung], max_quality_step: float) -> list[float]:
    """Return the additional bits of each rung, %, with a maximum VMAF step between consecutive shots."""
    costs, constraints = [], replace(LIMITS, max_quality_step=max_quality_step)
    for size, indices, _ in rungs:
        bits, quality = grid.delivered(size, indices)
        costs.append(100 * (smooth(grid.at(size), grid.frames, constraints, RungTarget(quality, bits)).bits / bits - 1))
    return costs


def losses(grid: Grid, rungs: Iterable[Rung]) -> tuple[list[float], list[float]]:
    """Return the excess bits of each rung over the optimum and over one quantiser, %, at its true VMAF."""
    against_optimum, against_title = [], []
    for size, indices, rung_target in rungs:
        bits, quality = grid.delivered(size, indices)
        against_optimum.append(100 * (bits / grid.optimum(quality, rung_target) - 1))
        against_title.append(100 * (bits / grid.per_title(quality) - 1))
    return against_optimum, against_title
