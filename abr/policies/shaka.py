"""The manager of Shaka Player (`simple_abr_manager.js` of 35b290e41, about 5.2.7, Apache-2.0).

The estimate is the smaller of two exponential averages with half-lives of 2 and 5 s. The samples are downloads of at
least 16 kB, time to the first byte included. The estimate is 1 Mbit/s until 128 kB have been received. The policy
chooses the rung i with bitrate_i / 0.95 <= estimate <= bitrate_(i+1) / 0.85, and switches at most once in 8 s.
"""

from abr.policies.throughput_average import add_sample, average
from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

#: half-life of the fast average, s; `abr.advanced.fastHalfLife`
FAST_HALF_LIFE = 2.0
#: half-life of the slow average, s; `abr.advanced.slowHalfLife`
SLOW_HALF_LIFE = 5.0
#: estimate without enough samples, bit/ms; `abr.defaultBandwidthEstimate`
DEFAULT_RATE = 1_000.0
#: a smaller download is no sample, bits; `abr.advanced.minBytes`
MIN_SAMPLE_BITS = 16e3 * 8
#: bits of samples from which on the averages are used; `abr.advanced.minTotalBytes`
MIN_TOTAL_BITS = 128e3 * 8
#: ms; a shorter download comes from a cache, and is no sample; `abr.cacheLoadThreshold`
MIN_DOWNLOAD_TIME = 5.0
#: the estimate is above the bitrate of a rung divided by this; `abr.bandwidthDowngradeTarget`
DOWNGRADE_TARGET = 0.95
#: the estimate is below the bitrate of the next rung divided by this; `abr.bandwidthUpgradeTarget`
UPGRADE_TARGET = 0.85
#: ms between two switches; `abr.switchInterval`
SWITCH_INTERVAL = 8_000.0

# indices of the memory: two averages of two floats each, bits of all samples, time of the last switch in ms
FAST_AVERAGE = 0
SLOW_AVERAGE = 2
TOTAL_BITS = 4
LAST_SWITCH = 5


@inline
def _observe(state, memory):  # type: ignore[no-untyped-def]
    if state.received_bits < MIN_SAMPLE_BITS or state.elapsed < MIN_DOWNLOAD_TIME:
        return
    add_sample(memory, FAST_AVERAGE, state.elapsed / 1e3, state.received_bits / state.elapsed, FAST_HALF_LIFE)
    add_sample(memory, SLOW_AVERAGE, state.elapsed / 1e3, state.received_bits / state.elapsed, SLOW_HALF_LIFE)
    memory[TOTAL_BITS] += state.received_bits


@inline
def shaka(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose by the two averages, which the memory keeps with the time of the last switch."""
    if event == DOWNLOADED:
        _observe(state, memory)
    if event != DECIDE:
        return 0
    rate = DEFAULT_RATE
    if memory[TOTAL_BITS] >= MIN_TOTAL_BITS:
        rate = min(average(memory, FAST_AVERAGE, FAST_HALF_LIFE), average(memory, SLOW_AVERAGE, SLOW_HALF_LIFE))
    last = state.last_rung
    if last >= 0 and state.now - memory[LAST_SWITCH] < SWITCH_INTERVAL:
        return last
    rung = 0
    top = context.bitrates.shape[0] - 1
    for i in range(top + 1):
        if rate >= context.bitrates[i] / DOWNGRADE_TARGET and (
            i == top or rate <= context.bitrates[i + 1] / UPGRADE_TARGET
        ):
            rung = i
            if i == top or rate < context.bitrates[i + 1] / DOWNGRADE_TARGET:
                break
    if rung != last:
        memory[LAST_SWITCH] = state.now
    return rung


POLICIES = (
    Policy(
        "shaka",
        "5.2.7",
        "shaka-project/shaka-player 35b290e41, simple_abr_manager.js",
        shaka,
        memory=6,
        estimates=False,
    ),
)
