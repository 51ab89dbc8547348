"""The track selection of ExoPlayer (243e6c292a, Apache-2.0): `AdaptiveTrackSelection`, `DefaultBandwidthMeter`.

Estimate: the median of past transfers weighted by the square root of their bytes, window 2000; 1 Mbit/s until
2 s or 512 KiB have been measured. A rung within 0.7 of it; up only with 10 s buffered, down put off with 25 s
or more. Its discarding of a queue beyond 25 s is left out.
"""

from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

FRACTION = 0.7
UP_BUFFER, DOWN_BUFFER = 10_000.0, 25_000.0  #: ms
WINDOW = 2_000.0  #: weight kept
DEFAULT_RATE = 1_000.0  #: bit/ms
ENOUGH_TIME, ENOUGH_BITS = 2_000.0, 512 * 1024 * 8.0
MOST = 64  #: samples kept; 2000 of weight are fewer for segments above 8 kB
TIME, BITS, COUNT, ESTIMATE, FIRST = 0, 1, 2, 3, 4


@inline
def _trim(memory):  # type: ignore[no-untyped-def]
    """Drop the oldest samples until the rest weighs no more than the window."""
    count = int(memory[COUNT])
    total = 0.0
    for i in range(count):
        total += memory[FIRST + 2 * i]
    first = 0
    while first < count - 1 and (total > WINDOW or count - first > MOST):
        excess = total - WINDOW
        if memory[FIRST + 2 * first] <= excess or count - first > MOST:
            total -= memory[FIRST + 2 * first]
            first += 1
        else:
            memory[FIRST + 2 * first] -= excess
            total = WINDOW
    for i in range(first, count):
        memory[FIRST + 2 * (i - first)] = memory[FIRST + 2 * i]
        memory[FIRST + 2 * (i - first) + 1] = memory[FIRST + 2 * i + 1]
    memory[COUNT] = count - first


@inline
def _median(memory):  # type: ignore[no-untyped-def]
    """Return the smallest sample below which, itself included, half of the weight lies."""
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
    if memory[TIME] >= ENOUGH_TIME or memory[BITS] >= ENOUGH_BITS:
        memory[ESTIMATE] = _median(memory)


@inline
def exoplayer(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: time and bits measured, the estimate, samples with their weights."""
    if event == DOWNLOADED:
        _observe(state, memory)
    if event != DECIDE:
        return 0
    rate = FRACTION * (memory[ESTIMATE] if memory[ESTIMATE] > 0 else DEFAULT_RATE)
    rung = 0
    while rung + 1 < context.bitrates.shape[0] and context.bitrates[rung + 1] <= rate:
        rung += 1
    last = state.last_rung
    if last >= 0 and ((rung > last and state.buffer < UP_BUFFER) or (rung < last and state.buffer >= DOWN_BUFFER)):
        return last
    return rung


POLICIES = (
    Policy(
        "exoplayer",
        "2024",
        "google/ExoPlayer 243e6c292a, AdaptiveTrackSelection",
        exoplayer,
        memory=FIRST + 2 * (MOST + 2),
        estimates=False,
    ),
)
