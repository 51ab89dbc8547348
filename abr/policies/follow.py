"""A plan made beforehand, played as a policy; used for lower bounds and for asking what if."""

from collections.abc import Sequence

import numpy as np

from abr.policies.policy import Floats, Policy, Setting
from abr.policies.policy_state import DECIDE, SEGMENT
from shotladder_runtime.kernels.compiler import inline

__all__ = ["follow"]


@inline
def following(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Return the rung that the constants hold for the segment."""
    return int(k[int(s[SEGMENT])]) if event == DECIDE else 0


def follow(plan: Sequence[int] | Floats) -> Policy:
    """Return the policy that plays `plan`, a rung for every segment."""

    def constants(setting: Setting) -> Floats:
        return np.asarray(plan, np.float64)

    return Policy("follow", "1", "a plan made beforehand", following, constants, estimates=False)
