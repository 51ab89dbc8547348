"""BOLA-E as in UMass-LIDS/sabre (`BolaEnh`, commit 09b03bb, BSD-2).

Spiteri, Sitaraman, Sparacio: From Theory to Practice: Improving Bitrate Adaptation in the DASH Reference
Player, MMSys 2018. BOLA-E adds a placeholder buffer to BOLA, so that a
session starts at the rung that the throughput sustains. The insufficient-buffer rule may lower the rung.
"""

import math

import numpy as np

from abr.policies.bola import keep_above_level, min_keep_level
from abr.policies.throughput import IBR_MIN_SAFETY, IBR_SAFETY, sustainable_rung
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED, PROGRESS, START, WAITED, WILL_KEEP
from shotladder_runtime.kernels.compiler import inline

__all__ = ["MEMORY", "POLICIES", "bola_e", "make_constants"]

#: ms, V gamma p; Sabre's `minimum_buffer`
MIN_BUFFER = 10_000.0
#: ms of buffer that each rung adds to the buffer that V is computed for; Sabre's `minimum_buffer_per_level`
BUFFER_PER_RUNG = 2_000.0

# indices of the constants: gamma p, V in ms per unit of utility, is O, then the utility of each rung
GP = 0
V = 1
OSCILLATION = 2
FIRST_UTILITY = 3

# indices of the memory: whether the startup is over, placeholder buffer in ms, rung of the last download, safety factor
STEADY = 0
PLACEHOLDER = 1
LAST = 2
SAFETY = 3
#: number of floats of the memory
MEMORY = 4


@inline
def _best(level, constants, bitrates):  # type: ignore[no-untyped-def]
    best = 0
    top = -np.inf
    for rung in range(bitrates.shape[0]):
        score = (constants[V] * (constants[FIRST_UTILITY + rung] + constants[GP]) - level) / bitrates[rung]
        if score < top:
            break  # as a function of the bitrate, the score has one maximum
        if score > top:
            best, top = rung, score
    return best


@inline
def _min_level(rung, constants, bitrates):  # type: ignore[no-untyped-def]
    """Return the buffer level in ms above which BOLA prefers a rung to all lower rungs."""
    rate = bitrates[rung]
    utility = constants[FIRST_UTILITY + rung]
    level = 0.0
    for lower in range(rung):
        u = constants[FIRST_UTILITY + lower]
        if u < utility:
            b = bitrates[lower]
            level = max(level, constants[V] * (constants[GP] + (rate * u - b * utility) / (rate - b)))
    return level


@inline
def _max_level(rung, constants):  # type: ignore[no-untyped-def]
    """Return the buffer level in ms above which BOLA waits rather than download a rung."""
    return constants[V] * (constants[FIRST_UTILITY + rung] + constants[GP])


@inline
def _decide(state, constants, memory, bitrates, durations):  # type: ignore[no-untyped-def]
    level = state.buffer
    duration = durations[state.segment]
    sustained = sustainable_rung(state.throughput, state.latency, duration, bitrates)
    if memory[STEADY] == 0.0:
        memory[STEADY] = 1.0
        memory[SAFETY] = IBR_SAFETY
        memory[PLACEHOLDER] = max(0.0, _min_level(sustained, constants, bitrates) - level)
        return sustained
    rung = _best(level + memory[PLACEHOLDER], constants, bitrates)
    if rung > memory[LAST] and rung > sustained:
        rung = max(int(memory[LAST]), sustained)
        if constants[OSCILLATION] == 0.0:
            rung += 1
    delay = level + memory[PLACEHOLDER] - _max_level(rung, constants)
    if delay > 0:
        if delay <= memory[PLACEHOLDER]:
            memory[PLACEHOLDER] -= delay
            delay = 0.0
        else:
            delay -= memory[PLACEHOLDER]
            memory[PLACEHOLDER] = 0.0
    else:
        delay = 0.0
    if rung == bitrates.shape[0] - 1:
        delay = 0.0
    max_bits = memory[SAFETY] * (level - state.latency) * state.throughput
    memory[SAFETY] = max(memory[SAFETY] * IBR_SAFETY, IBR_MIN_SAFETY)
    for lower in range(rung):
        if bitrates[lower + 1] * duration > max_bits:
            rung = lower
            delay = 0.0
            memory[PLACEHOLDER] = min(max(0.0, _min_level(rung, constants, bitrates) - level), memory[PLACEHOLDER])
            break
    state.delay = delay
    return rung


