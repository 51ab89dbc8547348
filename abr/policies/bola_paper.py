"""BOLA Basic of the paper: Spiteri, Urgaonkar, Sitaraman, INFOCOM 2016, algorithm 1 with real segment sizes.

For each segment, BOLA chooses the rung m of the largest (V (u_m + gamma p) - Q) / S_m. Q is the buffer level and S_m
the size of the next segment; V and Q are times here, not numbers of segments. When the value is negative for all
rungs, the player waits until it is not.
"""

import numpy as np

from abr.policies.bola import GAMMA_P
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

# indices of the constants: V in ms per unit of utility, then the utility of each rung
V = 0
FIRST_UTILITY = 1


@inline
def bola_paper(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Choose by the buffer level alone; the memory is not used."""
    if event != DECIDE:
        return 0
    n = state.segment
    best = 0
    top = -np.inf
    max_level = 0.0
    for rung in range(context.sizes.shape[1]):
        level = constants[V] * (constants[FIRST_UTILITY + rung] + GAMMA_P)
        max_level = max(max_level, level)
        score = (level - state.buffer) / context.sizes[n, rung]
        if score > top:
            best, top = rung, score
    if state.buffer > max_level:
        state.delay = state.buffer - max_level
        best = context.sizes.shape[1] - 1
    return best


def _constants(context: PolicyContext) -> Floats:
    utilities = np.log(context.bitrates / context.bitrates[0])
    longest = context.durations.max()
    return np.concatenate(([(context.buffer_capacity - longest) / (utilities[-1] + GAMMA_P)], utilities))


POLICIES = (
    Policy(
        "bola-basic",
        "2016",
        "Spiteri et al., INFOCOM 2016 (arXiv 1601.06748), algorithm 1",
        bola_paper,
        _constants,
        estimates=False,
    ),
)
