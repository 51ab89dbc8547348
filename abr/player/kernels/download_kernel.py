"""The kernel of downloads: a segment whole or abandoned, the audio beside it, buffered segments fetched again.

Time in ms, sizes in bits. The order of the operations follows UMass-LIDS/sabre (commit 09b03bb, BSD-2), so that its
sessions come out equal.
"""

import math

import numpy as np

from abr.player.kernels.network_kernel import (
    close_transfer,
    send_request,
    transfer,
    transfer_slow_start,
    transfer_some,
    transfer_while,
    wait,
)
from abr.player.kernels.playback_kernel import log_event, play, start_or_resume
from abr.player.session_arrays import EVENT_AUDIO, REPLACE_EARLIEST
from abr.policy_interface.policy_compiler import address
from abr.policy_interface.policy_state import PROGRESS, WILL_KEEP
from shotladder_runtime.kernels.compiler import inline, noinline

__all__ = ["fetch", "fetch_audio", "find_replaceable"]


@inline
def _skip_ahead(policy, session, trace):  # type: ignore[no-untyped-def]
    """Transfer as much as comes before the policy could abandon; return the ms it took."""
    state = session.state
    link = session.link
    size = state.requested_bits
    state.keep_until = 0.0
    state.keep_rate = np.inf
    if policy(WILL_KEEP, address(session.call)) == 1:
        time = transfer(link, trace, size - state.received_bits)
        state.received_bits = size
        state.elapsed += time
        return time
    state.received_bits, time = transfer_while(link, trace, state)
    state.elapsed += time
    return time


@inline
def fetch(policy, session, trace, due):  # type: ignore[no-untyped-def]
    """Download what `state.rung` asks for; the state tells what came, `state.abandon_target` whether it was abandoned.

    A replacement, whose `due` is positive, is late with only that much in the buffer. Nothing is abandoned while a
    connection starts slowly.
    """
    state = session.state
    model = session.model
    link = session.link
    size = state.requested_bits
    state.abandon_target = -1.0
    slowly = model.idle_timeout < np.inf
    latency = send_request(link, trace, model.idle_timeout, model.fixed_latency)
    time = latency
    got = 0.0
    if slowly:
        got, spent = transfer_slow_start(link, trace, size, latency)
        time += spent
    state.time_to_first_byte = latency
    replaces = due > 0
    exact = model.is_exact
    stays = not model.may_abandon or state.segment == 0 or (state.rung == 0 and not exact)
    if not model.abandons_late_replacement if replaces else stays:
        state.elapsed = time + transfer(link, trace, size - got)
        state.received_bits = size
        if slowly:
            close_transfer(link)
        return
    state.elapsed = time
    state.received_bits = got
    buffer = state.buffer
    first_rate = trace.rates[link.interval]
    while state.received_bits < size and state.abandon_target < 0:
        least_bits = model.progress_bits
        least_time = model.progress_time
        if exact or replaces:
            if state.received_bits == 0.0:
                least_time -= state.time_to_first_byte
        else:
            state.buffer = max(0.0, buffer - state.elapsed) if state.is_playing else buffer
            if _skip_ahead(policy, session, trace) >= model.progress_time:
                continue
            # on to where the steps would have been without leaps
            first = max(model.progress_time, state.time_to_first_byte)
            if first_rate > 0:
                first = max(first, state.time_to_first_byte + model.progress_bits / first_rate)
            if state.elapsed < first:
                least_time = first - state.elapsed
            else:
                least_time -= (state.elapsed - first) % model.progress_time
            if least_time < 1.0:  # rounding must not make steps of nothing
                least_time += model.progress_time
            least_bits *= min(least_time / model.progress_time, 1.0)
        bits, time = transfer_some(link, trace, size - state.received_bits, least_bits, least_time)
        state.elapsed += time
        state.received_bits += bits
        if state.received_bits < size:
            state.buffer = max(0.0, buffer - state.elapsed * state.playback_rate) if state.is_playing else buffer
            if not replaces:
                state.abandon_target = policy(PROGRESS, address(session.call))
            elif state.buffer <= due:
                state.abandon_target = state.rung
    state.buffer = buffer
    if slowly:
        close_transfer(link)


@noinline
def fetch_audio(session, presentation, trace):  # type: ignore[no-untyped-def]
    """Download audio until it reaches as far as the video that has come."""
    state = session.state
    model = session.model
    outcome = session.outcome
    playback = session.playback
    link = session.link
    sizes = presentation.audio_sizes
    ends = presentation.audio_ends
    while playback.audio_end < presentation.edges[state.segment]:
        i = playback.audio_segment
        # in a live session not before it is there
        pause = max(0.0, min(ends[i], presentation.edges[model.segment_count]) - model.target_latency - state.now)
        wait(link, trace, pause)
        latency = send_request(link, trace, model.idle_timeout, model.fixed_latency)
        got, time = transfer_slow_start(link, trace, sizes[i], latency)
        time += pause + latency + transfer(link, trace, sizes[i] - got)
        close_transfer(link)
        stall = play(session, presentation, time)
        state.trace_time = link.clock
        outcome.bits += sizes[i]
        playback.audio_segment = i + 1
        playback.audio_end = ends[i] if i + 1 < ends.shape[0] else np.inf
        start_or_resume(session, presentation)
        log_event(session, EVENT_AUDIO, i, -1, time, sizes[i], stall, latency)


@noinline
def find_replaceable(session, presentation, rung):  # type: ignore[no-untyped-def]
    """Return the segment to fetch at `rung`: a buffered one of a lower rung, or the next.

    Sabre's `Replace`: not what begins to play within one and a half segments.
    """
    state = session.state
    playback = session.playback
    end = state.segment
    head = playback.segment
    if head >= end:
        return end
    first = head + math.ceil(1.5 + playback.played / presentation.durations[head])
    found = end
    for i in range(first, end):
        if session.rungs[i] < rung:
            found = i
            if session.model.replacement == REPLACE_EARLIEST:
                break
    return found
