"""Learn2Adapt-LowLatency as in dash.js 4.7.4 (`L2ARule.js`, BSD-3).

Karagkioules, Mekuria, Griffioen, Wagenaar, Online learning for low-latency adaptive streaming, MMSys 2020.
Online convex optimisation over the probabilities of the rungs, kbit/s throughout (5.x mixes units). Startup
by throughput until 1.5 s are buffered; then one rung up at most.
"""

import numpy as np

from abr.policies.throughput import SAFETY, rung_for
from abr.policy_interface.policy import Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

HORIZON = 4.0
VL = HORIZON**0.99
ALPHA = max(HORIZON, VL * HORIZON**0.5)
REACT = 2.0
TARGET = 1_500.0  #: ms
STEADY, Q, FIRST = 0, 1, 2


@inline
def _project(memory, at, scratch, count):  # type: ignore[no-untyped-def]
    """Project a vector onto the simplex (arXiv 1101.6081)."""
    for i in range(count):
        v = memory[at + i]
        j = i
        while j > 0 and memory[scratch + j - 1] < v:
            memory[scratch + j] = memory[scratch + j - 1]
            j -= 1
        memory[scratch + j] = v
    total = 0.0
    shift = 0.0
    found = False
    for i in range(count - 1):
        total += memory[scratch + i]
        shift = (total - 1) / (i + 1)
        if shift >= memory[scratch + i + 1]:
            found = True
            break
    if not found:
        shift = (total + memory[scratch + count - 1] - 1) / count
    for i in range(count):
        memory[at + i] = max(memory[at + i] - shift, 0.0)


@inline
def _steady(state, memory, bitrates, seconds):  # type: ignore[no-untyped-def]
    count = bitrates.shape[0]
    rate = max(np.round(state.last_throughput), 1.0)
    sign = 1.0
    before = 0.0
    for i in range(count):
        before += bitrates[i] * memory[FIRST + i]
        if state.playback_rate * bitrates[i] > rate:
            sign = -1.0
        memory[FIRST + i] += sign * seconds / (2 * ALPHA) * (memory[Q] + VL) * state.playback_rate * bitrates[i] / rate
    _project(memory, FIRST, FIRST + count, count)
    wanted = 0.0
    for i in range(count):
        wanted += bitrates[i] * memory[FIRST + i]
    # the new probabilities and, once more, what they changed
    memory[Q] = max(0.0, memory[Q] - seconds + seconds * state.playback_rate * (wanted + (wanted - before)) / rate)
    rung = 0
    for i in range(count):
        if abs(bitrates[i] - wanted) < abs(bitrates[rung] - wanted):
            rung = i
    last = state.last_rung
    if rung > last and bitrates[last + 1] <= rate:
        rung = last + 1
    if bitrates[rung] >= rate:
        memory[Q] = REACT * max(VL, memory[Q])
    return rung


@inline
def l2a(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: steady, the multiplier, probabilities of the rungs, scratch."""
    if event != DECIDE or state.throughput == 0.0:
        return 0
    n = state.segment
    if memory[STEADY] == 1.0:
        return _steady(state, memory, context.bitrates, context.durations[n - 1] / 1e3)
    rung = rung_for(state.throughput * SAFETY, state.latency, context.durations[n], context.bitrates)
    if state.buffer >= TARGET:
        memory[STEADY] = 1.0
        memory[Q] = VL
        memory[FIRST + rung] = 1.0
    return rung


def _memory(context: PolicyContext) -> int:
    return FIRST + 2 * len(context.bitrates)


POLICIES = (Policy("l2a", "4.7.4", "Karagkioules et al., MMSys 2020; dash.js v4.7.4, L2ARule.js", l2a, memory=_memory),)
