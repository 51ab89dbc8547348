"""Learn2Adapt-LowLatency as in dash.js 4.7.4 (`L2ARule.js`, BSD-3).

Karagkioules, Mekuria, Griffioen, Wagenaar, Online learning for low-latency adaptive streaming, MMSys 2020.
Online convex optimisation over the probabilities of the rungs, kbit/s throughout (5.x mixes units). Startup
by throughput until 1.5 s are buffered; then one rung up at most.
"""

import numpy as np

from abr.policies.policy import Policy, Setting
from abr.policies.policy_state import (
    BUFFER,
    DECIDE,
    LAST_RUNG,
    LATENCY,
    RATE,
    SAMPLE,
    SEGMENT,
    THROUGHPUT,
)
from abr.policies.throughput import SAFETY, rung_for
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

HORIZON = 4.0
VL = HORIZON**0.99
ALPHA = max(HORIZON, VL * HORIZON**0.5)
REACT = 2.0
TARGET = 1_500.0  #: ms
STEADY, Q, FIRST = 0, 1, 2


@inline
def _project(m, at, scratch, count):  # type: ignore[no-untyped-def]
    """Project a vector onto the simplex (arXiv 1101.6081)."""
    for i in range(count):
        v = m[at + i]
        j = i
        while j > 0 and m[scratch + j - 1] < v:
            m[scratch + j] = m[scratch + j - 1]
            j -= 1
        m[scratch + j] = v
    total = 0.0
    shift = 0.0
    found = False
    for i in range(count - 1):
        total += m[scratch + i]
        shift = (total - 1) / (i + 1)
        if shift >= m[scratch + i + 1]:
            found = True
            break
    if not found:
        shift = (total + m[scratch + count - 1] - 1) / count
    for i in range(count):
        m[at + i] = max(m[at + i] - shift, 0.0)


@inline
def _steady(s, m, ladder, seconds):  # type: ignore[no-untyped-def]
    count = ladder.shape[0]
    rate = max(np.round(s[SAMPLE]), 1.0)
    sign = 1.0
    before = 0.0
    for i in range(count):
        before += ladder[i] * m[FIRST + i]
        if s[RATE] * ladder[i] > rate:
            sign = -1.0
        m[FIRST + i] += sign * seconds / (2 * ALPHA) * (m[Q] + VL) * s[RATE] * ladder[i] / rate
    _project(m, FIRST, FIRST + count, count)
    wanted = 0.0
    for i in range(count):
        wanted += ladder[i] * m[FIRST + i]
    # the new probabilities and, once more, what they changed
    m[Q] = max(0.0, m[Q] - seconds + seconds * s[RATE] * (wanted + (wanted - before)) / rate)
    rung = 0
    for i in range(count):
        if abs(ladder[i] - wanted) < abs(ladder[rung] - wanted):
            rung = i
    last = int(s[LAST_RUNG])
    if rung > last and ladder[last + 1] <= rate:
        rung = last + 1
    if ladder[rung] >= rate:
        m[Q] = REACT * max(VL, m[Q])
    return rung


@inline
def l2a(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: steady, the multiplier, probabilities of the rungs, scratch."""
    if event != DECIDE or s[THROUGHPUT] == 0.0:
        return 0
    n = int(s[SEGMENT])
    if m[STEADY] == 1.0:
        return _steady(s, m, ladder, durations[n - 1] / 1e3)
    rung = rung_for(s[THROUGHPUT] * SAFETY, s[LATENCY], durations[n], ladder)
    if s[BUFFER] >= TARGET:
        m[STEADY] = 1.0
        m[Q] = VL
        m[FIRST + rung] = 1.0
    return rung


def _memory(setting: Setting) -> int:
    return FIRST + 2 * len(setting.ladder)


POLICIES = (Policy("l2a", "4.7.4", "Karagkioules et al., MMSys 2020; dash.js v4.7.4, L2ARule.js", l2a, memory=_memory),)
