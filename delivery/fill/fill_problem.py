"""The numbers of a fill problem: the files, the demand of one region, and the sites that serve the region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from delivery.errors import FillError

__all__ = ["Allocation", "RegionProblem"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class RegionProblem:
    """Which files the sites of a region should hold.

    A site serves the demand for the files that it holds, up to its capacity. Demand is served by one site or shared
    between several. The value is the bytes served less `replacement_cost` times the bytes copied to sites.

    Attributes
    ----------
    sizes : ndarray, shape (files,)
        Bytes of each file, > 0.
    demand : ndarray, shape (files,)
        Bytes that viewers of the region request of each file per day, >= 0.
    disk, fill, capacity : ndarray, shape (sites,)
        Bytes that each site can store, receive in its fill window, and serve per day; infinity for no limit.
    held : ndarray of bool, shape (sites, files)
        Files that each site holds already; they cost nothing to keep.
    replacement_cost : float
        Bytes served that one copied byte must be worth.
    """

    sizes: Floats
    demand: Floats
    disk: Floats
    fill: Floats
    capacity: Floats
    held: Flags
    replacement_cost: float = 0.0

    def __post_init__(self) -> None:
        """Check the arrays."""
        files, sites = len(self.sizes), len(self.disk)
        if not (sites and files) or self.held.shape != (sites, files) or self.demand.shape != (files,):
            raise FillError(f"demand has shape {self.demand.shape}, held {self.held.shape}, for {sites} x {files}")
        for name, values, least in (("size", self.sizes, 1e-9), ("demand", self.demand, 0.0)):
            wrong = ~(np.isfinite(values) & (values >= least))
            if wrong.any():
                file = int(np.argmax(wrong))
                raise FillError(f"the {name} of file {file} is {values[file]}, expected a finite number >= 0")
        for name, values in (("disk", self.disk), ("fill", self.fill), ("capacity", self.capacity)):
            wrong = ~(values >= 0)
            if wrong.any():
                site = int(np.argmax(wrong))
                raise FillError(f"the {name} of site {site} is {values[site]}, expected a number >= 0")
        if not (np.isfinite(self.replacement_cost) and self.replacement_cost >= 0):
            raise FillError(f"the replacement cost is {self.replacement_cost}, expected a finite number >= 0")

    def value(self, allocation: Allocation) -> float:
        """Return the value of an allocation, bytes per day."""
        copied = (allocation.holds & ~self.held) @ self.sizes
        return float(allocation.served.sum() - self.replacement_cost * copied.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Allocation:
    """A solution: files that each site holds, and bytes that it serves of each file per day.

    Attributes
    ----------
    holds : ndarray of bool, shape (sites, files)
    served : ndarray, shape (sites, files)
    bound : float
        Upper bound of the value of any allocation.
    method : str
        "exact" or "greedy".
    """

    holds: Flags
    served: Floats
    bound: float
    method: str
