"""The buffer-based policy of hongzimao/pensieve (`test/bb.py`, commit 1120bb1, MIT).

The lowest rung below 5 s, the highest from 15 s on, between them linear in the rung's number; no hysteresis.
"""

from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

RESERVOIR = 5_000.0  #: ms
CUSHION = 10_000.0  #: ms


@inline
def pensieve_bb(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Need no memory."""
    if event != DECIDE or state.buffer < RESERVOIR:
        return 0
    top = context.bitrates.shape[0] - 1
    if state.buffer >= RESERVOIR + CUSHION:
        return top
    return int(top * (state.buffer - RESERVOIR) / CUSHION)


POLICIES = (Policy("bb", "pensieve", "hongzimao/pensieve 1120bb1, test/bb.py", pensieve_bb, estimates=False),)
