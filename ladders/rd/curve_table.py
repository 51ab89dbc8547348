"""The curves of a title's chunks at one size, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ladders.rd.curves import Curve

__all__ = ["Table", "tabled"]

#: Sizes whose tables are kept: a ladder goes through all of them for every rung.
KEPT = 8


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Curves, one a row.

    Attributes
    ----------
    bits, quality : ndarray of float64, shape (chunks, grid)
    heaviest : ndarray of float64, shape (chunks, grid)
        Bits that a chunk would have, were all of it as heavy as its heaviest segment.
    worst : ndarray of float64, shape (chunks, grid)
        Quality of a chunk's worst shot.
    """

    bits: NDArray[np.float64]
    quality: NDArray[np.float64]
    heaviest: NDArray[np.float64]
    worst: NDArray[np.float64]


def tabled(curves: Sequence[Curve]) -> Table:
    """Return curves as tables, kept and not to be written to: stacking curves takes as long as sharing bits."""
    return _tabled(tuple(curves))


@lru_cache(maxsize=KEPT)
def _tabled(curves: tuple[Curve, ...]) -> Table:
    return Table(
        np.array([curve.bits for curve in curves]),
        np.array([curve.quality for curve in curves]),
        np.array([curve.bits * curve.burst for curve in curves]),
        np.array([curve.quality - curve.dip for curve in curves]),
    )
