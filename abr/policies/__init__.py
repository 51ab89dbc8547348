"""The registry of ABR policies. Each policy has a module; those in `_MODULES` are available by name and tested."""

from abr.errors import PolicyError
from abr.policies import (
    bba,
    bola,
    bola_e,
    bola_paper,
    dashjs,
    dynamic,
    exoplayer,
    fast_mpc,
    hlsjs,
    l2a,
    lolp,
    mpc,
    pensieve_bb,
    predictive,
    rate_based,
    shaka,
    throughput,
)
from abr.policy_interface.policy import Policy

__all__ = ["REGISTRY", "get_policy"]

_MODULES = (
    bba,
    bola,
    bola_e,
    bola_paper,
    dashjs,
    dynamic,
    exoplayer,
    fast_mpc,
    hlsjs,
    l2a,
    lolp,
    mpc,
    pensieve_bb,
    predictive,
    rate_based,
    shaka,
    throughput,
)

#: all policies by their ids, `name@version`
REGISTRY: dict[str, Policy] = {policy.title: policy for module in _MODULES for policy in module.POLICIES}

#: other names of policies, as other tools use them
ALIASES = {
    "bola": "bola-finite",
    "bolae": "bola-e",
    "dynamicdash": "dynamic-dash",
    "pensieve-bb": "bb",
    "lol+": "lol-plus",
    "lolp": "lol-plus",
}


def get_policy(name: str) -> Policy:
    """Return the policy of an id `name@version`; for a name, return its first version in `REGISTRY`.

    Raises
    ------
    PolicyError
        When no policy has that name or version.
    """
    base, _, version = name.partition("@")
    base = ALIASES.get(base, base)
    for policy in REGISTRY.values():
        if policy.name == base and version in ("", policy.version):
            return policy
    known = ", ".join(sorted(REGISTRY))
    raise PolicyError(f"no policy is called {name!r}; the policies are {known}")
