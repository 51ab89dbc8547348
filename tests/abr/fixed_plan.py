"""A policy that plays a given rung for each segment, to replay the plans of bounds and reference implementations."""

from collections.abc import Sequence

import numpy as np

from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE
from shotladder_runtime.kernels.compiler import inline

__all__ = ["fixed_plan"]


@inline
def fixed_plan_kernel(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Return the rung of the plan, which is the vector of constants."""
    return int(constants[state.segment]) if event == DECIDE else 0


def fixed_plan(plan: Sequence[int] | Floats) -> Policy:
    """Return the policy that plays `plan`, a rung for each segment."""

    def constants(context: PolicyContext) -> Floats:
        return np.asarray(plan, np.float64)

    return Policy("fixed-plan", "1", "given rungs", fixed_plan_kernel, constants, estimates=False)
