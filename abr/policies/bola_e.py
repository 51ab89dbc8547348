"""BOLA-E as in UMass-LIDS/sabre (`BolaEnh`, commit 09b03bb, BSD-2).

Spiteri, Sitaraman, Sparacio: From Theory to Practice: Improving Bitrate Adaptation in the DASH Reference
Player, MMSys 2018. BOLA with a virtual placeholder buffer, so that it starts at the rung that throughput
sustains, and the insufficient-buffer rule.
"""

import math

import numpy as np

from abr.policies.bola import least_level, until_level
from abr.policies.throughput import IBR_FIRST, IBR_LEAST, rung_for
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED, PROGRESS, START, WAITED, WILL_KEEP
from shotladder_runtime.kernels.compiler import inline

__all__ = ["MEMORY", "POLICIES", "bola_e", "make_constants"]

MINIMUM_BUFFER = 10_000.0  #: ms
BUFFER_PER_RUNG = 2_000.0  #: ms
GP, V, OSCILLATION, FIRST_UTILITY = 0, 1, 2, 3
STEADY, PLACEHOLDER, LAST, SAFETY = 0, 1, 2, 3
MEMORY = 4


@inline
def _best(level, constants, bitrates):  # type: ignore[no-untyped-def]
    best = 0
    top = -np.inf
    for rung in range(bitrates.shape[0]):
        score = (constants[V] * (constants[FIRST_UTILITY + rung] + constants[GP]) - level) / bitrates[rung]
        if score < top:
            break  # in the rate, a score rises to one maximum and falls
        if score > top:
            best, top = rung, score
    return best


@inline
def _least_buffer(rung, constants, bitrates):  # type: ignore[no-untyped-def]
    """Return the level above which BOLA prefers this rung to all lower ones."""
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
def _most_buffer(rung, constants):  # type: ignore[no-untyped-def]
    return constants[V] * (constants[FIRST_UTILITY + rung] + constants[GP])


@inline
def _decide(state, constants, memory, bitrates, durations):  # type: ignore[no-untyped-def]
    level = state.buffer
    duration = durations[state.segment]
    sustained = rung_for(state.throughput, state.latency, duration, bitrates)
    if memory[STEADY] == 0.0:
        memory[STEADY] = 1.0
        memory[SAFETY] = IBR_FIRST
        memory[PLACEHOLDER] = max(0.0, _least_buffer(sustained, constants, bitrates) - level)
        return sustained
    rung = _best(level + memory[PLACEHOLDER], constants, bitrates)
    if rung > memory[LAST] and rung > sustained:
        rung = max(int(memory[LAST]), sustained)
        if constants[OSCILLATION] == 0.0:
            rung += 1
    delay = level + memory[PLACEHOLDER] - _most_buffer(rung, constants)
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
    safe = memory[SAFETY] * (level - state.latency) * state.throughput
    memory[SAFETY] = max(memory[SAFETY] * IBR_FIRST, IBR_LEAST)
    for lower in range(rung):
        if bitrates[lower + 1] * duration > safe:
            rung = lower
            delay = 0.0
            memory[PLACEHOLDER] = min(max(0.0, _least_buffer(rung, constants, bitrates) - level), memory[PLACEHOLDER])
            break
    state.delay = delay
    return rung


@inline
def _downloaded(state, constants, memory, bitrates, durations):  # type: ignore[no-untyped-def]
    rung = state.rung
    memory[LAST] = rung
    level = state.buffer
    instead = state.abandon_target
    if state.replaced_segment >= 0:
        if instead < 0:
            memory[PLACEHOLDER] += durations[state.replaced_segment]
    elif instead < 0:
        before = level + state.elapsed
        memory[PLACEHOLDER] = min(memory[PLACEHOLDER], max(0.0, _most_buffer(rung, constants) - before))
        if level > 0:
            memory[PLACEHOLDER] = max(memory[PLACEHOLDER], _least_buffer(rung, constants, bitrates) - before)
    else:
        wanted = _least_buffer(instead, constants, bitrates) if instead > 0 else MINIMUM_BUFFER
        memory[PLACEHOLDER] = min(memory[PLACEHOLDER], max(0.0, wanted - level))


@inline
def _abandon(state, constants, memory, bitrates):  # type: ignore[no-untyped-def]
    left = state.requested_bits - state.received_bits
    if state.received_bits <= 0 or left <= 0:
        return -1
    level = max(0.0, state.buffer + memory[PLACEHOLDER] - state.time_to_first_byte)
    rate = state.received_bits / (state.elapsed - state.time_to_first_byte)
    left -= state.time_to_first_byte * rate
    if left <= 0:
        return -1
    current = state.rung
    score = (constants[V] * (constants[GP] + constants[FIRST_UTILITY + current]) - level) / left
    instead = -1
    for rung in range(current):
        size = state.requested_bits * bitrates[rung] / bitrates[current]
        other = (constants[V] * (constants[GP] + constants[FIRST_UTILITY + rung]) - level) / size
        if size < left and other > score:
            score = other
            instead = rung
    return instead


@inline
def _safe(state, constants, memory, bitrates):  # type: ignore[no-untyped-def]
    level = least_level(state, constants[V], constants, FIRST_UTILITY, constants[GP], bitrates)
    return (
        1 if level <= 0 else until_level(state, state.buffer + memory[PLACEHOLDER] - state.time_to_first_byte - level)
    )


@inline
def bola_e(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: steady, placeholder, the last rung, safety of the insufficient-buffer rule."""
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
        return _safe(state, constants, memory, context.bitrates)
    elif event == START:
        memory[:MEMORY] = 0.0
    return 0


def make_constants(context: PolicyContext, *, oscillation: bool = False) -> Floats:
    """Return gamma p, V, the switch and the utilities, of which the lowest is 1."""
    offset = 1 - math.log(context.bitrates[0])
    utilities = np.array([math.log(rate) + offset for rate in context.bitrates])
    buffer = max(MINIMUM_BUFFER + BUFFER_PER_RUNG * len(context.bitrates), context.buffer_capacity)
    # one rung, or all alike: any V will do
    gp = max(utilities[-1] - 1, 1e-9) / (buffer / MINIMUM_BUFFER - 1)
    return np.concatenate(([gp, MINIMUM_BUFFER / gp, float(oscillation)], utilities))


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
