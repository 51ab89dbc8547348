"""Fit the curves of all chunks of a title to the probes so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from encoder import get_codec
from ladders.probing.prober import Prober
from ladders.rd.curve_interpolation import (
    apply_encoder_offset,
    fit_chunk_curves,
    fit_curve,
    mean_offset,
    shift_curve,
    shift_through_points,
)
from ladders.rd.curve_transfer import impute_curves, mean_curve
from ladders.rd.curves import Curve, Size, quantiser_grid

__all__ = ["Curves", "fit_all", "known_sizes"]

#: Curves of all chunks by size.
Curves = Mapping[Size, list[Curve]]

#: Halvings of the bits between the finest and the coarsest probe from which a curve is fitted. Chosen by hand.
MIN_PROBE_DISTANCE = 1.0


def fit_all(prober: Prober, sizes: Sequence[Size], overrides: Mapping[int, str] | None = None) -> Curves:
    """Return the curve of every chunk at every size, fitted to its own probes or imputed.

    Parameters
    ----------
    prober : Prober
        With one or more chunks that are probed at two quantisers at every size.
    sizes : sequence of (int, int)
        Tallest first.
    overrides : mapping, optional
        From indices of chunks to encoder overrides. Their curves are shifted by the probes with the override.

    Notes
    -----
    A size with one probe, or with probes near each other, has the shape of the mean curve of the chunks that are fitted
    at that size, or of the curve that is transferred from another size of the chunk; it is shifted through the probes.
    What these shifts show at a size on average is also true of the chunks without a probe there: the mean of n shifts,
    shrunk by n / (n + 1), is applied to them.
    """
    fits = _fit_probes(prober, sizes)
    curves = impute_curves(fits, [chunk.frame_count for chunk in prober.chunks], sizes)
    for size, row in curves.items():
        without = [n for n in range(len(row)) if size not in fits[n]]
        points = {n: list(prober.results.exact(n, size).values()) for n in without}
        offsets = [mean_offset(row[n], points[n]) for n in without if points[n]]
        common = np.sum(offsets, axis=0) / (len(offsets) + 1) if offsets else np.zeros(2)
        for n in without:
            row[n] = shift_through_points(row[n], points[n]) if points[n] else shift_curve(row[n], *common)
    for n, name in (overrides or {}).items():
        found = {size: list(prober.results.exact(n, size, name).values()) for size in sizes}
        for size, curve in apply_encoder_offset({size: curves[size][n] for size in sizes}, found).items():
            curves[size][n] = curve
    return curves


def known_sizes(prober: Prober, chunk: int, sizes: Sequence[Size]) -> list[Size]:
    """Return the sizes at which probes give the curve of a chunk, if need be with the shape of other curves."""
    fittable = _fittable_sizes(prober, chunk, sizes)
    return [size for size in sizes if size in fittable or prober.results.exact(chunk, size)]


def _fit_probes(prober: Prober, sizes: Sequence[Size]) -> list[dict[Size, Curve]]:
    """Fit the curves of every chunk at the sizes with probes; chunks with a fit have no curves of others' shape."""
    frames = [chunk.frame_count for chunk in prober.chunks]
    fits = [_fit_chunk_probes(prober, n, sizes) for n in range(len(frames))]
    fitted = [n for n, curves in enumerate(fits) if curves]
    shapes = {size: mean_curve({n: fits[n][size] for n in fitted if size in fits[n]}, frames) for size in sizes}
    for n, curves in enumerate(fits):
        if n not in fitted:
            for size in known_sizes(prober, n, sizes):
                points = list(prober.results.exact(n, size).values())
                curves[size] = shift_through_points(shapes[size](frames[n]), points)
    return fits


def _fit_chunk_probes(prober: Prober, chunk: int, sizes: Sequence[Size]) -> dict[Size, Curve]:
    """Fit the curves of a chunk at the sizes with probes far enough from each other."""
    codec = get_codec(prober.encoding.codec)
    grid = quantiser_grid(*codec.quantisers, codec.step)
    fittable = _fittable_sizes(prober, chunk, sizes)
    exact = {size: list(prober.results.exact(chunk, size).values()) for size in fittable}
    fast = {size: list(prober.results.fast(chunk, size).values()) for size in fittable}
    if any(fast.values()):
        return fit_chunk_curves(fast, exact, grid)
    return {size: fit_curve(points, grid) for size, points in exact.items()}


def _fittable_sizes(prober: Prober, chunk: int, sizes: Sequence[Size]) -> list[Size]:
    """Return the sizes at which the probes of a chunk suffice to fit a curve."""
    results = prober.results
    has_fast = any(results.fast(chunk, size) for size in sizes)
    probes = results.fast if has_fast else results.exact
    distance = MIN_PROBE_DISTANCE * get_codec(prober.encoding.codec).rate_halving
    return [size for size in sizes if (found := probes(chunk, size)) and max(found) - min(found) >= distance]
