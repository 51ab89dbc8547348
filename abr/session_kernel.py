"""The kernel of a session: downloads, the buffer, stalls, abandonment, one policy's choices.

Time in ms, sizes in bits, rates in bit/ms. The order of the operations follows UMass-LIDS/sabre (commit
09b03bb, BSD-2) where that simulator models the same thing, so that its sessions come out equal.
"""

import numpy as np
from numba import types

from abr.compiled import CALLBACK_SIGNATURE, address, inlined, kernel
from abr.estimator_kernel import observe, reset
from abr.network_kernel import enter, request, transfer, transfer_some, transfer_while, wait
from abr.policy_state import (
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
    PROGRESS,
    REQUESTED,
    RESET,
    RUNG,
    SAFE,
    SAFE_RATE,
    SAFE_UNTIL,
    SEGMENT,
    SEGMENTS,
    THROUGHPUT,
    TTFB,
    WAITED,
    WAITED_FOR,
)
from abr.session_layout import (
    E_ABANDON,
    E_DOWNLOAD,
    E_END,
    E_STALL,
    E_STARTUP,
    E_WAIT,
    M_ABANDON,
    M_CAP,
    M_ESTIMATE,
    M_EXACT,
    M_FIRST_RUNG,
    M_FIXED_LATENCY,
    M_HALF_LIFE_FAST,
    M_HALF_LIFE_SLOW,
    M_HONOUR,
    M_PROGRESS_BITS,
    M_PROGRESS_TIME,
    M_QUANTUM,
    M_RESUME,
    M_SEGMENTS,
    M_STARTED,
    M_STARTUP,
    O_BAD,
    O_BITS,
    O_END,
    O_EVENTS,
    O_FIRST_STALL,
    O_STALL,
    O_STALLS,
    O_STARTUP,
    O_WASTED,
    P_HEAD,
    P_PLAYED,
    P_PLAYING,
    P_STALL,
    P_STARTED,
)

__all__ = ["session"]


@inlined
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


@inlined
def _note(log, o, s, kind, segment, rung, duration, bits, stall):  # type: ignore[no-untyped-def]
    row = int(o[O_EVENTS])
    o[O_EVENTS] += 1
    if row < log.shape[0]:
        log[row, 0] = kind
        log[row, 1] = segment
        log[row, 2] = rung
        log[row, 3] = s[NOW]
        log[row, 4] = duration
        log[row, 5] = bits
        log[row, 6] = s[BUFFER]
        log[row, 7] = s[THROUGHPUT]
        log[row, 8] = stall
        log[row, 9] = s[TTFB]


@inlined
def _play(p, o, s, time, durations, cum):  # type: ignore[no-untyped-def]
    """Let `time` pass for the player; return how much of it was a stall."""
    s[NOW] += time
    end = int(s[SEGMENT])
    if p[P_PLAYING] == 0.0:
        if p[P_STARTED] == 0.0:
            o[O_STARTUP] += time
            return 0.0
        o[O_STALL] += time
        p[P_STALL] += time
        return time
    head = int(p[P_HEAD])
    while time > 0 and head < end:
        if time + p[P_PLAYED] < durations[head]:
            p[P_PLAYED] += time
            time = 0.0
        else:
            time -= durations[head] - p[P_PLAYED]
            p[P_PLAYED] = 0.0
            head += 1
    p[P_HEAD] = head
    s[BUFFER] = cum[end] - cum[head] - p[P_PLAYED]
    if head == end and time > 0:
        p[P_PLAYING] = 0.0
        s[PLAYING] = 0.0
        o[O_STALLS] += 1
        o[O_STALL] += time
        p[P_STALL] = time
        return time
    return 0.0


