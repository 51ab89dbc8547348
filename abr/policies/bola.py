"""BOLA as in UMass-LIDS/sabre (`Bola`, commit 09b03bb, BSD-2) and as in the paper.

Spiteri, Urgaonkar, Sitaraman: BOLA: Near-Optimal Bitrate Adaptation for Online Videos, INFOCOM 2016. Utility
ln(rate / lowest rate), gamma p = 5; V from the buffer's capacity. Variants: BASIC fixes V; FINITE shrinks it
near both ends of the video and may abandon; where BOLA wants to go up further than throughput allows, U goes
one rung above it and O stays at it and waits. Sabre's "basic" is U, so that `bola-u` is the same.
"""

import math

import numpy as np

from abr.policies.throughput import rung_for
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, PROGRESS, WILL_KEEP
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES", "bola", "least_level", "make_constants", "until_level"]

GAMMA_P = 5.0
SPARE = 1e-6  #: ms, for what rounding does to a level
FINITE, OSCILLATION, FIRST_UTILITY = 0, 1, 2
LAST, V = 0, 1


@inline
def _best(v, level, constants, bitrates):  # type: ignore[no-untyped-def]
    best = 0
    top = -np.inf
    for rung in range(bitrates.shape[0]):
        score = (v * (constants[FIRST_UTILITY + rung] + GAMMA_P) - level) / bitrates[rung]
        if score < top:
            break  # in the rate, a score rises to one maximum and falls
        if score > top:
            best, top = rung, score
    return best


@inline
def _decide(state, constants, memory, bitrates, durations):  # type: ignore[no-untyped-def]
    segment = state.segment
    duration = durations[segment]
    cap = state.buffer_capacity
    if constants[FINITE] == 1.0:
        near = max(min(segment, state.segment_count - segment) / 2, 3.0)
        cap = min(cap, near * duration)
    utilities = constants[FIRST_UTILITY:]
    top = bitrates.shape[0] - 1
    memory[V] = (cap - duration) / (utilities[top] + GAMMA_P)
    rung = _best(memory[V], state.buffer, constants, bitrates)
    if rung > memory[LAST]:
        sustained = rung_for(state.throughput, state.latency, duration, bitrates)
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
    left = state.requested_bits - state.received_bits
    if constants[FINITE] == 0.0 or state.received_bits <= 0 or left <= 0:
        return -1
    current = state.rung
    score = (memory[V] * (GAMMA_P + constants[FIRST_UTILITY + current]) - state.buffer) / left
    if score < 0:
        return -1
    instead = -1
    for rung in range(current):
        size = state.requested_bits * bitrates[rung] / bitrates[current]
        other = (memory[V] * (GAMMA_P + constants[FIRST_UTILITY + rung]) - state.buffer) / size
        if size < left and other > score:
            score = other
            instead = rung
    if instead >= 0:
        memory[LAST] = instead
    return instead


@inline
def least_level(state, v, constants, utilities, gp, bitrates):  # type: ignore[no-untyped-def]
    """Return the level above which what is left of the running download beats every rung below it.

    A rung of rate b and utility u beats the share f that is left at rate c and utility w below the level
    v (u + gp) - v b (w - u) / (f c - b), if it is the smaller one. As f only shrinks, so does the level.
    """
    current = state.rung
    mine = constants[utilities + current]
    rate = (state.requested_bits - state.received_bits) / state.requested_bits * bitrates[current]
    level = 0.0
    for rung in range(current):
        if bitrates[rung] >= rate:
            break
        u = constants[utilities + rung]
        level = max(level, v * (u + gp - bitrates[rung] * (mine - u) / (rate - bitrates[rung])))
    return level


@inline
def until_level(state, spare):  # type: ignore[no-untyped-def]
    """Answer SAFE for a policy whose level is `spare` ms above the one at which it might abandon."""
    if not state.is_playing:
        return 1 if spare >= 0 else 0
    state.keep_until = state.elapsed + spare - SPARE
    return 0


@inline
def _safe(state, constants, memory, bitrates):  # type: ignore[no-untyped-def]
    if constants[FINITE] == 0.0:
        return 1
    level = least_level(state, memory[V], constants, FIRST_UTILITY, GAMMA_P, bitrates)
    return 1 if level <= 0 else until_level(state, state.buffer - level)


@inline
def bola(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: the rung it chose last, V."""
    if event == DECIDE:
        if state.throughput == 0.0:
            return 0
        return _decide(state, constants, memory, context.bitrates, context.durations)
    if event == PROGRESS:
        return _abandon(state, constants, memory, context.bitrates)
    if event == WILL_KEEP:
        return _safe(state, constants, memory, context.bitrates)
    return 0


def make_constants(context: PolicyContext, *, finite: bool, oscillation: bool) -> Floats:
    """Return the switches and the utilities."""
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
