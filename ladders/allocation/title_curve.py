"""Rate-quality curves of a whole title, of which every point is an allocation of bits to its chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Allocation", "TabulatedCurve", "TitleCurve"]


@dataclass(frozen=True, slots=True, eq=False)
class Allocation:
    """A quantiser for every chunk.

    Attributes
    ----------
    indices : ndarray of int64, shape (chunks,)
        Indices on the quantiser grid.
    bits : float
        Of all chunks.
    quality : float
        VMAF pooled over all frames.
    """

    indices: NDArray[np.int64]
    bits: float
    quality: float


@dataclass(frozen=True, slots=True, eq=False)
class TitleCurve(ABC):
    """A family of allocations of one title at one resolution, cheapest first.

    Attributes
    ----------
    bits, quality : ndarray of float64, shape (steps,)
        Bits and pooled VMAF of the title; both increase.
    """

    bits: NDArray[np.float64]
    quality: NDArray[np.float64]

    @abstractmethod
    def indices(self, step: int) -> NDArray[np.int64]:
        """Return the indices on the quantiser grid of one step, shape (chunks,)."""

    def allocation(self, step: int) -> Allocation:
        """Return the allocation of one step."""
        return Allocation(self.indices(step), float(self.bits[step]), float(self.quality[step]))

    def for_quality(self, target: float) -> Allocation:
        """Return the cheapest allocation that reaches a VMAF, or the best one if none does."""
        return self.allocation(min(int(np.searchsorted(self.quality, target)), len(self.quality) - 1))

    def for_bits(self, budget: float) -> Allocation:
        """Return the best allocation within a number of bits, or the cheapest one if none is."""
        return self.allocation(max(int(np.searchsorted(self.bits, budget, side="right")) - 1, 0))

    def quality_at(self, bits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the best VMAF within numbers of bits; minus infinity below the cheapest allocation."""
        index = np.searchsorted(self.bits, bits, side="right") - 1
        return np.where(index < 0, -np.inf, self.quality[np.maximum(index, 0)])


@dataclass(frozen=True, slots=True, eq=False)
class TabulatedCurve(TitleCurve):
    """A family of allocations that are listed one by one.

    Attributes
    ----------
    step_indices : ndarray of int64, shape (steps, chunks)
        Indices on the quantiser grid of every allocation.
    """

    step_indices: NDArray[np.int64]

    def indices(self, step: int) -> NDArray[np.int64]:
        """Return the indices on the quantiser grid of one step, shape (chunks,)."""
        return self.step_indices[step].copy()
