"""Model predictive control: Yin, Jindal, Sekar, Sinopoli, SIGCOMM 2015, as Pensieve runs it.

The plan of the next five chunks that is best at the predicted rate: the harmonic mean of the last five
chunks', latency included; RobustMPC divides it by one plus the largest relative error of the last five
predictions. Objective of hongzimao/pensieve (`test/mpc.py`, 1120bb1, MIT): Mbit/s - 4.3 stall - |change|; of
equals the highest rung. The chunk sizes are those of the chunks to come, which that file has off by one.
`vmaf-mpc` plans for VMAF (above the target it counts a tenth) over real sizes.
"""

import numpy as np

from abr.errors import PolicyError
from abr.policies.planning_kernel import MAX_HORIZON, Horizon, Weights, plan, scratch_size
from abr.policies.policy import Floats, Policy, PolicyContext
from abr.policies.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES", "complete", "control", "predict", "predicted_rate"]

HORIZON = 5
WINDOW = 5
MBIT_STALL = 4.3  #: per s
VMAF_STALL = 100.0  #: VMAF points of a chunk per s of stall: a second costs a perfect chunk
VMAF_ABOVE = 0.1  #: worth of a point above the target

ROBUST, CHANGE, STALL, FIRST_WORTH = 0, 1, 2, 3
COUNT, PREDICTED, SAMPLES, ERRORS, SCRATCH = 0, 1, 2, 7, 12


@inline
def predict(state, constants, memory):  # type: ignore[no-untyped-def]
    """Take a sample and its error into the memory."""
    if state.abandon_target >= 0 or state.elapsed <= 0:
        return
    rate = state.received_bits / state.elapsed
    place = int(memory[COUNT]) % WINDOW
    memory[SAMPLES + place] = rate
    memory[ERRORS + place] = abs(memory[PREDICTED] - rate) / rate if memory[PREDICTED] > 0 else 0.0
    memory[COUNT] += 1


@inline
def predicted_rate(constants, memory):  # type: ignore[no-untyped-def]
    """Return the rate to plan with, bit/ms; 0 before the first sample."""
    count = min(int(memory[COUNT]), WINDOW)
    if count == 0:
        return 0.0
    inverse = 0.0
    error = 0.0
    for i in range(count):
        inverse += 1.0 / memory[SAMPLES + i]
        error = max(error, memory[ERRORS + i])
    memory[PREDICTED] = count / inverse
    return memory[PREDICTED] / (1.0 + error) if constants[ROBUST] == 1.0 else memory[PREDICTED]


@inline
def control(state, constants, memory, sizes, durations, rate, buffer):  # type: ignore[no-untyped-def]
    """Return the first rung of the best plan."""
    n = state.segment
    rungs = sizes.shape[1]
    horizon = min(HORIZON, state.segment_count - n)
    last = np.nan
    if state.last_rung >= 0:
        last = constants[FIRST_WORTH + (n - 1) * rungs + state.last_rung]
    w = constants[FIRST_WORTH + n * rungs : FIRST_WORTH + (n + horizon) * rungs].reshape((horizon, rungs))
    return plan(
        memory[SCRATCH:],
        Horizon(sizes[n : n + horizon], durations[n : n + horizon], w),
        Weights(constants[CHANGE], constants[STALL]),
        rate,
        buffer,
        last,
    )


@inline
def mpc(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: samples taken, the last prediction, samples, errors, scratch."""
    if event == DOWNLOADED:
        predict(state, constants, memory)
    elif event == DECIDE:
        rate = predicted_rate(constants, memory)
        if rate > 0:
            return control(state, constants, memory, context.sizes, context.durations, rate, state.buffer)
    return 0


def complete(vmaf: Floats, ladder: Floats) -> Floats:
    """Return VMAF with every absent score filled from its rung's mean, then from the neighbouring rungs."""
    if np.isnan(vmaf).all():
        raise PolicyError("a policy that plans for VMAF needs a presentation with VMAF")
    with np.errstate(invalid="ignore"):
        counts = (~np.isnan(vmaf)).sum(axis=0)
        means = np.nansum(vmaf, axis=0) / np.where(counts, counts, np.nan)
    known = ~np.isnan(means)
    means = np.interp(np.log(ladder), np.log(ladder[known]), means[known])
    return np.where(np.isnan(vmaf), means, vmaf)


def _linear(context: PolicyContext, *, robust: bool) -> Floats:
    worth = np.broadcast_to(context.bitrates / 1e3, context.sizes.shape)
    return np.concatenate(([float(robust), 1.0, MBIT_STALL / 1e3], worth.ravel()))


def _plain(context: PolicyContext) -> Floats:
    return _linear(context, robust=False)


def _robust(context: PolicyContext) -> Floats:
    return _linear(context, robust=True)


def for_vmaf(context: PolicyContext) -> Floats:
    """Return constants that value VMAF in proportion to a chunk's duration, above the target a tenth."""
    vmaf = complete(context.vmaf, context.bitrates)
    above = np.maximum(vmaf - context.target_vmaf, 0)
    worth = (vmaf - (1 - VMAF_ABOVE) * above) * (context.durations / context.durations.mean())[:, None]
    return np.concatenate(([1.0, 1.0, VMAF_STALL / 1e3], worth.ravel()))


def memory_size(context: PolicyContext) -> int:
    """Return how many floats the control needs."""
    return SCRATCH + scratch_size(len(context.bitrates))


assert HORIZON <= MAX_HORIZON

_SOURCE = "Yin et al., SIGCOMM 2015, section 4; hongzimao/pensieve 1120bb1, test/mpc.py"
POLICIES = (
    Policy("mpc", "2015", _SOURCE, mpc, _plain, memory=memory_size, estimates=False),
    Policy("robust-mpc", "2015", _SOURCE, mpc, _robust, memory=memory_size, estimates=False),
    Policy("vmaf-mpc", "1", "RobustMPC over VMAF and real sizes", mpc, for_vmaf, memory=memory_size, estimates=False),
)
