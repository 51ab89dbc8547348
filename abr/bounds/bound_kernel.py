"""The kernel of the offline bound: a dynamic program over Pareto sets, with Lagrangian limits to what can follow.

With every arrival a_n known, playback of segment n begins at cum_n + max over i <= n of (a_i - cum_i). Call that
running maximum y: at the end it is startup plus stalls. So a plan is worth W - price * y, W its segments' worth
less changes, and a state is (arrival t, y, W) for every last rung. One state makes another needless when it is
no later and, with the smaller y, worth no less, or with the larger y, worth no less after paying for it.

`relax`: a state inherits the earlier room in the buffer of those that it makes needless, and sets that grow too large
are merged into the earliest t, the least y, the greatest W of a group: both only help the optimum, so that the
result is an upper bound. Otherwise the most promising states are kept, and every state is a plan that exists.

What can follow a state is limited, for any price L of a bit, by
max sum(worth - change - L bits) + max over ends tau of (L * bits that come until tau - price * stall until tau).
"""

import numpy as np
from numba import types

from abr.player.kernels.network_kernel import seek, send_request, transfer
from abr.player.session_arrays import LINK_DTYPE, TRACE_TYPE
from shotladder_runtime.kernels.compiler import inline, kernel

__all__ = ["limits", "search"]

_FLOATS = types.float64[::1]
_TABLE = types.float64[:, ::1]
_CUBE = types.float64[:, :, ::1]
T, Y, ROOM, W, LIMIT = 0, 1, 2, 3, 4


@kernel(signature=types.void(_TABLE, _TABLE, types.float64, _FLOATS, _CUBE), counts_references=False)
def limits(sizes, worth, change, prices, out):  # type: ignore[no-untyped-def]
    """Fill `out[price, n, q]`: the most that the segments after n are worth after paying for their bits."""
    segments, rungs = sizes.shape
    for i in range(prices.shape[0]):
        for n in range(segments - 1, -1, -1):
            for q in range(rungs):
                best = 0.0
                if n + 1 < segments:
                    best = -np.inf
                    for p in range(rungs):
                        v = worth[n + 1, p] - change * abs(worth[n + 1, p] - worth[n, q])
                        best = max(best, v - prices[i] * sizes[n + 1, p] + out[i, n + 1, p])
                out[i, n, q] = best


@inline
def _arrival(at, bits, link, trace):  # type: ignore[no-untyped-def]
    """Return when a request at `at` ms of the trace is answered in full."""
    total = trace.ends[trace.ends.shape[0] - 1]
    seek(link, trace, at % total, np.inf)
    time = send_request(link, trace, np.inf, -1.0)
    return at + time + transfer(link, trace, bits)


@inline
def _bits(at, bits, trace):  # type: ignore[no-untyped-def]
    """Return the bits that the trace carries until `at`; `bits` until the ends of its intervals."""
    last = trace.ends.shape[0] - 1
    rounds = np.floor(at / trace.ends[last])
    rest = at - rounds * trace.ends[last]
    i = min(np.searchsorted(trace.ends, rest), last)
    return rounds * bits[last] + bits[i] - (trace.ends[i] - rest) * trace.rates[i]


@inline
def _limit(w, t, y, n, q, start, end, price, prices, ahead, highest, bits, trace, known):  # type: ignore[no-untyped-def]
    """Return what a plan through this state is worth at most, or a limit below `known` that is not the least.

    The last segment plays from `end` + y on; what can come later is the maximum over tau of bits until then at their
    price, less the price of the time.
    """
    come = _bits(start + t, bits, trace)
    last = trace.ends.shape[0] - 1
    at = start + y + end
    rounds = np.floor(at / trace.ends[last])
    rest = at - rounds * trace.ends[last]
    place = min(np.searchsorted(trace.ends, rest), last)
    until = bits[place] - (trace.ends[place] - rest) * trace.rates[place]
    best = np.inf
    for i in range(prices.shape[0]):
        later = max(prices[i] * until - price * rest, highest[i, place])
        later += rounds * (prices[i] * bits[last] - price * trace.ends[last])
        best = min(best, w + ahead[i, n, q] - prices[i] * come + later + price * (start + end))
        if best < known:
            break
    return best


@inline
def _needless(c, kept, count, price, relax):  # type: ignore[no-untyped-def]
    """Say whether a kept state that is no later makes `c` needless."""
    for i in range(count):
        a = kept[i]
        if a[Y] > c[Y]:
            if (relax or a[ROOM] <= c[ROOM]) and a[W] - price * (a[Y] - c[Y]) >= c[W]:
                a[ROOM] = min(a[ROOM], c[ROOM])
                return True
        elif a[W] >= c[W]:
            a[ROOM] = min(a[ROOM], c[ROOM])
            return True
    return False


