"""The buffer-based policies of Huang, Johari, McKeown, Trunnell, Watson, SIGCOMM 2014.

A Buffer-Based Approach to Rate Adaptation: Evidence from a Large Video Streaming Service, sections 4 (BBA-0),
5 (BBA-1), 6 (BBA-2) and 7 (BBA-Others). The paper's player holds 240 s; on a smaller buffer every time of the
paper shrinks with it, which is a choice of ours, but the reservoir not below two chunks. The average chunk at
a rung is its measured rate times the chunk's duration.
"""

import numpy as np

from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES", "bba_0", "bba_1", "bba_2", "bba_others"]

RESERVOIR = 90 / 240  #: of BBA-0, share of the capacity
CUSHION = 126 / 240
FULL = 0.9  #: the chunk map reaches the highest rung here
WINDOW = 480 / 240  #: the reservoir looks so far ahead
LEAST_RESERVOIR = 8 / 240
MOST_RESERVOIR = 140 / 240
PROTECTION = 0.4 / 240  #: added with every chunk while the buffer grows
MOST_PROTECTION = 80 / 240
PROTECTED = 0.75  #: outage protection grows below this share
STARTUP_EMPTY, STARTUP_FULL = 0.875, 0.5  #: of a chunk, gained over its download
LOOK_AHEAD = 60  #: chunks, of BBA-Others

LOWEST_RATE, HIGHEST_RATE, FIRST_RESERVOIR = 0, 1, 2
SHIFT, BUFFER_BEFORE, STEADY, WIDEST = 0, 1, 2, 3


@inline
def _highest_below(limit, choices):  # type: ignore[no-untyped-def]
    best = 0
    for rung in range(choices.shape[0]):
        if choices[rung] < limit:
            best = rung
    return best


@inline
def _lowest_above(limit, choices):  # type: ignore[no-untyped-def]
    for rung in range(choices.shape[0]):
        if choices[rung] > limit:
            return rung
    return choices.shape[0] - 1


@inline
def _step(limit, current, choices):  # type: ignore[no-untyped-def]
    """Keep the rung until the map reaches one of its neighbours: Algorithm 1."""
    top = choices.shape[0] - 1
    if current < top and limit >= choices[current + 1]:
        return max(current, _highest_below(limit, choices))
    if current > 0 and limit <= choices[current - 1]:
        return min(current, _lowest_above(limit, choices))
    return current


