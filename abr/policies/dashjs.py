"""The VoD rules of dash.js 4.7.4 and 5.1.1 (BSD-3): throughput, BOLA, dynamic, insufficient buffer, abandonment.

Sources: src/streaming/rules/abr/{ThroughputRule,BolaRule,InsufficientBufferRule,AbandonRequestsRule}.js,
controllers/{AbrController,ThroughputController}.js. Estimate: two EWMAs of 3 and 8 s, a sample weighs 1.5
times its seconds, 0.9 of the smaller is safe. BOLA is BOLA-E with the O variant; since 5.0.0 its score has u
- 1 where the thresholds keep u, so that it goes up a Vp earlier. The switch-history rule is left out: its
window of eight requests must all concern one rung before it acts.
"""

import math

import numpy as np

from abr.policies.throughput import MARGIN, cheaper
from abr.policies.throughput_average import average, feed
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED, PROGRESS, WAITED, WILL_KEEP
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
def _rate(memory):  # type: ignore[no-untyped-def]
    return min(average(memory, M_FAST, FAST), average(memory, M_SLOW, SLOW))


@inline
def _latency(memory):  # type: ignore[no-untyped-def]
    return max(average(memory, M_LATENCY_FAST, LATENCY_FAST), average(memory, M_LATENCY_SLOW, LATENCY_SLOW))


@inline
def _observe(state, memory):  # type: ignore[no-untyped-def]
    time = state.elapsed - state.time_to_first_byte
    if state.elapsed < CACHED or time <= 0:
        return
    sample = state.received_bits / time
    feed(memory, M_FAST, WEIGHT * time, sample, FAST)
    feed(memory, M_SLOW, WEIGHT * time, sample, SLOW)
    feed(memory, M_LATENCY_FAST, 1.0, state.time_to_first_byte, LATENCY_FAST)
    feed(memory, M_LATENCY_SLOW, 1.0, state.time_to_first_byte, LATENCY_SLOW)
    memory[SAMPLES] += 1


@inline
def _rung_for(rate, latency, duration, bitrates):  # type: ignore[no-untyped-def]
    """Return the highest rung within a rate, less the share of time that requests wait."""
    if latency > duration:
        return 0
    rate *= 1 - latency / duration
    rung = 0
    while rung + 1 < bitrates.shape[0] and bitrates[rung + 1] <= rate:
        rung += 1
    return rung


@inline
def _least_buffer(rung, constants, bitrates):  # type: ignore[no-untyped-def]
    level = 0.0
    for lower in range(rung):
        u, v = constants[FIRST_UTILITY + lower], constants[FIRST_UTILITY + rung]
        if u < v:
            step = (bitrates[rung] * u - bitrates[lower] * v) / (bitrates[rung] - bitrates[lower])
            level = max(level, constants[VP] * (constants[GP] + step))
    return level


@inline
def _most_buffer(rung, constants):  # type: ignore[no-untyped-def]
    return constants[VP] * (constants[FIRST_UTILITY + rung] + constants[GP])


@inline
def _best(level, constants, bitrates):  # type: ignore[no-untyped-def]
    best = 0
    top = -np.inf
    for rung in range(bitrates.shape[0]):
        score = (
            constants[VP] * (constants[FIRST_UTILITY + rung] - constants[SHIFT] + constants[GP]) - level
        ) / bitrates[rung]
        if score >= top:
            best, top = rung, score
    return best


@inline
def _bola(state, constants, memory, bitrates, duration):  # type: ignore[no-untyped-def]
    level = state.buffer
    sustained = _rung_for(SAFETY * _rate(memory), _latency(memory), duration, bitrates)
    if memory[STEADY] == 0.0:
        memory[PLACEHOLDER] = max(0.0, _least_buffer(sustained, constants, bitrates) - level)
        if level >= duration:
            memory[STEADY] = 1.0
        return sustained
    if level <= 0:
        memory[PLACEHOLDER] = 0.0
    rung = _best(level + memory[PLACEHOLDER], constants, bitrates)
    last = int(memory[LAST])
    if rung > last and rung > sustained:
        rung = max(sustained, last)
    delay = max(0.0, level + memory[PLACEHOLDER] - _most_buffer(rung, constants))
    if delay <= memory[PLACEHOLDER]:
        memory[PLACEHOLDER] -= delay
        delay = 0.0
    else:
        delay -= memory[PLACEHOLDER]
        memory[PLACEHOLDER] = 0.0
    if rung < bitrates.shape[0] - 1:
        state.delay = delay
    return rung


