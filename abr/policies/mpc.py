"""Model predictive control: Yin, Jindal, Sekar, Sinopoli, SIGCOMM 2015, with the objective of Pensieve.

MPC finds the best plan for the next five chunks at the predicted throughput and plays the first rung of the plan. The
prediction is the harmonic mean of the throughput of the last five chunks, latency included. RobustMPC divides it by one
plus the largest relative error of the last five predictions. The objective is that of hongzimao/pensieve
(`test/mpc.py`, 1120bb1, MIT): bitrate in Mbit/s - 4.3 times the stall in s - |change of the bitrate|. Of equal plans,
the plan with the highest first rung is chosen. The plan uses the sizes of the next chunks; `test/mpc.py` uses the sizes
of the chunks one later. `vmaf-mpc` maximises VMAF instead of the bitrate; points above the target count a tenth.
"""

import numpy as np

from abr.errors import PolicyError
from abr.policies.planning_kernel import MAX_HORIZON, Horizon, Weights, plan, scratch_size
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline

__all__ = [
    "HORIZON",
    "MBIT_STALL",
    "POLICIES",
    "SCRATCH",
    "add_sample",
    "fill_missing_vmaf",
    "make_vmaf_constants",
    "memory_size",
    "plan_rung",
    "predict_throughput",
]

#: number of chunks in a plan; Yin et al. and `test/mpc.py`
HORIZON = 5
#: number of past chunks that the prediction and its error use; Yin et al. and `test/mpc.py`
WINDOW = 5
#: cost of a stall, Mbit/s of a chunk per s; the rebuffering penalty of `test/mpc.py`
MBIT_STALL = 4.3
#: cost of a stall, VMAF points of a chunk per s: a second costs as much as a perfect chunk; chosen by hand, not tuned
VMAF_STALL = 100.0
#: weight of a VMAF point above the target; chosen by hand, not tuned
VMAF_ABOVE = 0.1

# indices of the constants: is robust, weight of a change, cost of a stall per ms, then the value of each chunk and rung
ROBUST = 0
CHANGE = 1
STALL = 2
FIRST_VALUE = 3

# indices of the memory: number of samples, last prediction in bit/ms, the last five samples in bit/ms, their relative
# prediction errors, then the scratch of `plan`
COUNT = 0
PREDICTED = 1
SAMPLES = 2
ERRORS = 7
SCRATCH = 12


@inline
def add_sample(state, memory):  # type: ignore[no-untyped-def]
    """Store the throughput of a complete download, and the relative error of its prediction, in the memory."""
    if state.abandon_target >= 0 or state.elapsed <= 0:
        return
    rate = state.received_bits / state.elapsed
    index = int(memory[COUNT]) % WINDOW
    memory[SAMPLES + index] = rate
    memory[ERRORS + index] = abs(memory[PREDICTED] - rate) / rate if memory[PREDICTED] > 0 else 0.0
    memory[COUNT] += 1


@inline
def predict_throughput(robust, memory):  # type: ignore[no-untyped-def]
    """Return the throughput to plan with, bit/ms; 0 before the first sample."""
    count = min(int(memory[COUNT]), WINDOW)
    if count == 0:
        return 0.0
    inverse = 0.0
    error = 0.0
    for i in range(count):
        inverse += 1.0 / memory[SAMPLES + i]
        error = max(error, memory[ERRORS + i])
    memory[PREDICTED] = count / inverse
    return memory[PREDICTED] / (1.0 + error) if robust else memory[PREDICTED]


@inline
def plan_rung(state, constants, memory, sizes, durations, rate, buffer):  # type: ignore[no-untyped-def]
    """Return the first rung of the best plan for the next chunks."""
    n = state.segment
    rungs = sizes.shape[1]
    horizon = min(HORIZON, state.segment_count - n)
    last = np.nan
    if state.last_rung >= 0:
        last = constants[FIRST_VALUE + (n - 1) * rungs + state.last_rung]
    values = constants[FIRST_VALUE + n * rungs : FIRST_VALUE + (n + horizon) * rungs].reshape((horizon, rungs))
    return plan(
        memory[SCRATCH:],
        Horizon(sizes[n : n + horizon], durations[n : n + horizon], values),
        Weights(constants[CHANGE], constants[STALL]),
        rate,
        buffer,
        last,
    )


@inline
def mpc(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Play the first rung of the best plan; the memory keeps the samples and the prediction errors."""
    if event == DOWNLOADED:
        add_sample(state, memory)
    elif event == DECIDE:
        rate = predict_throughput(constants[ROBUST] == 1.0, memory)
        if rate > 0:
            return plan_rung(state, constants, memory, context.sizes, context.durations, rate, state.buffer)
    return 0


def fill_missing_vmaf(vmaf: Floats, ladder: Floats) -> Floats:
    """Return VMAF in which the mean of the rung, or else an interpolation between rungs, replaces each absent score."""
    if np.isnan(vmaf).all():
        raise PolicyError("a policy that plans for VMAF needs a presentation with VMAF")
    with np.errstate(invalid="ignore"):
        counts = (~np.isnan(vmaf)).sum(axis=0)
        means = np.nansum(vmaf, axis=0) / np.where(counts, counts, np.nan)
    known = ~np.isnan(means)
    means = np.interp(np.log(ladder), np.log(ladder[known]), means[known])
    return np.where(np.isnan(vmaf), means, vmaf)


def _bitrate_constants(context: PolicyContext, *, robust: bool) -> Floats:
    values = np.broadcast_to(context.bitrates / 1e3, context.sizes.shape)
    return np.concatenate(([float(robust), 1.0, MBIT_STALL / 1e3], values.ravel()))


def _mpc_constants(context: PolicyContext) -> Floats:
    return _bitrate_constants(context, robust=False)


def _robust_constants(context: PolicyContext) -> Floats:
    return _bitrate_constants(context, robust=True)


def make_vmaf_constants(context: PolicyContext) -> Floats:
    """Return the constants of a plan for VMAF: the value of a chunk is its VMAF times its relative duration."""
    vmaf = fill_missing_vmaf(context.vmaf, context.bitrates)
    above = np.maximum(vmaf - context.target_vmaf, 0)
    values = (vmaf - (1 - VMAF_ABOVE) * above) * (context.durations / context.durations.mean())[:, None]
    return np.concatenate(([1.0, 1.0, VMAF_STALL / 1e3], values.ravel()))


def memory_size(context: PolicyContext) -> int:
    """Return the number of floats of memory that MPC needs."""
    return SCRATCH + scratch_size(len(context.bitrates))


assert HORIZON <= MAX_HORIZON

_SOURCE = "Yin et al., SIGCOMM 2015, section 4; hongzimao/pensieve 1120bb1, test/mpc.py"
POLICIES = (
    Policy("mpc", "2015", _SOURCE, mpc, _mpc_constants, memory=memory_size, estimates=False),
    Policy("robust-mpc", "2015", _SOURCE, mpc, _robust_constants, memory=memory_size, estimates=False),
    Policy(
        "vmaf-mpc",
        "1",
        "RobustMPC over VMAF and real sizes",
        mpc,
        make_vmaf_constants,
        memory=memory_size,
        estimates=False,
    ),
)
