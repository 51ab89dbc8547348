"""Predictive RobustMPC: it fills the buffer before hours with low throughput, which it learns from past traces.

A prior contains the relative throughput of each slot of a day. The policy assumes that the throughput follows the prior
for the next four buffer capacities, and that the video plays at the mean throughput of that time. The largest decrease
of the buffer level under these assumptions is the reserve. RobustMPC then plans with the buffer level minus the
reserve. With a constant prior the policy equals `vmaf-mpc`.
"""

import numpy as np

from abr.errors import TraceError
from abr.policies.mpc import (
    FIRST_VALUE,
    ROBUST,
    add_sample,
    make_vmaf_constants,
    memory_size,
    plan_rung,
    predict_throughput,
)
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from abr.traces.trace import Trace
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES", "learn_prior", "predictive"]

#: s
DAY = 86_400.0
#: number of slots of a prior: a quarter of an hour each; chosen by hand, not tuned
SLOTS = 96
#: duration that the reserve is computed for, in buffer capacities; chosen by hand, not tuned
LOOK_AHEAD = 4.0
#: number of steps of that computation; chosen by hand, not tuned
STEPS = 64
#: upper bound of the reserve, fraction of the buffer capacity; chosen by hand, not tuned
MAX_RESERVE = 0.8


@inline
def _reserve(state, constants, at):  # type: ignore[no-untyped-def]
    """Return the reserve in ms; `constants[at:]` is the period in ms, the number of slots and the prior."""
    period, slots = constants[at], int(constants[at + 1])
    step = LOOK_AHEAD * state.buffer_capacity / STEPS
    mean = 0.0
    for i in range(STEPS):
        mean += constants[at + 2 + int(((state.trace_time + i * step) % period) / period * slots)]
    mean /= STEPS
    decrease = max_decrease = 0.0
    for i in range(STEPS):
        rate = constants[at + 2 + int(((state.trace_time + i * step) % period) / period * slots)]
        decrease += step * (1 - rate / mean)
        max_decrease = max(max_decrease, decrease)
    return min(max_decrease, MAX_RESERVE * state.buffer_capacity)


@inline
def predictive_mpc(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Play the first rung of a plan with the buffer level minus the reserve; the memory is that of MPC."""
    if event == DOWNLOADED:
        add_sample(state, memory)
    elif event == DECIDE:
        rate = predict_throughput(constants[ROBUST] == 1.0, memory)
        if rate > 0:
            at = FIRST_VALUE + context.sizes.shape[0] * context.sizes.shape[1]
            buffer = max(state.buffer - _reserve(state, constants, at), 0.0)
            return plan_rung(state, constants, memory, context.sizes, context.durations, rate, buffer)
    return 0


def learn_prior(traces: list[Trace] | tuple[Trace, ...], *, period: float = DAY, slots: int = SLOTS) -> Floats:
    """Return the relative throughput of each slot of a day, learnt from traces that start at the start of a day.

    Parameters
    ----------
    traces : sequence of Trace
        Past traces; each is divided by its mean throughput.
    period : float
        Duration of a day, s.
    slots : int
        Number of slots of a day; a slot that no trace covers gets 1, the mean.
    """
    if not traces:
        raise TraceError("a prior needs at least one trace")
    total, weight = np.zeros(slots), np.zeros(slots)
    for trace in traces:
        edges = np.concatenate(([0.0], np.cumsum(trace.durations)))
        cuts = np.unique(np.concatenate((edges, np.arange(0, edges[-1], period / slots), edges[-1:])))
        middles = (cuts[:-1] + cuts[1:]) / 2
        rates = trace.rates[np.searchsorted(edges, middles, side="right") - 1] / trace.mean_rate
        slot = ((middles % period) / period * slots).astype(np.int64)
        total += np.bincount(slot, rates * np.diff(cuts), slots)
        weight += np.bincount(slot, np.diff(cuts), slots)
    prior = np.where(weight > 0, total / np.where(weight > 0, weight, 1), 1.0)
    return np.asarray(np.maximum(prior, 1e-3), np.float64)


def predictive(prior: Floats, *, period: float = DAY) -> Policy:
    """Return the policy for a prior of `learn_prior`."""

    def constants(context: PolicyContext) -> Floats:
        return np.concatenate((make_vmaf_constants(context), [period * 1e3, float(len(prior))], prior))

    return Policy(
        "predictive-mpc",
        "1",
        "RobustMPC for VMAF with a time-of-day prior",
        predictive_mpc,
        constants,
        memory_size,
        estimates=False,
    )


POLICIES = (predictive(np.ones(1)),)
