"""LoL+ as in dash.js (`rules/abr/lolp`, BSD-3).

Bentaleb, Akcay, Lim, Begen, Zimmermann, Catching the Moment with LoL+, IEEE TMM 2022. A self-organising map
has one neuron for each rung, with the features throughput, latency, stall and switch. dash.js searches a grid of 5^4
weights. Whenever the minimum buffer is kept, its result is (0.2, 0.2 or 1, 1, 0.2): full weight on stalls and, once the
neurons contain a live latency, on latency. Here the result is written down instead of the search. Before that, dash.js
starts with random weights; here all weights start at 0.4.
"""

import math

import numpy as np

from abr.policies.throughput import SAFETY
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, START
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

# The values are those of `rules/abr/lolp` in dash.js.

#: ms of buffer that a rung must leave
MIN_BUFFER = 300.0
#: bit/ms that the throughput must exceed the bitrate of a rung by
THROUGHPUT_DELTA = 10.0
#: factor on the step of a neuron towards a sample
LEARNING_RATE = 0.01
#: standard deviation of the neighbourhood function, in units of the features
SIGMA = 0.1
#: ms that a live latency is divided by
MAX_LATENCY = 100_000.0

# index of the constants: Euclidean norm of the bitrates in bit/ms
NORM = 0

# indices of the memory: weight of stalls, weight of latency, weight of throughput and switches, then the neurons
WEIGHT_STALL = 0
WEIGHT_LATENCY = 1
WEIGHT_OTHER = 2
NEURONS = 3
#: number of floats of a neuron
FEATURES = 4

# indices within a neuron
THROUGHPUT_AT = 0
LATENCY_AT = 1
STALL_AT = 2
SWITCH_AT = 3


@inline
def _next_buffer(buffer, rung, rate, duration, bitrates):  # type: ignore[no-untyped-def]
    time = bitrates[rung] * duration / rate
    return buffer - duration if time > duration else buffer + duration - time


@inline
def _move_neurons(memory, winner, throughput, latency, stall, switch, count):  # type: ignore[no-untyped-def]
    at = NEURONS + FEATURES * winner
    a, b, c, d = memory[at], memory[at + 1], memory[at + 2], memory[at + 3]
    for i in range(count):
        n = NEURONS + FEATURES * i
        square = (memory[n] - a) ** 2 + (memory[n + 1] - b) ** 2 + (memory[n + 2] - c) ** 2 + (memory[n + 3] - d) ** 2
        step = LEARNING_RATE * math.exp(-square / (2 * SIGMA**2))
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
            throughput = max(throughput, memory[NEURONS + FEATURES * i])
    time = bitrates[current] * duration / rate
    stall = max(0.0, time - state.buffer) / 1e3
    if state.buffer - time < MIN_BUFFER:
        rung = current
        best = 0.0
        for i in range(current):
            if best < bitrates[i] < rate:
                rung, best = i, bitrates[i]
        return rung
    for i in range(count):
        if _next_buffer(state.buffer, i, rate, duration, bitrates) >= MIN_BUFFER:
            memory[WEIGHT_STALL], memory[WEIGHT_OTHER] = 1.0, 0.2
            memory[WEIGHT_LATENCY] = 1.0 if memory[NEURONS + LATENCY_AT] > 0 else 0.2
            break
    winner = 0
    min_distance = np.inf
    for i in range(count):
        n = NEURONS + FEATURES * i
        weight = memory[WEIGHT_OTHER]
        low = _next_buffer(state.buffer, i, rate, duration, bitrates) < MIN_BUFFER
        if i > 0 and (low or bitrates[i] > rate - THROUGHPUT_DELTA):
            weight = 100.0
        distance = (
            weight * (memory[n + THROUGHPUT_AT] - throughput) ** 2
            + memory[WEIGHT_LATENCY] * memory[n + LATENCY_AT] ** 2
        )
        distance += memory[WEIGHT_STALL] * memory[n + STALL_AT] ** 2 + memory[WEIGHT_OTHER] * memory[n + SWITCH_AT] ** 2
        if distance < min_distance:
            winner, min_distance = i, distance
    switch = abs(bitrates[current] - bitrates[winner]) / constants[NORM]
    _move_neurons(memory, current, throughput, state.live_latency / MAX_LATENCY, stall, switch, count)
    _move_neurons(memory, winner, throughput, 0.0, 0.0, switch, count)
    return winner


@inline
def lolp(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose the rung of the nearest neuron; the memory keeps the weights and the neurons."""
    if event == START:
        memory[WEIGHT_STALL] = memory[WEIGHT_LATENCY] = memory[WEIGHT_OTHER] = 0.4
        for i in range(context.bitrates.shape[0]):
            memory[NEURONS + FEATURES * i + THROUGHPUT_AT] = context.bitrates[i] / constants[NORM]
    elif event == DECIDE and state.throughput > 0:
        return _decide(state, constants, memory, context.bitrates, context.durations[state.segment])
    return 0


def _constants(context: PolicyContext) -> Floats:
    return np.array([np.sqrt((context.bitrates**2).sum())])


def _memory(context: PolicyContext) -> int:
    return NEURONS + FEATURES * len(context.bitrates)


POLICIES = (
    Policy(
        "lol-plus", "4.7.4", "Bentaleb et al., IEEE TMM 2022; dash.js v4.7.4, lolp", lolp, _constants, memory=_memory
    ),
)
