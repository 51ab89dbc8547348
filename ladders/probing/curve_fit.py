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
from ladders.rd.curve_transfer import impute_curves
from ladders.rd.curves import Curve, Size, quantiser_grid

__all__ = ["Curves", "fit_all", "fit_chunk_probes", "fittable_sizes", "impute_from_probes"]

#: Curves of all chunks by size.
Curves = Mapping[Size, list[Curve]]

#: Halvings of the bits between the finest and the coarsest probe from which a curve is fitted. Chosen by hand.
MIN_PROBE_DISTANCE = 1.0


def fit_all(prober: Prober, sizes: Sequence[Size], overrides: Mapping[int, str] | None = None) -> Curves:
    """Return the curve of every chunk at every size, fitted to its own probes or imputed.

    Parameters
    ----------
    prober : Prober
    sizes : sequence of (int, int)
        Tallest first.
    overrides : mapping, optional
        From indices of chunks to encoder overrides. Their curves are shifted by the probes with the override.
    """
    fits = [fit_chunk_probes(prober, n, sizes) for n in range(len(prober.chunks))]
    curves = impute_from_probes(prober, sizes, fits)
    for n, name in (overrides or {}).items():
        points = {size: list(prober.results.exact(n, size, name).values()) for size in sizes}
        for size, curve in apply_encoder_offset({size: curves[size][n] for size in sizes}, points).items():
            curves[size][n] = curve
    return curves


def impute_from_probes(prober: Prober, sizes: Sequence[Size], fits: Sequence[Mapping[Size, Curve]]) -> Curves:
    """Impute the curves of chunks and sizes without a fit, and shift them through the probes that they have.

    What these shifts show at a size on average is also true of the chunks without a probe there: the mean of n shifts,
    shrunk by n / (n + 1), is applied to them.
    """
    curves = impute_curves(fits, [chunk.frame_count for chunk in prober.chunks], sizes)
    # sizes with single probes or final encodes
    for size, row in curves.items():
        without = [n for n in range(len(row)) if size not in fits[n]]
        points = {n: list(prober.results.exact(n, size).values()) for n in without}
        offsets = [mean_offset(row[n], points[n]) for n in without if points[n]]
        common = np.sum(offsets, axis=0) / (len(offsets) + 1) if offsets else np.zeros(2)
        for n in without:
            row[n] = shift_through_points(row[n], points[n]) if points[n] else shift_curve(row[n], *common)
    return curves


def fit_chunk_probes(prober: Prober, chunk: int, sizes: Sequence[Size]) -> dict[Size, Curve]:
    """Fit the curves of a chunk at the sizes with enough probes."""
    codec = get_codec(prober.encoding.codec)
    grid = quantiser_grid(*codec.quantisers, codec.step)
    fittable = fittable_sizes(prober, chunk, sizes)
    exact = {size: list(prober.results.exact(chunk, size).values()) for size in fittable}
    if prober.encoding.fast_preset is None:
        return {size: fit_curve(points, grid) for size, points in exact.items()}
    fast = {size: list(prober.results.fast(chunk, size).values()) for size in fittable}
    return fit_chunk_curves(fast, exact, grid) if fittable else {}


def fittable_sizes(prober: Prober, chunk: int, sizes: Sequence[Size]) -> list[Size]:
    """Return the sizes at which the probes of a chunk suffice to fit a curve."""
    probes = prober.results.fast if prober.encoding.fast_preset else prober.results.exact
    distance = MIN_PROBE_DISTANCE * get_codec(prober.encoding.codec).rate_halving
    return [size for size in sizes if (found := probes(chunk, size)) and max(found) - min(found) >= distance]
