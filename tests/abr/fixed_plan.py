"""A policy that plays a given rung for each segment, to replay the plans of bounds and reference implementations."""

from collections.abc import Sequence

import numpy as np

from abr.policies.policy import Floats, Policy, Setting
from abr.policies.policy_state import DECIDE, SEGMENT
from shotladder_runtime.kernels.compiler import inline

__all__ = ["fixed_plan"]


@inline
def fixed_plan_kernel(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Return the rung of the plan, which is the vector of constants."""
    return int(k[int(s[SEGMENT])]) if event == DECIDE else 0


def fixed_plan(plan: Sequence[int] | Floats) -> Policy:
    """Return the policy that plays `plan`, a rung for each segment."""

    def constants(setting: Setting) -> Floats:
        return np.asarray(plan, np.float64)

    return Policy("fixed-plan", "1", "given rungs", fixed_plan_kernel, constants, estimates=False)
