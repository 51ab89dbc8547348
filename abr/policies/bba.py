"""The buffer-based policies of Huang, Johari, McKeown, Trunnell, Watson, SIGCOMM 2014.

A Buffer-Based Approach to Rate Adaptation: Evidence from a Large Video Streaming Service, sections 4 (BBA-0),
5 (BBA-1), 6 (BBA-2) and 7 (BBA-Others). The player of the paper buffers 240 s. For another buffer capacity, each time
of the paper is scaled in proportion, and the reservoir is at least two chunks; this is our choice. The average chunk of
a rung has the measured bitrate of the rung times the duration of the chunk.
"""

import numpy as np

from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES", "bba_0", "bba_1", "bba_2", "bba_others"]

# All values are from the paper. Its times are divided by the 240 s of its buffer: they are fractions of the capacity.

#: reservoir of BBA-0, fraction of the buffer capacity
RESERVOIR = 90 / 240
#: cushion of BBA-0, fraction of the buffer capacity
CUSHION = 126 / 240
#: fraction of the buffer capacity at which the chunk map reaches the highest rung
FULL = 0.9
#: duration of the next chunks that the reservoir is computed from, in buffer capacities
RESERVOIR_WINDOW = 480 / 240
#: lower bound of the computed reservoir, fraction of the buffer capacity
MIN_RESERVOIR = 8 / 240
#: upper bound of the computed reservoir, fraction of the buffer capacity
MAX_RESERVOIR = 140 / 240
#: what outage protection adds to the reservoir after each chunk while the buffer grows, fraction of the buffer capacity
PROTECTION_STEP = 0.4 / 240
#: upper bound of outage protection, fraction of the buffer capacity
MAX_PROTECTION = 80 / 240
#: outage protection grows below this fraction of the buffer capacity
PROTECTION_LEVEL = 0.75
#: during startup, the rung goes up when a download adds this fraction of a chunk to an empty buffer
STARTUP_GAIN_EMPTY = 0.875
#: the same fraction for a full buffer; it is linear in between
STARTUP_GAIN_FULL = 0.5
#: number of chunks that BBA-Others looks ahead
LOOK_AHEAD = 60

# indices of the constants: average bitrate of the lowest and highest rung in bit/ms, then the reservoir of each chunk
LOWEST_RATE = 0
HIGHEST_RATE = 1
FIRST_RESERVOIR = 2

# indices of the memory: shift of the map in ms, buffer level at the last download in ms, whether the startup is over,
# largest reservoir so far in ms
SHIFT = 0
BUFFER_BEFORE = 1
STEADY = 2
MAX_USED_RESERVOIR = 3


@inline
def _highest_below(value, choices):  # type: ignore[no-untyped-def]
    best = 0
    for rung in range(choices.shape[0]):
        if choices[rung] < value:
            best = rung
    return best


@inline
def _lowest_above(value, choices):  # type: ignore[no-untyped-def]
    for rung in range(choices.shape[0]):
        if choices[rung] > value:
            return rung
    return choices.shape[0] - 1


@inline
def _next_rung(value, current, choices):  # type: ignore[no-untyped-def]
    """Return the current rung until the mapped value reaches an adjacent choice: Algorithm 1."""
    top = choices.shape[0] - 1
    if current < top and value >= choices[current + 1]:
        return max(current, _highest_below(value, choices))
    if current > 0 and value <= choices[current - 1]:
        return min(current, _lowest_above(value, choices))
    return current


