"""The VoD rules of dash.js 4.7.4 and 5.1.1 (BSD-3): throughput, BOLA, dynamic, insufficient buffer, abandonment.

Sources: src/streaming/rules/abr/{ThroughputRule,BolaRule,InsufficientBufferRule,AbandonRequestsRule}.js,
controllers/{AbrController,ThroughputController}.js. Estimate: two EWMAs of 3 and 8 s, a sample weighs 1.5
times its seconds, 0.9 of the smaller is safe. BOLA is BOLA-E with the O variant; since 5.0.0 its score has u
- 1 where the thresholds keep u, so that it goes up a Vp earlier. The switch-history rule is left out: its
window of eight requests must all concern one rung before it acts.
"""

import math

import numpy as np

from abr.policies.ewma import average, feed
from abr.policies.policy import Floats, Policy, Setting
from abr.policies.policy_state import (
    BUFFER,
    DECIDE,
    DELAY,
    DOWNLOADED,
    ELAPSED,
    GOT,
    INSTEAD,
    PROGRESS,
    REPLACED,
    REQUESTED,
    RUNG,
    SAFE,
    SAFE_RATE,
    SAFE_UNTIL,
    SEGMENT,
    TTFB,
    WAITED,
    WAITED_FOR,
)
from abr.policies.throughput import MARGIN, cheaper
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

FAST, SLOW = 3.0, 8.0  #: half-lives of the throughput, s
LATENCY_FAST, LATENCY_SLOW = 1.0, 2.0  #: half-lives of the latency, requests
WEIGHT = 0.0015  #: of a ms
CACHED = 10.0  #: ms; a faster transfer came from a cache
SAFETY = 0.9
MINIMUM_BUFFER, PER_RUNG = 10_000.0, 2_000.0  #: ms
DECAY = 0.99  #: of the placeholder buffer, a segment
IGNORED = 2  #: segments before the insufficient-buffer rule
ABANDON_AFTER = 500.0  #: ms since the first byte
ABANDON_MULTIPLE = 1.8

RULE, STABLE, LOW_SAFETY, SHIFT, GP, VP, FIRST_UTILITY = 0, 1, 2, 3, 4, 5, 6
THROUGHPUT_RULE, BOLA_RULE, DYNAMIC_RULE, BUFFER_RULE = 0.0, 1.0, 2.0, 3.0
M_FAST, M_SLOW, M_LATENCY_FAST, M_LATENCY_SLOW, STEADY, PLACEHOLDER, LAST, ON_BOLA, SAMPLES = (
    0,
    2,
    4,
    6,
    8,
    9,
    10,
    11,
    12,
)
MEMORY = 13


@inline
def _rate(m):  # type: ignore[no-untyped-def]
    return min(average(m, M_FAST, FAST), average(m, M_SLOW, SLOW))


@inline
def _latency(m):  # type: ignore[no-untyped-def]
    return max(average(m, M_LATENCY_FAST, LATENCY_FAST), average(m, M_LATENCY_SLOW, LATENCY_SLOW))


@inline
def _observe(s, m):  # type: ignore[no-untyped-def]
    time = s[ELAPSED] - s[TTFB]
    if s[ELAPSED] < CACHED or time <= 0:
        return
    sample = s[GOT] / time
    feed(m, M_FAST, WEIGHT * time, sample, FAST)
    feed(m, M_SLOW, WEIGHT * time, sample, SLOW)
    feed(m, M_LATENCY_FAST, 1.0, s[TTFB], LATENCY_FAST)
    feed(m, M_LATENCY_SLOW, 1.0, s[TTFB], LATENCY_SLOW)
    m[SAMPLES] += 1


@inline
def _rung_for(rate, latency, duration, ladder):  # type: ignore[no-untyped-def]
    """Return the highest rung within a rate, less the share of time that requests wait."""
    if latency > duration:
        return 0
    rate *= 1 - latency / duration
    rung = 0
    while rung + 1 < ladder.shape[0] and ladder[rung + 1] <= rate:
        rung += 1
    return rung


