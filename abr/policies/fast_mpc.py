"""FastMPC: Yin, Jindal, Sekar, Sinopoli, SIGCOMM 2015, section 5: RobustMPC's answers from a table made beforehand.

The table holds the plan's first rung for bins of buffer (linear) and predicted rate (logarithmic) and every
last rung, for segments of their nominal size; bins are looked up at their lower edge, which is the careful
side.
"""

import numpy as np

from abr.policies.mpc import HORIZON, MBIT_STALL, SCRATCH, predict, predicted_rate
from abr.policies.planning_kernel import Horizon, Weights, plan, scratch_size
from abr.policies.policy import Floats, Policy, PolicyContext
from abr.policies.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline, kernel

__all__ = ["POLICIES"]

BUFFERS = RATES = 100
SLOWEST, FASTEST = 0.1, 4.0  #: of the lowest and highest rung
ROBUST, LOW, RATIO, TABLE = 0, 1, 2, 3


@kernel(counts_references=False)
def fill(table, memory, sizes, lengths, worth, stall, rates, buffers):  # type: ignore[no-untyped-def]
    """Fill `table[last, buffer, rate]`."""
    horizon = Horizon(sizes, lengths, worth)
    weights = Weights(1.0, stall)
    for q in range(table.shape[0]):
        for b in range(table.shape[1]):
            for r in range(table.shape[2]):
                table[q, b, r] = plan(memory, horizon, weights, rates[r], buffers[b], worth[0, q])


@inline
def fast_mpc(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: samples, as MPC keeps them."""
    if event == DOWNLOADED:
        predict(state, constants, memory)
    if event != DECIDE:
        return 0
    rate = predicted_rate(constants, memory)
    if rate <= 0:
        return 0
    b = min(int(BUFFERS * state.buffer / state.buffer_capacity), BUFFERS - 1)
    r = min(max(int(RATES * np.log(rate / constants[LOW]) / constants[RATIO]), 0), RATES - 1)
    return int(constants[TABLE + (state.last_rung * BUFFERS + b) * RATES + r])


def _constants(context: PolicyContext) -> Floats:
    rungs = len(context.bitrates)
    length = float(context.durations.mean())
    low = SLOWEST * context.bitrates[0]
    ratio = float(np.log(FASTEST * context.bitrates[-1] / low))
    table = np.zeros((rungs, BUFFERS, RATES))
    fill(
        table,
        np.zeros(scratch_size(rungs)),
        np.tile(context.bitrates * length, (HORIZON, 1)),
        np.full(HORIZON, length),
        np.tile(context.bitrates / 1e3, (HORIZON, 1)),
        MBIT_STALL / 1e3,
        low * np.exp(ratio * np.arange(RATES) / RATES),
        context.buffer_capacity * np.arange(BUFFERS) / BUFFERS,
    )
    return np.concatenate(([1.0, low, ratio], table.ravel()))


POLICIES = (
    Policy(
        "fast-mpc", "2015", "Yin et al., SIGCOMM 2015, section 5", fast_mpc, _constants, memory=SCRATCH, estimates=False
    ),
)
