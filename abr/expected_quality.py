"""What an audience on known networks gets of a presentation: the callable that a ladder is chosen by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from abr.batch import simulate_many
from abr.presentations.presentation import Presentation
from abr.simulation import PolicyLike
from abr.traces.trace import Trace

__all__ = ["STALL_PRICE", "audience"]

#: VMAF points that one per cent of stalled time costs
STALL_PRICE = 2.0


def audience(
    traces: Sequence[Trace],
    policy: PolicyLike = "bba-2",
    *,
    device: str = "tv-1080p",
    starts: int = 4,
    seed: int = 0,
    stall_price: float = STALL_PRICE,
) -> Callable[[Presentation], float]:
    """Return a callable that scores a presentation by what viewers on these networks get.

    Parameters
    ----------
    traces : sequence of Trace
        Their networks.
    policy : str, Policy or callable
        Their player.
    device, starts, seed
        As of `abr.simulate_many`.
    stall_price : float
        VMAF points that one per cent of stalled time costs.

    Returns
    -------
    callable
        Presentation -> mean delivered VMAF less the price of stalls; more is better.
    """

    def score(pres: Presentation) -> float:
        table = simulate_many(pres, traces, [policy], starts=starts, seed=seed, device=device)
        failure = table.failure()
        if failure is not None:
            raise failure
        delivered = table["vmaf_mean"] - 100 * stall_price * table["rebuffer_ratio"]
        return float(np.mean(delivered))

    return score
