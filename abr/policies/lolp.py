"""LoL+ as in dash.js (`rules/abr/lolp`, BSD-3).

Bentaleb, Akcay, Lim, Begen, Zimmermann, Catching the Moment with LoL+, IEEE TMM 2022. A self-organising map
with a neuron a rung over (throughput, latency, stall, switch). Whenever the least buffer is kept, the dynamic
weights of its 5^4 grid are the first of those with full weight on stalls and, once the neurons know of a live
latency, on that: (0.2, 0.2 or 1, 1, 0.2). Before that its start is random there, and evenly 0.4 here.
"""

import math

import numpy as np

from abr.policies.policy import Floats, Policy, Setting
from abr.policies.policy_state import (
    BEHIND,
    BUFFER,
    DECIDE,
    LAST_RUNG,
    RESET,
    SEGMENT,
    THROUGHPUT,
)
from abr.policies.throughput import SAFETY
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
def _next_buffer(buffer, rung, rate, duration, ladder):  # type: ignore[no-untyped-def]
    time = ladder[rung] * duration / rate
    return buffer - duration if time > duration else buffer + duration - time


@inline
def _learn(m, winner, throughput, latency, stall, switch, count):  # type: ignore[no-untyped-def]
    at = NEURONS + FIELDS * winner
    a, b, c, d = m[at], m[at + 1], m[at + 2], m[at + 3]
    for i in range(count):
        n = NEURONS + FIELDS * i
        square = (m[n] - a) ** 2 + (m[n + 1] - b) ** 2 + (m[n + 2] - c) ** 2 + (m[n + 3] - d) ** 2
        step = RATE_OF_LEARNING * math.exp(-square / (2 * SIGMA**2))
        m[n + THROUGHPUT_AT] += (throughput - m[n + THROUGHPUT_AT]) * step
        m[n + LATENCY_AT] += (latency - m[n + LATENCY_AT]) * step
        m[n + STALL_AT] += (stall - m[n + STALL_AT]) * step
        m[n + SWITCH_AT] += (switch - m[n + SWITCH_AT]) * step


@inline
def _decide(s, k, m, ladder, duration):  # type: ignore[no-untyped-def]
    count = ladder.shape[0]
    rate = SAFETY * s[THROUGHPUT]
    current = int(s[LAST_RUNG])
    throughput = rate / k[NORM]
    if throughput > 1:
        throughput = 0.0
        for i in range(count):
            throughput = max(throughput, m[NEURONS + FIELDS * i])
    time = ladder[current] * duration / rate
    stall = max(0.0, time - s[BUFFER]) / 1e3
    if s[BUFFER] - time < LEAST_BUFFER:
        rung = current
        best = 0.0
        for i in range(current):
            if best < ladder[i] < rate:
                rung, best = i, ladder[i]
        return rung
    for i in range(count):
        if _next_buffer(s[BUFFER], i, rate, duration, ladder) >= LEAST_BUFFER:
            m[WEIGHT_STALL], m[WEIGHT_OTHER] = 1.0, 0.2
            m[WEIGHT_LATENCY] = 1.0 if m[NEURONS + LATENCY_AT] > 0 else 0.2
            break
    winner = 0
    least = np.inf
    for i in range(count):
        n = NEURONS + FIELDS * i
        weight = m[WEIGHT_OTHER]
        low = _next_buffer(s[BUFFER], i, rate, duration, ladder) < LEAST_BUFFER
        if i > 0 and (low or ladder[i] > rate - DELTA):
            weight = 100.0
        distance = weight * (m[n + THROUGHPUT_AT] - throughput) ** 2 + m[WEIGHT_LATENCY] * m[n + LATENCY_AT] ** 2
        distance += m[WEIGHT_STALL] * m[n + STALL_AT] ** 2 + m[WEIGHT_OTHER] * m[n + SWITCH_AT] ** 2
        if distance < least:
            winner, least = i, distance
    switch = abs(ladder[current] - ladder[winner]) / k[NORM]
    _learn(m, current, throughput, s[BEHIND] / MOST_LATENCY, stall, switch, count)
    _learn(m, winner, throughput, 0.0, 0.0, switch, count)
    return winner


@inline
def lolp(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: three weights, the neurons."""
    if event == RESET:
        m[WEIGHT_STALL] = m[WEIGHT_LATENCY] = m[WEIGHT_OTHER] = 0.4
        for i in range(ladder.shape[0]):
            m[NEURONS + FIELDS * i + THROUGHPUT_AT] = ladder[i] / k[NORM]
    elif event == DECIDE and s[THROUGHPUT] > 0:
        return _decide(s, k, m, ladder, durations[int(s[SEGMENT])])
    return 0


def _constants(setting: Setting) -> Floats:
    return np.array([np.sqrt((setting.ladder**2).sum())])


def _memory(setting: Setting) -> int:
    return NEURONS + FIELDS * len(setting.ladder)


POLICIES = (
    Policy(
        "lol-plus", "4.7.4", "Bentaleb et al., IEEE TMM 2022; dash.js v4.7.4, lolp", lolp, _constants, memory=_memory
    ),
)
