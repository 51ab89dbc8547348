"""The kernel of playback: the buffer, stalls, the log; time in ms.

Live: at the session's time `now` the title is there up to `edge + now`; what plays lies `BEHIND` ms before that. The
order of the operations follows UMass-LIDS/sabre (commit 09b03bb, BSD-2).
"""

import math

import numpy as np

from abr.player.session_layout import (
    CATCH_UP_LOLP,
    E_STALL,
    E_STARTUP,
    M_CATCH_UP,
    M_EDGE,
    M_PLAIN,
    M_RESUME,
    M_SEGMENTS,
    M_STARTUP,
    O_BEHIND,
    O_EVENTS,
    O_FAST,
    O_STALL,
    O_STALLS,
    O_STARTUP,
    P_AUDIO,
    P_HEAD,
    P_PLAYED,
    P_PLAYING,
    P_RECOVERING,
    P_STALL,
    P_STARTED,
)
from abr.policies.policy_state import (
    BEHIND,
    BUFFER,
    NOW,
    PLAYING,
    RATE,
    SEGMENT,
    THROUGHPUT,
)
from shotladder_runtime.kernels.compiler import inline, noinline

__all__ = ["note", "play", "play_out", "resume"]

#: dash.js, CatchupController.js: rates from 0.5 to 1.5, set anew at every `timeupdate`, not for less than 0.02
TICK = 250.0
MOST_CHANGE = 0.5
LEAST_CHANGE = 0.02
STEEPNESS = 5.0  #: 1/s
#: LoL+ slows down below this buffer (`playbackBufferMin`), and leaves a latency alone that is so near
LEAST_BUFFER = 500.0
NEAR = 0.02


@inline
def note(log, o, s, kind, segment, rung, duration, bits, stall, latency):  # type: ignore[no-untyped-def]
    """Write a row of the log, if it has one left; a batch wants none."""
    if log.shape[0] == 0:
        return
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
        log[row, 9] = latency


@inline
def _catch_up(p, s, c):  # type: ignore[no-untyped-def]
    """Set the rate at which a live session plays, as dash.js or as LoL+ there (both in CatchupController.js)."""
    target = c[M_EDGE]
    late = s[BEHIND] - target
    if s[BUFFER] > target / 2:
        p[P_RECOVERING] = 0.0
    rate = 1.0
    if c[M_CATCH_UP] == CATCH_UP_LOLP:
        low = s[BUFFER] < LEAST_BUFFER
        if low:
            late = s[BUFFER] - LEAST_BUFFER
        if low or abs(late) > NEAR * target:
            rate += MOST_CHANGE * (2 / (1 + math.exp(-STEEPNESS * late / 1e3)) - 1)
    elif p[P_RECOVERING] == 0.0:
        rate += MOST_CHANGE * (2 / (1 + math.exp(-STEEPNESS * late / 1e3)) - 1)
    if abs(rate - s[RATE]) >= LEAST_CHANGE or rate == 1.0:
        s[RATE] = rate


@inline
def _count(o, s, time, stall):  # type: ignore[no-untyped-def]
    """Add up the latency of the last `time` ms, of which the last `stall` stood still, and what was played fast."""
    before = s[BEHIND]
    played = time - stall
    between = before + played * (1 - s[RATE])
    s[BEHIND] = between + stall
    o[O_BEHIND] += (before + between) / 2 * played + (between + s[BEHIND]) / 2 * stall
    if s[RATE] >= 1 + LEAST_CHANGE:
        o[O_FAST] += played


@inline
def _pass(p, o, s, plain, time, durations, cum):  # type: ignore[no-untyped-def]
    """Let `time` pass at the present rate, 1 in a `plain` session, where there is no audio either; return the stall."""
    s[NOW] += time
    if p[P_PLAYING] == 0.0:
        if p[P_STARTED] == 0.0:
            o[O_STARTUP] += time
            return 0.0
        o[O_STALL] += time
        p[P_STALL] += time
        return time
    end = int(s[SEGMENT])
    head = int(p[P_HEAD])
    media = time
    silent = 0.0
    if not plain:
        media *= s[RATE]
        silent = max(0.0, media - (p[P_AUDIO] - cum[head] - p[P_PLAYED]))
        media -= silent
    while media > 0 and head < end:
        if media + p[P_PLAYED] < durations[head]:
            p[P_PLAYED] += media
            media = 0.0
        else:
            media -= durations[head] - p[P_PLAYED]
            p[P_PLAYED] = 0.0
            head += 1
    p[P_HEAD] = head
    s[BUFFER] = cum[end] - cum[head] - p[P_PLAYED]
    media += silent
    if media > 0:
        stall = media / s[RATE]
        p[P_PLAYING] = 0.0
        s[PLAYING] = 0.0
        o[O_STALLS] += 1
        o[O_STALL] += stall
        p[P_STALL] = stall
        p[P_RECOVERING] = 1.0
        return stall
    return 0.0


@noinline
def _play_otherwise(p, o, s, c, time, durations, cum):  # type: ignore[no-untyped-def]
    """Play as `play` does where there may be audio, or a live edge with a rate to catch up at."""
    live = c[M_EDGE] < np.inf
    total = 0.0
    while time > 0:
        step = min(time, TICK) if live else time
        if live and c[M_CATCH_UP] > 0:
            _catch_up(p, s, c)
        started = p[P_STARTED] == 1.0
        stall = _pass(p, o, s, False, step, durations, cum)
        if live and started:
            _count(o, s, step, stall)
        elif live:
            s[BEHIND] += step
        total += stall
        time -= step
    return total


@inline
def play(p, o, s, c, time, durations, cum):  # type: ignore[no-untyped-def]
    """Let `time` pass for the player; return how much of it was a stall."""
    if c[M_PLAIN] == 1.0:
        return _pass(p, o, s, True, time, durations, cum)
    return _play_otherwise(p, o, s, c, time, durations, cum)


@inline
def resume(p, o, s, c, log, cum):  # type: ignore[no-untyped-def]
    """Begin or resume playback when enough has come, video and audio."""
    if p[P_PLAYING] == 1.0:
        return
    end = int(s[SEGMENT])
    ahead = min(s[BUFFER], p[P_AUDIO] - cum[int(p[P_HEAD])] - p[P_PLAYED])
    enough = c[M_RESUME] if p[P_STARTED] == 1.0 else c[M_STARTUP]
    everything = end == int(c[M_SEGMENTS]) and p[P_AUDIO] >= cum[end]
    if ahead > 0 and (ahead >= enough or everything):
        if p[P_STARTED] == 1.0:
            note(log, o, s, E_STALL, end - 1, -1, p[P_STALL], 0.0, p[P_STALL], 0.0)
        else:
            note(log, o, s, E_STARTUP, end - 1, -1, o[O_STARTUP], 0.0, 0.0, 0.0)
        p[P_PLAYING] = 1.0
        p[P_STARTED] = 1.0
        p[P_STALL] = 0.0
        s[PLAYING] = 1.0


@inline
def play_out(o, s, c):  # type: ignore[no-untyped-def]
    """Play what is left, at the present rate: nothing more comes."""
    time = s[BUFFER] / s[RATE]
    if c[M_EDGE] < np.inf:
        _count(o, s, time, 0.0)
    s[NOW] += time
    s[BUFFER] = 0.0
