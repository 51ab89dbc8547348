"""The plain rate-based policy of the comparisons in Yin 2015 and Mao 2017: the harmonic mean of the last five chunks.

The highest rung at or below the mean; no safety factor, no look at the buffer.
"""

from abr.policies.mpc import SCRATCH, predict, predicted_rate
from abr.policy_interface.policy import Floats, Policy, PolicyContext, no_constants
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]


@inline
def rate_based(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: samples, as MPC keeps them."""
    if event == DOWNLOADED:
        predict(state, constants, memory)
    if event != DECIDE:
        return 0
    rate = predicted_rate(constants, memory)
    rung = 0
    while rung + 1 < context.bitrates.shape[0] and context.bitrates[rung + 1] <= rate:
        rung += 1
    return rung


def _constants(context: PolicyContext) -> Floats:
    return no_constants(context)


POLICIES = (
    Policy(
        "rate-based",
        "2015",
        "Yin et al., SIGCOMM 2015, section 7 (RB)",
        rate_based,
        _constants,
        SCRATCH,
        estimates=False,
    ),
)
