"""The kernel that finds the best plan for the next segments at a predicted throughput, exactly, by branch and bound.

The objective of a plan is the sum over the horizon of value - change |value - value before| - stall x time stalled.
The search skips a branch if an upper bound of its objective does not exceed that of a plan that is known. The bounds
come from the Lagrangian relaxation of the buffer: for each multiplier L between 0 and the cost of a stall, no plan
exceeds sum(value - change |difference| - L x download time) + L (buffer + durations played meanwhile), which one pass
over the rungs maximises.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from shotladder_runtime.kernels.compiler import inline

__all__ = ["MAX_HORIZON", "Horizon", "Weights", "plan", "scratch_size"]

#: segments
MAX_HORIZON: Final = 8
#: number of Lagrange multipliers
MULTIPLIERS: Final = 8
#: Lagrange multipliers as fractions of the cost of a stall; chosen by hand, denser where multipliers are small
_FRACTIONS = (0.0, 0.015, 0.04, 0.09, 0.18, 0.35, 0.65, 1.0)
#: objectives that differ by less are equal: larger than rounding errors, smaller than any difference that matters
_SLACK = 1e-9


class Horizon(NamedTuple):
    """The next segments."""

    sizes: Any  #: bits, shape (segments, rungs)
    durations: Any  #: ms, shape (segments,)
    values: Any  #: value of each segment and rung in the objective, shape (segments, rungs)


class Weights(NamedTuple):
    """Weights of the objective."""

    change: float  #: of the absolute difference between the values of two adjacent segments
    stall: float  #: of a stall, per ms


class Scratch(NamedTuple):
    """Views into the scratch of `plan`."""

    bounds: Any  #: upper bound of the segments from d on after rung q of segment d - 1, by multiplier, d and q
    times: Any  #: download time of each segment and rung, ms
    played: Any  #: multiplier times what plays while the segments after d are downloaded, by d and multiplier
    rungs: Any  #: rung of each segment on the branch that is searched
    values: Any  #: objective of the segments before d on that branch
    buffers: Any  #: buffer level before segment d on that branch, ms
    previous: Any  #: value of segment d - 1 on that branch


def scratch_size(rungs: int) -> int:
    """Return the number of floats of scratch that `plan` needs."""
    return (MULTIPLIERS + 1) * (MAX_HORIZON + 1) * rungs + MAX_HORIZON * (4 + MULTIPLIERS)


@inline
def _split_scratch(m, rungs):  # type: ignore[no-untyped-def]
    """Return the views into `m`, `scratch_size(rungs)` floats."""
    times = MULTIPLIERS * (MAX_HORIZON + 1) * rungs
    played = times + (MAX_HORIZON + 1) * rungs
    branch = played + MAX_HORIZON * MULTIPLIERS
    return Scratch(
        m[:times].reshape((MULTIPLIERS, MAX_HORIZON + 1, rungs)),
        m[times:played].reshape((MAX_HORIZON + 1, rungs)),
        m[played:branch].reshape((MAX_HORIZON, MULTIPLIERS)),
        m[branch : branch + MAX_HORIZON],
        m[branch + MAX_HORIZON : branch + 2 * MAX_HORIZON],
        m[branch + 2 * MAX_HORIZON : branch + 3 * MAX_HORIZON],
        m[branch + 3 * MAX_HORIZON : branch + 4 * MAX_HORIZON],
    )


@inline
def _fill_bounds(scratch, horizon, weights):  # type: ignore[no-untyped-def]
    """Fill the upper bounds of the segments from `d` on after each rung, for each multiplier."""
    values, change = horizon.values, weights.change
    segments, rungs = values.shape
    for i in range(MULTIPLIERS):
        multiplier = _FRACTIONS[i] * weights.stall
        bounds = scratch.bounds[i]
        for q in range(rungs):
            bounds[segments, q] = 0.0
        for d in range(segments - 1, 0, -1):
            # a change down costs change x (before - after), which is negative for a change up: up to rung q the best
            # step down, from q on the best step up; the maximum of both never understates a plan
            best = -np.inf
            for q in range(rungs):
                v = values[d, q]
                best = max(best, v - multiplier * scratch.times[d, q] + bounds[d + 1, q] + change * v)
                bounds[d, q] = best - change * values[d - 1, q]
            best = -np.inf
            for q in range(rungs - 1, -1, -1):
                bounds[d, q] = max(bounds[d, q], best + change * values[d - 1, q])
                v = values[d, q]
                best = max(best, v - multiplier * scratch.times[d, q] + bounds[d + 1, q] - change * v)
        played = 0.0
        for d in range(segments - 1, -1, -1):
            scratch.played[d, i] = multiplier * played
            if d < segments - 1:
                played += horizon.durations[d + 1]
                scratch.played[d, i] = multiplier * (played - horizon.durations[segments - 1])


@inline
def _step(time, value, previous, weights, buffer, duration):  # type: ignore[no-untyped-def]
    """Return what one segment adds to the objective, and the buffer level after it."""
    added = value
    if not np.isnan(previous):
        added -= weights.change * abs(value - previous)
    left = buffer - time
    if left < 0:
        added += weights.stall * left
        left = 0.0
    return added, left + duration


@inline
def _bound_rest(scratch, weights, d, q, buffer):  # type: ignore[no-untyped-def]
    """Return an upper bound of the objective of the segments after `d`, which has rung `q`."""
    bound = np.inf
    for i in range(MULTIPLIERS):
        relaxed = scratch.bounds[i, d + 1, q] + scratch.played[d, i]
        bound = min(bound, relaxed + _FRACTIONS[i] * weights.stall * buffer)
    return bound


@inline
def _greedy(scratch, horizon, weights, buffer, previous):  # type: ignore[no-untyped-def]
    """Return the objective of the plan that takes the step with the highest upper bound each time."""
    segments, rungs = horizon.values.shape
    total = 0.0
    for d in range(segments):
        best = -np.inf
        best_added = 0.0
        best_left = 0.0
        best_rung = 0
        for q in range(rungs):
            added, left = _step(
                scratch.times[d, q], horizon.values[d, q], previous, weights, buffer, horizon.durations[d]
            )
            bound = added + _bound_rest(scratch, weights, d, q, left)
            if bound > best:
                best, best_added, best_left, best_rung = bound, added, left, q
        total += best_added
        buffer = best_left
        previous = horizon.values[d, best_rung]
    return total


@inline
def plan(m, horizon, weights, throughput, buffer, previous):  # type: ignore[no-untyped-def]
    """Return the first rung of the best plan; of several equal plans, the highest first rung.

    Parameters
    ----------
    m : float64[::1]
        Scratch, at least `scratch_size(rungs)` floats.
    horizon : Horizon
        At most `MAX_HORIZON` segments.
    weights : Weights
    throughput : float
        Predicted, bit/ms.
    buffer : float
        Buffer level, ms.
    previous : float
        Value of the segment before the horizon; NaN if there is none.
    """
    segments, rungs = horizon.values.shape
    scratch = _split_scratch(m, rungs)
    for d in range(segments):
        for q in range(rungs):
            scratch.times[d, q] = horizon.sizes[d, q] / throughput
    _fill_bounds(scratch, horizon, weights)
    # slightly less than the objective of this plan, so that the search finds it again, or an equal one that is higher
    best = _greedy(scratch, horizon, weights, buffer, previous) - 4 * _SLACK
    first_rung = 0
    d = 0
    scratch.rungs[0] = rungs
    scratch.values[0] = 0.0
    scratch.buffers[0] = buffer
    scratch.previous[0] = previous
    while d >= 0:
        q = int(scratch.rungs[d]) - 1
        scratch.rungs[d] = q
        if q < 0:
            d -= 1
            continue
        value = horizon.values[d, q]
        total, left = _step(
            scratch.times[d, q], value, scratch.previous[d], weights, scratch.buffers[d], horizon.durations[d]
        )
        total += scratch.values[d]
        if d == segments - 1:
            if total > best + _SLACK:
                best = total
                first_rung = int(scratch.rungs[0])
            continue
        if total + _bound_rest(scratch, weights, d, q, left) <= best + _SLACK:
            continue
        d += 1
        scratch.rungs[d] = rungs
        scratch.values[d] = total
        scratch.buffers[d] = left
        scratch.previous[d] = value
    return first_rung
