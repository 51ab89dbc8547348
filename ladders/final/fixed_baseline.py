"""What the fixed ladder would have cost and given, to compare a title's own with: by trials where its rungs land."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from encoder import Chunk, get_codec
from ladders.allocation.equal_slope import TitleCurve, alike
from ladders.construction.ladder_builder import LadderBuilder
from ladders.ladder import Ladder, ProbeCost, Rung
from ladders.ladder_request import LadderRequest
from ladders.probing.curve_fit import Curves, fitted
from ladders.probing.prober import ProbePoint, Prober
from ladders.probing.search import part_of
from ladders.rd.curve_table import tabled

__all__ = ["Anchor", "fixed_anchor"]

#: So many chunks are tried, and more as long as they are no more than such a share of the pixels of the ladder's own
#: final encodes; at most one of so many, or so many.
FEWEST, SHARE, ONE_OF, MOST = 3, 0.3, 20, 24
#: A trial tells of quantisers so many halvings of the rate away.
NEAR = 0.25
#: Rounds of trying: what the first finds moves the quantiser at which a rung has its rate.
ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the fixed ladder gives.

    Attributes
    ----------
    points : tuple of (int, float)
        Bits/s and VMAF of each rung, lowest first.
    errors : tuple of float
        Standard error of each VMAF: of a title whose chunks were all tried, 0.
    chunks : int
        How many of the title's were tried.
    cost : ProbeCost
    """

    points: tuple[tuple[int, float], ...]
    errors: tuple[float, ...]
    chunks: int
    cost: ProbeCost


def fixed_anchor(
    prober: Prober, ladder: Ladder, request: LadderRequest, progress: Callable[[float, float], None] | None = None
) -> Anchor | None:
    """Measure the rungs of the fixed ladder, each by one quantiser that gives it its rate.

    Parameters
    ----------
    prober : Prober
        Knows the trials of a ladder, and better its final encodes too. Best a `sibling` of the one that the ladder was
        made with: the bill is its own.
    ladder : Ladder
        What is to be compared: it bounds what this may take.
    request : LadderRequest
        That the ladder was made for.
    progress : callable, optional
        Takes (share done, 1).

    Returns
    -------
    Anchor or None
        None if the codec has no fixed ladder.

    Notes
    -----
    A title's own rungs say little of a ladder at other sizes, so a sample of its chunks, evenly over it, is tried
    there. The others are counted as their curves have them, corrected by what the sample as a whole turned out to
    differ from its own (in survey statistics, the difference estimator for the loss in quality and the ratio estimator
    for bits). Rungs above the first that exceeds the target are left to the curves: no rung of the title's is as good.

    References
    ----------
    .. [1] W. G. Cochran, "Sampling Techniques", 3rd edition, 1977, chapters 6 and 7.
    """
    maker = LadderBuilder(prober.source, prober.chunks, replace(request, mode="fixed"))
    if not maker.recommended:
        return None
    drawn = fitted(prober, list(maker.sizes.values()))
    found, order = drawn, _order(len(prober.chunks))
    first = _below(maker.fixed_rungs(maker.titles(drawn)), request.rules.target)
    sampled = order[: _affordable(prober.chunks, order, ladder, first)]
    near = NEAR * get_codec(prober.encoding.codec).rate_halving
    for number in range(ROUNDS):
        points = [
            ProbePoint(n, (rung.width, rung.height), rung.quantisers[n])
            for rung in _below(maker.fixed_rungs(_titles(maker, drawn, found, sampled)), request.rules.target)
            for n in sampled
        ]
        prober.run(
            [p for p in points if all(abs(q - p.quantiser) > near for q in prober.known(p))],
            part_of(progress, number / ROUNDS, (number + 1) / ROUNDS),
        )
        found = fitted(prober, list(maker.sizes.values()))
    rungs = maker.fixed_rungs(_titles(maker, drawn, found, sampled))
    errors = tuple(_error(maker, drawn, found, sampled, rung) for rung in rungs)
    return Anchor(tuple((rung.rate, rung.quality) for rung in rungs), errors, len(sampled), prober.cost)


def _order(count: int) -> list[int]:
    """Return the numbers of chunks in an order of which each beginning lies evenly over the title.

    Multiples of the golden ratio do, wherever one stops.
    """
    return np.argsort(np.arange(count) * (5**0.5 - 1) / 2 % 1).tolist()


def _below(rungs: Sequence[Rung], target: float) -> Sequence[Rung]:
    """Return the rungs up to the first that is better than the target."""
    return rungs[: 1 + next((n for n, rung in enumerate(rungs) if rung.quality > target), len(rungs))]


def _affordable(chunks: Sequence[Chunk], order: Sequence[int], ladder: Ladder, rungs: Sequence[Rung]) -> int:
    """Return how many chunks to try, counted by frames and pixels, so that it is the same wherever it is counted."""
    own, tried = (sum(rung.width * rung.height for rung in each) for each in (ladder.rungs, rungs))
    work = np.cumsum([chunks[n].frame_count * tried for n in order])
    within = np.searchsorted(work, SHARE * own * sum(chunk.frame_count for chunk in chunks), side="right")
    return int(np.clip(within, FEWEST, max(MOST, len(order) // ONE_OF)))


def _titles(maker: LadderBuilder, drawn: Curves, found: Curves, sampled: list[int]) -> dict[int, TitleCurve]:
    """Return by height what one quantiser for all chunks gives, as the sample says that it differs from what is drawn.

    A sample of all chunks leaves nothing of what is drawn.
    """
    frames = np.asarray(maker.frames, np.float64)
    titles = {}
    for height, size in maker.sizes.items():
        before, after = (tabled(curves[size]) for curves in (drawn, found))
        ratio = after.bits[sampled].sum(axis=0) / before.bits[sampled].sum(axis=0)
        losses = maker.pooling.loss(before.quality), maker.pooling.loss(after.quality)
        loss = np.average(losses[0], axis=0, weights=frames)
        loss += np.average((losses[1] - losses[0])[sampled], axis=0, weights=frames[sampled])
        titles[height] = alike(before.bits.sum(axis=0) * ratio, maker.pooling.quality(loss), len(frames))
    return titles


def _error(maker: LadderBuilder, drawn: Curves, found: Curves, sampled: list[int], rung: Rung) -> float:
    """Return the standard error of a rung's quality: chunks of the sample differ from what is drawn, each otherwise."""
    before, after = (tabled(curves[rung.width, rung.height]).quality for curves in (drawn, found))
    weights = np.asarray(maker.frames, np.float64)[sampled]
    change = (after - before)[sampled, maker.place(rung.quantisers[0])]
    squares = (weights * (change - np.average(change, weights=weights)) / weights.sum()) ** 2
    left = 1 - len(sampled) / len(maker.frames)
    return float(np.sqrt(squares.sum() * len(sampled) / max(len(sampled) - 1, 1) * left))
