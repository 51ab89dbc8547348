"""The track selection of ExoPlayer (243e6c292a, Apache-2.0): `AdaptiveTrackSelection`, `DefaultBandwidthMeter`.

The estimate is the weighted median of the throughput of past downloads. The weight of a download is the square root of
its bytes, and a total weight of 2000 is kept. The estimate is 1 Mbit/s until 2 s or 512 KiB have been measured. The
policy chooses the highest rung within 0.7 of the estimate. It goes up only with at least 10 s of buffer, and goes down
only with less than 25 s. ExoPlayer also discards buffered chunks beyond 25 s; this is not implemented.
"""

from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

#: fraction of the estimate that is used; `DEFAULT_BANDWIDTH_FRACTION`
BANDWIDTH_FRACTION = 0.7
#: ms of buffer below which the rung does not go up; `DEFAULT_MIN_DURATION_FOR_QUALITY_INCREASE_MS`
MIN_BUFFER_TO_GO_UP = 10_000.0
#: ms of buffer from which on the rung does not go down; `DEFAULT_MAX_DURATION_FOR_QUALITY_DECREASE_MS`
MAX_BUFFER_TO_GO_DOWN = 25_000.0
#: total weight of the samples of the median; `DEFAULT_SLIDING_WINDOW_MAX_WEIGHT`
MAX_WEIGHT = 2_000.0
#: estimate without samples, bit/ms; `DEFAULT_INITIAL_BITRATE_ESTIMATE`
DEFAULT_RATE = 1_000.0
#: ms of downloads from which on the median is used; `ELAPSED_MILLIS_FOR_ESTIMATE`
MIN_TIME = 2_000.0
#: bits of downloads from which on the median is used; `BYTES_TRANSFERRED_FOR_ESTIMATE`
MIN_BITS = 512 * 1024 * 8.0
#: number of samples that the memory holds; the maximum weight means fewer samples when segments exceed 1 kB
MAX_SAMPLES = 64

# indices of the memory: ms and bits of all downloads, number of samples, estimate in bit/ms, then the weight and the
# throughput of each sample
TIME = 0
BITS = 1
COUNT = 2
ESTIMATE = 3
FIRST = 4


@inline
def _trim(memory):  # type: ignore[no-untyped-def]
    """Drop the oldest samples, the last of them in part, until the total weight is at most `MAX_WEIGHT`."""
    count = int(memory[COUNT])
    total = 0.0
    for i in range(count):
        total += memory[FIRST + 2 * i]
    first = 0
    while first < count - 1 and (total > MAX_WEIGHT or count - first > MAX_SAMPLES):
        excess = total - MAX_WEIGHT
        if memory[FIRST + 2 * first] <= excess or count - first > MAX_SAMPLES:
            total -= memory[FIRST + 2 * first]
            first += 1
        else:
            memory[FIRST + 2 * first] -= excess
            total = MAX_WEIGHT
    for i in range(first, count):
        memory[FIRST + 2 * (i - first)] = memory[FIRST + 2 * i]
        memory[FIRST + 2 * (i - first) + 1] = memory[FIRST + 2 * i + 1]
    memory[COUNT] = count - first


@inline
def _median(memory):  # type: ignore[no-untyped-def]
    """Return the weighted median: the smallest sample whose cumulative weight is at least half of the total."""
    count = int(memory[COUNT])
    total = 0.0
    for i in range(count):
        total += memory[FIRST + 2 * i]
    best = memory[FIRST + 1]
    found = False
    for i in range(count):
        value = memory[FIRST + 2 * i + 1]
        below = 0.0
        for j in range(count):
            if memory[FIRST + 2 * j + 1] <= value:
                below += memory[FIRST + 2 * j]
        if below >= 0.5 * total and (not found or value < best):
            best, found = value, True
    return best


@inline
def _observe(state, memory):  # type: ignore[no-untyped-def]
    if state.elapsed <= 0:
        return
    count = int(memory[COUNT])
    memory[FIRST + 2 * count] = (state.received_bits / 8) ** 0.5
    memory[FIRST + 2 * count + 1] = state.received_bits / state.elapsed
    memory[COUNT] += 1
    _trim(memory)
    memory[TIME] += state.elapsed
    memory[BITS] += state.received_bits
    if memory[TIME] >= MIN_TIME or memory[BITS] >= MIN_BITS:
        memory[ESTIMATE] = _median(memory)


@inline
def exoplayer(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose by the weighted median; the memory keeps the samples with their weights."""
    if event == DOWNLOADED:
        _observe(state, memory)
    if event != DECIDE:
        return 0
    rate = BANDWIDTH_FRACTION * (memory[ESTIMATE] if memory[ESTIMATE] > 0 else DEFAULT_RATE)
    rung = 0
    while rung + 1 < context.bitrates.shape[0] and context.bitrates[rung + 1] <= rate:
        rung += 1
    last = state.last_rung
    if last >= 0 and (
        (rung > last and state.buffer < MIN_BUFFER_TO_GO_UP) or (rung < last and state.buffer >= MAX_BUFFER_TO_GO_DOWN)
    ):
        return last
    return rung


POLICIES = (
    Policy(
        "exoplayer",
        "2024",
        "google/ExoPlayer 243e6c292a, AdaptiveTrackSelection",
        exoplayer,
        memory=FIRST + 2 * (MAX_SAMPLES + 2),
        estimates=False,
    ),
)
