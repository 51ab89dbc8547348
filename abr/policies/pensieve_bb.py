"""The buffer-based policy of hongzimao/pensieve (`test/bb.py`, commit 1120bb1, MIT).

The lowest rung below 5 s, the highest from 15 s on, between them linear in the rung's number; no hysteresis.
"""

from abr.policies.policy import Policy
from abr.policies.policy_state import BUFFER, DECIDE
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

RESERVOIR = 5_000.0  #: ms
CUSHION = 10_000.0  #: ms


@inline
def pensieve_bb(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Need no memory."""
    if event != DECIDE or s[BUFFER] < RESERVOIR:
        return 0
    top = ladder.shape[0] - 1
    if s[BUFFER] >= RESERVOIR + CUSHION:
        return top
    return int(top * (s[BUFFER] - RESERVOIR) / CUSHION)


POLICIES = (Policy("bb", "pensieve", "hongzimao/pensieve 1120bb1, test/bb.py", pensieve_bb, estimates=False),)