@inline
def _least_buffer(rung, k, ladder):  # type: ignore[no-untyped-def]
    level = 0.0
    for lower in range(rung):
        u, v = k[FIRST_UTILITY + lower], k[FIRST_UTILITY + rung]
        if u < v:
            step = (ladder[rung] * u - ladder[lower] * v) / (ladder[rung] - ladder[lower])
            level = max(level, k[VP] * (k[GP] + step))
    return level


@inline
def _most_buffer(rung, k):  # type: ignore[no-untyped-def]
    return k[VP] * (k[FIRST_UTILITY + rung] + k[GP])


@inline
def _best(level, k, ladder):  # type: ignore[no-untyped-def]
    best = 0
    top = -np.inf
    for rung in range(ladder.shape[0]):
        score = (k[VP] * (k[FIRST_UTILITY + rung] - k[SHIFT] + k[GP]) - level) / ladder[rung]
        if score >= top:
            best, top = rung, score
    return best


@inline
def _bola(s, k, m, ladder, duration):  # type: ignore[no-untyped-def]
    level = s[BUFFER]
    sustained = _rung_for(SAFETY * _rate(m), _latency(m), duration, ladder)
    if m[STEADY] == 0.0:
        m[PLACEHOLDER] = max(0.0, _least_buffer(sustained, k, ladder) - level)
        if level >= duration:
            m[STEADY] = 1.0
        return sustained
    if level <= 0:
        m[PLACEHOLDER] = 0.0
    rung = _best(level + m[PLACEHOLDER], k, ladder)
    last = int(m[LAST])
    if rung > last and rung > sustained:
        rung = max(sustained, last)
    delay = max(0.0, level + m[PLACEHOLDER] - _most_buffer(rung, k))
    if delay <= m[PLACEHOLDER]:
        m[PLACEHOLDER] -= delay
        delay = 0.0
    else:
        delay -= m[PLACEHOLDER]
        m[PLACEHOLDER] = 0.0
    if rung < ladder.shape[0] - 1:
        s[DELAY] = delay
    return rung


@inline
def _insured(s, k, m, ladder, duration):  # type: ignore[no-untyped-def]
    """Return the highest rung that the buffer insures."""
    top = ladder.shape[0] - 1
    if s[SEGMENT] < IGNORED:
        return top
    if s[BUFFER] <= 0:
        return 0
    return _rung_for(k[LOW_SAFETY] * _rate(m) * s[BUFFER] / duration, 0.0, duration, ladder)


@inline
def _decide(s, k, m, ladder, durations):  # type: ignore[no-untyped-def]
    if m[SAMPLES] == 0.0:
        return 0
    duration = durations[int(s[SEGMENT])]
    insured = _insured(s, k, m, ladder, duration)
    if k[RULE] == BUFFER_RULE:
        return insured
    on_bola = k[RULE] == BOLA_RULE
    if k[RULE] == DYNAMIC_RULE:
        on_bola = s[BUFFER] >= (0.5 * k[STABLE] if m[ON_BOLA] == 1.0 else k[STABLE])
        if on_bola and m[ON_BOLA] == 0.0:
            m[STEADY] = 0.0
        m[ON_BOLA] = 1.0 if on_bola else 0.0
    rung = _rung_for(SAFETY * _rate(m), _latency(m), duration, ladder)
    if on_bola:
        rung = _bola(s, k, m, ladder, duration)
    if insured < rung:
        s[DELAY] = 0.0
    return min(rung, insured)


