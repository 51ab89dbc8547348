"""Encode the top rung in two parts: the second makes up for the error of the prediction that the first shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ladders.allocation.constraints import RungTarget
from ladders.construction.ladder_builder import LadderBuilder
from ladders.final.final_encodes import FinalEncodes, Progress, encode_final_chunks
from ladders.ladder import Ladder, Rung
from ladders.ladder_request import LadderRequest
from ladders.probing.curve_fit import fit_all
from ladders.probing.prober import Prober
from ladders.probing.progress_range import sub_range
from ladders.rd.curves import VMAF_CEILING, log_vmaf_deficit

__all__ = ["encode_top_rung", "requantise_others"]

#: Minimum number of chunks that are encoded in two parts. Chosen by hand: two chunks show a common error.
MIN_CHUNKS = 4
#: VMAF; maximum distance of the target of the second part from that of the rung. Chosen by hand: a rung with a larger
#: error is encoded again, since the two parts would differ in slope, which costs bits.
MAX_DISTANCE = 0.75
#: Halvings of the range of targets of the second part. Chosen by hand: to 0.02 VMAF.
BISECTIONS = 8


def encode_top_rung(
    prober: Prober, ladder: Ladder, request: LadderRequest, progress: Progress | None = None
) -> tuple[Ladder, FinalEncodes]:
    """Encode and measure a ladder of one rung.

    Every second chunk by length is encoded and measured first. The error of the prediction that these chunks show is
    expected in the others too, and the others get quantisers with which the whole rung reaches its target.

    Parameters
    ----------
    prober : Prober
    ladder : Ladder
        Of one rung.
    request : LadderRequest
        For which the ladder was made.
    progress : callable, optional
        Receives (finished frames, all frames).

    Returns
    -------
    Ladder
        The quantisers of some chunks change.
    FinalEncodes
        Of that ladder.
    """
    has_steps = request.constraints.max_quality_step is not None
    if ladder.mode != "per-shot" or len(ladder.chunks) < MIN_CHUNKS or has_steps:
        return ladder, encode_final_chunks(prober, ladder, progress)
    by_length = sorted(range(len(ladder.chunks)), key=lambda n: -ladder.chunks[n].frame_count)
    first = sorted(by_length[::2])
    part = encode_final_chunks(prober, _take_chunks(ladder, first), sub_range(progress, 0.0, 0.5))
    vmaf = [request.encoding.pool(final.quality) for final in part.chunks[0]]
    ladder = replace(ladder, rungs=(requantise_others(prober, ladder, request, first, vmaf),))
    return ladder, encode_final_chunks(prober, ladder, sub_range(progress, 0.5, 1.0), part)


def _take_chunks(ladder: Ladder, numbers: Sequence[int]) -> Ladder:
    """Return the ladder of some chunks only."""
    rungs = tuple(replace(rung, quantisers=tuple(rung.quantisers[n] for n in numbers)) for rung in ladder.rungs)
    overrides = tuple(ladder.overrides[n] for n in numbers) if ladder.overrides else ()
    return replace(ladder, chunks=tuple(ladder.chunks[n] for n in numbers), rungs=rungs, overrides=overrides)


def requantise_others(
    prober: Prober, ladder: Ladder, request: LadderRequest, numbers: Sequence[int], vmaf: Sequence[float]
) -> Rung:
    """Return the rung with quantisers of the other chunks that make up for the measured VMAF of some chunks."""
    (rung,) = ladder.rungs
    builder = LadderBuilder(prober.source, prober.chunks, request)
    overrides = ladder.overrides_except(request.encoding.default_override())
    curves = fit_all(prober, list(builder.sizes.values()), overrides)
    height = next(height for height, size in builder.sizes.items() if size == (rung.width, rung.height))
    own = curves[rung.width, rung.height]
    logs = np.array([log_vmaf_deficit(curve.quality) for curve in own])
    each, frames = np.arange(len(own)), np.asarray(builder.frames, np.float64)
    is_measured = np.isin(each, numbers)
    current = np.array([builder.grid_index(quantiser) for quantiser in rung.quantisers])
    measured = np.asarray(vmaf, np.float64)
    weights = frames[is_measured]
    predicted = np.exp(logs[each, current][is_measured])
    error = _common_error(weights * (VMAF_CEILING - measured), weights * predicted)
    deficits = builder.pooling.deficit(VMAF_CEILING - np.exp(logs + error))
    whole = builder.pooling.deficit(rung.quality) * frames.sum()
    needed = whole - float(weights @ builder.pooling.deficit(measured))

    def missing(quality: float) -> tuple[float, NDArray[np.int64]]:
        indices = builder.allocate(curves, height, RungTarget(quality, rung.rate * builder.duration)).indices
        return float((frames * deficits[each, indices])[~is_measured].sum()) - needed, indices

    # the VMAF to predict, so that the target follows with the error
    middle = VMAF_CEILING - float(np.exp(log_vmaf_deficit(np.array(rung.quality)) - error))
    indices = _bisect(missing, middle - MAX_DISTANCE, middle + MAX_DISTANCE)
    quantisers = builder.quantisers_at(np.where(is_measured, current, indices))
    return replace(rung, quantisers=quantisers)


def _common_error(measured: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """Return the logarithm of the ratio of measured to predicted deficits that other chunks are expected to have too.

    It is shrunk towards zero where the chunks disagree, by its standard error.

    Parameters
    ----------
    measured, predicted : ndarray of float64, shape (chunks,)
        Deficits multiplied by frame counts; two chunks or more.
    """
    ratio = measured.sum() / predicted.sum()
    residuals = measured - ratio * predicted
    error = float(np.log(ratio))
    count = len(measured)
    variance = count / (count - 1) * float(residuals @ residuals) / measured.sum() ** 2
    return error * error**2 / max(error**2 + variance, 1e-12)


def _bisect(missing: Callable[[float], tuple[float, NDArray[np.int64]]], low: float, high: float) -> NDArray[np.int64]:
    """Return the indices at the lowest VMAF of a range at which no deficit is missing, else those at its end."""
    _, indices = missing(high)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        excess, there = missing(middle)
        if excess <= 0:
            high, indices = middle, there
        else:
            low = middle
    return indices