@inline
def bba_0(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Section 4: a map from buffer to rate."""
    if event != DECIDE or state.last_rung < 0:
        return 0
    top = context.bitrates.shape[0] - 1
    reservoir = RESERVOIR * state.buffer_capacity
    cushion = CUSHION * state.buffer_capacity
    if state.buffer <= reservoir:
        return 0
    if state.buffer >= reservoir + cushion:
        return top
    rate = context.bitrates[0] + (context.bitrates[top] - context.bitrates[0]) * (state.buffer - reservoir) / cushion
    return _step(rate, state.last_rung, context.bitrates)


@inline
def _reservoir(state, constants, memory, grows):  # type: ignore[no-untyped-def]
    reservoir = constants[FIRST_RESERVOIR + state.segment] + memory[SHIFT]
    if grows:
        reservoir = max(reservoir, memory[WIDEST])
        memory[WIDEST] = reservoir
    return min(reservoir, FULL * state.buffer_capacity)


@inline
def _map(state, constants, reservoir):  # type: ignore[no-untyped-def]
    """Return the rate at which the buffer allows the next chunk: the chunk map, for a chunk of 1 ms."""
    full = FULL * state.buffer_capacity
    share = min(max((state.buffer - reservoir) / max(full - reservoir, 1e-9), 0.0), 1.0)
    return constants[LOWEST_RATE] + (constants[HIGHEST_RATE] - constants[LOWEST_RATE]) * share


@inline
def _chunk_map(state, constants, memory, sizes, durations, grows):  # type: ignore[no-untyped-def]
    """Section 5: the rung changes when the map reaches the size of the upcoming chunk at a neighbour."""
    segment = state.segment
    reservoir = _reservoir(state, constants, memory, grows)
    if state.buffer >= FULL * state.buffer_capacity:
        return sizes.shape[1] - 1
    if state.buffer <= reservoir:
        return 0
    return _step(_map(state, constants, reservoir) * durations[segment], state.last_rung, sizes[segment])


@inline
def _protect(state, memory):  # type: ignore[no-untyped-def]
    """Outage protection: shift the map to the right while the buffer grows."""
    if state.buffer > memory[BUFFER_BEFORE] and state.buffer < PROTECTED * state.buffer_capacity:
        memory[SHIFT] = min(memory[SHIFT] + PROTECTION * state.buffer_capacity, MOST_PROTECTION * state.buffer_capacity)
    memory[BUFFER_BEFORE] = state.buffer


@inline
def bba_1(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: shift of the map, buffer at the last download."""
    if event == DOWNLOADED and state.abandon_target < 0:
        _protect(state, memory)
    if event != DECIDE or state.last_rung < 0:
        return 0
    return _chunk_map(state, constants, memory, context.sizes, context.durations, False)


@inline
def _startup(state, memory, suggested, durations, top):  # type: ignore[no-untyped-def]
    """Section 6: go up a rung when the last chunk came much faster than it plays; -1 when startup is over."""
    last = state.last_rung
    duration = durations[state.segment - 1]
    gain = duration - state.elapsed
    if gain < 0 or suggested > last:
        memory[STEADY] = 1.0
        return -1
    fullness = min(state.buffer / (FULL * state.buffer_capacity), 1.0)
    if gain > (STARTUP_EMPTY + (STARTUP_FULL - STARTUP_EMPTY) * fullness) * duration:
        return min(last + 1, top)
    return last


@inline
def _two(event, state, constants, memory, sizes, durations, grows):  # type: ignore[no-untyped-def]
    if event == DOWNLOADED and state.abandon_target < 0:
        if memory[STEADY] == 1.0:
            _protect(state, memory)
        else:
            memory[BUFFER_BEFORE] = state.buffer
    if event != DECIDE or state.last_rung < 0:
        return 0
    suggested = _chunk_map(state, constants, memory, sizes, durations, grows)
    if memory[STEADY] == 0.0:
        rung = _startup(state, memory, suggested, durations, sizes.shape[1] - 1)
        if rung >= 0:
            return rung
    return suggested


@inline
def bba_2(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: shift of the map, buffer at the last download, whether startup is over."""
    return _two(event, state, constants, memory, context.sizes, context.durations, False)


@inline
def bba_others(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Section 7: up only as far as the chunks ahead allow too; the map never moves back to the left."""
    rung = _two(event, state, constants, memory, context.sizes, context.durations, True)
    if event != DECIDE or memory[STEADY] == 0.0 or rung <= state.last_rung:
        return rung
    last = state.last_rung
    rate = _map(state, constants, min(memory[WIDEST], FULL * state.buffer_capacity))
    buffered = 0.0
    ahead = state.segment
    end = min(state.segment_count, ahead + LOOK_AHEAD + 1)
    while rung > last and ahead < end and buffered <= state.buffer:
        limit = rate * context.durations[ahead]
        if limit < context.sizes[ahead, rung]:
            rung -= 1
            while rung > last and context.sizes[ahead, rung] >= limit:
                rung -= 1
        buffered += context.durations[ahead]
        ahead += 1
    return max(rung, last)


def _constants(context: PolicyContext) -> Floats:
    """Return the average rates of the lowest and highest rung and the reservoir before every chunk."""
    rates = context.sizes.sum(axis=0) / context.durations.sum()
    deficit = np.concatenate(([0.0], np.cumsum(context.sizes[:, 0] / rates[0] - context.durations)))
    starts = np.concatenate(([0.0], np.cumsum(context.durations)))
    until = np.searchsorted(starts, starts[:-1] + WINDOW * context.buffer_capacity, side="right") - 1
    needed = deficit[until] - deficit[:-1]
    # the paper's 8 s are two of its chunks: a smaller buffer must still outlast the download of one
    least = max(LEAST_RESERVOIR * context.buffer_capacity, min(8_000.0, 2 * float(context.durations.max())))
    reservoir = np.clip(needed, least, max(least, MOST_RESERVOIR * context.buffer_capacity))
    return np.concatenate(([rates[0], rates[-1]], reservoir))


_SOURCE = "Huang et al., A Buffer-Based Approach to Rate Adaptation, SIGCOMM 2014, section "
POLICIES = (
    Policy("bba-0", "2014", _SOURCE + "4, Algorithm 1", bba_0, estimates=False),
    Policy("bba-1", "2014", _SOURCE + "5", bba_1, _constants, memory=4, estimates=False),
    Policy("bba-2", "2014", _SOURCE + "6", bba_2, _constants, memory=4, estimates=False),
    Policy("bba-others", "2014", _SOURCE + "7", bba_others, _constants, memory=4, estimates=False),
)
