"""Measure the fixed ladder of a codec on a sample of the chunks, as the baseline of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from encoder import Chunk, get_codec
from ladders.allocation.per_title import uniform_quantiser_curve
from ladders.allocation.title_curve import TitleCurve
from ladders.construction.ladder_builder import LadderBuilder
from ladders.ladder import Ladder, ProbeCost, Rung
from ladders.ladder_request import LadderRequest
from ladders.probing.curve_fit import Curves, fit_all
from ladders.probing.probe_results import ProbePoint
from ladders.probing.prober import Prober
from ladders.probing.progress_range import sub_range
from ladders.rd.curve_table import stack_curves

__all__ = ["Anchor", "fixed_anchor"]

#: Minimum number of sampled chunks. Chosen by hand.
MIN_CHUNKS = 3
#: Pixels of the sample, as a fraction of the pixels of the final encodes of the ladder that is compared. Chosen by
#: hand.
MAX_PIXEL_FRACTION = 0.3
#: Maximum number of sampled chunks of short titles. Chosen by hand.
MAX_CHUNKS = 24
#: Long titles have at most one sampled chunk in this number of chunks. Chosen by hand.
CHUNKS_PER_SAMPLE = 20
#: Halvings of the bits within which a probe also represents other quantisers. Chosen by hand.
NEAR_PROBE = 0.25
#: Rounds of probing: the first results move the quantiser at which a rung has its bitrate. Chosen by hand.
ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Anchor:
    """The fixed ladder of a title, as the anchor of a BD-rate.

    Attributes
    ----------
    points : tuple of (int, float)
        Bitrate (bits/s) and VMAF of each rung, lowest first.
    errors : tuple of float
        Standard error of each VMAF; 0 if all chunks were sampled.
    chunks : int
        Number of sampled chunks.
    cost : ProbeCost
    """

    points: tuple[tuple[int, float], ...]
    errors: tuple[float, ...]
    chunks: int
    cost: ProbeCost


def fixed_anchor(
    prober: Prober, ladder: Ladder, request: LadderRequest, progress: Callable[[float, float], None] | None = None
) -> Anchor | None:
    """Measure the rungs of the fixed ladder, each with the one quantiser that gives it its bitrate.

    Parameters
    ----------
    prober : Prober
        With the probes of a ladder, and preferably its final encodes. A `sibling` of the prober of that ladder keeps
        the costs apart.
    ladder : Ladder
        The ladder to be compared; its pixels limit the sample.
    request : LadderRequest
        For which the ladder was made.
    progress : callable, optional
        Receives (done, total).

    Returns
    -------
    Anchor or None
        None if the codec has no fixed ladder.

    Notes
    -----
    The rungs of a title do not show the curves at other sizes, so an evenly spaced sample of its chunks is probed
    there. The other chunks are estimated by their fitted curves, corrected by the error of the fit on the sample: by
    the ratio estimator for the bits and by the difference estimator for the deficit. Rungs above the first one that
    exceeds the target are estimated by the curves, because no rung of the title is as good.

    References
    ----------
    .. [1] W. G. Cochran, "Sampling Techniques", 3rd edition, 1977, chapters 6 and 7.
    """
    target = request.target_for(prober.source)
    builder = LadderBuilder(prober.source, prober.chunks, replace(request, mode="fixed"))
    if not builder.recommended:
        return None
    fitted = fit_all(prober, list(builder.sizes.values()))
    found, order = fitted, _order(len(prober.chunks))
    first = _below(builder.fixed_rungs(builder.titles(fitted)), target)
    sampled = order[: _sample_size(prober.chunks, order, ladder, first)]
    near = NEAR_PROBE * get_codec(prober.encoding.codec).rate_halving
    for number in range(ROUNDS):
        points = [
            ProbePoint(n, (rung.width, rung.height), rung.quantisers[n])
            for rung in _below(builder.fixed_rungs(_titles(builder, fitted, found, sampled)), target)
            for n in sampled
        ]
        prober.run(
            [p for p in points if all(abs(q - p.quantiser) > near for q in prober.results.like(p))],
            sub_range(progress, number / ROUNDS, (number + 1) / ROUNDS),
        )
        found = fit_all(prober, list(builder.sizes.values()))
    rungs = builder.fixed_rungs(_titles(builder, fitted, found, sampled))
    errors = tuple(_error(builder, fitted, found, sampled, rung) for rung in rungs)
    return Anchor(tuple((rung.rate, rung.quality) for rung in rungs), errors, len(sampled), prober.cost)


def _order(count: int) -> list[int]:
    """Return the indices of chunks in an order of which every prefix is evenly spaced over the title.

    Multiples of the golden ratio modulo 1 have this property (a low-discrepancy sequence).
    """
    return np.argsort(np.arange(count) * (5**0.5 - 1) / 2 % 1).tolist()


def _below(rungs: Sequence[Rung], target: float) -> Sequence[Rung]:
    """Return the rungs up to the first one above the target."""
    return rungs[: 1 + next((n for n, rung in enumerate(rungs) if rung.quality > target), len(rungs))]


def _sample_size(chunks: Sequence[Chunk], order: Sequence[int], ladder: Ladder, rungs: Sequence[Rung]) -> int:
    """Return the number of sampled chunks, by frames and pixels, so that it does not depend on measured CPU time."""
    own, probed = (sum(rung.width * rung.height for rung in each) for each in (ladder.rungs, rungs))
    work = np.cumsum([chunks[n].frame_count * probed for n in order])
    within = np.searchsorted(work, MAX_PIXEL_FRACTION * own * sum(chunk.frame_count for chunk in chunks), side="right")
    return int(np.clip(within, MIN_CHUNKS, max(MAX_CHUNKS, len(order) // CHUNKS_PER_SAMPLE)))


def _titles(builder: LadderBuilder, fitted: Curves, found: Curves, sampled: list[int]) -> dict[int, TitleCurve]:
    """Return the one-quantiser curve of the title by height, corrected by the error of the fit on the sample.

    If all chunks are sampled, nothing of the fitted curves remains.
    """
    frames = np.asarray(builder.frames, np.float64)
    titles: dict[int, TitleCurve] = {}
    for height, size in builder.sizes.items():
        before, after = (stack_curves(curves[size]) for curves in (fitted, found))
        ratio = after.bits[sampled].sum(axis=0) / before.bits[sampled].sum(axis=0)
        deficits = builder.pooling.deficit(before.quality), builder.pooling.deficit(after.quality)
        deficit = np.average(deficits[0], axis=0, weights=frames)
        deficit += np.average((deficits[1] - deficits[0])[sampled], axis=0, weights=frames[sampled])
        titles[height] = uniform_quantiser_curve(
            before.bits.sum(axis=0) * ratio, builder.pooling.inverse(deficit), len(frames)
        )
    return titles


def _error(builder: LadderBuilder, fitted: Curves, found: Curves, sampled: list[int], rung: Rung) -> float:
    """Return the standard error of the VMAF of a rung, from the variation of the fit error over the sample."""
    before, after = (stack_curves(curves[rung.width, rung.height]).quality for curves in (fitted, found))
    weights = np.asarray(builder.frames, np.float64)[sampled]
    change = (after - before)[sampled, builder.grid_index(rung.quantisers[0])]
    squares = (weights * (change - np.average(change, weights=weights)) / weights.sum()) ** 2
    left = 1 - len(sampled) / len(builder.frames)
    return float(np.sqrt(squares.sum() * len(sampled) / max(len(sampled) - 1, 1) * left))
