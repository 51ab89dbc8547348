"""The list of all policies as plain values, for tables and data frames."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from abr.policies import REGISTRY
from abr.policy_interface.policy import Policy
from abr.policy_interface.validation import player_validations

__all__ = ["PolicyInfo", "PolicyList", "list_policies"]

#: what each policy is, by its name
_TITLES = {
    "bba-0": "BBA-0: linear map from buffer level to bitrate",
    "bba-1": "BBA-1: map from buffer level to chunk size",
    "bba-2": "BBA-2: BBA-1 with a startup phase by throughput",
    "bba-others": "BBA-Others: BBA-2 with look-ahead and a reservoir that only grows",
    "bb": "Buffer-based baseline of Pensieve: linear from 5 to 15 s of buffer",
    "bola-basic": "BOLA Basic: Lyapunov optimisation over the buffer level",
    "bola-finite": "BOLA Finite: adapts to finite videos and abandons downloads",
    "bola-o": "BOLA-O: avoids oscillation by waiting at the sustainable rung",
    "bola-u": "BOLA-U: goes at most one rung above the sustainable rung",
    "bola-e": "BOLA-E: BOLA with a placeholder buffer",
    "dashjs-throughput": "Throughput rule of dash.js",
    "dashjs-bola": "BOLA rule of dash.js",
    "dashjs-dynamic": "Dynamic strategy of dash.js: throughput rule or BOLA by buffer level",
    "dashjs-insufficient-buffer": "Insufficient-buffer rule of dash.js alone",
    "dynamic": "DYNAMIC of Sabre: throughput rule or BOLA Finite by buffer level",
    "dynamic-dash": "DYNAMIC as in dash.js 2: throughput rule or BOLA-E by buffer level",
    "exoplayer": "Adaptive track selection of ExoPlayer",
    "fast-mpc": "FastMPC: RobustMPC from a table computed in advance",
    "hlsjs": "Level controller of hls.js",
    "l2a": "Learn2Adapt-LowLatency: online convex optimisation",
    "lol-plus": "LoL+: self-organising map for low latency",
    "mpc": "Model predictive control over five chunks",
    "robust-mpc": "RobustMPC: MPC with a lower bound of the predicted throughput",
    "vmaf-mpc": "RobustMPC that plans for VMAF",
    "predictive-mpc": "RobustMPC for VMAF that fills its buffer before predicted bad hours",
    "rate-based": "Highest rung below the harmonic mean of the last five chunks",
    "shaka": "ABR manager of Shaka Player",
    "throughput": "Throughput rule of Sabre with the insufficient-buffer rule",
}


@dataclass(frozen=True, slots=True)
class PolicyInfo:
    """One policy of the list.

    Attributes
    ----------
    id : str
        `name@version`, which `abr.simulate` accepts.
    name : str
        Name without version.
    title : str
        What the policy is.
    version : str
        A year, or the player and its release.
    source : str
        Paper with section, or repository with commit and file.
    is_compiled : bool
        Whether the policy is compiled, and so runs at batch speed.
    may_abandon : bool
        Whether the policy may abandon downloads.
    uses_throughput_estimate : bool
        Whether the policy reads the player's throughput estimate; other policies make their own or need none.
    validation : str
        For the policy of a web player: the player and release that its model in the mode `player` was compared with,
        and the differences. Empty for other policies.
    """

    id: str
    name: str
    title: str
    version: str
    source: str
    is_compiled: bool
    may_abandon: bool
    uses_throughput_estimate: bool
    validation: str


class PolicyList(tuple[PolicyInfo, ...]):
    """A tuple of `PolicyInfo`."""

    __slots__ = ()

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each policy.

        Raises
        ------
        ImportError
            When pandas is not installed.
        """
        import pandas

        return pandas.DataFrame([asdict(info) for info in self])


def list_policies() -> PolicyList:
    """Return all built-in policies in the order of their ids.

    Examples
    --------
    >>> [info.version for info in list_policies() if info.name == "dashjs-bola"]
    ['4.7.4', '5.1.1']
    """
    return PolicyList(_describe(policy) for _, policy in sorted(REGISTRY.items()))


def _describe(policy: Policy) -> PolicyInfo:
    return PolicyInfo(
        policy.title,
        policy.name,
        _TITLES[policy.name],
        policy.version,
        policy.source,
        hasattr(policy.function, "py_func"),
        policy.abandons,
        policy.estimates,
        str(player_validations().get(policy.name, "")),
    )
