"""The buffer-based policy of hongzimao/pensieve (`test/bb.py`, commit 1120bb1, MIT).

It chooses the lowest rung below 5 s of buffer and the highest from 15 s on; in between, the index of the rung is linear
in the buffer level. It has no hysteresis.
"""

from abr.policy_interface.policy import Policy
from abr.policy_interface.policy_state import DECIDE
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

#: ms of buffer below which the lowest rung is chosen; `RESEVOIR` of `test/bb.py`
RESERVOIR = 5_000.0
#: ms of buffer from the lowest to the highest rung; `CUSHION` of `test/bb.py`
CUSHION = 10_000.0


@inline
def pensieve_bb(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose by the buffer level; the memory is not used."""
    if event != DECIDE or state.buffer < RESERVOIR:
        return 0
    top = context.bitrates.shape[0] - 1
    if state.buffer >= RESERVOIR + CUSHION:
        return top
    return int(top * (state.buffer - RESERVOIR) / CUSHION)


POLICIES = (Policy("bb", "pensieve", "hongzimao/pensieve 1120bb1, test/bb.py", pensieve_bb, estimates=False),)
