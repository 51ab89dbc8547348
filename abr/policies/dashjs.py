"""The VoD rules of dash.js 4.7.4 and 5.1.1 (BSD-3): throughput, BOLA, dynamic, insufficient buffer, abandonment.

Sources: src/streaming/rules/abr/{ThroughputRule,BolaRule,InsufficientBufferRule,AbandonRequestsRule}.js,
controllers/{AbrController,ThroughputController}.js. The throughput estimate is the smaller of two exponential averages
with half-lives of 3 and 8 s; the weight of a sample is 1.5 times its duration, and the rules use 0.9 of the estimate.
The BOLA rule is BOLA-E with the O variant. Since 5.0.0 its score contains u - 1, while its thresholds contain u, and
therefore it goes up at a buffer level that is lower by Vp. The switch-history rule is not implemented: it acts only
when all eight requests of its window are for the same rung.
"""

import math

import numpy as np

from abr.policies.throughput import RATE_MARGIN, highest_smaller_rung
from abr.policies.throughput_average import add_sample, average
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED, PROGRESS, WAITED, WILL_KEEP
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES", "best_bola_rung"]

# The values are those of the sources above.

#: half-life of the fast average of the throughput, s
FAST_HALF_LIFE = 3.0
#: half-life of the slow average of the throughput, s
SLOW_HALF_LIFE = 8.0
#: half-life of the fast average of the latency, requests
FAST_LATENCY_HALF_LIFE = 1.0
#: half-life of the slow average of the latency, requests
SLOW_LATENCY_HALF_LIFE = 2.0
#: weight of a throughput sample, s per ms of its duration
WEIGHT = 0.0015
#: ms; a shorter download comes from a cache, and is no sample
MIN_DOWNLOAD_TIME = 10.0
#: fraction of the throughput estimate that the rules use
SAFETY = 0.9
#: ms, V gamma p
MIN_BUFFER = 10_000.0
#: ms of buffer that each rung adds to the buffer that V is computed for
BUFFER_PER_RUNG = 2_000.0
#: factor on the placeholder buffer for each segment
PLACEHOLDER_DECAY = 0.99
#: number of segments at the start that the insufficient-buffer rule ignores
IGNORED_SEGMENTS = 2
#: ms since the first byte before which no download is abandoned
ABANDON_GRACE = 500.0
#: a download is abandoned when it takes longer than this number of segment durations
ABANDON_MULTIPLE = 1.8

# indices of the constants: one of the rules below, stable buffer time in ms, safety factor of the insufficient-buffer
# rule, utility of the thresholds minus utility of the score, gamma p, V in ms per unit of utility, then the utility of
# each rung
RULE = 0
STABLE = 1
LOW_SAFETY = 2
SHIFT = 3
GP = 4
VP = 5
FIRST_UTILITY = 6

# values of the constant RULE
THROUGHPUT_RULE = 0.0
BOLA_RULE = 1.0
DYNAMIC_RULE = 2.0
BUFFER_RULE = 3.0

# indices of the memory: four averages of two floats each, whether BOLA has left its startup, placeholder buffer in ms,
# last rung, whether the dynamic rule uses BOLA, number of samples
FAST_AVERAGE = 0
SLOW_AVERAGE = 2
FAST_LATENCY = 4
SLOW_LATENCY = 6
STEADY = 8
PLACEHOLDER = 9
LAST = 10
ON_BOLA = 11
SAMPLES = 12
#: number of floats of the memory
MEMORY = 13


@inline
def _throughput(memory):  # type: ignore[no-untyped-def]
    return min(average(memory, FAST_AVERAGE, FAST_HALF_LIFE), average(memory, SLOW_AVERAGE, SLOW_HALF_LIFE))


@inline
def _latency(memory):  # type: ignore[no-untyped-def]
    fast = average(memory, FAST_LATENCY, FAST_LATENCY_HALF_LIFE)
    slow = average(memory, SLOW_LATENCY, SLOW_LATENCY_HALF_LIFE)
    return max(fast, slow)


