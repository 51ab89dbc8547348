"""The kernel of a session: one policy's choices, the waits between them, what came of each.

Time in ms, sizes in bits, rates in bit/ms. The order of the operations follows UMass-LIDS/sabre (commit
09b03bb, BSD-2) where that simulator models the same thing, so that its sessions come out equal.
"""

import numpy as np
from numba import types

from abr.player.kernels.download_kernel import fetch, fetch_audio, replaceable
from abr.player.kernels.estimator_kernel import observe, reset
from abr.player.kernels.network_kernel import enter, wait
from abr.player.kernels.playback_kernel import note, play, play_out, resume
from abr.player.session_layout import (
    E_ABANDON,
    E_DOWNLOAD,
    E_END,
    E_REPLACE,
    E_WAIT,
    M_CAP,
    M_EDGE,
    M_ESTIMATE,
    M_EXACT,
    M_FIRST_RUNG,
    M_HALF_LIFE_FAST,
    M_HALF_LIFE_SLOW,
    M_HONOUR,
    M_IDLE,
    M_PLAIN,
    M_QUANTUM,
    M_REPLACE,
    M_SEGMENTS,
    M_STARTED,
    O_BAD,
    O_BITS,
    O_END,
    O_FIRST_STALL,
    O_WASTED,
    P_AUDIO,
    P_HEAD,
    P_PLAYED,
    P_PLAYING,
    P_STARTED,
)
from abr.policies.policy_compiler import CALLBACK_SIGNATURE, address
from abr.policies.policy_state import (
    BEHIND,
    BUFFER,
    CAP,
    CLOCK,
    DECIDE,
    DELAY,
    DOWNLOADED,
    ELAPSED,
    GOT,
    INSTEAD,
    LAST_RUNG,
    NOW,
    PLAYING,
    RATE,
    REPLACED,
    REQUESTED,
    RESET,
    RUNG,
    SEGMENT,
    SEGMENTS,
    TTFB,
    WAITED,
    WAITED_FOR,
)
from shotladder_runtime.kernels.compiler import inline, kernel, noinline

__all__ = ["session"]


