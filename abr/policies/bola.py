"""BOLA as in UMass-LIDS/sabre (`Bola`, commit 09b03bb, BSD-2).

Spiteri, Urgaonkar, Sitaraman: BOLA: Near-Optimal Bitrate Adaptation for Online Videos, INFOCOM 2016. The utility of a
rung is ln(bitrate / lowest bitrate), gamma p is 5, and V follows from the buffer capacity. The variants:

- BASIC keeps V constant.
- FINITE lowers V near both ends of the video, and may abandon downloads.
- U and O differ when BOLA chooses a higher rung than the throughput sustains: U plays one rung above the sustainable
  rung; O plays the sustainable rung and waits.

Sabre's "basic" behaves as U, therefore `bola-basic@sabre` and `bola-u@sabre` are equal.
"""

import math

import numpy as np

from abr.policies.throughput import sustainable_rung
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, PROGRESS, WILL_KEEP
from shotladder_runtime.kernels.compiler import inline

__all__ = ["GAMMA_P", "POLICIES", "bola", "keep_above_level", "make_constants", "min_keep_level"]

#: gamma p of the paper, in units of the utility; Sabre's `gp`
GAMMA_P = 5.0
#: ms that `keep_until` is earlier, so that rounding never makes it too late; chosen by hand, not tuned
TIME_MARGIN = 1e-6

# indices of the constants: is FINITE, is O, then the utility of each rung
FINITE = 0
OSCILLATION = 1
FIRST_UTILITY = 2

# indices of the memory: the rung chosen last, V in ms per unit of utility
LAST = 0
V = 1


@inline
def _best(v, level, constants, bitrates):  # type: ignore[no-untyped-def]
    best = 0
    top = -np.inf
    for rung in range(bitrates.shape[0]):
        score = (v * (constants[FIRST_UTILITY + rung] + GAMMA_P) - level) / bitrates[rung]
        if score < top:
            break  # as a function of the bitrate, the score has one maximum
        if score > top:
            best, top = rung, score
    return best


@inline
def _decide(state, constants, memory, bitrates, durations):  # type: ignore[no-untyped-def]
    segment = state.segment
    duration = durations[segment]
    capacity = state.buffer_capacity
    if constants[FINITE] == 1.0:
        # Sabre: half of the distance to the nearer end of the video, at least three segments
        segments = max(min(segment, state.segment_count - segment) / 2, 3.0)
        capacity = min(capacity, segments * duration)
    utilities = constants[FIRST_UTILITY:]
    top = bitrates.shape[0] - 1
    memory[V] = (capacity - duration) / (utilities[top] + GAMMA_P)
    rung = _best(memory[V], state.buffer, constants, bitrates)
    if rung > memory[LAST]:
        sustained = sustainable_rung(state.throughput, state.latency, duration, bitrates)
        if rung > sustained:
            if memory[LAST] > sustained:
                rung = int(memory[LAST])
            elif constants[OSCILLATION] == 0.0:
                rung = sustained + 1
            else:
                rung = sustained
                if rung < top:
                    state.delay = max(0.0, state.buffer - memory[V] * (GAMMA_P + utilities[rung]))
    memory[LAST] = rung
    return rung


@inline
def _abandon(state, constants, memory, bitrates):  # type: ignore[no-untyped-def]
    rest = state.requested_bits - state.received_bits
    if constants[FINITE] == 0.0 or state.received_bits <= 0 or rest <= 0:
        return -1
    current = state.rung
    score = (memory[V] * (GAMMA_P + constants[FIRST_UTILITY + current]) - state.buffer) / rest
    if score < 0:
        return -1
    target = -1
    for rung in range(current):
        size = state.requested_bits * bitrates[rung] / bitrates[current]
        other = (memory[V] * (GAMMA_P + constants[FIRST_UTILITY + rung]) - state.buffer) / size
        if size < rest and other > score:
            score = other
            target = rung
    if target >= 0:
        memory[LAST] = target
    return target


@inline
def min_keep_level(state, v, constants, first_utility, gp, bitrates):  # type: ignore[no-untyped-def]
    """Return the buffer level in ms above which BOLA keeps the running download.

    The download has bitrate c and utility w, and the fraction f of it has not arrived. BOLA prefers a lower rung of
    bitrate b < f c and utility u when the buffer level is below v (u + gp) - v b (w - u) / (f c - b). The fraction f
    only decreases, so this level only decreases as well.
    """
    current = state.rung
    utility = constants[first_utility + current]
    rest_bitrate = (state.requested_bits - state.received_bits) / state.requested_bits * bitrates[current]
    level = 0.0
    for rung in range(current):
        if bitrates[rung] >= rest_bitrate:
            break
        u = constants[first_utility + rung]
        level = max(level, v * (u + gp - bitrates[rung] * (utility - u) / (rest_bitrate - bitrates[rung])))
    return level


@inline
def keep_above_level(state, margin):  # type: ignore[no-untyped-def]
    """Return the result of `WILL_KEEP` for a buffer level that is `margin` ms above the level of an abandonment."""
    if not state.is_playing:
        return 1 if margin >= 0 else 0
    state.keep_until = state.elapsed + margin - TIME_MARGIN
    return 0


@inline
def _will_keep(state, constants, memory, bitrates):  # type: ignore[no-untyped-def]
    if constants[FINITE] == 0.0:
        return 1
    level = min_keep_level(state, memory[V], constants, FIRST_UTILITY, GAMMA_P, bitrates)
    return 1 if level <= 0 else keep_above_level(state, state.buffer - level)


@inline
def bola(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Keep the rung chosen last and V in the memory."""
    if event == DECIDE:
        if state.throughput == 0.0:
            return 0
        return _decide(state, constants, memory, context.bitrates, context.durations)
    if event == PROGRESS:
        return _abandon(state, constants, memory, context.bitrates)
    if event == WILL_KEEP:
        return _will_keep(state, constants, memory, context.bitrates)
    return 0


def make_constants(context: PolicyContext, *, finite: bool, oscillation: bool) -> Floats:
    """Return the two flags and the utilities."""
    utilities = [math.log(rate) - math.log(context.bitrates[0]) for rate in context.bitrates]
    return np.concatenate(([float(finite), float(oscillation)], utilities))


def _basic(context: PolicyContext) -> Floats:
    return make_constants(context, finite=False, oscillation=False)


def _finite(context: PolicyContext) -> Floats:
    return make_constants(context, finite=True, oscillation=False)


def _o(context: PolicyContext) -> Floats:
    return make_constants(context, finite=False, oscillation=True)


_SOURCE = "Spiteri, INFOCOM 2016 (arXiv 1601.06748); UMass-LIDS/sabre 09b03bb, Bola"
POLICIES = (
    Policy("bola-basic", "sabre", _SOURCE, bola, _basic, memory=2),
    Policy("bola-u", "sabre", _SOURCE, bola, _basic, memory=2),
    Policy("bola-finite", "sabre", _SOURCE, bola, _finite, memory=2, abandons=True),
    Policy("bola-o", "sabre", _SOURCE, bola, _o, memory=2),
)