@inlined
def _arrive(p, o, s, c, log, cum):  # type: ignore[no-untyped-def]
    """Add the segment that has come to the buffer; begin or resume playback."""
    s[SEGMENT] += 1
    end = int(s[SEGMENT])
    s[BUFFER] = cum[end] - cum[int(p[P_HEAD])] - p[P_PLAYED]
    if p[P_PLAYING] == 1.0:
        return
    enough = c[M_RESUME] if p[P_STARTED] == 1.0 else c[M_STARTUP]
    if s[BUFFER] >= enough or end == int(c[M_SEGMENTS]):
        if p[P_STARTED] == 1.0:
            _note(log, o, s, E_STALL, end - 1, -1, p[P_STALL], 0.0, p[P_STALL])
        else:
            _note(log, o, s, E_STARTUP, end - 1, -1, o[O_STARTUP], 0.0, 0.0)
        p[P_PLAYING] = 1.0
        p[P_STARTED] = 1.0
        p[P_STALL] = 0.0
        s[PLAYING] = 1.0


@inlined
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


@inlined
def _fetch(policy, w, s, n, c, t_dur, t_rate, t_lat):  # type: ignore[no-untyped-def]
    """Download what `s[RUNG]` asks for; the state tells what came, `s[INSTEAD]` whether it was abandoned."""
    size = s[REQUESTED]
    s[INSTEAD] = -1.0
    s[GOT] = size
    if c[M_FIXED_LATENCY] >= 0:
        s[TTFB] = c[M_FIXED_LATENCY]
        s[ELAPSED] = transfer(n, size, t_dur, t_rate) + s[TTFB]
        return
    exact = c[M_EXACT] == 1.0
    latency = request(n, t_dur, t_lat)
    s[TTFB] = latency
    if c[M_ABANDON] == 0.0 or s[SEGMENT] == 0 or (s[RUNG] == 0 and not exact):
        s[ELAPSED] = latency + transfer(n, size, t_dur, t_rate)
        return
    s[ELAPSED] = latency
    s[GOT] = 0.0
    buffer = s[BUFFER]
    first_rate = t_rate[int(n[0])]
    while s[GOT] < size and s[INSTEAD] < 0:
        least_bits = c[M_PROGRESS_BITS]
        least_time = c[M_PROGRESS_TIME]
        if exact:
            if s[GOT] == 0.0:
                least_time -= latency
        else:
            s[BUFFER] = max(0.0, buffer - s[ELAPSED]) if s[PLAYING] == 1.0 else buffer
            if _leap(policy, w, s, n, t_dur, t_rate) >= c[M_PROGRESS_TIME]:
                continue
            # on to where the steps would have been without leaps
            first = max(c[M_PROGRESS_TIME], latency)
            if first_rate > 0:
                first = max(first, latency + c[M_PROGRESS_BITS] / first_rate)
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
            s[BUFFER] = max(0.0, buffer - s[ELAPSED]) if s[PLAYING] == 1.0 else buffer
            s[INSTEAD] = policy(PROGRESS, address(w))
    s[BUFFER] = buffer


@inlined
def _full(policy, w, p, o, s, n, c, durations, cum, t_dur, log):  # type: ignore[no-untyped-def]
    """Wait while the buffer has no room."""
    segment = int(s[SEGMENT])
    time = min(s[BUFFER] + durations[segment] - c[M_CAP], s[BUFFER])
    if time <= 0 or p[P_PLAYING] == 0.0:
        return
    stall = _play(p, o, s, time, durations, cum)
    wait(n, time, t_dur)
    s[CLOCK] = n[2]
    s[WAITED_FOR] = time
    policy(WAITED, address(w))
    _note(log, o, s, E_WAIT, segment, -1, time, 0.0, stall)


