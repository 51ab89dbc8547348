"""Impute the curves of chunks at resolutions without probes from other resolutions and chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ladders.rd.curves import Curve, Size, log_vmaf_odds, vmaf_of_log_odds
from ladders.rd.uncertainty import SIGMA_TRANSFER

__all__ = ["impute_curves", "nearest_probed_size", "transfer_error_factor"]

#: VMAF at which the bits of two sizes are compared.
COMPARED_VMAF = np.arange(40.0, 95.0, 5.0)
#: Weight of the error model against the scatter of a title, in degrees of freedom. Chosen by hand: of three pilots at
#: three sizes.
MODEL_WEIGHT = 4


def nearest_probed_size(size: Size, probed: Sequence[Size], sizes: Sequence[Size]) -> Size:
    """Return the probed size from which the curve at another size is transferred: the nearest in the list of sizes.

    Examples
    --------
    >>> nearest_probed_size((416, 234), [(1280, 720), (640, 360)], [(1280, 720), (640, 360), (416, 234)])
    (640, 360)
    """
    return min(probed, key=lambda other: abs(sizes.index(other) - sizes.index(size)))


def impute_curves(
    fits: Sequence[Mapping[Size, Curve]], frames: Sequence[int], sizes: Sequence[Size]
) -> dict[Size, list[Curve]]:
    """Return the curves of all chunks at all sizes, imputing those without a fit.

    Parameters
    ----------
    fits : sequence of mapping
        By chunk: from the sizes that were probed to their curves, all on one grid. One or more chunks have all sizes.
    frames : sequence of int
        Frame count of each chunk.
    sizes : sequence of (int, int)
        Tallest first.

    Returns
    -------
    dict
        From every size to the curves of all chunks.

    Notes
    -----
    The distance between an unprobed size and the nearest probed size of a chunk, in log bits and log odds of VMAF, is
    the mean of that distance over the chunks that were probed at both sizes. A chunk without probes gets the mean curve
    per frame, so that it receives the quantiser that one quantiser for the whole title would be.
    """
    known = [n for n, curves in enumerate(fits) if curves]
    logs = {(n, size): _logarithms(fits[n][size], frames[n]) for n in known for size in fits[n]}
    imputed: dict[Size, list[Curve]] = {}
    for size in sizes:
        row = {n: fits[n][size] for n in known if size in fits[n]}
        steps: dict[Size, NDArray[np.float64]] = {}
        for n in known:
            if n not in row:
                near = nearest_probed_size(size, list(fits[n]), sizes)
                if near not in steps:
                    both = [m for m in known if size in fits[m] and near in fits[m]]
                    steps[near] = np.mean([logs[m, size] - logs[m, near] for m in both], axis=0)
                origin = fits[n][near]
                row[n] = replace(
                    _curve(origin, logs[n, near] + steps[near], frames[n]),
                    peak_to_average=origin.peak_to_average,
                    worst_shot_deficit=origin.worst_shot_deficit,
                )
        mean = np.mean([_logarithms(curve, frames[n]) for n, curve in row.items()], axis=0)
        imputed[size] = [row.get(n) or _curve(row[known[0]], mean, frames[n]) for n in range(len(fits))]
    return imputed


def transfer_error_factor(fits: Sequence[Mapping[Size, Curve]], sizes: Sequence[Size]) -> float:
    """Return how much larger the errors of transferred curves are in this title than in the error model; 1 or more.

    Parameters
    ----------
    fits : sequence of mapping
        By chunk: from the sizes that were probed to their curves.
    sizes : sequence of (int, int)
        Tallest first.

    Notes
    -----
    A curve is transferred by the mean distance of two sizes. The scatter of that distance, as ln(bits) at equal VMAF,
    over the chunks that were probed at both sizes is the error of the transfer. The variance of the error model counts
    as `MODEL_WEIGHT` degrees of freedom beside it.
    """
    total, freedom = float(MODEL_WEIGHT), MODEL_WEIGHT
    for pair in pairwise(sizes):
        distances = [_distances(*(curves[size] for size in pair)) for curves in fits if set(pair) <= set(curves)]
        if len(distances) < 2:
            continue
        table = np.array(distances)
        usable = table[:, np.isfinite(table).all(axis=0)]
        if usable.size:
            total += (len(table) - 1) * float(usable.var(axis=0, ddof=1).mean()) / SIGMA_TRANSFER**2
            freedom += len(table) - 1
    return max(1.0, (total / freedom) ** 0.5)


def _distances(taller: Curve, smaller: Curve) -> NDArray[np.float64]:
    """Return the ln of the ratio of the bits of two curves at `COMPARED_VMAF`; NaN where one does not have it."""
    rows = []
    for curve in (taller, smaller):
        log_bits = np.interp(-COMPARED_VMAF, -curve.quality, np.log(curve.bits))
        has = (curve.quality[-1] < COMPARED_VMAF) & (curve.quality[0] > COMPARED_VMAF)
        rows.append(np.where(has, log_bits, np.nan))
    return np.asarray(rows[0] - rows[1])


def _logarithms(curve: Curve, frames: int) -> NDArray[np.float64]:
    """Return log bits per frame and log odds of VMAF, shape (2, grid)."""
    return np.stack([np.log(curve.bits / frames), log_vmaf_odds(curve.quality)])


def _curve(like: Curve, logarithms: NDArray[np.float64], frames: int) -> Curve:
    """Return the curve of log bits per frame and log odds of VMAF, on the grid of another curve."""
    bits = np.exp(np.minimum.accumulate(logarithms[0])) * frames
    quality = vmaf_of_log_odds(np.maximum.accumulate(logarithms[1]))
    return Curve(like.quantisers, bits, quality)
