"""The policies of adaptation, one file each; a policy is offered, and tested, by being listed here."""

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
from abr.policies.policy import Policy

__all__ = ["REGISTRY", "find"]

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

#: every policy by its title, `name@version`
REGISTRY: dict[str, Policy] = {policy.title: policy for module in _MODULES for policy in module.POLICIES}

#: spellings of other tools
ALIASES = {
    "bola": "bola-finite",
    "bolae": "bola-e",
    "dynamicdash": "dynamic-dash",
    "pensieve-bb": "bb",
    "lol+": "lol-plus",
    "lolp": "lol-plus",
}


def find(name: str) -> Policy:
    """Return a policy by `name` (its first version listed) or `name@version`.

    Raises
    ------
    PolicyError
        When there is none of that name.
    """
    base, _, version = name.partition("@")
    base = ALIASES.get(base, base)
    for policy in REGISTRY.values():
        if policy.name == base and version in ("", policy.version):
            return policy
    known = ", ".join(sorted(REGISTRY))
    raise PolicyError(f"no policy is called {name!r}; there are {known}")