@inline
def _observe(state, memory):  # type: ignore[no-untyped-def]
    time = state.elapsed - state.time_to_first_byte
    if state.elapsed < MIN_DOWNLOAD_TIME or time <= 0:
        return
    sample = state.received_bits / time
    add_sample(memory, FAST_AVERAGE, WEIGHT * time, sample, FAST_HALF_LIFE)
    add_sample(memory, SLOW_AVERAGE, WEIGHT * time, sample, SLOW_HALF_LIFE)
    add_sample(memory, FAST_LATENCY, 1.0, state.time_to_first_byte, FAST_LATENCY_HALF_LIFE)
    add_sample(memory, SLOW_LATENCY, 1.0, state.time_to_first_byte, SLOW_LATENCY_HALF_LIFE)
    memory[SAMPLES] += 1


@inline
def _sustainable_rung(rate, latency, duration, bitrates):  # type: ignore[no-untyped-def]
    """Return the highest rung that a throughput sustains when each request waits for the latency."""
    if latency > duration:
        return 0
    rate *= 1 - latency / duration
    rung = 0
    while rung + 1 < bitrates.shape[0] and bitrates[rung + 1] <= rate:
        rung += 1
    return rung


@inline
def _min_level(rung, constants, bitrates):  # type: ignore[no-untyped-def]
    """Return the buffer level in ms above which BOLA prefers a rung to all lower rungs."""
    level = 0.0
    for lower in range(rung):
        u, v = constants[FIRST_UTILITY + lower], constants[FIRST_UTILITY + rung]
        if u < v:
            step = (bitrates[rung] * u - bitrates[lower] * v) / (bitrates[rung] - bitrates[lower])
            level = max(level, constants[VP] * (constants[GP] + step))
    return level


@inline
def _max_level(rung, constants):  # type: ignore[no-untyped-def]
    """Return the buffer level in ms above which BOLA waits rather than download a rung."""
    return constants[VP] * (constants[FIRST_UTILITY + rung] + constants[GP])


@inline
def best_bola_rung(level, constants, bitrates):  # type: ignore[no-untyped-def]
    """Return the rung of the highest score of BOLA at a buffer level in ms."""
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
    sustained = _sustainable_rung(SAFETY * _throughput(memory), _latency(memory), duration, bitrates)
    if memory[STEADY] == 0.0:
        memory[PLACEHOLDER] = max(0.0, _min_level(sustained, constants, bitrates) - level)
        if level >= duration:
            memory[STEADY] = 1.0
        return sustained
    if level <= 0:
        memory[PLACEHOLDER] = 0.0
    rung = best_bola_rung(level + memory[PLACEHOLDER], constants, bitrates)
    last = int(memory[LAST])
    if rung > last and rung > sustained:
        rung = max(sustained, last)
    delay = max(0.0, level + memory[PLACEHOLDER] - _max_level(rung, constants))
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
def _insufficient_buffer_rung(state, constants, memory, bitrates, duration):  # type: ignore[no-untyped-def]
    """Return the highest rung that the insufficient-buffer rule permits."""
    top = bitrates.shape[0] - 1
    if state.segment < IGNORED_SEGMENTS:
        return top
    if state.buffer <= 0:
        return 0
    return _sustainable_rung(
        constants[LOW_SAFETY] * _throughput(memory) * state.buffer / duration, 0.0, duration, bitrates
    )


@inline
def _decide(state, constants, memory, bitrates, durations):  # type: ignore[no-untyped-def]
    if memory[SAMPLES] == 0.0:
        return 0
    duration = durations[state.segment]
    max_rung = _insufficient_buffer_rung(state, constants, memory, bitrates, duration)
    if constants[RULE] == BUFFER_RULE:
        return max_rung
    on_bola = constants[RULE] == BOLA_RULE
    if constants[RULE] == DYNAMIC_RULE:
        on_bola = state.buffer >= (0.5 * constants[STABLE] if memory[ON_BOLA] == 1.0 else constants[STABLE])
        if on_bola and memory[ON_BOLA] == 0.0:
            memory[STEADY] = 0.0
        memory[ON_BOLA] = 1.0 if on_bola else 0.0
    rung = _sustainable_rung(SAFETY * _throughput(memory), _latency(memory), duration, bitrates)
    if on_bola:
        rung = _bola(state, constants, memory, bitrates, duration)
    if max_rung < rung:
        state.delay = 0.0
    return min(rung, max_rung)