@inlined
def _sleep(p, o, s, n, c, durations, cum, t_dur):  # type: ignore[no-untyped-def]
    """Sleep as Pensieve's environment does, whose clock keeps only the part after the last change of rate."""
    time = c[M_QUANTUM] * -((c[M_CAP] - s[BUFFER]) // c[M_QUANTUM])
    before = s[NOW]
    _play(p, o, s, time, durations, cum)
    s[NOW] = before + wait(n, time, t_dur)
    s[CLOCK] = n[2]
    return time


SESSION_SIGNATURE = types.int64(
    types.FunctionType(CALLBACK_SIGNATURE),
    *(types.float64[::1],) * 3,  # s, k, m
    types.float64[::1],  # c
    *(types.float64[:, ::1],) * 2,  # sizes, vmaf
    *(types.float64[::1],) * 3,  # ladder, durations, cum
    *(types.float64[::1],) * 4,  # the trace: durations, rates, latencies, ends of the intervals
    types.float64,  # start
    types.int64[::1],  # rungs
    types.float64[::1],  # outcome
    types.float64[:, ::1],  # log
    types.int64[::1],  # scratch: the policy's table
    *(types.float64[::1],) * 3,  # scratch: link, playback, estimator
)


@kernel(SESSION_SIGNATURE)
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
    s[LAST_RUNG] = -1.0
    s[CAP] = c[M_CAP]
    s[SEGMENTS] = last
    p[P_PLAYING] = p[P_STARTED] = s[PLAYING] = c[M_STARTED]
    enter(n, start, t_end)
    s[CLOCK] = n[2]
    _introduce(w, s, k, m, sizes, vmaf, ladder, durations)
    policy(RESET, address(w))
    forced = -1
    while s[SEGMENT] < last:
        segment = int(s[SEGMENT])
        if c[M_QUANTUM] == 0.0:
            _full(policy, w, p, o, s, n, c, durations, cum, t_dur, log)
        s[DELAY] = 0.0
        if forced >= 0:
            rung = forced
        elif segment == 0 and c[M_FIRST_RUNG] >= 0:
            rung = int(c[M_FIRST_RUNG])
        else:
            rung = policy(DECIDE, address(w))
        forced = -1
        delay = s[DELAY]
        if rung < 0 or rung >= sizes.shape[1] or not 0.0 <= delay < 1e12:
            o[O_BAD] = rung if rung < 0 or rung >= sizes.shape[1] else delay
            return 1
        stall = 0.0
        if delay > 0:
            stall += _play(p, o, s, delay, durations, cum)
            wait(n, delay, t_dur)
            s[CLOCK] = n[2]
            _note(log, o, s, E_WAIT, segment, rung, delay, 0.0, stall)
        s[RUNG] = rung
        s[REQUESTED] = sizes[segment, rung]
        _fetch(policy, w, s, n, c, t_dur, t_rate, t_lat)
        stall += _play(p, o, s, s[ELAPSED], durations, cum)
        s[CLOCK] = n[2]
        o[O_BITS] += s[GOT]
        whole = s[INSTEAD] < 0
        if segment == 0:
            o[O_FIRST_STALL] += stall
        if whole:
            rungs[segment] = rung
            _arrive(p, o, s, c, log, cum)
            s[LAST_RUNG] = rung
            if c[M_QUANTUM] > 0 and s[BUFFER] > c[M_CAP]:
                slept = _sleep(p, o, s, n, c, durations, cum, t_dur)
                _note(log, o, s, E_WAIT, segment, -1, slept, 0.0, 0.0)
        else:
            o[O_WASTED] += s[GOT]
            if c[M_HONOUR] == 1.0:
                forced = int(s[INSTEAD])
                if forced >= rung:
                    o[O_BAD] = forced
                    return 1
        policy(DOWNLOADED, address(w))
        if c[M_ESTIMATE] == 1.0 and (whole or c[M_HONOUR] == 1.0):
            observe(e, s, c[M_HALF_LIFE_SLOW], c[M_HALF_LIFE_FAST], durations[segment], c[M_EXACT] == 1.0)
        _note(log, o, s, E_DOWNLOAD if whole else E_ABANDON, segment, rung, s[ELAPSED], s[GOT], stall)
    s[NOW] += s[BUFFER]
    s[BUFFER] = 0.0
    o[O_END] = s[NOW]
    _note(log, o, s, E_END, last - 1, -1, 0.0, 0.0, 0.0)
    return 0