@inline
def _merge(kept, parents, count, most, price):  # type: ignore[no-untyped-def]
    """Merge neighbours in time until no more than `most` are left."""
    spread = 1e-4
    while count > most:
        spread *= 1.3
        j = 0
        base_t, base_y, base_w = kept[0, T], kept[0, Y], kept[0, W]
        greatest = kept[0, LIMIT]
        for i in range(1, count):
            c = kept[i]
            close = abs(c[W] - base_w) <= spread and price * abs(c[Y] - base_y) <= spread
            if close and 0.2 * price * (c[T] - base_t) <= spread:
                a = kept[j]
                a[Y] = min(a[Y], c[Y])
                a[ROOM] = min(a[ROOM], c[ROOM])
                a[W] = max(a[W], c[W])
                a[LIMIT] = max(a[LIMIT], c[LIMIT])
                if c[LIMIT] > greatest:
                    greatest = c[LIMIT]
                    parents[j] = parents[i]
            else:
                j += 1
                base_t, base_y, base_w = c[T], c[Y], c[W]
                greatest = c[LIMIT]
                for field in range(5):
                    kept[j, field] = c[field]
                parents[j] = parents[i]
        count = j + 1
    return count


SEARCH_SIGNATURE = types.float64(
    *(_TABLE,) * 2,  # sizes, worth
    *(_FLOATS,) * 2,  # durations, cum
    types.float64,  # change
    types.float64,  # price of a ms of startup or stall
    types.float64,  # capacity
    TRACE_TYPE,
    types.float64,  # start
    types.int64,  # most states a rung
    types.float64,  # worth of a plan that exists
    types.boolean,  # relax
    _FLOATS,  # prices of a bit
    _CUBE,  # `limits`
    _TABLE,  # from every interval's end on, the maximum of price * bits - price of time
    _FLOATS,  # bits until every interval's end
    types.int64[::1],  # the plan found, out
)


@kernel(signature=SEARCH_SIGNATURE)
def search(  # type: ignore[no-untyped-def]
    sizes,
    worth,
    durations,
    cum,
    change,
    price,
    cap,
    trace,
    start,
    most,
    known,
    relax,
    prices,
    ahead,
    highest,
    bits,
    plan,
):
    """Return the greatest worth found, no less than `known`; fill `plan` where it is more."""
    segments, rungs = sizes.shape
    end = cum[segments - 1]
    links = np.zeros(1, LINK_DTYPE)  # a record taken from it here would not keep it alive
    states = np.zeros((rungs, most, 5))
    count = np.zeros(rungs, np.int64)
    come_from = np.full((segments, rungs, most), -1, np.int64)
    for q in range(rungs):
        t = _arrival(start, sizes[0, q], links[0], trace) - start
        states[q, 0] = np.array([t, t, t, worth[0, q], 0.0])
        count[q] = 1
    for n in range(1, segments):
        total = count.sum()
        fresh = np.zeros((rungs, most, 5))
        fresh_count = np.zeros(rungs, np.int64)
        candidates = np.zeros((total, 5))
        origin = np.zeros(total, np.int64)
        for q in range(rungs):
            c = 0
            for p in range(rungs):
                step = worth[n, q] - change * abs(worth[n, q] - worth[n - 1, p])
                for i in range(count[p]):
                    a = states[p, i]
                    # a segment longer than the buffer is asked for when nothing is left
                    room = a[ROOM] + cum[n] + min(durations[n] - cap, 0.0)
                    at = max(a[T], room)
                    t = _arrival(start + at, sizes[n, q], links[0], trace) - start
                    y = max(a[Y], t - cum[n])
                    w = a[W] + step
                    limit = _limit(w, t, y, n, q, start, end, price, prices, ahead, highest, bits, trace, known - 1e-7)
                    if limit < known - 1e-7:
                        continue
                    candidates[c, T] = t
                    candidates[c, Y] = y
                    candidates[c, ROOM] = max(a[ROOM], t - cum[n])
                    candidates[c, W] = w
                    candidates[c, LIMIT] = limit
                    origin[c] = p * most + i
                    c += 1
            order = np.argsort(candidates[:c, T])
            kept = np.zeros((c, 5))
            parents = np.zeros(c, np.int64)
            j = 0
            for i in order:
                if not _needless(candidates[i], kept, j, price, relax):
                    kept[j] = candidates[i]
                    parents[j] = origin[i]
                    j += 1
            if j > most:
                if relax:
                    j = _merge(kept, parents, j, most, price)
                else:
                    best_first = np.sort(np.argsort(-kept[:j, LIMIT])[:most])
                    for i in range(most):
                        kept[i] = kept[best_first[i]]
                        parents[i] = parents[best_first[i]]
                    j = most
            for i in range(j):
                fresh[q, i] = kept[i]
                come_from[n, q, i] = parents[i]
            fresh_count[q] = j
        states, count = fresh, fresh_count
    best = known
    for q in range(rungs):
        for i in range(count[q]):
            value = states[q, i, W] - price * states[q, i, Y]
            if value > best:
                best = value
                p, at = q, i
                for n in range(segments - 1, -1, -1):
                    plan[n] = p
                    came = come_from[n, p, at]
                    p, at = came // most, came % most
    return best
