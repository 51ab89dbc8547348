"""Find a title's curves with few trials: spread a few, see where the rungs would land, try there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from encoder import codec_named
from ladders.curves import Curve, Size, fit_chunk, fit_curve, quantiser_grid
from ladders.probes import Point, Prober

__all__ = ["Curves", "Size", "Wanted", "explore", "fitted"]

Progress = Callable[[float, float], None]
#: Curves of all chunks, by size.
Curves = Mapping[Size, list[Curve]]
#: What a ladder made of curves would encode: size and quantiser of every chunk, for every rung.
Wanted = Callable[[Curves], list[tuple[Size, list[float]]]]

#: Where the first trials lie in the encoder's range of quantisers.
FIRST_TRIALS = (0.25, 0.6)
#: The same of rough ones, wider apart; and of the one encode that puts a chunk's rough trials in their place, whose bow
#: it tells as well.
ROUGH_TRIALS, MIDDLING = (0.22, 0.65), 0.45
#: A rung's quantiser is known well enough within this of a trial, or between two trials no further apart than the
#: second, the third if they are rough; in steps that halve the rate.
NEAR, BRACKET, ROUGH_BRACKET = 0.45, 2.0, 3.0
#: Rounds of trying where the rungs land.
ROUNDS = 3


def explore(
    prober: Prober, sizes: list[Size], wanted: Wanted, progress: Progress | None = None, *, rounds: int = ROUNDS
) -> Curves:
    """Run trials until the rungs stand on ground that was tried.

    Parameters
    ----------
    prober : Prober
        Runs and keeps the trials.
    sizes : list of (int, int)
        To choose from, tallest first.
    wanted : callable
        Makes a ladder of curves and says what it would encode.
    progress : callable, optional
        Takes (share done, 1).
    rounds : int
        Of trying where the rungs land, at most.

    Returns
    -------
    Curves
        Of every chunk at every size.

    Notes
    -----
    Every chunk is tried at every size: what a size does differs too much between shots (a screen of text loses
    far more than fog does) for some to speak for the others. Where the final preset is slow, most trials are rough, by
    a fast one; one encode a chunk, at a middling size, tells what the two differ.
    """
    codec = codec_named(prober.encoding.codec)
    chunks = range(len(prober.chunks))
    rough = prober.encoding.trial_preset is not None
    shares = ROUGH_TRIALS if rough else FIRST_TRIALS
    points = [Point(n, size, codec.at_share(share), rough) for n in chunks for size in sizes for share in shares]
    if rough:
        points += [Point(n, sizes[len(sizes) // 2], codec.at_share(MIDDLING)) for n in chunks]
    # the rounds after the first are about as much again
    prober.run(points, _part(progress, 0.0, 0.6))
    curves = fitted(prober, sizes)
    for number in range(rounds):
        new = _gaps(prober, wanted(curves), codec.rate_halving, rough=rough)
        if not new:
            break
        prober.run(new, _part(progress, 0.6 + 0.13 * number, 0.73 + 0.13 * number))
        curves = fitted(prober, sizes)
    if progress:
        progress(1.0, 1.0)
    return curves


def fitted(prober: Prober, sizes: list[Size]) -> Curves:
    """Fit a curve to the trials of every chunk at every size."""
    codec = codec_named(prober.encoding.codec)
    grid = quantiser_grid(*codec.quantisers, codec.step)
    by_chunk = [_fitted(prober, n, sizes, grid) for n in range(len(prober.chunks))]
    return {size: [curves[size] for curves in by_chunk] for size in sizes}


def _fitted(prober: Prober, chunk: int, sizes: list[Size], grid: NDArray[np.float64]) -> dict[Size, Curve]:
    sure = {size: list(prober.found[chunk, size].values()) for size in sizes}
    if prober.encoding.trial_preset is None:
        return {size: fit_curve(points, grid) for size, points in sure.items()}
    return fit_chunk({size: list(prober.rough[chunk, size].values()) for size in sizes}, sure, grid)


def _gaps(prober: Prober, rungs: list[tuple[Size, list[float]]], halving: float, *, rough: bool) -> list[Point]:
    """Return the points that rungs would use and that trials do not tell well enough."""
    new: list[Point] = []
    bracket = (ROUGH_BRACKET if rough else BRACKET) * halving
    for size, quantisers in rungs:
        for n, quantiser in enumerate(quantisers):
            point = Point(n, size, quantiser, rough)
            tried = [*prober.known(point), *(p.quantiser for p in new if (p.chunk, p.size) == (n, size))]
            if not _known(quantiser, tried, halving, bracket):
                new.append(point)
    return new


def _known(quantiser: float, tried: list[float], halving: float, bracket: float) -> bool:
    """Tell whether trials lie near a quantiser, or close on both sides of it."""
    if any(abs(other - quantiser) <= NEAR * halving for other in tried):
        return True
    finer = [other for other in tried if other < quantiser]
    coarser = [other for other in tried if other > quantiser]
    return bool(finer and coarser) and min(coarser) - max(finer) <= bracket


def _part(progress: Progress | None, begin: float, end: float) -> Progress | None:
    """Return a progress that fills only a part of the whole."""
    if progress is None:
        return None
    whole = progress
    return lambda done, total: whole(begin + (end - begin) * done / max(total, 1), 1.0)
