"""BOLA-E as in UMass-LIDS/sabre (`BolaEnh`, commit 09b03bb, BSD-2).

Spiteri, Sitaraman, Sparacio: From Theory to Practice: Improving Bitrate Adaptation in the DASH Reference
Player, MMSys 2018. BOLA with a virtual placeholder buffer, so that it starts at the rung that throughput
sustains, and the insufficient-buffer rule.
"""

import math

import numpy as np

from abr.policies.bola import least_level, until_level
from abr.policies.policy import Floats, Policy, Setting
from abr.policies.policy_state import (
    BUFFER,
    DECIDE,
    DELAY,
    DOWNLOADED,
    ELAPSED,
    GOT,
    INSTEAD,
    LATENCY,
    PROGRESS,
    REPLACED,
    REQUESTED,
    RESET,
    RUNG,
    SAFE,
    SEGMENT,
    THROUGHPUT,
    TTFB,
    WAITED,
    WAITED_FOR,
)
from abr.policies.throughput import IBR_FIRST, IBR_LEAST, rung_for
from shotladder_runtime.kernels.compiler import inline

__all__ = ["MEMORY", "POLICIES", "bola_e", "constants"]

MINIMUM_BUFFER = 10_000.0  #: ms
BUFFER_PER_RUNG = 2_000.0  #: ms
GP, V, OSCILLATION, FIRST_UTILITY = 0, 1, 2, 3
STEADY, PLACEHOLDER, LAST, SAFETY = 0, 1, 2, 3
MEMORY = 4


@inline
def _best(level, k, ladder):  # type: ignore[no-untyped-def]
    best = 0
    top = -np.inf
    for rung in range(ladder.shape[0]):
        score = (k[V] * (k[FIRST_UTILITY + rung] + k[GP]) - level) / ladder[rung]
        if score < top:
            break  # in the rate, a score rises to one maximum and falls
        if score > top:
            best, top = rung, score
    return best


@inline
def _least_buffer(rung, k, ladder):  # type: ignore[no-untyped-def]
    """Return the level above which BOLA prefers this rung to all lower ones."""
    rate = ladder[rung]
    utility = k[FIRST_UTILITY + rung]
    level = 0.0
    for lower in range(rung):
        u = k[FIRST_UTILITY + lower]
        if u < utility:
            b = ladder[lower]
            level = max(level, k[V] * (k[GP] + (rate * u - b * utility) / (rate - b)))
    return level


@inline
def _most_buffer(rung, k):  # type: ignore[no-untyped-def]
    return k[V] * (k[FIRST_UTILITY + rung] + k[GP])


@inline
def _decide(s, k, m, ladder, durations):  # type: ignore[no-untyped-def]
    level = s[BUFFER]
    duration = durations[int(s[SEGMENT])]
    sustained = rung_for(s[THROUGHPUT], s[LATENCY], duration, ladder)
    if m[STEADY] == 0.0:
        m[STEADY] = 1.0
        m[SAFETY] = IBR_FIRST
        m[PLACEHOLDER] = max(0.0, _least_buffer(sustained, k, ladder) - level)
        return sustained
    rung = _best(level + m[PLACEHOLDER], k, ladder)
    if rung > m[LAST] and rung > sustained:
        rung = max(int(m[LAST]), sustained)
        if k[OSCILLATION] == 0.0:
            rung += 1
    delay = level + m[PLACEHOLDER] - _most_buffer(rung, k)
    if delay > 0:
        if delay <= m[PLACEHOLDER]:
            m[PLACEHOLDER] -= delay
            delay = 0.0
        else:
            delay -= m[PLACEHOLDER]
            m[PLACEHOLDER] = 0.0
    else:
        delay = 0.0
    if rung == ladder.shape[0] - 1:
        delay = 0.0
    safe = m[SAFETY] * (level - s[LATENCY]) * s[THROUGHPUT]
    m[SAFETY] = max(m[SAFETY] * IBR_FIRST, IBR_LEAST)
    for lower in range(rung):
        if ladder[lower + 1] * duration > safe:
            rung = lower
            delay = 0.0
            m[PLACEHOLDER] = min(max(0.0, _least_buffer(rung, k, ladder) - level), m[PLACEHOLDER])
            break
    s[DELAY] = delay
    return rung


