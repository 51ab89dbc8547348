"""The throughput rule of UMass-LIDS/sabre (`ThroughputRule`, commit 09b03bb, BSD-2), as in dash.js 2 and 3.

The highest rung whose segments arrive, latency included, as fast as they play at 0.9 of the estimate; the
insufficient-buffer rule; a download is abandoned when it would take longer than 1.8 segments.
"""

from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE, PROGRESS, START, WILL_KEEP
from shotladder_runtime.kernels.compiler import inline

__all__ = ["MARGIN", "POLICIES", "cheaper", "rung_for", "throughput", "within_buffer"]

SAFETY = 0.9
IBR_FIRST = 0.9  #: safety of the insufficient-buffer rule, multiplied by itself with every segment
IBR_LEAST = 0.5
ABANDON_MULTIPLE = 1.8
ABANDON_GRACE = 500.0  #: ms
MARGIN = 1 + 1e-9  #: for what rounding does to a rate that is named safe


@inline
def rung_for(rate, latency, duration, bitrates):  # type: ignore[no-untyped-def]
    """Return the highest rung that plays as fast as it comes."""
    rung = 0
    while rung + 1 < bitrates.shape[0] and latency + duration * bitrates[rung + 1] / rate <= duration:
        rung += 1
    return rung


@inline
def within_buffer(rung, safety, state, bitrates, duration):  # type: ignore[no-untyped-def]
    """Return the rung that the buffer insures: the insufficient-buffer rule."""
    safe = safety * (state.buffer - state.latency) * state.throughput
    for lower in range(rung):
        if bitrates[lower + 1] * duration > safe:
            return lower
    return rung


@inline
def _abandon(state, bitrates, duration):  # type: ignore[no-untyped-def]
    time = state.elapsed - state.time_to_first_byte
    if state.elapsed < ABANDON_GRACE or time <= 0:
        return -1
    rate = state.received_bits / time
    left = state.requested_bits - state.received_bits
    if not state.elapsed + left / rate > ABANDON_MULTIPLE * duration:
        return -1
    current = state.rung
    rung = rung_for(rate * SAFETY, state.latency, duration, bitrates)
    if rung >= current or state.requested_bits * bitrates[rung] / bitrates[current] >= left:
        return -1
    return rung


@inline
def cheaper(state, bitrates):  # type: ignore[no-untyped-def]
    """Return the highest rung below the running download's that is smaller than what is left of it, or -1."""
    current = state.rung
    unit = state.requested_bits / bitrates[current]
    rung = current - 1
    while rung >= 0 and unit * bitrates[rung] >= state.requested_bits - state.received_bits:
        rung -= 1
    return rung


@inline
def _safe(state, bitrates, duration):  # type: ignore[no-untyped-def]
    """Name the rate at which it would not come too late, or not be worth a change."""
    rung = cheaper(state, bitrates)
    if rung < 0:
        return 1
    state.keep_until = ABANDON_GRACE
    budget = ABANDON_MULTIPLE * duration - state.time_to_first_byte
    if budget > 0:
        state.keep_rate = state.requested_bits / budget
    if duration > state.latency:
        state.keep_rate = min(state.keep_rate, duration * bitrates[rung + 1] / (SAFETY * (duration - state.latency)))
    state.keep_rate *= MARGIN
    return 0


@inline
def throughput(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: safety of the insufficient-buffer rule."""
    if event == START:
        memory[0] = IBR_FIRST
    elif event == DECIDE:
        if state.throughput == 0.0:
            return 0
        duration = context.durations[state.segment]
        rung = rung_for(state.throughput * SAFETY, state.latency, duration, context.bitrates)
        safety = memory[0]
        memory[0] = max(memory[0] * IBR_FIRST, IBR_LEAST)
        return within_buffer(rung, safety, state, context.bitrates, duration)
    elif event == PROGRESS:
        return _abandon(state, context.bitrates, context.durations[state.segment])
    elif event == WILL_KEEP:
        return _safe(state, context.bitrates, context.durations[state.segment])
    return 0


POLICIES = (Policy("throughput", "sabre", "UMass-LIDS/sabre 09b03bb, ThroughputRule", throughput, abandons=True),)
