"""The throughput rule of UMass-LIDS/sabre (`ThroughputRule`, commit 09b03bb, BSD-2), as in dash.js 2 and 3.

The rule chooses the highest rung whose segments, at 0.9 of the estimated throughput and with the latency, arrive as
fast as they play. The insufficient-buffer rule may lower that rung. The policy abandons a download that would take
longer than 1.8 segment durations.
"""

from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE, PROGRESS, START, WILL_KEEP
from shotladder_runtime.kernels.compiler import inline

__all__ = [
    "IBR_MIN_SAFETY",
    "IBR_SAFETY",
    "POLICIES",
    "RATE_MARGIN",
    "SAFETY",
    "highest_smaller_rung",
    "insufficient_buffer_rung",
    "sustainable_rung",
    "throughput",
]

#: fraction of the estimated throughput that the rule uses; Sabre's `safety_factor`
SAFETY = 0.9
#: first safety factor of the insufficient-buffer rule, and its factor for each segment; Sabre's
#: `low_buffer_safety_factor_init`
IBR_SAFETY = 0.9
#: lower bound of that safety factor; Sabre's `low_buffer_safety_factor`
IBR_MIN_SAFETY = 0.5
#: the policy abandons a download that would take longer than this number of segment durations; Sabre's
#: `abandon_multiplier`
ABANDON_MULTIPLE = 1.8
#: ms since the request before which no download is abandoned; Sabre's `abandon_grace_time`
ABANDON_GRACE = 500.0
#: factor on `keep_rate`, so that rounding never makes it too low; chosen by hand, not tuned
RATE_MARGIN = 1 + 1e-9


@inline
def sustainable_rung(rate, latency, duration, bitrates):  # type: ignore[no-untyped-def]
    """Return the highest rung whose segments download, latency included, no slower than they play."""
    rung = 0
    while rung + 1 < bitrates.shape[0] and latency + duration * bitrates[rung + 1] / rate <= duration:
        rung += 1
    return rung


@inline
def insufficient_buffer_rung(rung, safety, state, bitrates, duration):  # type: ignore[no-untyped-def]
    """Return the highest rung, up to `rung`, whose segment arrives before the buffer is empty."""
    max_bits = safety * (state.buffer - state.latency) * state.throughput
    for lower in range(rung):
        if bitrates[lower + 1] * duration > max_bits:
            return lower
    return rung


@inline
def _abandon(state, bitrates, duration):  # type: ignore[no-untyped-def]
    time = state.elapsed - state.time_to_first_byte
    if state.elapsed < ABANDON_GRACE or time <= 0:
        return -1
    rate = state.received_bits / time
    rest = state.requested_bits - state.received_bits
    if not state.elapsed + rest / rate > ABANDON_MULTIPLE * duration:
        return -1
    current = state.rung
    rung = sustainable_rung(rate * SAFETY, state.latency, duration, bitrates)
    if rung >= current or state.requested_bits * bitrates[rung] / bitrates[current] >= rest:
        return -1
    return rung


@inline
def highest_smaller_rung(state, bitrates):  # type: ignore[no-untyped-def]
    """Return the highest lower rung whose segment is smaller than the rest of the running download, or -1."""
    current = state.rung
    unit = state.requested_bits / bitrates[current]
    rung = current - 1
    while rung >= 0 and unit * bitrates[rung] >= state.requested_bits - state.received_bits:
        rung -= 1
    return rung


@inline
def _will_keep(state, bitrates, duration):  # type: ignore[no-untyped-def]
    """Set the rate from which on `_abandon` keeps the download: it is in time, or no lower rung is smaller."""
    rung = highest_smaller_rung(state, bitrates)
    if rung < 0:
        return 1
    state.keep_until = ABANDON_GRACE
    budget = ABANDON_MULTIPLE * duration - state.time_to_first_byte
    if budget > 0:
        state.keep_rate = state.requested_bits / budget
    if duration > state.latency:
        state.keep_rate = min(state.keep_rate, duration * bitrates[rung + 1] / (SAFETY * (duration - state.latency)))
    state.keep_rate *= RATE_MARGIN
    return 0


@inline
def throughput(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Keep the safety factor of the insufficient-buffer rule in the memory."""
    if event == START:
        memory[0] = IBR_SAFETY
    elif event == DECIDE:
        if state.throughput == 0.0:
            return 0
        duration = context.durations[state.segment]
        rung = sustainable_rung(state.throughput * SAFETY, state.latency, duration, context.bitrates)
        safety = memory[0]
        memory[0] = max(memory[0] * IBR_SAFETY, IBR_MIN_SAFETY)
        return insufficient_buffer_rung(rung, safety, state, context.bitrates, duration)
    elif event == PROGRESS:
        return _abandon(state, context.bitrates, context.durations[state.segment])
    elif event == WILL_KEEP:
        return _will_keep(state, context.bitrates, context.durations[state.segment])
    return 0


POLICIES = (Policy("throughput", "sabre", "UMass-LIDS/sabre 09b03bb, ThroughputRule", throughput, abandons=True),)
