"""LoL+ as in dash.js (`rules/abr/lolp`, BSD-3).

Bentaleb, Akcay, Lim, Begen, Zimmermann, Catching the Moment with LoL+, IEEE TMM 2022. A self-organising map
with a neuron a rung over (throughput, latency, stall, switch). Whenever the least buffer is kept, the dynamic
weights of its 5^4 grid are the first of those with full weight on stalls and, once the neurons know of a live
latency, on that: (0.2, 0.2 or 1, 1, 0.2). Before that its start is random there, and evenly 0.4 here.
"""

import math

import numpy as np

from abr.policies.throughput import SAFETY
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, START
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

LEAST_BUFFER = 300.0  #: ms
DELTA = 10.0  #: kbit/s to spare above a rung
RATE_OF_LEARNING = 0.01
SIGMA = 0.1
NORM = 0
MOST_LATENCY = 100_000.0  #: ms, to which latencies are related
WEIGHT_STALL, WEIGHT_LATENCY, WEIGHT_OTHER, NEURONS = 0, 1, 2, 3
FIELDS = 4
THROUGHPUT_AT, LATENCY_AT, STALL_AT, SWITCH_AT = 0, 1, 2, 3  #: in a neuron


@inline
def _next_buffer(buffer, rung, rate, duration, bitrates):  # type: ignore[no-untyped-def]
    time = bitrates[rung] * duration / rate
    return buffer - duration if time > duration else buffer + duration - time


@inline
def _learn(memory, winner, throughput, latency, stall, switch, count):  # type: ignore[no-untyped-def]
    at = NEURONS + FIELDS * winner
    a, b, c, d = memory[at], memory[at + 1], memory[at + 2], memory[at + 3]
    for i in range(count):
        n = NEURONS + FIELDS * i
        square = (memory[n] - a) ** 2 + (memory[n + 1] - b) ** 2 + (memory[n + 2] - c) ** 2 + (memory[n + 3] - d) ** 2
        step = RATE_OF_LEARNING * math.exp(-square / (2 * SIGMA**2))
        memory[n + THROUGHPUT_AT] += (throughput - memory[n + THROUGHPUT_AT]) * step
        memory[n + LATENCY_AT] += (latency - memory[n + LATENCY_AT]) * step
        memory[n + STALL_AT] += (stall - memory[n + STALL_AT]) * step
        memory[n + SWITCH_AT] += (switch - memory[n + SWITCH_AT]) * step


@inline
def _decide(state, constants, memory, bitrates, duration):  # type: ignore[no-untyped-def]
    count = bitrates.shape[0]
    rate = SAFETY * state.throughput
    current = state.last_rung
    throughput = rate / constants[NORM]
    if throughput > 1:
        throughput = 0.0
        for i in range(count):
            throughput = max(throughput, memory[NEURONS + FIELDS * i])
    time = bitrates[current] * duration / rate
    stall = max(0.0, time - state.buffer) / 1e3
    if state.buffer - time < LEAST_BUFFER:
        rung = current
        best = 0.0
        for i in range(current):
            if best < bitrates[i] < rate:
                rung, best = i, bitrates[i]
        return rung
    for i in range(count):
        if _next_buffer(state.buffer, i, rate, duration, bitrates) >= LEAST_BUFFER:
            memory[WEIGHT_STALL], memory[WEIGHT_OTHER] = 1.0, 0.2
            memory[WEIGHT_LATENCY] = 1.0 if memory[NEURONS + LATENCY_AT] > 0 else 0.2
            break
    winner = 0
    least = np.inf
    for i in range(count):
        n = NEURONS + FIELDS * i
        weight = memory[WEIGHT_OTHER]
        low = _next_buffer(state.buffer, i, rate, duration, bitrates) < LEAST_BUFFER
        if i > 0 and (low or bitrates[i] > rate - DELTA):
            weight = 100.0
        distance = (
            weight * (memory[n + THROUGHPUT_AT] - throughput) ** 2
            + memory[WEIGHT_LATENCY] * memory[n + LATENCY_AT] ** 2
        )
        distance += memory[WEIGHT_STALL] * memory[n + STALL_AT] ** 2 + memory[WEIGHT_OTHER] * memory[n + SWITCH_AT] ** 2
        if distance < least:
            winner, least = i, distance
    switch = abs(bitrates[current] - bitrates[winner]) / constants[NORM]
    _learn(memory, current, throughput, state.live_latency / MOST_LATENCY, stall, switch, count)
    _learn(memory, winner, throughput, 0.0, 0.0, switch, count)
    return winner


@inline
def lolp(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: three weights, the neurons."""
    if event == START:
        memory[WEIGHT_STALL] = memory[WEIGHT_LATENCY] = memory[WEIGHT_OTHER] = 0.4
        for i in range(context.bitrates.shape[0]):
            memory[NEURONS + FIELDS * i + THROUGHPUT_AT] = context.bitrates[i] / constants[NORM]
    elif event == DECIDE and state.throughput > 0:
        return _decide(state, constants, memory, context.bitrates, context.durations[state.segment])
    return 0


def _constants(context: PolicyContext) -> Floats:
    return np.array([np.sqrt((context.bitrates**2).sum())])


def _memory(context: PolicyContext) -> int:
    return NEURONS + FIELDS * len(context.bitrates)


POLICIES = (
    Policy(
        "lol-plus", "4.7.4", "Bentaleb et al., IEEE TMM 2022; dash.js v4.7.4, lolp", lolp, _constants, memory=_memory
    ),
)
