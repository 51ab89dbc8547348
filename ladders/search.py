"""Find a title's curves with few trials: spread a few, see where the rungs would land, try there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from encoder import codec_named
from ladders.curves import Curve, fit_curve, quantiser_grid
from ladders.probes import Point, Prober

__all__ = ["Curves", "Wanted", "explore", "fitted"]

Progress = Callable[[float, float], None]
Size = tuple[int, int]
#: Curves of all chunks, by size.
Curves = Mapping[Size, list[Curve]]
#: What a ladder made of curves would encode: size and quantiser of every chunk, for every rung.
Wanted = Callable[[Curves], list[tuple[Size, list[float]]]]

#: Where the first trials lie in the encoder's range of quantisers.
FIRST_TRIALS = (0.28, 0.62)
#: A rung whose quantiser is within this (in steps that halve the rate) of a trial is known well enough.
NEAR = 1 / 3
#: Rounds of trying where the rungs land.
ROUNDS = 2


@dataclass(frozen=True, slots=True)
class _Grid:
    lowest: float
    highest: float
    step: float
    halving: float

    def snap(self, share: float) -> float:
        """Return the quantiser at a share of the range, on the encoder's grid."""
        return round((self.lowest + share * (self.highest - self.lowest)) / self.step) * self.step


def explore(prober: Prober, sizes: list[Size], wanted: Wanted, progress: Progress | None = None) -> Curves:
    """Run trials until the rungs stand on ground that was tried.

    Parameters
    ----------
    prober : Prober
        Runs and keeps the trials.
    sizes : list of (int, int)
        To choose from.
    wanted : callable
        Makes a ladder of curves and says what it would encode.
    progress : callable, optional
        Takes (trials done, trials expected).

    Returns
    -------
    Curves
    """
    codec = codec_named(prober.encoding.codec)
    grid = _Grid(*codec.quantisers, codec.step, codec.rate_halving)
    everything = range(len(prober.chunks))
    first = [Point(n, size, grid.snap(share)) for n in everything for size in sizes for share in FIRST_TRIALS]
    # the rounds after the first are about as much again
    prober.run(first, _part(progress, 0.0, 0.6))
    curves = fitted(prober, sizes)
    for number in range(ROUNDS):
        new = _gaps(prober, wanted(curves), NEAR * grid.halving)
        if not new:
            break
        prober.run(new, _part(progress, 0.6 + 0.2 * number, 0.8 + 0.2 * number))
        curves = fitted(prober, sizes)
    if progress:
        progress(1.0, 1.0)
    return curves


def fitted(prober: Prober, sizes: list[Size]) -> Curves:
    """Fit a curve to the trials of every chunk at every size."""
    codec = codec_named(prober.encoding.codec)
    grid = quantiser_grid(*codec.quantisers, codec.step)
    return {
        size: [fit_curve(list(prober.found[n, size].values()), grid) for n in range(len(prober.chunks))]
        for size in sizes
    }


def _gaps(prober: Prober, rungs: list[tuple[Size, list[float]]], near: float) -> list[Point]:
    """Return the points that rungs would use and that are too far from any trial."""
    new: list[Point] = []
    for size, quantisers in rungs:
        for n, quantiser in enumerate(quantisers):
            tried = [*prober.found[n, size], *(p.quantiser for p in new if (p.chunk, p.size) == (n, size))]
            if np.min(np.abs(np.array(tried) - quantiser)) > near:
                new.append(Point(n, size, quantiser))
    return new


def _part(progress: Progress | None, begin: float, end: float) -> Progress | None:
    """Return a progress that fills only a part of the whole."""
    if progress is None:
        return None
    whole = progress
    return lambda done, total: whole(begin + (end - begin) * done / max(total, 1), 1.0)