@inline
def _downloaded(s, k, m, ladder, durations):  # type: ignore[no-untyped-def]
    rung = int(s[RUNG])
    m[LAST] = rung
    level = s[BUFFER]
    instead = int(s[INSTEAD])
    if s[REPLACED] >= 0:
        if instead < 0:
            m[PLACEHOLDER] += durations[int(s[REPLACED])]
    elif instead < 0:
        before = level + s[ELAPSED]
        m[PLACEHOLDER] = min(m[PLACEHOLDER], max(0.0, _most_buffer(rung, k) - before))
        if level > 0:
            m[PLACEHOLDER] = max(m[PLACEHOLDER], _least_buffer(rung, k, ladder) - before)
    else:
        wanted = _least_buffer(instead, k, ladder) if instead > 0 else MINIMUM_BUFFER
        m[PLACEHOLDER] = min(m[PLACEHOLDER], max(0.0, wanted - level))


@inline
def _abandon(s, k, m, ladder):  # type: ignore[no-untyped-def]
    left = s[REQUESTED] - s[GOT]
    if s[GOT] <= 0 or left <= 0:
        return -1
    level = max(0.0, s[BUFFER] + m[PLACEHOLDER] - s[TTFB])
    rate = s[GOT] / (s[ELAPSED] - s[TTFB])
    left -= s[TTFB] * rate
    if left <= 0:
        return -1
    current = int(s[RUNG])
    score = (k[V] * (k[GP] + k[FIRST_UTILITY + current]) - level) / left
    instead = -1
    for rung in range(current):
        size = s[REQUESTED] * ladder[rung] / ladder[current]
        other = (k[V] * (k[GP] + k[FIRST_UTILITY + rung]) - level) / size
        if size < left and other > score:
            score = other
            instead = rung
    return instead


@inline
def _safe(s, k, m, ladder):  # type: ignore[no-untyped-def]
    level = least_level(s, k[V], k, FIRST_UTILITY, k[GP], ladder)
    return 1 if level <= 0 else until_level(s, s[BUFFER] + m[PLACEHOLDER] - s[TTFB] - level)


@inline
def bola_e(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: steady, placeholder, the last rung, safety of the insufficient-buffer rule."""
    if event == DECIDE:
        if s[THROUGHPUT] == 0.0:
            return int(m[LAST])
        return _decide(s, k, m, ladder, durations)
    if event == DOWNLOADED:
        _downloaded(s, k, m, ladder, durations)
    elif event == WAITED:
        m[PLACEHOLDER] += s[WAITED_FOR]
    elif event == PROGRESS:
        return _abandon(s, k, m, ladder)
    elif event == SAFE:
        return _safe(s, k, m, ladder)
    elif event == RESET:
        m[:MEMORY] = 0.0
    return 0


def constants(setting: Setting, *, oscillation: bool = False) -> Floats:
    """Return gamma p, V, the switch and the utilities, of which the lowest is 1."""
    offset = 1 - math.log(setting.ladder[0])
    utilities = np.array([math.log(rate) + offset for rate in setting.ladder])
    buffer = max(MINIMUM_BUFFER + BUFFER_PER_RUNG * len(setting.ladder), setting.cap)
    # one rung, or all alike: any V will do
    gp = max(utilities[-1] - 1, 1e-9) / (buffer / MINIMUM_BUFFER - 1)
    return np.concatenate(([gp, MINIMUM_BUFFER / gp, float(oscillation)], utilities))


POLICIES = (
    Policy(
        "bola-e",
        "sabre",
        "Spiteri, MMSys 2018 (doi 10.1145/3204949.3204953); UMass-LIDS/sabre 09b03bb, BolaEnh",
        bola_e,
        constants,
        memory=MEMORY,
        abandons=True,
    ),
)
