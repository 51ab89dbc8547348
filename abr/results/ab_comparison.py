"""Comparing two arms on the same sessions: paired differences, intervals clustered by trace, guardrails, a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abr.errors import PolicyError
from abr.policy_interface.policy import Floats
from abr.results.interval import REALISATIONS, error_factor, interval, p_value
from abr.results.session_table import SessionTable

__all__ = ["GUARDRAILS", "ArmComparison", "Effect", "Guardrail", "compare_arms", "decompose_effect"]

#: metrics for which lower values are better; for all others higher values are
LOWER_IS_BETTER = (
    *("rebuffer_ratio", "rebuffer_count", "startup_delay", "switches", "switch_magnitude"),
    *("downloaded_bytes", "wasted_bytes", "bytes_above_target", "regret"),
)


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric that must not get worse by more than a margin; `relative` to the first arm's mean, `p95` of it."""

    metric: str
    margin: float
    relative: bool = False
    p95: bool = False

    @property
    def name(self) -> str:
        """The metric, with the percentile if it is one."""
        return f"{self.metric} p95" if self.p95 else self.metric


GUARDRAILS = (
    Guardrail("rebuffer_ratio", 0.005),
    Guardrail("startup_delay", 0.5, p95=True),
    Guardrail("downloaded_bytes", 0.1, relative=True),
    Guardrail("vmaf_p5", 1.0),
)


@dataclass(frozen=True, slots=True)
class Effect:
    """Difference of one metric: second arm minus first arm.

    Attributes
    ----------
    metric : str
        Of which.
    first, second, difference : float
        Means, and their difference.
    ci95 : tuple of float
        Interval of the difference; a bootstrap that draws whole traces.
    p : float
        Two-sided, of no difference; `adjusted` for all metrics tested (Holm 1979).
    detectable : float
        Smallest difference that this number of traces detects with a power of 80 %.
    sessions_needed : int or None
        Sessions that detect the observed difference with a power of 80 %, with as many sessions on each trace.
    """

    metric: str
    first: float
    second: float
    difference: float
    ci95: tuple[float, float]
    p: float
    adjusted: float
    detectable: float
    sessions_needed: int | None


@dataclass(frozen=True, slots=True)
class ArmComparison:
    """Differences between two arms and the verdict, which is ship, hold or stop, with its reasons."""

    first: str
    second: str
    sessions: int
    traces: int
    primary: str
    effects: tuple[Effect, ...]
    verdict: str
    reasons: tuple[str, ...]


def compare_arms(
    table: SessionTable,
    first: tuple[str, str],
    second: tuple[str, str],
    *,
    primary: str = "vmaf_mean",
    guardrails: tuple[Guardrail, ...] = GUARDRAILS,
    seed: int = 0,
) -> ArmComparison:
    """Compare two arms of a table, each (presentation, policy), session by session.

    Ship when the primary metric is better beyond chance and every guardrail surely holds; stop when the primary
    metric or a guardrail is worse beyond chance, adjusted for the number of metrics; otherwise hold.

    Raises
    ------
    PolicyError
        When an arm is not in the table, no session has the primary metric in both, or all are of one trace.
    """
    if primary not in table.metric_names:
        raise PolicyError(f"unknown metric {primary!r} (choose from {', '.join(table.metric_names)})")
    a, b = _rows(table, first), _rows(table, second)
    if len(set(table["trace"][a])) < 2:
        raise PolicyError("sessions on one trace do not generalise to others; give at least two traces")
    effects = _effects(table, a, b, seed)
    if primary not in effects:
        raise PolicyError(f"no session has {primary} in both arms; name another primary metric")
    verdict, reasons = _judge(table, a, b, effects, primary, guardrails, seed)
    return ArmComparison(
        " ".join(first),
        " ".join(second),
        len(a),
        len(set(table["trace"][a])),
        primary,
        tuple(effects.values()),
        verdict,
        tuple(reasons),
    )


def _rows(table: SessionTable, arm: tuple[str, str]) -> NDArray[np.int64]:
    for presentation, policy, rows in table.arms():
        if (presentation, policy) == arm:
            return rows
    raise PolicyError(f"the table has no arm of presentation {arm[0]} and policy {arm[1]}")