@inline
def _downloaded(state, constants, memory, durations):  # type: ignore[no-untyped-def]
    _observe(state, memory)
    memory[LAST] = state.rung if state.abandon_target < 0 else state.abandon_target
    if state.replaced_segment >= 0:
        if state.abandon_target < 0:
            memory[PLACEHOLDER] += durations[state.replaced_segment]
    elif state.abandon_target < 0:
        memory[PLACEHOLDER] *= PLACEHOLDER_DECAY
        level_before = state.buffer + state.elapsed
        memory[PLACEHOLDER] = min(memory[PLACEHOLDER], max(0.0, _max_level(state.rung, constants) - level_before))


@inline
def _abandon(state, constants, memory, bitrates, duration):  # type: ignore[no-untyped-def]
    time = state.elapsed - state.time_to_first_byte
    if time <= ABANDON_GRACE or state.buffer > constants[STABLE]:
        return -1
    rate = state.received_bits / time
    if not state.requested_bits / rate > ABANDON_MULTIPLE * duration:
        return -1
    current = state.rung
    rung = _sustainable_rung(
        rate, _latency(memory) if memory[SAMPLES] > 0 else state.time_to_first_byte, duration, bitrates
    )
    if (
        rung >= current
        or state.requested_bits * bitrates[rung] / bitrates[current] >= state.requested_bits - state.received_bits
    ):
        return -1
    return rung


@inline
def _will_keep(state, constants, memory, bitrates, duration):  # type: ignore[no-untyped-def]
    """Set the rate from which on `_abandon` keeps the download: it is in time, or no lower rung is smaller."""
    rung = highest_smaller_rung(state, bitrates)
    if rung < 0:
        return 1
    state.keep_until = max(state.time_to_first_byte + ABANDON_GRACE, state.elapsed + state.buffer - constants[STABLE])
    state.keep_rate = state.requested_bits / (ABANDON_MULTIPLE * duration)
    latency = _latency(memory) if memory[SAMPLES] > 0 else state.time_to_first_byte
    if latency < duration:
        state.keep_rate = min(state.keep_rate, bitrates[rung + 1] / (1 - latency / duration))
    state.keep_rate *= RATE_MARGIN
    return 0


@inline
def dashjs(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Evaluate the rule of the constants; the memory keeps the averages, the state of BOLA and the active rule."""
    if event == DECIDE:
        return _decide(state, constants, memory, context.bitrates, context.durations)
    if event == DOWNLOADED:
        _downloaded(state, constants, memory, context.durations)
    elif event == WAITED:
        memory[PLACEHOLDER] += state.waited
    elif event == PROGRESS:
        return _abandon(state, constants, memory, context.bitrates, context.durations[state.segment])
    elif event == WILL_KEEP:
        return _will_keep(state, constants, memory, context.bitrates, context.durations[state.segment])
    return 0


def _constants(context: PolicyContext, rule: float, is_version_5: bool) -> Floats:
    offset = 1 - math.log(context.bitrates[0])
    utilities = np.array([math.log(rate) + offset for rate in context.bitrates])
    stable = 18_000.0 if is_version_5 else 12_000.0
    buffer = max(stable, MIN_BUFFER + BUFFER_PER_RUNG * len(utilities))
    gp = max(utilities[-1] - 1, 1e-9) / (buffer / MIN_BUFFER - 1)
    parameters = [rule, stable, 0.7 if is_version_5 else 0.5, float(is_version_5), gp, MIN_BUFFER / gp]
    return np.concatenate((parameters, utilities))


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