@inline
def _downloaded(state, constants, memory, bitrates, durations):  # type: ignore[no-untyped-def]
    rung = state.rung
    memory[LAST] = rung
    level = state.buffer
    target = state.abandon_target
    if state.replaced_segment >= 0:
        if target < 0:
            memory[PLACEHOLDER] += durations[state.replaced_segment]
    elif target < 0:
        level_before = level + state.elapsed
        memory[PLACEHOLDER] = min(memory[PLACEHOLDER], max(0.0, _max_level(rung, constants) - level_before))
        if level > 0:
            memory[PLACEHOLDER] = max(memory[PLACEHOLDER], _min_level(rung, constants, bitrates) - level_before)
    else:
        target_level = _min_level(target, constants, bitrates) if target > 0 else MIN_BUFFER
        memory[PLACEHOLDER] = min(memory[PLACEHOLDER], max(0.0, target_level - level))


@inline
def _abandon(state, constants, memory, bitrates):  # type: ignore[no-untyped-def]
    rest = state.requested_bits - state.received_bits
    if state.received_bits <= 0 or rest <= 0:
        return -1
    level = max(0.0, state.buffer + memory[PLACEHOLDER] - state.time_to_first_byte)
    rate = state.received_bits / (state.elapsed - state.time_to_first_byte)
    rest -= state.time_to_first_byte * rate
    if rest <= 0:
        return -1
    current = state.rung
    score = (constants[V] * (constants[GP] + constants[FIRST_UTILITY + current]) - level) / rest
    target = -1
    for rung in range(current):
        size = state.requested_bits * bitrates[rung] / bitrates[current]
        other = (constants[V] * (constants[GP] + constants[FIRST_UTILITY + rung]) - level) / size
        if size < rest and other > score:
            score = other
            target = rung
    return target


@inline
def _will_keep(state, constants, memory, bitrates):  # type: ignore[no-untyped-def]
    min_level = min_keep_level(state, constants[V], constants, FIRST_UTILITY, constants[GP], bitrates)
    if min_level <= 0:
        return 1
    level = state.buffer + memory[PLACEHOLDER] - state.time_to_first_byte
    return keep_above_level(state, level - min_level)


@inline
def bola_e(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Keep the state of the startup, the placeholder buffer, the last rung and the safety factor in the memory."""
    if event == DECIDE:
        if state.throughput == 0.0:
            return int(memory[LAST])
        return _decide(state, constants, memory, context.bitrates, context.durations)
    if event == DOWNLOADED:
        _downloaded(state, constants, memory, context.bitrates, context.durations)
    elif event == WAITED:
        memory[PLACEHOLDER] += state.waited
    elif event == PROGRESS:
        return _abandon(state, constants, memory, context.bitrates)
    elif event == WILL_KEEP:
        return _will_keep(state, constants, memory, context.bitrates)
    elif event == START:
        memory[:MEMORY] = 0.0
    return 0


def make_constants(context: PolicyContext, *, oscillation: bool = False) -> Floats:
    """Return gamma p, V, the flag of O, and the utilities; the lowest utility is 1."""
    offset = 1 - math.log(context.bitrates[0])
    utilities = np.array([math.log(rate) + offset for rate in context.bitrates])
    buffer = max(MIN_BUFFER + BUFFER_PER_RUNG * len(context.bitrates), context.buffer_capacity)
    # with a single rung, or rungs of equal bitrate, every V gives the same choice
    gp = max(utilities[-1] - 1, 1e-9) / (buffer / MIN_BUFFER - 1)
    return np.concatenate(([gp, MIN_BUFFER / gp, float(oscillation)], utilities))


POLICIES = (
    Policy(
        "bola-e",
        "sabre",
        "Spiteri, MMSys 2018 (doi 10.1145/3204949.3204953); UMass-LIDS/sabre 09b03bb, BolaEnh",
        bola_e,
        make_constants,
        memory=MEMORY,
        abandons=True,
    ),
)
