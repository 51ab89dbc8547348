"""The kernel that finds the best plan for the next chunks at a predicted rate: exact, by branch and bound.

Value of a plan: sum of w - change |w - w before| - stall (per ms) over the horizon. Bounds come from Lagrange
multipliers L of the buffer: for any L between 0 and the price of a stall, no plan is worth more than
sum(w - change |dw| - L t) + L (buffer + what plays meanwhile), which a pass over the rungs maximises.
"""

import numpy as np

from shotladder_runtime.kernels.compiler import inline

__all__ = ["MOST_HORIZON", "plan", "scratch_size"]

MOST_HORIZON = 8
MULTIPLIERS = 8
#: multipliers as shares of the price of a stall
_SHARES = (0.0, 0.015, 0.04, 0.09, 0.18, 0.35, 0.65, 1.0)
_SLACK = 1e-9


def scratch_size(rungs: int) -> int:
    """Return how many floats of scratch `plan` needs."""
    return (MULTIPLIERS + 1) * (MOST_HORIZON + 1) * rungs + MOST_HORIZON * (4 + MULTIPLIERS)


@inline
def _bounds(m, at, horizon, rungs, w, change, times, lengths, stall, steps):  # type: ignore[no-untyped-def]
    """Fill, for every multiplier, what the chunks from `d` on are worth at most after each rung."""
    for i in range(MULTIPLIERS):
        price = _SHARES[i] * stall
        base = at + i * (MOST_HORIZON + 1) * rungs
        for q in range(rungs):
            m[base + horizon * rungs + q] = 0.0
        for d in range(horizon - 1, 0, -1):
            here = base + d * rungs
            later = here + rungs
            # up to the rung a change down costs, above it a change up; either never overstates a plan
            best = -np.inf
            for q in range(rungs):
                v = w[d, q]
                best = max(best, v - price * m[times + d * rungs + q] + m[later + q] + change * v)
                m[here + q] = best - change * w[d - 1, q]
            best = -np.inf
            for q in range(rungs - 1, -1, -1):
                m[here + q] = max(m[here + q], best + change * w[d - 1, q])
                v = w[d, q]
                best = max(best, v - price * m[times + d * rungs + q] + m[later + q] - change * v)
        # what plays while the chunks after `d` are fetched, at this price
        played = 0.0
        for d in range(horizon - 1, -1, -1):
            m[steps + d * MULTIPLIERS + i] = price * played
            if d < horizon - 1:
                played += lengths[d + 1]
                m[steps + d * MULTIPLIERS + i] = price * (played - lengths[horizon - 1])


@inline
def _step(time, v, before, change, stall, buffer, length):  # type: ignore[no-untyped-def]
    """Return what one chunk adds and the buffer after it."""
    value = v
    if not np.isnan(before):
        value -= change * abs(v - before)
    left = buffer - time
    if left < 0:
        value += stall * left
        left = 0.0
    return value, left + length


@inline
def _limit(m, at, table, steps, rungs, stall, d, q, left):  # type: ignore[no-untyped-def]
    """Return what the chunks after `d` are worth at most."""
    limit = np.inf
    for i in range(MULTIPLIERS):
        here = m[at + i * table + (d + 1) * rungs + q] + m[steps + d * MULTIPLIERS + i]
        limit = min(limit, here + _SHARES[i] * stall * left)
    return limit


@inline
def _greedy(m, at, table, times, steps, lengths, w, change, stall, buffer, last):  # type: ignore[no-untyped-def]
    """Return the worth of the plan that always takes the step of the highest bound."""
    horizon, rungs = w.shape
    total = 0.0
    for d in range(horizon):
        best = -np.inf
        added = 0.0
        after = 0.0
        taken = 0
        for q in range(rungs):
            value, left = _step(m[times + d * rungs + q], w[d, q], last, change, stall, buffer, lengths[d])
            bound = value + _limit(m, at, table, steps, rungs, stall, d, q, left)
            if bound > best:
                best, added, after, taken = bound, value, left, q
        total += added
        buffer = after
        last = w[d, taken]
    return total


@inline
def plan(m, at, sizes, lengths, w, change, stall, rate, buffer, last):  # type: ignore[no-untyped-def]
    """Return the first rung of the best plan; of equals, the highest.

    `m[at:]` is scratch; `sizes` (bits) and `w` have a row for every chunk of the horizon, `lengths` are their ms;
    `last` is the worth of the chunk before, NaN if there is none.
    """
    horizon, rungs = w.shape
    table = (MOST_HORIZON + 1) * rungs
    times = at + MULTIPLIERS * table
    steps = times + table
    chosen = steps + MOST_HORIZON * MULTIPLIERS
    worth = chosen + MOST_HORIZON
    level = worth + MOST_HORIZON
    before = level + MOST_HORIZON
    for d in range(horizon):
        for q in range(rungs):
            m[times + d * rungs + q] = sizes[d, q] / rate
    _bounds(m, at, horizon, rungs, w, change, times, lengths, stall, steps)
    # a little less than a plan that exists, so that the search meets it, or its highest equal, again
    best = _greedy(m, at, table, times, steps, lengths, w, change, stall, buffer, last) - 4 * _SLACK
    answer = 0
    d = 0
    m[chosen] = rungs
    m[worth] = 0.0
    m[level] = buffer
    m[before] = last
    while d >= 0:
        q = int(m[chosen + d]) - 1
        m[chosen + d] = q
        if q < 0:
            d -= 1
            continue
        v = w[d, q]
        value, left = _step(m[times + d * rungs + q], v, m[before + d], change, stall, m[level + d], lengths[d])
        value += m[worth + d]
        if d == horizon - 1:
            if value > best + _SLACK:
                best = value
                answer = int(m[chosen])
            continue
        if value + _limit(m, at, table, steps, rungs, stall, d, q, left) <= best + _SLACK:
            continue
        d += 1
        m[chosen + d] = rungs
        m[worth + d] = value
        m[level + d] = left
        m[before + d] = v
    return answer
