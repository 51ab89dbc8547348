"""Curves of chunks at sizes that were not tried, by what was tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ladders.rd.curves import VMAF_CEILING, Curve, Size, log_vmaf_deficit

__all__ = ["impute_curves", "nearest_probed_size"]


def nearest_probed_size(size: Size, tried: Sequence[Size], sizes: Sequence[Size]) -> Size:
    """Return the size, of those that a chunk was tried at, that a curve at another is transferred from: the nearest.

    Examples
    --------
    >>> nearest_probed_size((416, 234), [(1280, 720), (640, 360)], [(1280, 720), (640, 360), (416, 234)])
    (640, 360)
    """
    return min(tried, key=lambda other: abs(sizes.index(other) - sizes.index(size)))


def impute_curves(
    drawn: Sequence[Mapping[Size, Curve]], frames: Sequence[int], sizes: Sequence[Size]
) -> dict[Size, list[Curve]]:
    """Complete the curves of a title.

    Parameters
    ----------
    drawn : sequence of mapping
        By chunk, from the sizes that it was tried at to their curves, all on one grid; one chunk at least has all
        sizes.
    frames : sequence of int
        How long each chunk is.
    sizes : sequence of (int, int)
        Tallest first.

    Returns
    -------
    dict
        From every size to the curves of all chunks.

    Notes
    -----
    A size that a chunk was not tried at lies as far from the nearest that it was tried at, in the logarithms of bits
    and of distortion, as it does on average in the chunks that were tried at both. A chunk that was not tried at all is
    an average one: it will have the quantiser that one for the whole title would be.
    """
    known = [n for n, curves in enumerate(drawn) if curves]
    logs = {(n, size): _logs(drawn[n][size], frames[n]) for n in known for size in drawn[n]}
    whole: dict[Size, list[Curve]] = {}
    for size in sizes:
        row = {n: drawn[n][size] for n in known if size in drawn[n]}
        steps: dict[Size, NDArray[np.float64]] = {}
        for n in known:
            if n not in row:
                near = nearest_probed_size(size, list(drawn[n]), sizes)
                if near not in steps:
                    both = [m for m in known if size in drawn[m] and near in drawn[m]]
                    steps[near] = np.mean([logs[m, size] - logs[m, near] for m in both], axis=0)
                like = drawn[n][near]
                row[n] = replace(
                    _curve(like, logs[n, near] + steps[near], frames[n]),
                    peak_to_average=like.peak_to_average,
                    worst_shot_deficit=like.worst_shot_deficit,
                )
        mean = np.mean([_logs(curve, frames[n]) for n, curve in row.items()], axis=0)
        whole[size] = [row.get(n) or _curve(row[known[0]], mean, frames[n]) for n in range(len(drawn))]
    return whole


def _logs(curve: Curve, frames: int) -> NDArray[np.float64]:
    """Return the logarithms of bits a frame and of distortion, shape (2, grid)."""
    return np.stack([np.log(curve.bits / frames), log_vmaf_deficit(curve.quality)])


def _curve(like: Curve, logs: NDArray[np.float64], frames: int) -> Curve:
    """Return a curve of such logarithms on the grid of another."""
    bits = np.exp(np.minimum.accumulate(logs[0])) * frames
    quality = np.clip(VMAF_CEILING - np.exp(np.maximum.accumulate(logs[1])), 0.0, 100.0)
    return Curve(like.quantisers, bits, quality)
