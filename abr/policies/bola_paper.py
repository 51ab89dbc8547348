"""BOLA Basic as the paper has it: Spiteri, Urgaonkar, Sitaraman, INFOCOM 2016, algorithm 1 with real segment sizes.

Every slot: the rung of the largest (V (u_m + gamma p) - Q) / S_m, buffer and V counted in seconds, S_m the size of
the segment to come; when that is negative for all rungs, nothing is fetched until it is not.
"""

import numpy as np

from abr.policies.bola import GAMMA_P
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

V, FIRST_UTILITY = 0, 1


@inline
def bola_paper(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Need no memory."""
    if event != DECIDE:
        return 0
    n = state.segment
    best = 0
    top = -np.inf
    most = 0.0
    for rung in range(context.sizes.shape[1]):
        level = constants[V] * (constants[FIRST_UTILITY + rung] + GAMMA_P)
        most = max(most, level)
        score = (level - state.buffer) / context.sizes[n, rung]
        if score > top:
            best, top = rung, score
    if state.buffer > most:
        state.delay = state.buffer - most
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