@inline
def _insured(state, constants, memory, bitrates, duration):  # type: ignore[no-untyped-def]
    """Return the highest rung that the buffer insures."""
    top = bitrates.shape[0] - 1
    if state.segment < IGNORED:
        return top
    if state.buffer <= 0:
        return 0
    return _rung_for(constants[LOW_SAFETY] * _rate(memory) * state.buffer / duration, 0.0, duration, bitrates)


@inline
def _decide(state, constants, memory, bitrates, durations):  # type: ignore[no-untyped-def]
    if memory[SAMPLES] == 0.0:
        return 0
    duration = durations[state.segment]
    insured = _insured(state, constants, memory, bitrates, duration)
    if constants[RULE] == BUFFER_RULE:
        return insured
    on_bola = constants[RULE] == BOLA_RULE
    if constants[RULE] == DYNAMIC_RULE:
        on_bola = state.buffer >= (0.5 * constants[STABLE] if memory[ON_BOLA] == 1.0 else constants[STABLE])
        if on_bola and memory[ON_BOLA] == 0.0:
            memory[STEADY] = 0.0
        memory[ON_BOLA] = 1.0 if on_bola else 0.0
    rung = _rung_for(SAFETY * _rate(memory), _latency(memory), duration, bitrates)
    if on_bola:
        rung = _bola(state, constants, memory, bitrates, duration)
    if insured < rung:
        state.delay = 0.0
    return min(rung, insured)


@inline
def _downloaded(state, constants, memory, durations):  # type: ignore[no-untyped-def]
    _observe(state, memory)
    memory[LAST] = state.rung if state.abandon_target < 0 else state.abandon_target
    if state.replaced_segment >= 0:
        if state.abandon_target < 0:
            memory[PLACEHOLDER] += durations[state.replaced_segment]
    elif state.abandon_target < 0:
        memory[PLACEHOLDER] *= DECAY
        before = state.buffer + state.elapsed
        memory[PLACEHOLDER] = min(memory[PLACEHOLDER], max(0.0, _most_buffer(state.rung, constants) - before))


@inline
def _abandon(state, constants, memory, bitrates, duration):  # type: ignore[no-untyped-def]
    time = state.elapsed - state.time_to_first_byte
    if time <= ABANDON_AFTER or state.buffer > constants[STABLE]:
        return -1
    rate = state.received_bits / time
    if not state.requested_bits / rate > ABANDON_MULTIPLE * duration:
        return -1
    current = state.rung
    rung = _rung_for(rate, _latency(memory) if memory[SAMPLES] > 0 else state.time_to_first_byte, duration, bitrates)
    if (
        rung >= current
        or state.requested_bits * bitrates[rung] / bitrates[current] >= state.requested_bits - state.received_bits
    ):
        return -1
    return rung


@inline
def _safe(state, constants, memory, bitrates, duration):  # type: ignore[no-untyped-def]
    """Name the rate at which it would not come too late, or not be worth a change."""
    rung = cheaper(state, bitrates)
    if rung < 0:
        return 1
    state.keep_until = max(state.time_to_first_byte + ABANDON_AFTER, state.elapsed + state.buffer - constants[STABLE])
    state.keep_rate = state.requested_bits / (ABANDON_MULTIPLE * duration)
    latency = _latency(memory) if memory[SAMPLES] > 0 else state.time_to_first_byte
    if latency < duration:
        state.keep_rate = min(state.keep_rate, bitrates[rung + 1] / (1 - latency / duration))
    state.keep_rate *= MARGIN
    return 0


@inline
def dashjs(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: four averages, BOLA's state, the last rung, which rule is on, samples."""
    if event == DECIDE:
        return _decide(state, constants, memory, context.bitrates, context.durations)
    if event == DOWNLOADED:
        _downloaded(state, constants, memory, context.durations)
    elif event == WAITED:
        memory[PLACEHOLDER] += state.waited
    elif event == PROGRESS:
        return _abandon(state, constants, memory, context.bitrates, context.durations[state.segment])
    elif event == WILL_KEEP:
        return _safe(state, constants, memory, context.bitrates, context.durations[state.segment])
    return 0


def _constants(context: PolicyContext, rule: float, new: bool) -> Floats:
    offset = 1 - math.log(context.bitrates[0])
    utilities = np.array([math.log(rate) + offset for rate in context.bitrates])
    stable = 18_000.0 if new else 12_000.0
    buffer = max(stable, MINIMUM_BUFFER + PER_RUNG * len(utilities))
    gp = max(utilities[-1] - 1, 1e-9) / (buffer / MINIMUM_BUFFER - 1)
    head = [rule, stable, 0.7 if new else 0.5, float(new), gp, MINIMUM_BUFFER / gp]
    return np.concatenate((head, utilities))


def _policy(name: str, rule: float, version: str) -> Policy:
    def constants(context: PolicyContext) -> Floats:
        return _constants(context, rule, version.startswith("5"))

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
