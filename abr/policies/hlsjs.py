"""The level controller of hls.js (`abr-controller.ts` of afe5b8bf1, about 1.7.1, Apache-2.0).

Estimate: the smaller of two EWMAs of 3 and 9 s over transfers without their first byte, 500 kbit/s at first.
From the top: the first level that 0.7 of the estimate carries going up (0.95 staying or going down) and whose
next fragment comes before the buffer runs out; else, with up to 4 s of stall allowed, the same again. A
download is abandoned when it would outlast the buffer and a lower level would be there sooner.
"""

from abr.policies.throughput import MARGIN
from abr.policies.throughput_average import average, feed
from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED, PROGRESS, WILL_KEEP
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

FAST, SLOW = 3.0, 9.0  #: s
DEFAULT_RATE = 500.0  #: bit/ms
DEFAULT_TTFB = 100.0  #: ms
LEAST_TIME = 50.0  #: ms of a sample
UP, DOWN = 0.7, 0.95
STARVATION = 4_000.0  #: ms of stall allowed when nothing fits
M_FAST, M_SLOW, M_TTFB, SAMPLES = 0, 2, 4, 6


@inline
def _rate(memory):  # type: ignore[no-untyped-def]
    if memory[SAMPLES] == 0.0:
        return DEFAULT_RATE
    return min(average(memory, M_FAST, FAST), average(memory, M_SLOW, SLOW))


@inline
def _ttfb(memory):  # type: ignore[no-untyped-def]
    return average(memory, M_TTFB, SLOW) if memory[SAMPLES] > 0 else DEFAULT_TTFB


@inline
def _observe(state, memory):  # type: ignore[no-untyped-def]
    time = max(state.elapsed - min(state.time_to_first_byte, _ttfb(memory)), min(LEAST_TIME, state.received_bits / 8e5))
    if time <= 0 or state.received_bits <= 0:
        return
    feed(memory, M_FAST, time / 1e3, state.received_bits / time, FAST)
    feed(memory, M_SLOW, time / 1e3, state.received_bits / time, SLOW)
    feed(memory, M_TTFB, 1.0, max(state.time_to_first_byte, 5.0), SLOW)
    memory[SAMPLES] += 1


@inline
def _pick(state, memory, sizes, bitrates, durations, patience, up, down):  # type: ignore[no-untyped-def]
    n = state.segment
    rate = _rate(memory)
    last = state.last_rung
    for rung in range(bitrates.shape[0] - 1, -1, -1):
        factor = up if rung > last else down
        if factor * rate < bitrates[rung]:
            continue
        # the manifest'state rate times the duration is all that it knows of the fragment
        if _ttfb(memory) + bitrates[rung] * durations[n] / (factor * rate) < state.buffer + patience:
            return rung
    return -1


@inline
def _decide(state, memory, sizes, bitrates, durations):  # type: ignore[no-untyped-def]
    rung = -1
    if state.buffer > 0:
        rung = _pick(state, memory, sizes, bitrates, durations, 0.0, UP, DOWN)
    if rung < 0:
        patience = min(durations[state.segment], STARVATION)
        # starved: the up factor counts only while something is buffered
        factor = UP if state.buffer > 0 else DOWN
        rung = _pick(state, memory, sizes, bitrates, durations, patience, factor, DOWN)
    return max(rung, 0)


@inline
def _abandon(state, memory, bitrates, duration):  # type: ignore[no-untyped-def]
    time = state.elapsed - state.time_to_first_byte
    if state.elapsed <= max(state.time_to_first_byte, duration / 2) or time <= 0 or state.buffer >= 2 * duration:
        return -1
    rate = state.received_bits / time
    left = (state.requested_bits - state.received_bits) / rate
    if left <= state.buffer:
        return -1
    for rung in range(state.rung - 1, -1, -1):
        other = _ttfb(memory) + bitrates[rung] * duration / (UP * rate)
        if other < state.buffer or rung == 0:
            return rung if other < left else -1
    return -1


@inline
def _safe(state, duration):  # type: ignore[no-untyped-def]
    """Name the rate at which all comes before the buffer is empty."""
    state.keep_until = max(duration / 2, state.elapsed + state.buffer - 2 * duration)
    time = state.elapsed - state.time_to_first_byte + state.buffer
    if state.is_playing and state.buffer > 0:
        state.keep_rate = MARGIN * state.requested_bits / time
    return 0


@inline
def hlsjs(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: three averages, samples."""
    if event == DECIDE:
        return _decide(state, memory, context.sizes, context.bitrates, context.durations)
    if event == DOWNLOADED:
        _observe(state, memory)
    elif event == PROGRESS:
        return _abandon(state, memory, context.bitrates, context.durations[state.segment])
    elif event == WILL_KEEP:
        return _safe(state, context.durations[state.segment])
    return 0


POLICIES = (
    Policy(
        "hlsjs",
        "1.7.1",
        "video-dev/hls.js afe5b8bf1, abr-controller.ts",
        hlsjs,
        memory=7,
        abandons=True,
        estimates=False,
    ),
)
