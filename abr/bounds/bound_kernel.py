"""The kernel of the offline bound: a dynamic program over Pareto sets, pruned by Lagrangian bounds.

When all arrival times a_n are known, segment n starts to play at edge_n + max over i <= n of (a_i - edge_i). This
maximum, called the delay, is at the end the startup delay plus all stalls. So the objective of a plan is value - stall
cost x delay, where value is the sum of the values of its segments minus its changes. A state of the dynamic program is
(arrival, delay, value) for the rung of the last segment. State a dominates state b when a does not arrive later and
either has no larger delay and no smaller value, or has a larger delay and still no smaller value after it has paid for
the difference.

With `relax`, a state that dominates others inherits the earliest room in the buffer among them, and the states of a
rung that exceed the maximum are merged into the earliest arrival, the smallest delay and the largest value of a group.
Both can only raise the optimum, so the result is an upper bound. Without `relax`, the states with the highest bounds
are kept, and each state is a plan that can be played.

For each Lagrange multiplier L, the value per bit, the objective of all plans through a state is at most its value +
max sum(value - change - L x bits) over the rungs of the segments that follow + max over end times of (L x bits that
arrive until then - stall cost x delay until then).
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import types

from abr.player.kernels.network_kernel import seek, send_request, transfer
from abr.player.session_arrays import LINK_DTYPE, TRACE_TYPE, tuple_type
from shotladder_runtime.kernels.compiler import inline, kernel

__all__ = ["BoundProblem", "Multipliers", "relax_rest", "search_plans"]

_FLOATS = types.float64[::1]
_TABLE = types.float64[:, ::1]
_CUBE = types.float64[:, :, ::1]

#: columns of a state
ARRIVAL: Final = 0  #: of the last segment, ms since the start of the session
DELAY: Final = 1  #: startup delay and stalls so far, ms
ROOM: Final = 2  #: time minus playback position at which the buffer has room, ms: the delay, or earlier if `relax`
VALUE: Final = 3  #: sum of the values of the segments minus the changes
BOUND: Final = 4  #: upper bound of the objective of all plans through the state
COLUMNS: Final = 5

#: objectives that differ by less are equal: larger than rounding errors; chosen by hand
_SLACK = 1e-7
#: spread of the states that are merged first, in units of the objective, and its growth until few enough are left; both
#: chosen by hand, not tuned
_FIRST_SPREAD = 1e-4
_SPREAD_GROWTH = 1.3
#: weight of a difference between arrival times relative to one between delays; chosen by hand: a late arrival becomes a
#: stall only if the buffer runs empty
_ARRIVAL_WEIGHT = 0.2


class BoundProblem(NamedTuple):
    """What is to be optimised: a video, a trace and the objective."""

    sizes: Any  #: bits, shape (segments, rungs)
    values: Any  #: value of each segment in the objective, same shape
    durations: Any  #: ms, shape (segments,)
    edges: Any  #: start of each segment and end of the last, ms, shape (segments + 1,)
    change: float  #: weight of the absolute difference between the values of adjacent segments
    stall_cost: float  #: of the startup delay and stalls, per ms
    buffer_capacity: float  #: ms
    trace: Any  #: TraceArrays of one trace
    start: float  #: offset into the trace, ms


class Multipliers(NamedTuple):
    """Lagrange multipliers of the bits, and what the bounds need of each."""

    multipliers: Any  #: value per bit, shape (multipliers,)
    rest: Any  #: of `relax_rest`, shape (multipliers, segments, rungs)
    best_end: Any  #: maximum over later ends of multiplier x bits - stall cost x time, (multipliers, intervals)
    bits: Any  #: bits that arrive until the end of each interval of the trace, shape (intervals,)


PROBLEM_TYPE: Final = tuple_type(
    BoundProblem, *(_TABLE,) * 2, *(_FLOATS,) * 2, *(types.float64,) * 3, TRACE_TYPE, types.float64
)
MULTIPLIERS_TYPE: Final = tuple_type(Multipliers, _FLOATS, _CUBE, _TABLE, _FLOATS)


@kernel(signature=types.void(_TABLE, _TABLE, types.float64, _FLOATS, _CUBE), counts_references=False)
def relax_rest(sizes, values, change, multipliers, out):  # type: ignore[no-untyped-def]
    """Fill `out[i, n, q]`: the maximum value of the segments after n, which has rung q, minus multiplier i x bits."""
    segments, rungs = sizes.shape
    for i in range(multipliers.shape[0]):
        for n in range(segments - 1, -1, -1):
            for q in range(rungs):
                best = 0.0
                if n + 1 < segments:
                    best = -np.inf
                    for p in range(rungs):
                        v = values[n + 1, p] - change * abs(values[n + 1, p] - values[n, q])
                        best = max(best, v - multipliers[i] * sizes[n + 1, p] + out[i, n + 1, p])
                out[i, n, q] = best


@inline
def _arrival(time, bits, link, trace):  # type: ignore[no-untyped-def]
    """Return when the response to a request at `time` has arrived; both in ms since the start of the trace."""
    total = trace.ends[trace.ends.shape[0] - 1]
    seek(link, trace, time % total, np.inf)
    latency = send_request(link, trace, np.inf, -1.0)
    return time + latency + transfer(link, trace, bits)


@inline
def _bits_until(time, bits, trace):  # type: ignore[no-untyped-def]
    """Return the bits that the looped trace carries until `time`, ms; `bits` are those until its interval ends."""
    last = trace.ends.shape[0] - 1
    rounds = np.floor(time / trace.ends[last])
    rest = time - rounds * trace.ends[last]
    i = min(np.searchsorted(trace.ends, rest), last)
    return rounds * bits[last] + bits[i] - (trace.ends[i] - rest) * trace.rates[i]


@inline
def _bound(value, arrival, delay, n, q, known, problem, relaxed):  # type: ignore[no-untyped-def]
    """Return an upper bound of the objective of the plans through a state, or any bound of theirs below `known`.

    The last segment cannot start to play before the delay of the state. The bits that arrive later are worth the
    maximum, over the end times from there on, of the multiplier x bits until then - stall cost x time.
    """
    trace, start, stall_cost = problem.trace, problem.start, problem.stall_cost
    bits = relaxed.bits
    end = problem.edges[problem.sizes.shape[0] - 1]
    arrived = _bits_until(start + arrival, bits, trace)
    last = trace.ends.shape[0] - 1
    time = start + delay + end
    rounds = np.floor(time / trace.ends[last])
    rest = time - rounds * trace.ends[last]
    interval = min(np.searchsorted(trace.ends, rest), last)
    until = bits[interval] - (trace.ends[interval] - rest) * trace.rates[interval]
    best = np.inf
    for i in range(relaxed.multipliers.shape[0]):
        multiplier = relaxed.multipliers[i]
        later = max(multiplier * until - stall_cost * rest, relaxed.best_end[i, interval])
        later += rounds * (multiplier * bits[last] - stall_cost * trace.ends[last])
        best = min(best, value + relaxed.rest[i, n, q] - multiplier * arrived + later + stall_cost * (start + end))
        if best < known:
            break
    return best


@inline
def _is_dominated(state, kept, count, stall_cost, relax):  # type: ignore[no-untyped-def]
    """Return whether one of the first `count` kept states, which arrive no later, dominates `state`.

    The state that dominates it inherits its earlier room in the buffer.
    """
    for i in range(count):
        other = kept[i]
        if other[DELAY] > state[DELAY]:
            if (relax or other[ROOM] <= state[ROOM]) and (
                other[VALUE] - stall_cost * (other[DELAY] - state[DELAY]) >= state[VALUE]
            ):
                other[ROOM] = min(other[ROOM], state[ROOM])
                return True
        elif other[VALUE] >= state[VALUE]:
            other[ROOM] = min(other[ROOM], state[ROOM])
            return True
    return False


@inline
def _merge(kept, parents, count, max_states, stall_cost):  # type: ignore[no-untyped-def]
    """Merge states with similar arrivals, delays and values until at most `max_states` are left; return their count."""
    spread = _FIRST_SPREAD
    while count > max_states:
        spread *= _SPREAD_GROWTH
        j = 0
        arrival, delay, value = kept[0, ARRIVAL], kept[0, DELAY], kept[0, VALUE]
        highest = kept[0, BOUND]
        for i in range(1, count):
            state = kept[i]
            is_close = abs(state[VALUE] - value) <= spread and stall_cost * abs(state[DELAY] - delay) <= spread
            if is_close and _ARRIVAL_WEIGHT * stall_cost * (state[ARRIVAL] - arrival) <= spread:
                merged = kept[j]
                merged[DELAY] = min(merged[DELAY], state[DELAY])
                merged[ROOM] = min(merged[ROOM], state[ROOM])
                merged[VALUE] = max(merged[VALUE], state[VALUE])
                merged[BOUND] = max(merged[BOUND], state[BOUND])
                if state[BOUND] > highest:
                    highest = state[BOUND]
                    parents[j] = parents[i]
            else:
                j += 1
                arrival, delay, value = state[ARRIVAL], state[DELAY], state[VALUE]
                highest = state[BOUND]
                for column in range(COLUMNS):
                    kept[j, column] = state[column]
                parents[j] = parents[i]
        count = j + 1
    return count


@kernel(
    signature=types.float64(PROBLEM_TYPE, MULTIPLIERS_TYPE, types.float64, types.int64, types.boolean, types.int64[::1])
)
def search_plans(problem, relaxed, known, max_states, relax, plan):  # type: ignore[no-untyped-def]
    """Return the largest objective found, at least `known`; fill `plan` with its rungs if it is larger.

    Parameters
    ----------
    problem : BoundProblem
    relaxed : Multipliers
    known : float
        Objective of a plan that exists; -inf if there is none.
    max_states : int
        States that are kept for each rung.
    relax : bool
        True for an upper bound of the optimum, False for a plan that can be played.
    plan : int64[::1]
        Rung of each segment; filled.
    """
    sizes, values, durations, edges = problem.sizes, problem.values, problem.durations, problem.edges
    change, stall_cost, trace, start = problem.change, problem.stall_cost, problem.trace, problem.start
    capacity = problem.buffer_capacity
    segments, rungs = sizes.shape
    links = np.zeros(1, LINK_DTYPE)  # the kernel keeps the array, because a record alone does not keep it alive
    states = np.zeros((rungs, max_states, COLUMNS))
    count = np.zeros(rungs, np.int64)
    origins = np.full((segments, rungs, max_states), -1, np.int64)  # parent of each state: rung x max_states + index
    for q in range(rungs):
        t = _arrival(start, sizes[0, q], links[0], trace) - start
        states[q, 0] = np.array([t, t, t, values[0, q], 0.0])
        count[q] = 1
    for n in range(1, segments):
        total = count.sum()
        next_states = np.zeros((rungs, max_states, COLUMNS))
        next_count = np.zeros(rungs, np.int64)
        candidates = np.zeros((total, COLUMNS))
        candidate_parents = np.zeros(total, np.int64)
        for q in range(rungs):
            c = 0
            for p in range(rungs):
                step = values[n, q] - change * abs(values[n, q] - values[n - 1, p])
                for i in range(count[p]):
                    state = states[p, i]
                    # a segment longer than the buffer is requested when the buffer is empty
                    room = state[ROOM] + edges[n] + min(durations[n] - capacity, 0.0)
                    t = _arrival(start + max(state[ARRIVAL], room), sizes[n, q], links[0], trace) - start
                    delay = max(state[DELAY], t - edges[n])
                    value = state[VALUE] + step
                    bound = _bound(value, t, delay, n, q, known - _SLACK, problem, relaxed)
                    if bound < known - _SLACK:
                        continue
                    candidates[c, ARRIVAL] = t
                    candidates[c, DELAY] = delay
                    candidates[c, ROOM] = max(state[ROOM], t - edges[n])
                    candidates[c, VALUE] = value
                    candidates[c, BOUND] = bound
                    candidate_parents[c] = p * max_states + i
                    c += 1
            order = np.argsort(candidates[:c, ARRIVAL])
            kept = np.zeros((c, COLUMNS))
            parents = np.zeros(c, np.int64)
            j = 0
            for i in order:
                if not _is_dominated(candidates[i], kept, j, stall_cost, relax):
                    kept[j] = candidates[i]
                    parents[j] = candidate_parents[i]
                    j += 1
            if j > max_states:
                if relax:
                    j = _merge(kept, parents, j, max_states, stall_cost)
                else:
                    best_first = np.sort(np.argsort(-kept[:j, BOUND])[:max_states])
                    for i in range(max_states):
                        kept[i] = kept[best_first[i]]
                        parents[i] = parents[best_first[i]]
                    j = max_states
            for i in range(j):
                next_states[q, i] = kept[i]
                origins[n, q, i] = parents[i]
            next_count[q] = j
        states, count = next_states, next_count
    best = known
    for q in range(rungs):
        for i in range(count[q]):
            objective = states[q, i, VALUE] - stall_cost * states[q, i, DELAY]
            if objective > best:
                best = objective
                p, at = q, i
                for n in range(segments - 1, -1, -1):
                    plan[n] = p
                    origin = origins[n, p, at]
                    p, at = origin // max_states, origin % max_states
    return best
