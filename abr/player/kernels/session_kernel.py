"""The kernel of a session: one policy's choices, the waits between them, what came of each.

Time in ms, sizes in bits, rates in bit/ms. The order of the operations follows UMass-LIDS/sabre (commit
09b03bb, BSD-2) where that simulator models the same thing, so that its sessions come out equal.
"""

import numpy as np
from numba import types

from abr.player.kernels.download_kernel import fetch, fetch_audio, find_replaceable
from abr.player.kernels.estimator_kernel import reset_estimate, update_estimate
from abr.player.kernels.network_kernel import seek, wait
from abr.player.kernels.playback_kernel import log_event, play, play_to_end, start_or_resume
from abr.player.session_arrays import (
    EVENT_ABANDON,
    EVENT_DOWNLOAD,
    EVENT_END,
    EVENT_REPLACE,
    EVENT_WAIT,
    PRESENTATION_TYPE,
    SESSION_TYPE,
    TRACE_TYPE,
)
from abr.policy_interface.policy_compiler import CALLBACK_SIGNATURE, address
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED, START, WAITED
from shotladder_runtime.kernels.compiler import inline, kernel, noinline

__all__ = ["play_session"]


@inline
def _bind_call(session, presentation):  # type: ignore[no-untyped-def]
    """Fill the record that the policy is called with; `abr.policy_interface.policy_compiler` explains it."""
    call = session.call
    call.state = address(session.state)
    call.constants = address(session.constants)
    call.memory = address(session.memory)
    call.sizes = address(presentation.sizes)
    call.vmaf = address(presentation.vmaf)
    call.bitrates = address(presentation.bitrates)
    call.durations = address(presentation.durations)
    call.segment_count = presentation.sizes.shape[0]
    call.rung_count = presentation.sizes.shape[1]
    call.constant_count = session.constants.shape[0]
    call.memory_size = session.memory.shape[0]
    call.buffer_capacity = presentation.buffer_capacity
    call.target_vmaf = presentation.target_vmaf


@inline
def _wait_for_room(policy, session, presentation, trace):  # type: ignore[no-untyped-def]
    """Wait while the buffer has no room for the next segment, and until it is there."""
    state = session.state
    model = session.model
    playback = session.playback
    link = session.link
    segment = state.segment
    time = 0.0
    if playback.is_playing:
        time = min(state.buffer + presentation.durations[segment] - model.buffer_capacity, state.buffer)
    if not model.is_video_on_demand:
        time = max(time, presentation.edges[segment + 1] - model.target_latency - state.now)
    if time <= 0:
        return
    stall = play(session, presentation, time)
    wait(link, trace, time)
    state.trace_time = link.clock
    state.waited = time
    policy(WAITED, address(session.call))
    log_event(session, EVENT_WAIT, segment, -1, time, 0.0, stall, 0.0)


