"""The rate-based policy that Yin 2015 and Mao 2017 compare with.

It chooses the highest rung whose bitrate is at most the harmonic mean of the throughput of the last five chunks. It has
no safety factor and ignores the buffer level.
"""

from abr.policies.mpc import SCRATCH, add_sample, predict_throughput
from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]


@inline
def rate_based(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose by the harmonic mean; the memory keeps the samples as MPC does."""
    if event == DOWNLOADED:
        add_sample(state, memory)
    if event != DECIDE:
        return 0
    rate = predict_throughput(False, memory)
    rung = 0
    while rung + 1 < context.bitrates.shape[0] and context.bitrates[rung + 1] <= rate:
        rung += 1
    return rung


POLICIES = (
    Policy(
        "rate-based",
        "2015",
        "Yin et al., SIGCOMM 2015, section 7 (RB)",
        rate_based,
        memory=SCRATCH,
        estimates=False,
    ),
)