@inline
def _downloaded(s, k, m, durations):  # type: ignore[no-untyped-def]
    _observe(s, m)
    m[LAST] = s[RUNG] if s[INSTEAD] < 0 else s[INSTEAD]
    if s[REPLACED] >= 0:
        if s[INSTEAD] < 0:
            m[PLACEHOLDER] += durations[int(s[REPLACED])]
    elif s[INSTEAD] < 0:
        m[PLACEHOLDER] *= DECAY
        before = s[BUFFER] + s[ELAPSED]
        m[PLACEHOLDER] = min(m[PLACEHOLDER], max(0.0, _most_buffer(int(s[RUNG]), k) - before))


@inline
def _abandon(s, k, m, ladder, duration):  # type: ignore[no-untyped-def]
    time = s[ELAPSED] - s[TTFB]
    if time <= ABANDON_AFTER or s[BUFFER] > k[STABLE]:
        return -1
    rate = s[GOT] / time
    if not s[REQUESTED] / rate > ABANDON_MULTIPLE * duration:
        return -1
    current = int(s[RUNG])
    rung = _rung_for(rate, _latency(m) if m[SAMPLES] > 0 else s[TTFB], duration, ladder)
    if rung >= current or s[REQUESTED] * ladder[rung] / ladder[current] >= s[REQUESTED] - s[GOT]:
        return -1
    return rung


@inline
def _safe(s, k, m, ladder, duration):  # type: ignore[no-untyped-def]
    """Name the rate at which it would not come too late, or not be worth a change."""
    rung = cheaper(s, ladder)
    if rung < 0:
        return 1
    s[SAFE_UNTIL] = max(s[TTFB] + ABANDON_AFTER, s[ELAPSED] + s[BUFFER] - k[STABLE])
    s[SAFE_RATE] = s[REQUESTED] / (ABANDON_MULTIPLE * duration)
    latency = _latency(m) if m[SAMPLES] > 0 else s[TTFB]
    if latency < duration:
        s[SAFE_RATE] = min(s[SAFE_RATE], ladder[rung + 1] / (1 - latency / duration))
    s[SAFE_RATE] *= MARGIN
    return 0


@inline
def dashjs(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: four averages, BOLA's state, the last rung, which rule is on, samples."""
    if event == DECIDE:
        return _decide(s, k, m, ladder, durations)
    if event == DOWNLOADED:
        _downloaded(s, k, m, durations)
    elif event == WAITED:
        m[PLACEHOLDER] += s[WAITED_FOR]
    elif event == PROGRESS:
        return _abandon(s, k, m, ladder, durations[int(s[SEGMENT])])
    elif event == SAFE:
        return _safe(s, k, m, ladder, durations[int(s[SEGMENT])])
    return 0


def _constants(setting: Setting, rule: float, new: bool) -> Floats:
    offset = 1 - math.log(setting.ladder[0])
    utilities = np.array([math.log(rate) + offset for rate in setting.ladder])
    stable = 18_000.0 if new else 12_000.0
    buffer = max(stable, MINIMUM_BUFFER + PER_RUNG * len(utilities))
    gp = max(utilities[-1] - 1, 1e-9) / (buffer / MINIMUM_BUFFER - 1)
    head = [rule, stable, 0.7 if new else 0.5, float(new), gp, MINIMUM_BUFFER / gp]
    return np.concatenate((head, utilities))


def _policy(name: str, rule: float, version: str) -> Policy:
    def constants(setting: Setting) -> Floats:
        return _constants(setting, rule, version.startswith("5"))

    source = f"Dash-Industry-Forum/dash.js v{version}, src/streaming/rules/abr"
    return Policy(name, version, source, dashjs, constants, memory=MEMORY, abandons=True, estimates=False)


POLICIES = tuple(
    _policy(name, rule, version)
    for version in ("5.1.1", "4.7.4")
    for name, rule in (
        ("dashjs-throughput", THROUGHPUT_RULE),
        ("dashjs-bola", BOLA_RULE),
        ("dashjs-dynamic", DYNAMIC_RULE),
        ("dashjs-insufficient-buffer", BUFFER_RULE),
    )
)
