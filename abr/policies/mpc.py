"""Model predictive control: Yin, Jindal, Sekar, Sinopoli, SIGCOMM 2015, as Pensieve runs it.

The plan of the next five chunks that is best at the predicted rate: the harmonic mean of the last five
chunks', latency included; RobustMPC divides it by one plus the largest relative error of the last five
predictions. Objective of hongzimao/pensieve (`test/mpc.py`, 1120bb1, MIT): Mbit/s - 4.3 stall - |change|; of
equals the highest rung. The chunk sizes are those of the chunks to come, which that file has off by one.
`vmaf-mpc` plans for VMAF (above the target it counts a tenth) over real sizes.
"""

import numpy as np

from abr.errors import PolicyError
from abr.policies.planning_kernel import MOST_HORIZON, plan, scratch_size
from abr.policies.policy import Floats, Policy, Setting
from abr.policies.policy_state import (
    BUFFER,
    DECIDE,
    DOWNLOADED,
    ELAPSED,
    GOT,
    INSTEAD,
    LAST_RUNG,
    SEGMENT,
    SEGMENTS,
)
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
def predict(s, k, m):  # type: ignore[no-untyped-def]
    """Take a sample and its error into the memory."""
    if s[INSTEAD] >= 0 or s[ELAPSED] <= 0:
        return
    rate = s[GOT] / s[ELAPSED]
    place = int(m[COUNT]) % WINDOW
    m[SAMPLES + place] = rate
    m[ERRORS + place] = abs(m[PREDICTED] - rate) / rate if m[PREDICTED] > 0 else 0.0
    m[COUNT] += 1


@inline
def predicted_rate(k, m):  # type: ignore[no-untyped-def]
    """Return the rate to plan with, bit/ms; 0 before the first sample."""
    count = min(int(m[COUNT]), WINDOW)
    if count == 0:
        return 0.0
    inverse = 0.0
    error = 0.0
    for i in range(count):
        inverse += 1.0 / m[SAMPLES + i]
        error = max(error, m[ERRORS + i])
    m[PREDICTED] = count / inverse
    return m[PREDICTED] / (1.0 + error) if k[ROBUST] == 1.0 else m[PREDICTED]


@inline
def control(s, k, m, sizes, durations, rate, buffer):  # type: ignore[no-untyped-def]
    """Return the first rung of the best plan."""
    n = int(s[SEGMENT])
    rungs = sizes.shape[1]
    horizon = min(HORIZON, int(s[SEGMENTS]) - n)
    last = np.nan
    if s[LAST_RUNG] >= 0:
        last = k[FIRST_WORTH + (n - 1) * rungs + int(s[LAST_RUNG])]
    w = k[FIRST_WORTH + n * rungs : FIRST_WORTH + (n + horizon) * rungs].reshape((horizon, rungs))
    return plan(
        m, SCRATCH, sizes[n : n + horizon], durations[n : n + horizon], w, k[CHANGE], k[STALL], rate, buffer, last
    )


@inline
def mpc(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: samples taken, the last prediction, samples, errors, scratch."""
    if event == DOWNLOADED:
        predict(s, k, m)
    elif event == DECIDE:
        rate = predicted_rate(k, m)
        if rate > 0:
            return control(s, k, m, sizes, durations, rate, s[BUFFER])
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


def _linear(setting: Setting, *, robust: bool) -> Floats:
    worth = np.broadcast_to(setting.ladder / 1e3, setting.sizes.shape)
    return np.concatenate(([float(robust), 1.0, MBIT_STALL / 1e3], worth.ravel()))


def _plain(setting: Setting) -> Floats:
    return _linear(setting, robust=False)


def _robust(setting: Setting) -> Floats:
    return _linear(setting, robust=True)


def for_vmaf(setting: Setting) -> Floats:
    """Return constants that value VMAF in proportion to a chunk's duration, above the target a tenth."""
    vmaf = complete(setting.vmaf, setting.ladder)
    above = np.maximum(vmaf - setting.target, 0)
    worth = (vmaf - (1 - VMAF_ABOVE) * above) * (setting.durations / setting.durations.mean())[:, None]
    return np.concatenate(([1.0, 1.0, VMAF_STALL / 1e3], worth.ravel()))


def memory(setting: Setting) -> int:
    """Return how many floats the control needs."""
    return SCRATCH + scratch_size(len(setting.ladder))


assert HORIZON <= MOST_HORIZON

_SOURCE = "Yin et al., SIGCOMM 2015, section 4; hongzimao/pensieve 1120bb1, test/mpc.py"
POLICIES = (
    Policy("mpc", "2015", _SOURCE, mpc, _plain, memory=memory, estimates=False),
    Policy("robust-mpc", "2015", _SOURCE, mpc, _robust, memory=memory, estimates=False),
    Policy("vmaf-mpc", "1", "RobustMPC over VMAF and real sizes", mpc, for_vmaf, memory=memory, estimates=False),
)
