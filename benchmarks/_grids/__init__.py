"""Exhaustive grids of encodes, which stand for real encodes in the ladder benchmarks."""

from benchmarks._grids.grid_prober import (
    LIMITS,
    QUANTISERS,
    Grid,
    GridLadders,
    GridRunner,
    fit_grid,
    grid_prober,
    losses,
    operating_points_of,
    rungs_of,
    smooth_costs,
)

__all__ = [
    "LIMITS",
    "QUANTISERS",
    "Grid",
    "GridLadders",
    "GridRunner",
    "fit_grid",
    "grid_prober",
    "losses",
    "operating_points_of",
    "rungs_of",
    "smooth_costs",
]