@noinline
def _wait_in_steps(session, presentation, trace):  # type: ignore[no-untyped-def]
    """Sleep as Pensieve's environment does, whose clock keeps only the part after the last change of rate."""
    state = session.state
    model = session.model
    link = session.link
    time = model.wait_quantum * -((model.buffer_capacity - state.buffer) // model.wait_quantum)
    before = state.now
    play(session, presentation, time)
    state.now = before + wait(link, trace, time)
    state.trace_time = link.clock
    return time


@inline
def _append_segment(session, presentation, segment, rung):  # type: ignore[no-untyped-def]
    """Add the segment that has come to the buffer."""
    state = session.state
    playback = session.playback
    session.rungs[segment] = rung
    state.segment = segment + 1
    state.buffer = presentation.edges[segment + 1] - presentation.edges[playback.segment] - playback.played
    start_or_resume(session, presentation)
    state.last_rung = rung


@noinline
def _replace_segment(session, presentation):  # type: ignore[no-untyped-def]
    """Put the segment that has come in the place of a buffered one; say whether that had not begun to play."""
    state = session.state
    outcome = session.outcome
    playback = session.playback
    segment = state.replaced_segment
    if (
        state.abandon_target >= 0
        or presentation.edges[segment] < presentation.edges[playback.segment] + playback.played
    ):
        outcome.wasted_bits += state.received_bits
        return False
    outcome.wasted_bits += presentation.sizes[segment, session.rungs[segment]]
    session.rungs[segment] = state.rung
    state.last_rung = session.rungs[state.segment - 1]
    return True


@inline
def _reset(session):  # type: ignore[no-untyped-def]
    state = session.state
    state.now = state.buffer = state.throughput = state.latency = state.delay = 0.0
    state.requested_bits = state.received_bits = state.elapsed = state.time_to_first_byte = 0.0
    state.waited = state.trace_time = state.last_throughput = state.keep_until = state.keep_rate = 0.0
    state.segment = state.rung = state.abandon_target = 0
    session.memory[:] = 0.0
    outcome = session.outcome
    outcome.startup = outcome.stall = outcome.bits = outcome.wasted_bits = outcome.end = 0.0
    outcome.invalid_action = outcome.first_segment_stall = outcome.latency_integral = outcome.fast_playback = 0.0
    outcome.stall_count = outcome.event_count = 0
    playback = session.playback
    playback.segment = playback.audio_segment = 0
    playback.played = playback.stall = 0.0
    playback.is_recovering = False
    reset_estimate(session.averages)


SESSION_SIGNATURE = types.int64(
    types.FunctionType(CALLBACK_SIGNATURE), SESSION_TYPE, PRESENTATION_TYPE, TRACE_TYPE, types.float64
)


@kernel(signature=SESSION_SIGNATURE, counts_references=False)
def play_session(policy, session, presentation, trace, start):  # type: ignore[no-untyped-def]
    """Play one session from `start` ms of the trace; return 1 if the policy returned an invalid action, else 0."""
    state = session.state
    model = session.model
    outcome = session.outcome
    playback = session.playback
    link = session.link
    sizes = presentation.sizes
    _reset(session)
    last = model.segment_count
    state.last_rung = state.replaced_segment = -1
    state.buffer_capacity = model.buffer_capacity
    state.segment_count = last
    playback.is_playing = playback.has_started = state.is_playing = model.startup_is_stall
    playback.audio_end = 0.0 if presentation.audio_sizes.shape[0] > 0 else np.inf
    state.playback_rate = 1.0
    state.live_latency = model.target_latency if model.target_latency < np.inf else 0.0
    seek(link, trace, start, model.idle_timeout)
    state.trace_time = link.clock
    _bind_call(session, presentation)
    policy(START, address(session.call))
    forced = -1
    while True:
        if not model.is_video_on_demand:
            fetch_audio(session, presentation, trace)
        if state.segment >= last:
            break
        segment = state.segment
        if model.wait_quantum == 0.0:
            _wait_for_room(policy, session, presentation, trace)
        state.delay = 0.0
        target = segment
        if forced >= 0:
            rung = forced
        elif segment == 0 and model.first_rung >= 0:
            rung = model.first_rung
        else:
            rung = policy(DECIDE, address(session.call))
            if model.replacement > 0:
                target = find_replaceable(session, presentation, rung)
                state.replaced_segment = target if target < segment else -1
        forced = -1
        delay = state.delay
        if rung < 0 or rung >= sizes.shape[1] or not 0.0 <= delay < 1e12:
            outcome.invalid_action = rung if rung < 0 or rung >= sizes.shape[1] else delay
            return 1
        stall = 0.0
        if delay > 0 and target == segment:
            stall += play(session, presentation, delay)
            wait(link, trace, delay)
            state.trace_time = link.clock
            log_event(session, EVENT_WAIT, segment, rung, delay, 0.0, stall, 0.0)
        state.rung = rung
        state.requested_bits = sizes[target, rung]
        fetch(policy, session, trace, presentation.edges[segment] - presentation.edges[target])
        stall += play(session, presentation, state.elapsed)
        state.trace_time = link.clock
        outcome.bits += state.received_bits
        whole = state.abandon_target < 0
        if segment == 0:
            outcome.first_segment_stall += stall
        kind = EVENT_DOWNLOAD if whole else EVENT_ABANDON
        if target < segment:
            kind = EVENT_REPLACE if _replace_segment(session, presentation) else EVENT_ABANDON
        elif whole:
            _append_segment(session, presentation, segment, rung)
            if model.wait_quantum > 0 and state.buffer > model.buffer_capacity:
                slept = _wait_in_steps(session, presentation, trace)
                log_event(session, EVENT_WAIT, segment, -1, slept, 0.0, 0.0, 0.0)
        else:
            outcome.wasted_bits += state.received_bits
            if model.honours_abandon_target:
                forced = state.abandon_target
                if forced >= rung:
                    outcome.invalid_action = forced
                    return 1
        policy(DOWNLOADED, address(session.call))
        if model.estimates_throughput and (whole or model.honours_abandon_target):
            update_estimate(session, presentation.durations[target])
        log_event(session, kind, target, rung, state.elapsed, state.received_bits, stall, state.time_to_first_byte)
    play_to_end(session)
    outcome.end = state.now
    log_event(session, EVENT_END, last - 1, -1, 0.0, 0.0, 0.0, 0.0)
    return 0