@inline
def bba_0(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose by a linear map from buffer level to bitrate: section 4."""
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
    return _next_rung(rate, state.last_rung, context.bitrates)


@inline
def _reservoir(state, constants, memory, only_grows):  # type: ignore[no-untyped-def]
    reservoir = constants[FIRST_RESERVOIR + state.segment] + memory[SHIFT]
    if only_grows:
        reservoir = max(reservoir, memory[MAX_USED_RESERVOIR])
        memory[MAX_USED_RESERVOIR] = reservoir
    return min(reservoir, FULL * state.buffer_capacity)


@inline
def _mapped_rate(state, constants, reservoir):  # type: ignore[no-untyped-def]
    """Return the bitrate, in bit/ms, that the chunk map allows at the current buffer level."""
    full = FULL * state.buffer_capacity
    fraction = min(max((state.buffer - reservoir) / max(full - reservoir, 1e-9), 0.0), 1.0)
    return constants[LOWEST_RATE] + (constants[HIGHEST_RATE] - constants[LOWEST_RATE]) * fraction


@inline
def _chunk_map(state, constants, memory, sizes, durations, only_grows):  # type: ignore[no-untyped-def]
    """Return the rung of the chunk map: it changes when the mapped size reaches the next chunk of an adjacent rung."""
    segment = state.segment
    reservoir = _reservoir(state, constants, memory, only_grows)
    if state.buffer >= FULL * state.buffer_capacity:
        return sizes.shape[1] - 1
    if state.buffer <= reservoir:
        return 0
    return _next_rung(_mapped_rate(state, constants, reservoir) * durations[segment], state.last_rung, sizes[segment])


@inline
def _protect(state, memory):  # type: ignore[no-untyped-def]
    """Shift the map to higher buffer levels while the buffer grows: the outage protection of the paper."""
    if state.buffer > memory[BUFFER_BEFORE] and state.buffer < PROTECTION_LEVEL * state.buffer_capacity:
        shift = memory[SHIFT] + PROTECTION_STEP * state.buffer_capacity
        memory[SHIFT] = min(shift, MAX_PROTECTION * state.buffer_capacity)
    memory[BUFFER_BEFORE] = state.buffer


@inline
def bba_1(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose by the chunk map with outage protection: section 5."""
    if event == DOWNLOADED and state.abandon_target < 0:
        _protect(state, memory)
    if event != DECIDE or state.last_rung < 0:
        return 0
    return _chunk_map(state, constants, memory, context.sizes, context.durations, False)


@inline
def _startup(state, memory, suggested, durations, top):  # type: ignore[no-untyped-def]
    """Return the rung during startup: one higher after a fast download, -1 when the startup is over."""
    last = state.last_rung
    duration = durations[state.segment - 1]
    gain = duration - state.elapsed
    if gain < 0 or suggested > last:
        memory[STEADY] = 1.0
        return -1
    fullness = min(state.buffer / (FULL * state.buffer_capacity), 1.0)
    if gain > (STARTUP_GAIN_EMPTY + (STARTUP_GAIN_FULL - STARTUP_GAIN_EMPTY) * fullness) * duration:
        return min(last + 1, top)
    return last


@inline
def _with_startup(event, state, constants, memory, sizes, durations, only_grows):  # type: ignore[no-untyped-def]
    if event == DOWNLOADED and state.abandon_target < 0:
        if memory[STEADY] == 1.0:
            _protect(state, memory)
        else:
            memory[BUFFER_BEFORE] = state.buffer
    if event != DECIDE or state.last_rung < 0:
        return 0
    suggested = _chunk_map(state, constants, memory, sizes, durations, only_grows)
    if memory[STEADY] == 0.0:
        rung = _startup(state, memory, suggested, durations, sizes.shape[1] - 1)
        if rung >= 0:
            return rung
    return suggested


@inline
def bba_2(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose by download time during the startup, then as BBA-1: section 6."""
    return _with_startup(event, state, constants, memory, context.sizes, context.durations, False)


@inline
def bba_others(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose as BBA-2, with look-ahead before the rung goes up and a reservoir that never shrinks: section 7."""
    rung = _with_startup(event, state, constants, memory, context.sizes, context.durations, True)
    if event != DECIDE or memory[STEADY] == 0.0 or rung <= state.last_rung:
        return rung
    last = state.last_rung
    rate = _mapped_rate(state, constants, min(memory[MAX_USED_RESERVOIR], FULL * state.buffer_capacity))
    buffered = 0.0
    ahead = state.segment
    end = min(state.segment_count, ahead + LOOK_AHEAD + 1)
    while rung > last and ahead < end and buffered <= state.buffer:
        max_size = rate * context.durations[ahead]
        if max_size < context.sizes[ahead, rung]:
            rung -= 1
            while rung > last and context.sizes[ahead, rung] >= max_size:
                rung -= 1
        buffered += context.durations[ahead]
        ahead += 1
    return max(rung, last)


def _constants(context: PolicyContext) -> Floats:
    """Return the average bitrates of the lowest and the highest rung, and the reservoir before each chunk."""
    rates = context.sizes.sum(axis=0) / context.durations.sum()
    deficit = np.concatenate(([0.0], np.cumsum(context.sizes[:, 0] / rates[0] - context.durations)))
    starts = np.concatenate(([0.0], np.cumsum(context.durations)))
    window_stop = np.searchsorted(starts, starts[:-1] + RESERVOIR_WINDOW * context.buffer_capacity, side="right") - 1
    needed = deficit[window_stop] - deficit[:-1]
    # The 8 s of the paper are two of its chunks. A smaller buffer must also last longer than the download of a chunk.
    min_reservoir = max(MIN_RESERVOIR * context.buffer_capacity, min(8_000.0, 2 * float(context.durations.max())))
    reservoir = np.clip(needed, min_reservoir, max(min_reservoir, MAX_RESERVOIR * context.buffer_capacity))
    return np.concatenate(([rates[0], rates[-1]], reservoir))


_SOURCE = "Huang et al., A Buffer-Based Approach to Rate Adaptation, SIGCOMM 2014, section "
POLICIES = (
    Policy("bba-0", "2014", _SOURCE + "4, Algorithm 1", bba_0, estimates=False),
    Policy("bba-1", "2014", _SOURCE + "5", bba_1, _constants, memory=4, estimates=False),
    Policy("bba-2", "2014", _SOURCE + "6", bba_2, _constants, memory=4, estimates=False),
    Policy("bba-others", "2014", _SOURCE + "7", bba_others, _constants, memory=4, estimates=False),
)
