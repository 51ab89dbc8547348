"""The quality that a population of clients is expected to get from a presentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abr.batch import simulate_many, start_offsets
from abr.presentations.presentation import Presentation
from abr.simulation import PolicyLike
from abr.traces.trace import Trace

__all__ = ["STALL_PENALTY", "ExpectedQuality"]

#: VMAF points for each percent of stalled time; chosen by hand
STALL_PENALTY = 2.0


@dataclass(frozen=True, slots=True, repr=False)
class ExpectedQuality:
    """Score presentations by simulating a client population: mean delivered VMAF minus a penalty for stalls.

    Attributes
    ----------
    traces : sequence of Trace
        Networks of the clients.
    policy : str, Policy or callable
        ABR policy of the clients.
    device : str
        As for `abr.simulate_many`.
    starts, seed : int
        As for `abr.start_offsets`.
    stall_penalty : float
        VMAF points for each percent of stalled time.
    """

    traces: Sequence[Trace]
    policy: PolicyLike = "bba-2"
    device: str = "tv-1080p"
    starts: int = 4
    seed: int = 0
    stall_penalty: float = STALL_PENALTY

    def __call__(self, presentation: Presentation) -> float:
        """Return the expected quality of a presentation, VMAF points; higher is better.

        Raises
        ------
        PolicyError
            When the policy fails in a session.
        """
        table = simulate_many(
            presentation,
            self.traces,
            self.policy,
            starts=start_offsets(self.traces, self.starts, self.seed),
            device=self.device,
        )
        failure = table.failure()
        if failure is not None:
            raise failure
        return float(np.mean(table["vmaf_mean"] - 100 * self.stall_penalty * table["rebuffer_ratio"]))
