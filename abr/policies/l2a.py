"""Learn2Adapt-LowLatency as in dash.js 4.7.4 (`L2ARule.js`, BSD-3).

Karagkioules, Mekuria, Griffioen, Wagenaar, Online learning for low-latency adaptive streaming, MMSys 2020.
The policy optimises the probabilities of the rungs by online convex optimisation. All bitrates are in kbit/s, as in
4.7.4; 5.x mixes units. During the startup, until 1.5 s are buffered, it chooses by throughput. Afterwards it goes up by
at most one rung.
"""

import numpy as np

from abr.policies.throughput import SAFETY, sustainable_rung
from abr.policy_interface.policy import Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

#: optimisation horizon, segments; `horizon` of L2ARule.js
HORIZON = 4.0
#: cautiousness parameter; `vl` of L2ARule.js
VL = HORIZON**0.99
#: step size; `alpha` of L2ARule.js
ALPHA = max(HORIZON, VL * HORIZON**0.5)
#: factor on the multiplier when the chosen bitrate exceeds the throughput; `react` of L2ARule.js
REACT = 2.0
#: ms of buffer at which the startup ends; from L2ARule.js
STARTUP_BUFFER = 1_500.0

# indices of the memory: is the startup over, Lagrange multiplier, then the probability of each rung, then scratch
STEADY = 0
MULTIPLIER = 1
FIRST = 2


@inline
def _project(memory, at, scratch, count):  # type: ignore[no-untyped-def]
    """Project the vector at `memory[at]` onto the probability simplex (arXiv 1101.6081)."""
    for i in range(count):
        value = memory[at + i]
        j = i
        while j > 0 and memory[scratch + j - 1] < value:
            memory[scratch + j] = memory[scratch + j - 1]
            j -= 1
        memory[scratch + j] = value
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
    expected_before = 0.0
    for i in range(count):
        expected_before += bitrates[i] * memory[FIRST + i]
        if state.playback_rate * bitrates[i] > rate:
            sign = -1.0
        memory[FIRST + i] += (
            sign * seconds / (2 * ALPHA) * (memory[MULTIPLIER] + VL) * state.playback_rate * bitrates[i] / rate
        )
    _project(memory, FIRST, FIRST + count, count)
    expected = 0.0
    for i in range(count):
        expected += bitrates[i] * memory[FIRST + i]
    # L2ARule.js adds the change of the probabilities to the new probabilities, as written here
    memory[MULTIPLIER] = max(
        0.0,
        memory[MULTIPLIER] - seconds + seconds * state.playback_rate * (expected + (expected - expected_before)) / rate,
    )
    rung = 0
    for i in range(count):
        if abs(bitrates[i] - expected) < abs(bitrates[rung] - expected):
            rung = i
    last = state.last_rung
    if rung > last and bitrates[last + 1] <= rate:
        rung = last + 1
    if bitrates[rung] >= rate:
        memory[MULTIPLIER] = REACT * max(VL, memory[MULTIPLIER])
    return rung


@inline
def l2a(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose the rung nearest to the expected bitrate; the memory keeps the probabilities of the rungs."""
    if event != DECIDE or state.throughput == 0.0:
        return 0
    n = state.segment
    if memory[STEADY] == 1.0:
        return _steady(state, memory, context.bitrates, context.durations[n - 1] / 1e3)
    rung = sustainable_rung(state.throughput * SAFETY, state.latency, context.durations[n], context.bitrates)
    if state.buffer >= STARTUP_BUFFER:
        memory[STEADY] = 1.0
        memory[MULTIPLIER] = VL
        memory[FIRST + rung] = 1.0
    return rung


def _memory(context: PolicyContext) -> int:
    return FIRST + 2 * len(context.bitrates)


POLICIES = (Policy("l2a", "4.7.4", "Karagkioules et al., MMSys 2020; dash.js v4.7.4, L2ARule.js", l2a, memory=_memory),)
