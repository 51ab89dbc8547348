"""BOLA as in UMass-LIDS/sabre (`Bola`, commit 09b03bb, BSD-2) and as in the paper.

Spiteri, Urgaonkar, Sitaraman: BOLA: Near-Optimal Bitrate Adaptation for Online Videos, INFOCOM 2016. Utility
ln(rate / lowest rate), gamma p = 5; V from the buffer's capacity. Variants: BASIC fixes V; FINITE shrinks it
near both ends of the video and may abandon; where BOLA wants to go up further than throughput allows, U goes
one rung above it and O stays at it and waits. Sabre's "basic" is U, so that `bola-u` is the same.
"""

import math

import numpy as np

from abr.policies.policy import Floats, Policy, Setting
from abr.policies.policy_state import (
    BUFFER,
    CAP,
    DECIDE,
    DELAY,
    ELAPSED,
    GOT,
    LATENCY,
    PLAYING,
    PROGRESS,
    REQUESTED,
    RUNG,
    SAFE,
    SAFE_UNTIL,
    SEGMENT,
    SEGMENTS,
    THROUGHPUT,
)
from abr.policies.throughput import rung_for
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES", "bola", "constants", "least_level", "until_level"]

GAMMA_P = 5.0
SPARE = 1e-6  #: ms, for what rounding does to a level
FINITE, OSCILLATION, FIRST_UTILITY = 0, 1, 2
LAST, V = 0, 1


@inline
def _best(v, level, k, ladder):  # type: ignore[no-untyped-def]
    best = 0
    top = -np.inf
    for rung in range(ladder.shape[0]):
        score = (v * (k[FIRST_UTILITY + rung] + GAMMA_P) - level) / ladder[rung]
        if score < top:
            break  # in the rate, a score rises to one maximum and falls
        if score > top:
            best, top = rung, score
    return best


@inline
def _decide(s, k, m, ladder, durations):  # type: ignore[no-untyped-def]
    segment = int(s[SEGMENT])
    duration = durations[segment]
    cap = s[CAP]
    if k[FINITE] == 1.0:
        near = max(min(segment, s[SEGMENTS] - segment) / 2, 3.0)
        cap = min(cap, near * duration)
    utilities = k[FIRST_UTILITY:]
    top = ladder.shape[0] - 1
    m[V] = (cap - duration) / (utilities[top] + GAMMA_P)
    rung = _best(m[V], s[BUFFER], k, ladder)
    if rung > m[LAST]:
        sustained = rung_for(s[THROUGHPUT], s[LATENCY], duration, ladder)
        if rung > sustained:
            if m[LAST] > sustained:
                rung = int(m[LAST])
            elif k[OSCILLATION] == 0.0:
                rung = sustained + 1
            else:
                rung = sustained
                if rung < top:
                    s[DELAY] = max(0.0, s[BUFFER] - m[V] * (GAMMA_P + utilities[rung]))
    m[LAST] = rung
    return rung


@inline
def _abandon(s, k, m, ladder):  # type: ignore[no-untyped-def]
    left = s[REQUESTED] - s[GOT]
    if k[FINITE] == 0.0 or s[GOT] <= 0 or left <= 0:
        return -1
    current = int(s[RUNG])
    score = (m[V] * (GAMMA_P + k[FIRST_UTILITY + current]) - s[BUFFER]) / left
    if score < 0:
        return -1
    instead = -1
    for rung in range(current):
        size = s[REQUESTED] * ladder[rung] / ladder[current]
        other = (m[V] * (GAMMA_P + k[FIRST_UTILITY + rung]) - s[BUFFER]) / size
        if size < left and other > score:
            score = other
            instead = rung
    if instead >= 0:
        m[LAST] = instead
    return instead


@inline
def least_level(s, v, k, utilities, gp, ladder):  # type: ignore[no-untyped-def]
    """Return the level above which what is left of the running download beats every rung below it.

    A rung of rate b and utility u beats the share f that is left at rate c and utility w below the level
    v (u + gp) - v b (w - u) / (f c - b), if it is the smaller one. As f only shrinks, so does the level.
    """
    current = int(s[RUNG])
    mine = k[utilities + current]
    rate = (s[REQUESTED] - s[GOT]) / s[REQUESTED] * ladder[current]
    level = 0.0
    for rung in range(current):
        if ladder[rung] >= rate:
            break
        u = k[utilities + rung]
        level = max(level, v * (u + gp - ladder[rung] * (mine - u) / (rate - ladder[rung])))
    return level


@inline
def until_level(s, spare):  # type: ignore[no-untyped-def]
    """Answer SAFE for a policy whose level is `spare` ms above the one at which it might abandon."""
    if s[PLAYING] == 0.0:
        return 1 if spare >= 0 else 0
    s[SAFE_UNTIL] = s[ELAPSED] + spare - SPARE
    return 0


@inline
def _safe(s, k, m, ladder):  # type: ignore[no-untyped-def]
    if k[FINITE] == 0.0:
        return 1
    level = least_level(s, m[V], k, FIRST_UTILITY, GAMMA_P, ladder)
    return 1 if level <= 0 else until_level(s, s[BUFFER] - level)


@inline
def bola(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: the rung it chose last, V."""
    if event == DECIDE:
        if s[THROUGHPUT] == 0.0:
            return 0
        return _decide(s, k, m, ladder, durations)
    if event == PROGRESS:
        return _abandon(s, k, m, ladder)
    if event == SAFE:
        return _safe(s, k, m, ladder)
    return 0


def constants(setting: Setting, *, finite: bool, oscillation: bool) -> Floats:
    """Return the switches and the utilities."""
    utilities = [math.log(rate) - math.log(setting.ladder[0]) for rate in setting.ladder]
    return np.concatenate(([float(finite), float(oscillation)], utilities))


def _basic(setting: Setting) -> Floats:
    return constants(setting, finite=False, oscillation=False)


def _finite(setting: Setting) -> Floats:
    return constants(setting, finite=True, oscillation=False)


def _o(setting: Setting) -> Floats:
    return constants(setting, finite=False, oscillation=True)


_SOURCE = "Spiteri, INFOCOM 2016 (arXiv 1601.06748); UMass-LIDS/sabre 09b03bb, Bola"
POLICIES = (
    Policy("bola-basic", "sabre", _SOURCE, bola, _basic, memory=2),
    Policy("bola-u", "sabre", _SOURCE, bola, _basic, memory=2),
    Policy("bola-finite", "sabre", _SOURCE, bola, _finite, memory=2, abandons=True),
    Policy("bola-o", "sabre", _SOURCE, bola, _o, memory=2),
)
