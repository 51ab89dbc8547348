"""The errors of the models of web players, as `benchmarks.fidelity` measured them against the players."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Validation", "describe_validation", "player_validations"]


@dataclass(frozen=True, slots=True)
class Validation:
    """How far the model of a player is from the player, over recorded sessions in the mode `player`.

    Attributes
    ----------
    player : str
        The player and its release.
    sessions : int
        Number of recorded sessions.
    same_rung : float
        Percent of the time of a session in which both play the same rung; mean over sessions.
    vmaf : float
        Difference of the mean VMAF of a session, absolute; mean over sessions.
    rebuffer_points : float
        Difference of the rebuffer ratio, percentage points, absolute; mean over sessions.
    startup : float
        Difference of the startup delay, s, absolute; mean over sessions.
    """

    player: str
    sessions: int
    same_rung: float
    vmaf: float
    rebuffer_points: float
    startup: float

    def __str__(self) -> str:
        """Return the figures in one line."""
        return (
            f"{self.player}, {self.sessions} sessions: same rung {self.same_rung:.0f} %, VMAF ±{self.vmaf:.1f}, "
            f"rebuffer ratio ±{self.rebuffer_points:.1f} points, startup ±{self.startup:.1f} s"
        )


@cache
def player_validations() -> Mapping[str, Validation]:
    """Return the validation of each model of the mode `player`, by the name of its policy.

    The figures are those of `web_players/validation.json`, which `python -m benchmarks.fidelity score --write` writes;
    `docs/fidelity.md` has the whole table.

    Examples
    --------
    >>> player_validations()["hlsjs"].player
    'hls.js 1.7.4'
    """
    document = json.loads((files("abr") / "web_players" / "validation.json").read_text())
    return MappingProxyType({policy: Validation(**figures) for policy, figures in document["policies"].items()})


def describe_validation(policy: str) -> str:
    """Return a line that states what the model of a policy in the mode `player` was compared with, and its error.

    Parameters
    ----------
    policy : str
        Name, with or without version.
    """
    return f"{policy}: compared with {player_validations().get(policy.partition('@')[0], 'no player yet')}"