def _draws(clusters: NDArray[Any], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cluster of every session, and how often each is drawn in every realisation."""
    _, place = np.unique(clusters.astype(str), return_inverse=True)
    count = int(place.max()) + 1
    return place, np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), REALISATIONS)


def _means(values: Floats, place: NDArray[np.int64], draws: NDArray[np.int64]) -> Floats:
    count = draws.shape[1]
    sums = np.bincount(place, values, count)
    weights = np.bincount(place, minlength=count)
    means: Floats = (draws @ sums) / np.maximum(draws @ weights, 1)
    return means


def _effects(table: SessionTable, a: NDArray[np.int64], b: NDArray[np.int64], seed: int) -> dict[str, Effect]:
    found: dict[str, tuple[Any, ...]] = {}
    for metric in table.metric_names:
        x, y = table[metric][a].astype(float), table[metric][b].astype(float)
        both = ~np.isnan(x) & ~np.isnan(y)
        if len(set(table["trace"][a][both])) < 2:
            # a metric that sessions of one trace have alone: the variance between traces is unknown
            continue
        place, draws = _draws(table["trace"][a][both], seed)
        means = _means(y[both] - x[both], place, draws)
        difference = float((y - x)[both].mean())
        clusters = draws.shape[1]
        detectable = error_factor(clusters) * float(means.std())
        needed = None
        if difference:
            needed = max(1, int(np.ceil(both.sum() * (detectable / difference) ** 2)))
        row = (float(x[both].mean()), float(y[both].mean()), difference, interval(means, clusters))
        found[metric] = (*row, p_value(means, clusters), detectable, needed)
    adjusted = _holm({metric: row[4] for metric, row in found.items()})
    return {
        metric: Effect(metric, first, second, difference, ci95, p, adjusted[metric], detectable, needed)
        for metric, (first, second, difference, ci95, p, detectable, needed) in found.items()
    }


def _holm(p: dict[str, float]) -> dict[str, float]:
    """Return p-values adjusted for all of them (Holm 1979)."""
    adjusted = {}
    running = 0.0
    for rank, (metric, value) in enumerate(sorted(p.items(), key=lambda item: item[1])):
        running = max(running, min(1.0, value * (len(p) - rank)))
        adjusted[metric] = running
    return adjusted


def _judge(
    table: SessionTable,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    effects: dict[str, Effect],
    primary: str,
    guardrails: tuple[Guardrail, ...],
    seed: int,
) -> tuple[str, list[str]]:
    main = effects[primary]
    sign = -1 if primary in LOWER_IS_BETTER else 1
    low, high = sorted(sign * value for value in main.ci95)
    reasons = [f"{primary} {main.difference:+.4g}, 95 % between {main.ci95[0]:+.4g} and {main.ci95[1]:+.4g}"]
    better, worse = low > 0, high < 0
    kept = True
    for guard in guardrails:
        if guard.metric not in effects:
            continue
        loss, low_loss, high_loss, margin = _loss(table, a, b, effects, guard, seed)
        surely = high_loss <= margin
        broken = low_loss > margin
        state = "holds" if surely else "is broken" if broken else "is not certain"
        reasons.append(f"{guard.name} {state}: worse by {loss:+.4g} (at most {high_loss:+.4g}), margin {margin:.4g}")
        kept &= surely
        worse |= broken
    if worse:
        return "stop", reasons
    if better and kept:
        return "ship", reasons
    if not better:
        reasons.append(f"a difference in {primary} of {main.detectable:.4g} would be detected with a power of 80 %")
    return "hold", reasons


def _loss(
    table: SessionTable,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    effects: dict[str, Effect],
    guard: Guardrail,
    seed: int,
) -> tuple[float, float, float, float]:
    """Return how much worse the second arm is, the ends of its interval, and the margin in the same unit."""
    sign = 1 if guard.metric in LOWER_IS_BETTER else -1
    effect = effects[guard.metric]
    margin = guard.margin * abs(effect.first) if guard.relative else guard.margin
    if not guard.p95:
        low, high = sorted(sign * value for value in effect.ci95)
        return sign * effect.difference, low, high, margin
    x, y = table[guard.metric][a].astype(float), table[guard.metric][b].astype(float)
    both = ~np.isnan(x) & ~np.isnan(y)
    place, draws = _draws(table["trace"][a][both], seed)
    differences = sign * (_percentiles(y[both], place, draws) - _percentiles(x[both], place, draws))
    low, high = interval(differences, draws.shape[1])
    seen = sign * float(np.percentile(y[both], 95) - np.percentile(x[both], 95))
    return seen, low, high, margin


def _percentiles(values: Floats, place: NDArray[np.int64], draws: NDArray[np.int64]) -> Floats:
    """Return the 95th percentile of every realisation."""
    order = np.argsort(values)
    cumulative = np.cumsum(draws[:, place[order]], axis=1)
    index = (cumulative >= 0.95 * cumulative[:, -1:]).argmax(axis=1)
    chosen: Floats = values[order][index]
    return chosen


def decompose_effect(
    table: SessionTable, ladders: tuple[str, str], policies: tuple[str, str], metric: str
) -> dict[str, float]:
    """Decompose the effect of a new ladder and a new policy into one of each: `ladder`, `policy`, `together`.

    The effect of the ladder is its mean over both policies, that of the policy its mean over both ladders; their sum
    is the effect of both together.
    """
    mean = {
        (ladder, policy): float(np.nanmean(table[metric][_rows(table, (ladder, policy))]))
        for ladder in ladders
        for policy in policies
    }
    (l0, l1), (p0, p1) = ladders, policies
    ladder = (mean[l1, p0] - mean[l0, p0] + mean[l1, p1] - mean[l0, p1]) / 2
    policy = (mean[l0, p1] - mean[l0, p0] + mean[l1, p1] - mean[l1, p0]) / 2
    return {"ladder": ladder, "policy": policy, "together": mean[l1, p1] - mean[l0, p0]}
