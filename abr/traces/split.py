"""Splitting traces in two without any route on both sides: neighbours in time or place know each other's networks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from abr.errors import TraceError
from abr.traces.trace import Trace

__all__ = ["route", "split"]


def route(trace: Trace) -> str:
    """Return what a trace's name says of its route: all of it but numbers, dates and times.

    Examples
    --------
    >>> route(Trace("norway_bus_12", [1], [1e6], [0.1]))
    'norway_bus'
    """
    words = re.split(r"[._\\-]+", re.sub(r"\.(json|csv|txt|log|down|up)$", "", trace.name))
    kept = [re.sub(r"\d+(CES?T)?", "", word) for word in words if not re.fullmatch(r"\d+(CES?T)?", word)]
    return "_".join(word for word in kept if word)


def split(
    traces: Sequence[Trace],
    share: float = 0.5,
    *,
    seed: int = 0,
    by: Callable[[Trace], str] = route,
) -> tuple[tuple[Trace, ...], tuple[Trace, ...]]:
    """Split traces into two parts, to choose on one and judge on the other.

    Parameters
    ----------
    traces : sequence of Trace
        At least two.
    share : float
        Of the traces that should be in the first part, between 0 and 1; met as far as whole routes allow.
    seed : int
        Of the order in which routes are taken.
    by : callable
        Trace -> its route. When all traces are of one route, every trace counts as its own.

    Raises
    ------
    TraceError
        When there is nothing to split, or `share` is not between 0 and 1.

    Examples
    --------
    >>> traces = [Trace(name, [1], [1e6], [0.1]) for name in ("bus_1", "bus_2", "tram_1", "tram_2")]
    >>> first, second = split(traces)
    >>> [trace.name for trace in first], [trace.name for trace in second]
    (['bus_1', 'bus_2'], ['tram_1', 'tram_2'])
    """
    if len(traces) < 2 or not 0 < share < 1:
        raise TraceError(f"{len(traces)} traces cannot be split at a share of {share:g}")
    keys = [by(trace) for trace in traces]
    if len(set(keys)) == 1:
        keys = [str(number) for number in range(len(traces))]
    names = sorted(set(keys))
    order = np.random.default_rng(seed).permutation(len(names))
    first: set[str] = set()
    for place in order[:-1]:
        taken = sum(key in first for key in keys)
        if taken and taken + keys.count(names[place]) / 2 > share * len(keys):
            break
        first.add(names[place])
    parts = [tuple(t for t, key in zip(traces, keys, strict=True) if (key in first) is side) for side in (True, False)]
    return parts[0], parts[1]
