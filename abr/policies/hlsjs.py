"""The level controller of hls.js (`abr-controller.ts` of afe5b8bf1, about 1.7.1, Apache-2.0).

The estimate is the smaller of two exponential averages with half-lives of 3 and 9 s; the samples exclude the time to
the first byte, and the estimate is 500 kbit/s without samples. The policy chooses the highest rung whose bitrate is
within 0.7 of the estimate (0.95 when the rung does not go up) and whose next segment arrives before the buffer is
empty. When there is no such rung, it permits a stall of one segment duration, at most 4 s, and searches again. It
abandons a download that would take longer than the buffer lasts when a lower rung would arrive earlier.
"""

from abr.policies.throughput import RATE_MARGIN
from abr.policies.throughput_average import add_sample, average
from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED, PROGRESS, WILL_KEEP
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

#: half-life of the fast average, s; `abrEwmaFastVoD`
FAST_HALF_LIFE = 3.0
#: half-life of the slow average, s, and of the average of the time to the first byte, requests; `abrEwmaSlowVoD`
SLOW_HALF_LIFE = 9.0
#: estimate without samples, bit/ms; `abrEwmaDefaultEstimate`
DEFAULT_RATE = 500.0
#: time to the first byte without samples, ms; from hls.js's `EwmaBandWidthEstimator`
DEFAULT_TIME_TO_FIRST_BYTE = 100.0
#: lower bound of the duration of a sample, ms; from hls.js's `EwmaBandWidthEstimator`
MIN_SAMPLE_TIME = 50.0
#: fraction of the estimate that is used when the rung goes up; `abrBandWidthUpFactor`
UP_FACTOR = 0.7
#: fraction of the estimate that is used when the rung does not go up; `abrBandWidthFactor`
DOWN_FACTOR = 0.95
#: upper bound of the stall that is permitted when no rung arrives in time, ms; `maxStarvationDelay`
MAX_STALL = 4_000.0

# indices of the memory: three averages of two floats each, number of samples
FAST_AVERAGE = 0
SLOW_AVERAGE = 2
TIME_TO_FIRST_BYTE = 4
SAMPLES = 6


@inline
def _rate(memory):  # type: ignore[no-untyped-def]
    if memory[SAMPLES] == 0.0:
        return DEFAULT_RATE
    return min(average(memory, FAST_AVERAGE, FAST_HALF_LIFE), average(memory, SLOW_AVERAGE, SLOW_HALF_LIFE))


@inline
def _time_to_first_byte(memory):  # type: ignore[no-untyped-def]
    return average(memory, TIME_TO_FIRST_BYTE, SLOW_HALF_LIFE) if memory[SAMPLES] > 0 else DEFAULT_TIME_TO_FIRST_BYTE


@inline
def _observe(state, memory):  # type: ignore[no-untyped-def]
    latency = min(state.time_to_first_byte, _time_to_first_byte(memory))
    time = max(state.elapsed - latency, min(MIN_SAMPLE_TIME, state.received_bits / 8e5))
    if time <= 0 or state.received_bits <= 0:
        return
    add_sample(memory, FAST_AVERAGE, time / 1e3, state.received_bits / time, FAST_HALF_LIFE)
    add_sample(memory, SLOW_AVERAGE, time / 1e3, state.received_bits / time, SLOW_HALF_LIFE)
    add_sample(memory, TIME_TO_FIRST_BYTE, 1.0, max(state.time_to_first_byte, 5.0), SLOW_HALF_LIFE)
    memory[SAMPLES] += 1


@inline
def _highest_in_time(state, memory, bitrates, duration, max_stall, up_factor, down_factor):  # type: ignore[no-untyped-def]
    """Return the highest sustainable rung that arrives with at most `max_stall` ms of stall, -1 if there is none."""
    rate = _rate(memory)
    last = state.last_rung
    for rung in range(bitrates.shape[0] - 1, -1, -1):
        factor = up_factor if rung > last else down_factor
        if factor * rate < bitrates[rung]:
            continue
        # hls.js does not know the size of the segment: it uses bitrate times duration
        if _time_to_first_byte(memory) + bitrates[rung] * duration / (factor * rate) < state.buffer + max_stall:
            return rung
    return -1


@inline
def _decide(state, memory, bitrates, duration):  # type: ignore[no-untyped-def]
    rung = -1
    if state.buffer > 0:
        rung = _highest_in_time(state, memory, bitrates, duration, 0.0, UP_FACTOR, DOWN_FACTOR)
    if rung < 0:
        max_stall = min(duration, MAX_STALL)
        # with an empty buffer, hls.js uses the larger factor for all rungs
        up_factor = UP_FACTOR if state.buffer > 0 else DOWN_FACTOR
        rung = _highest_in_time(state, memory, bitrates, duration, max_stall, up_factor, DOWN_FACTOR)
    return max(rung, 0)


@inline
def _abandon(state, memory, bitrates, duration):  # type: ignore[no-untyped-def]
    time = state.elapsed - state.time_to_first_byte
    if state.elapsed <= max(state.time_to_first_byte, duration / 2) or time <= 0 or state.buffer >= 2 * duration:
        return -1
    rate = state.received_bits / time
    rest_time = (state.requested_bits - state.received_bits) / rate
    if rest_time <= state.buffer:
        return -1
    for rung in range(state.rung - 1, -1, -1):
        other = _time_to_first_byte(memory) + bitrates[rung] * duration / (UP_FACTOR * rate)
        if other < state.buffer or rung == 0:
            return rung if other < rest_time else -1
    return -1


@inline
def _will_keep(state, duration):  # type: ignore[no-untyped-def]
    """Set the rate from which on the download ends before the buffer is empty."""
    state.keep_until = max(duration / 2, state.elapsed + state.buffer - 2 * duration)
    time = state.elapsed - state.time_to_first_byte + state.buffer
    if state.is_playing and state.buffer > 0:
        state.keep_rate = RATE_MARGIN * state.requested_bits / time
    return 0


@inline
def hlsjs(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose by the two averages, which the memory keeps."""
    if event == DECIDE:
        return _decide(state, memory, context.bitrates, context.durations[state.segment])
    if event == DOWNLOADED:
        _observe(state, memory)
    elif event == PROGRESS:
        return _abandon(state, memory, context.bitrates, context.durations[state.segment])
    elif event == WILL_KEEP:
        return _will_keep(state, context.durations[state.segment])
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
