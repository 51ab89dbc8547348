"""Fit the curves of all chunks of a title to the probes so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from encoder import get_codec
from ladders.probing.prober import Prober
from ladders.rd.curve_interpolation import apply_encoder_offset, fit_curve, shift_through_points
from ladders.rd.curve_transfer import impute_curves
from ladders.rd.curves import Curve, RatePoint, Size, quantiser_grid
from ladders.rd.preset_calibration import OffsetLine, PresetOffset, fit_chunk_curves, fit_offset_line, preset_offsets

__all__ = ["Curves", "chunk_offsets", "fit_all", "fit_chunk_probes", "fittable_sizes", "impute_from_probes"]

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
    line = fit_offset_line([chunk_offsets(prober, n, sizes) for n in range(len(prober.chunks))])
    fits = [fit_chunk_probes(prober, n, sizes, line) for n in range(len(prober.chunks))]
    curves = impute_from_probes(prober, sizes, fits)
    for n, name in (overrides or {}).items():
        points = {size: list(prober.results.exact(n, size, name).values()) for size in sizes}
        for size, curve in apply_encoder_offset({size: curves[size][n] for size in sizes}, points).items():
            curves[size][n] = curve
    return curves


def impute_from_probes(prober: Prober, sizes: Sequence[Size], fits: Sequence[Mapping[Size, Curve]]) -> Curves:
    """Impute the curves of chunks and sizes without a fit, and shift them through the probes that they have."""
    curves = impute_curves(fits, [chunk.frame_count for chunk in prober.chunks], sizes)
    # sizes with single probes or final encodes
    for size, row in curves.items():
        for n, curve in enumerate(row):
            if size not in fits[n]:
                row[n] = shift_through_points(curve, list(prober.results.exact(n, size).values()))
    return curves


def chunk_offsets(prober: Prober, chunk: int, sizes: Sequence[Size]) -> list[PresetOffset]:
    """Return the offsets between the presets of a chunk at the sizes that were probed by both."""
    return preset_offsets(*_probes(prober, chunk, sizes))


def fit_chunk_probes(
    prober: Prober, chunk: int, sizes: Sequence[Size], of_title: OffsetLine | None
) -> dict[Size, Curve]:
    """Fit the curves of a chunk at the sizes with enough probes.

    Parameters
    ----------
    prober : Prober
    chunk : int
        Index.
    sizes : sequence of (int, int)
    of_title : OffsetLine or None
        Of the chunks that were probed by both presets; None without such chunks.
    """
    fast, exact, grid = _probes(prober, chunk, sizes)
    if prober.encoding.fast_preset is None:
        return {size: fit_curve(points, grid) for size, points in exact.items()}
    return fit_chunk_curves(fast, exact, grid, of_title) if fast and of_title else {}


def _probes(
    prober: Prober, chunk: int, sizes: Sequence[Size]
) -> tuple[dict[Size, list[RatePoint]], dict[Size, list[RatePoint]], NDArray[np.float64]]:
    """Return the fast-preset and target-preset probes of a chunk at the sizes with enough probes, and the grid."""
    codec = get_codec(prober.encoding.codec)
    grid = quantiser_grid(*codec.quantisers, codec.step)
    fittable = fittable_sizes(prober, chunk, sizes)
    exact = {size: list(prober.results.exact(chunk, size).values()) for size in fittable}
    fast = {size: list(prober.results.fast(chunk, size).values()) for size in fittable}
    return fast, exact, grid


def fittable_sizes(prober: Prober, chunk: int, sizes: Sequence[Size]) -> list[Size]:
    """Return the sizes at which the probes of a chunk suffice to fit a curve."""
    probes = prober.results.fast if prober.encoding.fast_preset else prober.results.exact
    distance = MIN_PROBE_DISTANCE * get_codec(prober.encoding.codec).rate_halving
    return [size for size in sizes if (found := probes(chunk, size)) and max(found) - min(found) >= distance]
