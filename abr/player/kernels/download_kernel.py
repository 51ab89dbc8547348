"""The kernel of downloads: a segment whole or abandoned, the audio beside it, buffered segments fetched again.

Time in ms, sizes in bits. The order of the operations follows UMass-LIDS/sabre (commit 09b03bb, BSD-2), so that its
sessions come out equal.
"""

import math

import numpy as np

from abr.player.kernels.network_kernel import (
    begin,
    flights,
    rest,
    transfer,
    transfer_some,
    transfer_while,
    wait,
)
from abr.player.kernels.playback_kernel import note, play, resume
from abr.player.session_layout import (
    E_AUDIO,
    M_ABANDON,
    M_EDGE,
    M_EXACT,
    M_FIXED_LATENCY,
    M_IDLE,
    M_LATE,
    M_PROGRESS_BITS,
    M_PROGRESS_TIME,
    M_SEGMENTS,
    O_BITS,
    P_AUDIO,
    P_AUDIO_SEGMENT,
    P_HEAD,
    P_PLAYED,
    REPLACE_EARLIEST,
)
from abr.policies.policy_compiler import address
from abr.policies.policy_state import (
    BUFFER,
    CLOCK,
    ELAPSED,
    GOT,
    INSTEAD,
    NOW,
    PLAYING,
    PROGRESS,
    RATE,
    REQUESTED,
    RUNG,
    SAFE,
    SAFE_RATE,
    SAFE_UNTIL,
    SEGMENT,
    TTFB,
)
from shotladder_runtime.kernels.compiler import inline, noinline

__all__ = ["fetch", "fetch_audio", "replaceable"]


@inline
def _leap(policy, w, s, n, t_dur, t_rate):  # type: ignore[no-untyped-def]
    """Transfer as much as comes before the policy could abandon; return the ms it took."""
    size = s[REQUESTED]
    s[SAFE_UNTIL] = 0.0
    s[SAFE_RATE] = np.inf
    if policy(SAFE, address(w)) == 1:
        time = transfer(n, size - s[GOT], t_dur, t_rate)
        s[GOT] = size
        s[ELAPSED] += time
        return time
    s[GOT], time = transfer_while(n, size, s[GOT], s[ELAPSED], s[TTFB], s[SAFE_UNTIL], s[SAFE_RATE], t_dur, t_rate)
    s[ELAPSED] += time
    return time


@inline
def fetch(policy, w, s, n, c, due, t_dur, t_rate, t_lat):  # type: ignore[no-untyped-def]
    """Download what `s[RUNG]` asks for; the state tells what came, `s[INSTEAD]` whether it was abandoned.

    A replacement, whose `due` is positive, is late with only that much in the buffer. Nothing is abandoned while a
    connection starts slowly.
    """
    size = s[REQUESTED]
    s[INSTEAD] = -1.0
    slowly = c[M_IDLE] < np.inf
    latency = begin(n, c[M_IDLE], c[M_FIXED_LATENCY], t_dur, t_lat)
    time = latency
    got = 0.0
    if slowly:
        got, spent = flights(n, size, latency, t_dur, t_rate)
        time += spent
    s[TTFB] = latency
    replaces = due > 0
    exact = c[M_EXACT] == 1.0
    stays = c[M_ABANDON] == 0.0 or s[SEGMENT] == 0 or (s[RUNG] == 0 and not exact)
    if c[M_LATE] == 0.0 if replaces else stays:
        s[ELAPSED] = time + transfer(n, size - got, t_dur, t_rate)
        s[GOT] = size
        if slowly:
            rest(n)
        return
    s[ELAPSED] = time
    s[GOT] = got
    buffer = s[BUFFER]
    first_rate = t_rate[int(n[0])]
    while s[GOT] < size and s[INSTEAD] < 0:
        least_bits = c[M_PROGRESS_BITS]
        least_time = c[M_PROGRESS_TIME]
        if exact or replaces:
            if s[GOT] == 0.0:
                least_time -= s[TTFB]
        else:
            s[BUFFER] = max(0.0, buffer - s[ELAPSED]) if s[PLAYING] == 1.0 else buffer
            if _leap(policy, w, s, n, t_dur, t_rate) >= c[M_PROGRESS_TIME]:
                continue
            # on to where the steps would have been without leaps
            first = max(c[M_PROGRESS_TIME], s[TTFB])
            if first_rate > 0:
                first = max(first, s[TTFB] + c[M_PROGRESS_BITS] / first_rate)
            if s[ELAPSED] < first:
                least_time = first - s[ELAPSED]
            else:
                least_time -= (s[ELAPSED] - first) % c[M_PROGRESS_TIME]
            if least_time < 1.0:  # rounding must not make steps of nothing
                least_time += c[M_PROGRESS_TIME]
            least_bits *= min(least_time / c[M_PROGRESS_TIME], 1.0)
        bits, time = transfer_some(n, size - s[GOT], least_bits, least_time, t_dur, t_rate)
        s[ELAPSED] += time
        s[GOT] += bits
        if s[GOT] < size:
            s[BUFFER] = max(0.0, buffer - s[ELAPSED] * s[RATE]) if s[PLAYING] == 1.0 else buffer
            if not replaces:
                s[INSTEAD] = policy(PROGRESS, address(w))
            elif s[BUFFER] <= due:
                s[INSTEAD] = s[RUNG]
    s[BUFFER] = buffer
    if slowly:
        rest(n)


@noinline
def fetch_audio(p, o, s, n, c, a_bits, a_ends, durations, cum, t_dur, t_rate, t_lat, log):  # type: ignore[no-untyped-def]
    """Download audio until it reaches as far as the video that has come."""
    while p[P_AUDIO] < cum[int(s[SEGMENT])]:
        i = int(p[P_AUDIO_SEGMENT])
        # in a live session not before it is there
        pause = max(0.0, min(a_ends[i], cum[int(c[M_SEGMENTS])]) - c[M_EDGE] - s[NOW])
        wait(n, pause, t_dur)
        latency = begin(n, c[M_IDLE], c[M_FIXED_LATENCY], t_dur, t_lat)
        got, time = flights(n, a_bits[i], latency, t_dur, t_rate)
        time += pause + latency + transfer(n, a_bits[i] - got, t_dur, t_rate)
        rest(n)
        stall = play(p, o, s, c, time, durations, cum)
        s[CLOCK] = n[2]
        o[O_BITS] += a_bits[i]
        p[P_AUDIO_SEGMENT] = i + 1
        p[P_AUDIO] = a_ends[i] if i + 1 < a_ends.shape[0] else np.inf
        resume(p, o, s, c, log, cum)
        note(log, o, s, E_AUDIO, i, -1, time, a_bits[i], stall, latency)


@noinline
def replaceable(p, s, order, rung, rungs, durations):  # type: ignore[no-untyped-def]
    """Return the segment to fetch at `rung`: a buffered one of a lower rung, or the next.

    Sabre's `Replace`: not what begins to play within one and a half segments.
    """
    end = int(s[SEGMENT])
    head = int(p[P_HEAD])
    if head >= end:
        return end
    first = head + math.ceil(1.5 + p[P_PLAYED] / durations[head])
    found = end
    for i in range(first, end):
        if rungs[i] < rung:
            found = i
            if order == REPLACE_EARLIEST:
                break
    return found
