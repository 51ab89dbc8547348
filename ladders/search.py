"""Find a title's curves with few trials: spread a few, see where the rungs would land, try there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from encoder import codec_named
from ladders.curves import CEILING, Curve, RatePoint, fit_curve, log_distortion, quantiser_grid
from ladders.probes import Point, Prober

__all__ = ["Curves", "Wanted", "explore", "fitted"]

Progress = Callable[[float, float], None]
Size = tuple[int, int]
#: Curves of all chunks, by size.
Curves = Mapping[Size, list[Curve]]
#: What a ladder made of curves would encode: size and quantiser of every chunk, for every rung.
Wanted = Callable[[Curves], list[tuple[Size, list[float]]]]

#: Where the first trials lie in the encoder's range of quantisers.
FIRST_TRIALS = (0.25, 0.6)
#: So many chunks, spread over the film, are tried at every size; of the others, the tallest size tells the rest.
SCOUTS = 5
#: A rung's quantiser is known well enough within this of a trial, or between two trials no further apart than the
#: second; in steps that halve the rate.
NEAR, BRACKET = 0.45, 2.0
#: Rounds of trying where the rungs land.
ROUNDS = 3


def explore(prober: Prober, sizes: list[Size], wanted: Wanted, progress: Progress | None = None) -> Curves:
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

    Returns
    -------
    Curves
        Of every chunk at every size.

    Notes
    -----
    A few chunks are tried at every size, all at the tallest. What a size does to rate and distortion is alike in
    all shots of a title, so the scouts tell it for the others; a shot's own trials at a size, which follow where rungs
    would use it, then correct that.
    """
    codec = codec_named(prober.encoding.codec)
    lowest, highest = codec.quantisers
    first = [round((lowest + share * (highest - lowest)) / codec.step) * codec.step for share in FIRST_TRIALS]
    count = len(prober.chunks)
    scouts = set(np.linspace(0, count - 1, min(SCOUTS, count)).round().astype(int).tolist())
    points = [
        Point(n, size, quantiser)
        for n in range(count)
        for size in (sizes if n in scouts else sizes[:1])
        for quantiser in first
    ]
    # the rounds after the first are about as much again
    prober.run(points, _part(progress, 0.0, 0.6))
    curves = fitted(prober, sizes)
    for number in range(ROUNDS):
        new = _gaps(prober, wanted(curves), codec.rate_halving)
        if not new:
            break
        prober.run(new, _part(progress, 0.6 + 0.13 * number, 0.73 + 0.13 * number))
        curves = fitted(prober, sizes)
    if progress:
        progress(1.0, 1.0)
    return curves


def fitted(prober: Prober, sizes: list[Size]) -> Curves:
    """Return the curves of every chunk at every size, as far as trials tell; see `explore`."""
    codec = codec_named(prober.encoding.codec)
    grid = quantiser_grid(*codec.quantisers, codec.step)
    chunks = range(len(prober.chunks))
    trials = {(n, size): list(prober.found[n, size].values()) for n in chunks for size in sizes}
    known = {key: fit_curve(points, grid) for key, points in trials.items() if len(points) >= 2}
    return {
        size: [known.get((n, size)) or _transferred(known, trials[n, size], n, size, sizes[0]) for n in chunks]
        for size in sizes
    }


def _transferred(
    known: Mapping[tuple[int, Size], Curve], trials: list[RatePoint], chunk: int, size: Size, base: Size
) -> Curve:
    """Return a chunk's curve at a size that it was tried at once or never.

    The other chunks tell by how much the size changes the logarithms of bits and distortion, on the average; the
    chunk's own trial, if there is one, then shifts both so that the curve goes through it.
    """
    own = known[chunk, base]
    both = [(known[n, base], curve) for (n, at), curve in known.items() if at == size and (n, base) in known]
    log_bits = np.log2(own.bits) + np.mean([np.log2(c.bits) - np.log2(b.bits) for b, c in both], axis=0)
    loss = log_distortion(own.quality)
    loss = loss + np.mean([log_distortion(c.quality) - log_distortion(b.quality) for b, c in both], axis=0)
    for trial in trials:
        log_bits = log_bits + np.log2(trial.bits) - np.interp(trial.quantiser, own.quantisers, log_bits)
        at = np.interp(trial.quantiser, own.quantisers, loss)
        loss = loss + np.log(CEILING - min(trial.quality, 100.0)) - at
    return Curve(own.quantisers, np.exp2(log_bits), np.clip(CEILING - np.exp(loss), 0.0, 100.0))


def _gaps(prober: Prober, rungs: list[tuple[Size, list[float]]], halving: float) -> list[Point]:
    """Return the points that rungs would use and that trials do not tell well enough."""
    new: list[Point] = []
    for size, quantisers in rungs:
        for n, quantiser in enumerate(quantisers):
            tried = [*prober.found[n, size], *(p.quantiser for p in new if (p.chunk, p.size) == (n, size))]
            if not _known(quantiser, tried, halving):
                new.append(Point(n, size, quantiser))
    return new


def _known(quantiser: float, tried: list[float], halving: float) -> bool:
    """Tell whether trials lie near a quantiser, or close on both sides of it."""
    if any(abs(other - quantiser) <= NEAR * halving for other in tried):
        return True
    finer = [other for other in tried if other < quantiser]
    coarser = [other for other in tried if other > quantiser]
    return bool(finer and coarser) and min(coarser) - max(finer) <= BRACKET * halving


def _part(progress: Progress | None, begin: float, end: float) -> Progress | None:
    """Return a progress that fills only a part of the whole."""
    if progress is None:
        return None
    whole = progress
    return lambda done, total: whole(begin + (end - begin) * done / max(total, 1), 1.0)
