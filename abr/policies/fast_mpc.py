"""FastMPC: Yin, Jindal, Sekar, Sinopoli, SIGCOMM 2015, section 5: RobustMPC from a table computed in advance.

For each last rung, the table contains the first rung of the best plan in bins of the buffer level (linear) and of the
predicted throughput (logarithmic). It assumes segments of nominal size. Each bin is computed for its lower edge, which
is the conservative side.
"""

import numpy as np

from abr.policies.mpc import HORIZON, MBIT_STALL, SCRATCH, add_sample, predict_throughput
from abr.policies.planning_kernel import Horizon, Weights, plan, scratch_size
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline, kernel

__all__ = ["POLICIES"]

#: number of bins of the buffer level; Yin et al. use 100
BUFFER_BINS = 100
#: number of bins of the predicted throughput; Yin et al. use 100
RATE_BINS = 100
#: lower edge of the first throughput bin, fraction of the lowest bitrate; chosen by hand, not tuned
MIN_RATE = 0.1
#: upper edge of the last throughput bin, multiple of the highest bitrate; chosen by hand, not tuned
MAX_RATE = 4.0

# indices of the constants: lower edge of the first throughput bin in bit/ms, logarithm of the ratio of the outer edges,
# then the table
LOWEST_EDGE = 0
LOG_RATIO = 1
TABLE = 2


@kernel(counts_references=False)
def _fill(table, scratch, sizes, durations, values, stall, rates, buffers):  # type: ignore[no-untyped-def]
    """Fill `table[last rung, buffer bin, throughput bin]`."""
    horizon = Horizon(sizes, durations, values)
    weights = Weights(1.0, stall)
    for last in range(table.shape[0]):
        for b in range(table.shape[1]):
            for r in range(table.shape[2]):
                table[last, b, r] = plan(scratch, horizon, weights, rates[r], buffers[b], values[0, last])


@inline
def fast_mpc(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Look the rung up in the table; the memory keeps the samples as MPC does."""
    if event == DOWNLOADED:
        add_sample(state, memory)
    if event != DECIDE:
        return 0
    rate = predict_throughput(True, memory)
    if rate <= 0:
        return 0
    b = min(int(BUFFER_BINS * state.buffer / state.buffer_capacity), BUFFER_BINS - 1)
    r = min(max(int(RATE_BINS * np.log(rate / constants[LOWEST_EDGE]) / constants[LOG_RATIO]), 0), RATE_BINS - 1)
    return int(constants[TABLE + (state.last_rung * BUFFER_BINS + b) * RATE_BINS + r])


def _constants(context: PolicyContext) -> Floats:
    rungs = len(context.bitrates)
    duration = float(context.durations.mean())
    low = MIN_RATE * context.bitrates[0]
    ratio = float(np.log(MAX_RATE * context.bitrates[-1] / low))
    table = np.zeros((rungs, BUFFER_BINS, RATE_BINS))
    _fill(
        table,
        np.zeros(scratch_size(rungs)),
        np.tile(context.bitrates * duration, (HORIZON, 1)),
        np.full(HORIZON, duration),
        np.tile(context.bitrates / 1e3, (HORIZON, 1)),
        MBIT_STALL / 1e3,
        low * np.exp(ratio * np.arange(RATE_BINS) / RATE_BINS),
        context.buffer_capacity * np.arange(BUFFER_BINS) / BUFFER_BINS,
    )
    return np.concatenate(([low, ratio], table.ravel()))


POLICIES = (
    Policy(
        "fast-mpc", "2015", "Yin et al., SIGCOMM 2015, section 5", fast_mpc, _constants, memory=SCRATCH, estimates=False
    ),
)