@inline
def _introduce(w, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Fill the table that the policy is called with."""
    w[0] = address(s)
    w[1] = address(k)
    w[2] = address(m)
    w[3] = address(sizes)
    w[4] = address(vmaf)
    w[5] = address(ladder)
    w[6] = address(durations)
    w[7] = sizes.shape[0]
    w[8] = sizes.shape[1]
    w[9] = k.shape[0]
    w[10] = m.shape[0]


@inline
def _idle(policy, w, p, o, s, n, c, durations, cum, t_dur, log):  # type: ignore[no-untyped-def]
    """Wait while the buffer has no room for the next segment, and until it is there."""
    segment = int(s[SEGMENT])
    time = 0.0
    if p[P_PLAYING] == 1.0:
        time = min(s[BUFFER] + durations[segment] - c[M_CAP], s[BUFFER])
    if c[M_PLAIN] == 0.0:
        time = max(time, cum[segment + 1] - c[M_EDGE] - s[NOW])
    if time <= 0:
        return
    stall = play(p, o, s, c, time, durations, cum)
    wait(n, time, t_dur)
    s[CLOCK] = n[2]
    s[WAITED_FOR] = time
    policy(WAITED, address(w))
    note(log, o, s, E_WAIT, segment, -1, time, 0.0, stall, 0.0)


@noinline
def _sleep(p, o, s, n, c, durations, cum, t_dur):  # type: ignore[no-untyped-def]
    """Sleep as Pensieve's environment does, whose clock keeps only the part after the last change of rate."""
    time = c[M_QUANTUM] * -((c[M_CAP] - s[BUFFER]) // c[M_QUANTUM])
    before = s[NOW]
    play(p, o, s, c, time, durations, cum)
    s[NOW] = before + wait(n, time, t_dur)
    s[CLOCK] = n[2]
    return time


@inline
def _arrive(p, o, s, c, segment, rung, rungs, log, cum):  # type: ignore[no-untyped-def]
    """Add the segment that has come to the buffer."""
    rungs[segment] = rung
    s[SEGMENT] = segment + 1
    s[BUFFER] = cum[segment + 1] - cum[int(p[P_HEAD])] - p[P_PLAYED]
    resume(p, o, s, c, log, cum)
    s[LAST_RUNG] = rung


@noinline
def _replace(p, o, s, rungs, sizes, cum):  # type: ignore[no-untyped-def]
    """Put the segment that has come in the place of a buffered one; say whether that had not begun to play."""
    segment = int(s[REPLACED])
    if s[INSTEAD] >= 0 or cum[segment] < cum[int(p[P_HEAD])] + p[P_PLAYED]:
        o[O_WASTED] += s[GOT]
        return False
    o[O_WASTED] += sizes[segment, rungs[segment]]
    rungs[segment] = int(s[RUNG])
    s[LAST_RUNG] = rungs[int(s[SEGMENT]) - 1]
    return True


SESSION_SIGNATURE = types.int64(
    types.FunctionType(CALLBACK_SIGNATURE),
    *(types.float64[::1],) * 3,  # s, k, m
    types.float64[::1],  # c
    *(types.float64[:, ::1],) * 2,  # sizes, vmaf
    *(types.float64[::1],) * 5,  # ladder, durations, cum; audio: sizes, ends of its segments
    *(types.float64[::1],) * 4,  # the trace: durations, rates, latencies, ends of the intervals
    types.float64,  # start
    types.int64[::1],  # rungs
    types.float64[::1],  # outcome
    types.float64[:, ::1],  # log
    types.int64[::1],  # scratch: the policy's table
    *(types.float64[::1],) * 3,  # scratch: link, playback, estimator
)


@kernel(signature=SESSION_SIGNATURE, counts_references=False)
def session(  # type: ignore[no-untyped-def]
    policy,
    s,
    k,
    m,
    c,
    sizes,
    vmaf,
    ladder,
    durations,
    cum,
    a_bits,
    a_ends,
    t_dur,
    t_rate,
    t_lat,
    t_end,
    start,
    rungs,
    o,
    log,
    w,
    n,
    p,
    e,
):
    """Play one session; return 0, or 1 when the policy returned nonsense (`o[O_BAD]`)."""
    s[:] = 0.0
    m[:] = 0.0
    o[:] = 0.0
    p[:] = 0.0
    reset(e)
    last = int(c[M_SEGMENTS])
    s[LAST_RUNG] = s[REPLACED] = -1.0
    s[CAP] = c[M_CAP]
    s[SEGMENTS] = last
    p[P_PLAYING] = p[P_STARTED] = s[PLAYING] = c[M_STARTED]
    p[P_AUDIO] = 0.0 if a_bits.shape[0] > 0 else np.inf
    s[RATE] = 1.0
    s[BEHIND] = c[M_EDGE] if c[M_EDGE] < np.inf else 0.0
    enter(n, start, t_end, c[M_IDLE])
    s[CLOCK] = n[2]
    _introduce(w, s, k, m, sizes, vmaf, ladder, durations)
    policy(RESET, address(w))
    forced = -1
    while True:
        if c[M_PLAIN] == 0.0:
            fetch_audio(p, o, s, n, c, a_bits, a_ends, durations, cum, t_dur, t_rate, t_lat, log)
        if s[SEGMENT] >= last:
            break
        segment = int(s[SEGMENT])
        if c[M_QUANTUM] == 0.0:
            _idle(policy, w, p, o, s, n, c, durations, cum, t_dur, log)
        s[DELAY] = 0.0
        target = segment
        if forced >= 0:
            rung = forced
        elif segment == 0 and c[M_FIRST_RUNG] >= 0:
            rung = int(c[M_FIRST_RUNG])
        else:
            rung = policy(DECIDE, address(w))
            if c[M_REPLACE] > 0:
                target = replaceable(p, s, c[M_REPLACE], rung, rungs, durations)
                s[REPLACED] = target if target < segment else -1.0
        forced = -1
        delay = s[DELAY]
        if rung < 0 or rung >= sizes.shape[1] or not 0.0 <= delay < 1e12:
            o[O_BAD] = rung if rung < 0 or rung >= sizes.shape[1] else delay
            return 1
        stall = 0.0
        if delay > 0 and target == segment:
            stall += play(p, o, s, c, delay, durations, cum)
            wait(n, delay, t_dur)
            s[CLOCK] = n[2]
            note(log, o, s, E_WAIT, segment, rung, delay, 0.0, stall, 0.0)
        s[RUNG] = rung
        s[REQUESTED] = sizes[target, rung]
        fetch(policy, w, s, n, c, cum[segment] - cum[target], t_dur, t_rate, t_lat)
        stall += play(p, o, s, c, s[ELAPSED], durations, cum)
        s[CLOCK] = n[2]
        o[O_BITS] += s[GOT]
        whole = s[INSTEAD] < 0
        if segment == 0:
            o[O_FIRST_STALL] += stall
        kind = E_DOWNLOAD if whole else E_ABANDON
        if target < segment:
            kind = E_REPLACE if _replace(p, o, s, rungs, sizes, cum) else E_ABANDON
        elif whole:
            _arrive(p, o, s, c, segment, rung, rungs, log, cum)
            if c[M_QUANTUM] > 0 and s[BUFFER] > c[M_CAP]:
                slept = _sleep(p, o, s, n, c, durations, cum, t_dur)
                note(log, o, s, E_WAIT, segment, -1, slept, 0.0, 0.0, 0.0)
        else:
            o[O_WASTED] += s[GOT]
            if c[M_HONOUR] == 1.0:
                forced = int(s[INSTEAD])
                if forced >= rung:
                    o[O_BAD] = forced
                    return 1
        policy(DOWNLOADED, address(w))
        if c[M_ESTIMATE] == 1.0 and (whole or c[M_HONOUR] == 1.0):
            observe(e, s, c[M_HALF_LIFE_SLOW], c[M_HALF_LIFE_FAST], durations[target], c[M_EXACT] == 1.0)
        note(log, o, s, kind, target, rung, s[ELAPSED], s[GOT], stall, s[TTFB])
    play_out(o, s, c)
    o[O_END] = s[NOW]
    note(log, o, s, E_END, last - 1, -1, 0.0, 0.0, 0.0, 0.0)
    return 0
