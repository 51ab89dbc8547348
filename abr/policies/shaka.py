"""The manager of Shaka Player (`simple_abr_manager.js` of 35b290e41, about 5.2.7, Apache-2.0).

Estimate: the smaller of two EWMAs of 2 and 5 s over whole requests, first byte included, of at least 16 kB; 1
Mbit/s until 128 kB have come. The rung i with rate_i / 0.95 <= estimate <= rate_(i+1) / 0.85; one switch in 8
s at most.
"""

from abr.policies.throughput_average import average, feed
from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

FAST, SLOW = 2.0, 5.0  #: s
DEFAULT_RATE = 1_000.0  #: bit/ms
LEAST_BITS, ENOUGH_BITS = 16e3 * 8, 128e3 * 8
CACHED = 5.0  #: ms
DOWNGRADE, UPGRADE = 0.95, 0.85
INTERVAL = 8_000.0  #: ms
M_FAST, M_SLOW, TOTAL, SWITCHED = 0, 2, 4, 5


@inline
def _observe(state, memory):  # type: ignore[no-untyped-def]
    if state.received_bits < LEAST_BITS or state.elapsed < CACHED:
        return
    feed(memory, M_FAST, state.elapsed / 1e3, state.received_bits / state.elapsed, FAST)
    feed(memory, M_SLOW, state.elapsed / 1e3, state.received_bits / state.elapsed, SLOW)
    memory[TOTAL] += state.received_bits


@inline
def shaka(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: two averages, bits sampled, when it switched."""
    if event == DOWNLOADED:
        _observe(state, memory)
    if event != DECIDE:
        return 0
    rate = DEFAULT_RATE
    if memory[TOTAL] >= ENOUGH_BITS:
        rate = min(average(memory, M_FAST, FAST), average(memory, M_SLOW, SLOW))
    last = state.last_rung
    if last >= 0 and state.now - memory[SWITCHED] < INTERVAL:
        return last
    rung = 0
    top = context.bitrates.shape[0] - 1
    for i in range(top + 1):
        if rate >= context.bitrates[i] / DOWNGRADE and (i == top or rate <= context.bitrates[i + 1] / UPGRADE):
            rung = i
            if i == top or rate < context.bitrates[i + 1] / DOWNGRADE:
                break
    if rung != last:
        memory[SWITCHED] = state.now
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
