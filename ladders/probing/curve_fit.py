"""Draw the curves of a title's chunks by what trials of them there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from encoder import get_codec
from ladders.probing.prober import Prober
from ladders.rd.curve_transfer import completed
from ladders.rd.curves import (
    Curve,
    Size,
    fit_chunk,
    fit_curve,
    moved_along,
    moved_through,
    quantiser_grid,
)

__all__ = ["Curves", "completed_by", "drawn_of", "fitted", "sizes_drawn"]

#: Curves of all chunks, by size.
Curves = Mapping[Size, list[Curve]]

#: Two trials draw a curve if they are so many halvings of the rate apart.
APART = 1.0


def fitted(prober: Prober, sizes: Sequence[Size]) -> Curves:
    """Draw every chunk's curve at every size: by its own trials, else borrowed and moved through those there are.

    Those of refined chunks are theirs without, moved by what refined encodes differ.
    """
    curves = completed_by(prober, sizes, [drawn_of(prober, n, sizes) for n in range(len(prober.chunks))])
    for n, name in prober.overrides.items():
        points = {size: list(prober.refined[name][n, size].values()) for size in sizes}
        for size, curve in moved_along({size: curves[size][n] for size in sizes}, points).items():
            curves[size][n] = curve
    return curves


def completed_by(prober: Prober, sizes: Sequence[Size], drawn: Sequence[dict[Size, Curve]]) -> Curves:
    """Complete what is drawn by trials."""
    curves = completed(drawn, [chunk.frame_count for chunk in prober.chunks], sizes)
    # sizes of which single trials are known, or final encodes
    for size, row in curves.items():
        for n, curve in enumerate(row):
            if size not in drawn[n]:
                row[n] = moved_through(curve, list(prober.found[n, size].values()))
    return curves


def drawn_of(prober: Prober, chunk: int, sizes: Sequence[Size]) -> dict[Size, Curve]:
    """Draw a chunk's curves at the sizes that it was tried at."""
    codec = get_codec(prober.encoding.codec)
    grid = quantiser_grid(*codec.quantisers, codec.step)
    tried = sizes_drawn(prober, chunk, sizes)
    sure = {size: list(prober.found[chunk, size].values()) for size in tried}
    if prober.encoding.trial_preset is None:
        return {size: fit_curve(points, grid) for size, points in sure.items()}
    return fit_chunk({size: list(prober.rough[chunk, size].values()) for size in tried}, sure, grid) if tried else {}


def sizes_drawn(prober: Prober, chunk: int, sizes: Sequence[Size]) -> list[Size]:
    """Return the sizes whose curves a chunk's own trials draw."""
    trials = prober.rough if prober.encoding.trial_preset else prober.found
    apart = APART * get_codec(prober.encoding.codec).rate_halving
    return [size for size in sizes if (found := trials[chunk, size]) and max(found) - min(found) >= apart]
