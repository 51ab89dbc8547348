"""The kernel of playback: the buffer, stalls, the log; time in ms.

Live: at the session's time `now` the title is there up to `edge + now`; what plays lies `BEHIND` ms before that. The
order of the operations follows UMass-LIDS/sabre (commit 09b03bb, BSD-2).
"""

import math

import numpy as np

from abr.player.session_arrays import CATCH_UP_LOLP, EVENT_STALL, EVENT_STARTUP
from shotladder_runtime.kernels.compiler import inline, noinline

__all__ = ["log_event", "play", "play_to_end", "start_or_resume"]

#: dash.js, CatchupController.js: rates from 0.5 to 1.5, set anew at every `timeupdate`, not for less than 0.02
TICK = 250.0
MOST_CHANGE = 0.5
LEAST_CHANGE = 0.02
STEEPNESS = 5.0  #: 1/s
#: LoL+ slows down below this buffer (`playbackBufferMin`), and leaves a latency alone that is so near
LEAST_BUFFER = 500.0
NEAR = 0.02


@inline
def log_event(session, kind, segment, rung, duration, bits, stall, latency):  # type: ignore[no-untyped-def]
    """Write a row of the log, if it has one left; a batch wants none."""
    state = session.state
    outcome = session.outcome
    if session.events.shape[0] == 0:
        return
    row = outcome.event_count
    outcome.event_count += 1
    if row < session.events.shape[0]:
        event = session.events[row]
        event.kind = kind
        event.segment = segment
        event.rung = rung
        event.time = state.now
        event.duration = duration
        event.bits = bits
        event.buffer = state.buffer
        event.throughput_estimate = state.throughput
        event.stall = stall
        event.latency = latency


@inline
def _set_playback_rate(session):  # type: ignore[no-untyped-def]
    """Set the rate at which a live session plays, as dash.js or as LoL+ there (both in CatchupController.js)."""
    state = session.state
    model = session.model
    playback = session.playback
    target = model.target_latency
    late = state.live_latency - target
    if state.buffer > target / 2:
        playback.is_recovering = False
    rate = 1.0
    if model.catch_up == CATCH_UP_LOLP:
        low = state.buffer < LEAST_BUFFER
        if low:
            late = state.buffer - LEAST_BUFFER
        if low or abs(late) > NEAR * target:
            rate += MOST_CHANGE * (2 / (1 + math.exp(-STEEPNESS * late / 1e3)) - 1)
    elif not playback.is_recovering:
        rate += MOST_CHANGE * (2 / (1 + math.exp(-STEEPNESS * late / 1e3)) - 1)
    if abs(rate - state.playback_rate) >= LEAST_CHANGE or rate == 1.0:
        state.playback_rate = rate


@inline
def _count_latency(session, time, stall):  # type: ignore[no-untyped-def]
    """Add up the latency of the last `time` ms, of which the last `stall` stood still, and what was played fast."""
    state = session.state
    outcome = session.outcome
    before = state.live_latency
    played = time - stall
    between = before + played * (1 - state.playback_rate)
    state.live_latency = between + stall
    outcome.latency_integral += (before + between) / 2 * played + (between + state.live_latency) / 2 * stall
    if state.playback_rate >= 1 + LEAST_CHANGE:
        outcome.fast_playback += played


@inline
def _advance(session, presentation, is_video_on_demand, time):  # type: ignore[no-untyped-def]
    """Let `time` pass at the present rate, 1 on demand; return the ms of stall."""
    state = session.state
    outcome = session.outcome
    playback = session.playback
    state.now += time
    if not playback.is_playing:
        if not playback.has_started:
            outcome.startup += time
            return 0.0
        outcome.stall += time
        playback.stall += time
        return time
    end = state.segment
    head = playback.segment
    media = time
    silent = 0.0
    if not is_video_on_demand:
        media *= state.playback_rate
        silent = max(0.0, media - (playback.audio_end - presentation.edges[head] - playback.played))
        media -= silent
    while media > 0 and head < end:
        if media + playback.played < presentation.durations[head]:
            playback.played += media
            media = 0.0
        else:
            media -= presentation.durations[head] - playback.played
            playback.played = 0.0
            head += 1
    playback.segment = head
    state.buffer = presentation.edges[end] - presentation.edges[head] - playback.played
    media += silent
    if media > 0:
        stall = media / state.playback_rate
        playback.is_playing = False
        state.is_playing = False
        outcome.stall_count += 1
        outcome.stall += stall
        playback.stall = stall
        playback.is_recovering = True
        return stall
    return 0.0


@noinline
def _play_in_steps(session, presentation, time):  # type: ignore[no-untyped-def]
    """Play as `play` does where there may be audio, or a live edge with a rate to catch up at."""
    state = session.state
    model = session.model
    playback = session.playback
    live = model.target_latency < np.inf
    total = 0.0
    while time > 0:
        step = min(time, TICK) if live else time
        if live and model.catch_up > 0:
            _set_playback_rate(session)
        started = playback.has_started
        stall = _advance(session, presentation, False, step)
        if live and started:
            _count_latency(session, step, stall)
        elif live:
            state.live_latency += step
        total += stall
        time -= step
    return total


@inline
def play(session, presentation, time):  # type: ignore[no-untyped-def]
    """Let `time` pass for the player; return how much of it was a stall."""
    model = session.model
    if model.is_video_on_demand:
        return _advance(session, presentation, True, time)
    return _play_in_steps(session, presentation, time)


@inline
def start_or_resume(session, presentation):  # type: ignore[no-untyped-def]
    """Begin or resume playback when enough has come, video and audio."""
    state = session.state
    model = session.model
    outcome = session.outcome
    playback = session.playback
    if playback.is_playing:
        return
    end = state.segment
    ahead = min(state.buffer, playback.audio_end - presentation.edges[playback.segment] - playback.played)
    enough = model.resume_buffer if playback.has_started else model.startup_buffer
    everything = end == model.segment_count and playback.audio_end >= presentation.edges[end]
    if ahead > 0 and (ahead >= enough or everything):
        if playback.has_started:
            log_event(session, EVENT_STALL, end - 1, -1, playback.stall, 0.0, playback.stall, 0.0)
        else:
            log_event(session, EVENT_STARTUP, end - 1, -1, outcome.startup, 0.0, 0.0, 0.0)
        playback.is_playing = True
        playback.has_started = True
        playback.stall = 0.0
        state.is_playing = True


@inline
def play_to_end(session):  # type: ignore[no-untyped-def]
    """Play what is left, at the present rate: nothing more comes."""
    state = session.state
    model = session.model
    time = state.buffer / state.playback_rate
    if model.target_latency < np.inf:
        _count_latency(session, time, 0.0)
    state.now += time
    state.buffer = 0.0
