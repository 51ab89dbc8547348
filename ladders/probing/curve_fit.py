"""Draw the curves of a title's chunks by what probes of them there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from encoder import codec_named
from ladders.probing.prober import Prober
from ladders.rd.curve_interpolation import apply_encoder_offset, fit_chunk_curves, fit_curve, shift_through_points
from ladders.rd.curve_transfer import impute_curves
from ladders.rd.curves import Curve, Size, quantiser_grid

__all__ = ["Curves", "fit_all", "fit_chunk_probes", "fittable_sizes", "impute_from_probes"]

#: Curves of all chunks, by size.
Curves = Mapping[Size, list[Curve]]

#: Two probes draw a curve if they are so many halvings of the rate apart.
APART = 1.0


def fit_all(prober: Prober, sizes: Sequence[Size]) -> Curves:
    """Draw every chunk's curve at every size: by its own probes, else transferred and moved through those there are.

    Those of refined chunks are theirs without, moved by what refined encodes differ.
    """
    curves = impute_from_probes(prober, sizes, [fit_chunk_probes(prober, n, sizes) for n in range(len(prober.chunks))])
    for n, name in prober.overrides.items():
        points = {size: list(prober.refined[name][n, size].values()) for size in sizes}
        for size, curve in apply_encoder_offset({size: curves[size][n] for size in sizes}, points).items():
            curves[size][n] = curve
    return curves


def impute_from_probes(prober: Prober, sizes: Sequence[Size], drawn: Sequence[dict[Size, Curve]]) -> Curves:
    """Complete what is drawn by probes."""
    curves = impute_curves(drawn, [chunk.frame_count for chunk in prober.chunks], sizes)
    # sizes of which single probes are known, or final encodes
    for size, row in curves.items():
        for n, curve in enumerate(row):
            if size not in drawn[n]:
                row[n] = shift_through_points(curve, list(prober.found[n, size].values()))
    return curves


def fit_chunk_probes(prober: Prober, chunk: int, sizes: Sequence[Size]) -> dict[Size, Curve]:
    """Draw a chunk's curves at the sizes that it was tried at."""
    codec = codec_named(prober.encoding.codec)
    grid = quantiser_grid(*codec.quantisers, codec.step)
    tried = fittable_sizes(prober, chunk, sizes)
    exact = {size: list(prober.found[chunk, size].values()) for size in tried}
    if prober.encoding.fast_preset is None:
        return {size: fit_curve(points, grid) for size, points in exact.items()}
    return (
        fit_chunk_curves({size: list(prober.fast[chunk, size].values()) for size in tried}, exact, grid)
        if tried
        else {}
    )


def fittable_sizes(prober: Prober, chunk: int, sizes: Sequence[Size]) -> list[Size]:
    """Return the sizes whose curves a chunk's own probes draw."""
    probes = prober.fast if prober.encoding.fast_preset else prober.found
    apart = APART * codec_named(prober.encoding.codec).rate_halving
    return [size for size in sizes if (found := probes[chunk, size]) and max(found) - min(found) >= apart]
