"""Demand for files: predicted views times the bytes that a view takes of each rung on recorded networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import abr
from abr.presentations.device import for_device
from delivery.errors import FillError
from delivery.fill.fill_problem import Floats

__all__ = ["bytes_per_view", "zipf_views"]

#: Sessions per title (chosen by hand): the standard error of a rung's fraction is then at most 0.03.
SESSIONS = 300


def bytes_per_view(
    presentation: abr.Presentation,
    traces: Sequence[abr.Trace],
    policy: abr.PolicyLike = "bba-2",
    *,
    device: str = "tv-4k",
    seed: int = 0,
) -> Floats:
    """Return the bytes that a view takes of each rung, by replay of network traces.

    Parameters
    ----------
    presentation : Presentation
    traces : sequence of Trace
        At least one.
    policy : str, Policy or callable
        ABR policy of the viewers.
    device : str
        As for `abr.simulate`.
    seed : int
        Selects the traces and offsets of the sessions.

    Returns
    -------
    ndarray, shape (rungs,)
        Mean over the sessions.
    """
    if not traces:
        raise FillError("the demand for rungs needs at least one network trace")
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(np.resize(np.arange(len(traces)), SESSIONS))
    played = for_device(presentation, device)
    index = [presentation.rungs.index(rung) for rung in played.rungs]
    total = np.zeros(len(presentation.rungs))
    segments = np.arange(len(presentation.durations))
    for number in chosen.tolist():
        start = float(rng.uniform(0, traces[number].duration))
        session = abr.simulate(presentation, traces[number], policy, start=start, device=device)
        rungs = np.array(index)[list(session.rungs)]
        np.add.at(total, rungs, presentation.sizes[segments[: len(rungs)], rungs])
    return total / SESSIONS


def zipf_views(titles: int, views: float, exponent: float) -> Floats:
    """Return the views of each title by Zipf's law: proportional to rank ** -exponent, in the given order.

    Examples
    --------
    >>> zipf_views(2, 300, 1.0)
    array([200., 100.])
    """
    weights = np.arange(1, titles + 1, dtype=np.float64) ** -exponent
    return views * weights / weights.sum()
