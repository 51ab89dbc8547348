"""A predictive RobustMPC: it fills its buffer ahead of hours that past traces say will be bad.

A prior holds the relative rate of every slot of a day. Over the next four buffers the predicted rate follows
the prior from where it is now; the most that playing at the mean of that time would take out of the buffer
before it recovers is held in reserve: the plan is made with what the buffer holds beyond it. With an even
prior it is RobustMPC.
"""

import numpy as np

from abr.errors import TraceError
from abr.policies.mpc import control, for_vmaf, memory_size, predict, predicted_rate
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from abr.traces.trace import Trace
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES", "learn_prior", "predictive"]

DAY = 86_400.0  #: s
SLOTS = 96
AHEAD = 4.0  #: buffers
STEPS = 64
MOST = 0.8  #: of the buffer held in reserve


@inline
def _reserve(state, constants, at):  # type: ignore[no-untyped-def]
    """Return the ms of buffer to hold for the bad time to come."""
    period, slots = constants[at], int(constants[at + 1])
    step = AHEAD * state.buffer_capacity / STEPS
    mean = 0.0
    for i in range(STEPS):
        mean += constants[at + 2 + int(((state.trace_time + i * step) % period) / period * slots)]
    mean /= STEPS
    need = most = 0.0
    for i in range(STEPS):
        rate = constants[at + 2 + int(((state.trace_time + i * step) % period) / period * slots)]
        need += step * (1 - rate / mean)
        most = max(most, need)
    return min(most, MOST * state.buffer_capacity)


@inline
def predictive_mpc(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: as MPC's."""
    if event == DOWNLOADED:
        predict(state, constants, memory)
    elif event == DECIDE:
        rate = predicted_rate(constants, memory)
        if rate > 0:
            at = 3 + context.sizes.shape[0] * context.sizes.shape[1]
            buffer = max(state.buffer - _reserve(state, constants, at), 0.0)
            return control(state, constants, memory, context.sizes, context.durations, rate, buffer)
    return 0


def learn_prior(traces: list[Trace] | tuple[Trace, ...], *, period: float = DAY, slots: int = SLOTS) -> Floats:
    """Return the relative rate of every slot of a day, learnt from traces that begin at its beginning.

    Parameters
    ----------
    traces : sequence of Trace
        Past traces; each is taken relative to its own mean.
    period : float
        Seconds of a day.
    slots : int
        Parts that it is cut into; one that no trace reaches is taken as average.
    """
    if not traces:
        raise TraceError("a prior needs at least one trace")
    total, weight = np.zeros(slots), np.zeros(slots)
    for trace in traces:
        edges = np.concatenate(([0.0], np.cumsum(trace.durations)))
        cuts = np.unique(np.concatenate((edges, np.arange(0, edges[-1], period / slots), edges[-1:])))
        middles = (cuts[:-1] + cuts[1:]) / 2
        rates = trace.rates[np.searchsorted(edges, middles, side="right") - 1] / trace.mean_rate
        place = ((middles % period) / period * slots).astype(np.int64)
        total += np.bincount(place, rates * np.diff(cuts), slots)
        weight += np.bincount(place, np.diff(cuts), slots)
    prior = np.where(weight > 0, total / np.where(weight > 0, weight, 1), 1.0)
    return np.asarray(np.maximum(prior, 1e-3), np.float64)


def predictive(prior: Floats, *, period: float = DAY) -> Policy:
    """Return the policy for a prior, as `learn_prior` makes it."""

    def constants(context: PolicyContext) -> Floats:
        return np.concatenate((for_vmaf(context), [period * 1e3, float(len(prior))], prior))

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
