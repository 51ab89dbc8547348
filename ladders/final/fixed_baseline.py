"""The fixed ladder that a ladder is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ladders.allocation.per_title import uniform_quantiser_curve
from ladders.allocation.title_curve import TitleCurve
from ladders.construction.ladder_builder import LadderBuilder
from ladders.ladder import Ladder, ProbeCost, Rung
from ladders.ladder_request import LadderRequest
from ladders.probing.curve_fit import Curves, fit_all
from ladders.probing.probe_results import ProbePoint, ProbeResults
from ladders.probing.prober import Prober
from ladders.rd.curve_table import stack_curves
from ladders.rd.curves import VMAF_CEILING, log_vmaf_deficit
from ladders.rd.uncertainty import DEFICIT_EXPONENT

__all__ = ["Anchor", "fixed_anchor"]

#: Minimum number of sampled chunks. Chosen by hand: the fewest whose scatter gives an error.
MIN_CHUNKS = 3
#: Pixels of the sample, as a fraction of the pixels of the final encodes of the ladder. Chosen by hand: with it the
#: comparison takes less than 5 percent of the CPU time of most jobs.
PIXEL_FRACTION = 0.05
#: Prior standard deviation of the log ratio of a sampled chunk, and the number of values that it counts as. Chosen by
#: hand: three values alone often agree by chance.
PRIOR_SCATTER = 0.15
PRIOR_VALUES = 3


@dataclass(frozen=True, slots=True)
class Anchor:
    """The fixed ladder of a title, as the anchor of a BD-rate.

    Attributes
    ----------
    points : tuple of (int, float)
        Bitrate (bits/s) and VMAF of each rung, lowest first.
    errors : tuple of float
        Standard error of each VMAF.
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
    """Estimate the rungs of the fixed ladder, encoded by the preset without encoder overrides.

    Parameters
    ----------
    prober : Prober
        With the probes of a ladder, and preferably its final encodes. It is not changed.
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
    Every rung has the one quantiser that gives it its bitrate, which is about what two-pass rate control does
    (benchmarks.value compares both). The curves of the ladder are known; the settings of the fixed ladder change bits
    and deficit by a ratio each. An evenly spaced sample of chunks, each at the size and quantiser of another rung, is
    encoded with these settings, and its mean log ratios shift the curves of the title. The curve of a size is shifted
    by the mean ratio at that size, shrunk towards that of all sizes: the curves of some sizes may rest on few probes.
    """
    fixed_request = request.with_mode("fixed")
    builder = LadderBuilder(prober.source, prober.chunks, fixed_request)
    if not builder.recommended:
        return None
    curves = fit_all(
        prober,
        list(builder.sizes.values()),
        ladder.overrides_except(request.encoding.default_override()),
    )
    rungs = _below(builder.fixed_rungs(builder.titles(curves)), request.target_for(prober.source))
    points = _sample(prober, ladder, rungs)
    plain = replace(prober, encoding=fixed_request.encoding, results=ProbeResults(), cost=ProbeCost())
    plain.run(points, progress)
    ratios = np.array([_log_ratios(curves, plain, point) for point in points])
    weights = np.array([float(prober.chunks[point.chunk].frame_count) for point in points])
    shifted = {}
    for height, size in builder.sizes.items():
        bits, deficit = _shrunk_mean(ratios, weights, np.array([point.size == size for point in points]))
        shifted[height] = _shift(builder, curves, height, bits, deficit)
    # log deficit at equal bits
    scatter = ratios[:, 1] + DEFICIT_EXPONENT * ratios[:, 0]
    error = _standard_error(scatter)
    found = builder.fixed_rungs(shifted)
    return Anchor(
        tuple((rung.rate, rung.quality) for rung in found),
        tuple(error * (VMAF_CEILING - rung.quality) for rung in found),
        len({point.chunk for point in points}),
        plain.cost,
    )


def _order(count: int) -> list[int]:
    """Return the indices of chunks in an order of which every prefix is evenly spaced over the title.

    Multiples of the golden ratio modulo 1 have this property (a low-discrepancy sequence).
    """
    return np.argsort(np.arange(count) * (5**0.5 - 1) / 2 % 1).tolist()


def _below(rungs: Sequence[Rung], target: float) -> Sequence[Rung]:
    """Return the rungs up to the first one above the target."""
    return rungs[: 1 + next((n for n, rung in enumerate(rungs) if rung.quality > target), len(rungs))]


def _sample(prober: Prober, ladder: Ladder, rungs: Sequence[Rung]) -> list[ProbePoint]:
    """Return one probe of each sampled chunk; by pixels, so that the sample does not depend on measured CPU time."""
    allowed = PIXEL_FRACTION * prober.source.frame_count * sum(rung.width * rung.height for rung in ladder.rungs)
    points: list[ProbePoint] = []
    for number, chunk in enumerate(_order(len(prober.chunks))):
        rung = rungs[_order(len(rungs))[number % len(rungs)]]
        allowed -= prober.chunks[chunk].frame_count * rung.width * rung.height
        if len(points) >= MIN_CHUNKS and allowed < 0:
            break
        points.append(ProbePoint(chunk, (rung.width, rung.height), rung.quantisers[chunk]))
    return points


def _log_ratios(curves: Curves, plain: Prober, point: ProbePoint) -> tuple[float, float]:
    """Return the logarithms of bits and deficit of a probe relative to the curve of its chunk."""
    curve, result = curves[point.size][point.chunk], plain.results.like(point)[point.quantiser]
    at = int(np.searchsorted(curve.quantisers, point.quantiser))
    deficits = log_vmaf_deficit(np.array([result.quality, curve.quality[at]]))
    return float(np.log(max(result.bits, 1) / curve.bits[at])), float(deficits[0] - deficits[1])


def _shrunk_mean(
    ratios: NDArray[np.float64], weights: NDArray[np.float64], is_own: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the weighted mean of some rows, of which all rows together count as `PRIOR_VALUES`."""
    common: NDArray[np.float64] = np.average(ratios, axis=0, weights=weights)
    if not is_own.any():
        return common
    own = np.average(ratios[is_own], axis=0, weights=weights[is_own])
    return np.asarray(common + is_own.sum() / (is_own.sum() + PRIOR_VALUES) * (own - common))


def _standard_error(values: NDArray[np.float64]) -> float:
    """Return the standard error of the mean of few values, whose variance is shrunk to that of the prior."""
    squares = PRIOR_VALUES * PRIOR_SCATTER**2 + float(((values - values.mean()) ** 2).sum())
    return float((squares / (PRIOR_VALUES + len(values) - 1) / len(values)) ** 0.5)


def _shift(builder: LadderBuilder, curves: Curves, height: int, bits: float, deficit: float) -> TitleCurve:
    """Return the one-quantiser curve of the title at a height, with shifted log bits and log deficit."""
    table = stack_curves(curves[builder.sizes[height]])
    quality = np.clip(VMAF_CEILING - np.exp(log_vmaf_deficit(table.quality) + deficit), 0.0, 100.0)
    pooled: NDArray[np.float64] = builder.pooling.pool(quality, builder.frames)
    return uniform_quantiser_curve(table.bits.sum(axis=0) * np.exp(bits), pooled, len(builder.frames))
