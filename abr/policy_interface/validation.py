"""The errors of the models of web players, as `benchmarks/fidelity.py` measured them against the players."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["VALIDATIONS", "Validation"]


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


#: Name of a policy -> the validation of its model in the mode `player`; `docs/fidelity.md` has the table of 2026-11-30.
VALIDATIONS: dict[str, Validation] = {
    "dashjs-dynamic": Validation("dash.js 5.2.1", 6, 82.9, 0.76, 0.52, 0.10),
    "hlsjs": Validation("hls.js 1.7.4", 5, 80.8, 0.62, 0.04, 0.37),
    "shaka": Validation("Shaka Player 5.2.12", 8, 88.5, 0.80, 0.46, 0.17),
}
