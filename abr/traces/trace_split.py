"""Split traces into two parts that share no route.

Traces of one route are similar, so a result on one of them is not independent of a choice made on another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from abr.errors import TraceError
from abr.traces.trace import Trace

__all__ = ["infer_route", "split_traces"]


def infer_route(trace: Trace) -> str:
    """Return the route of a trace: its name without numbers, dates and times.

    Examples
    --------
    >>> infer_route(Trace("norway_bus_12", [1], [1e6], [0.1]))
    'norway_bus'
    """
    words = re.split(r"[._\\-]+", re.sub(r"\.(json|csv|txt|log|down|up)$", "", trace.name))
    kept = [re.sub(r"\d+(CES?T)?", "", word) for word in words if not re.fullmatch(r"\d+(CES?T)?", word)]
    return "_".join(word for word in kept if word)


def split_traces(
    traces: Sequence[Trace],
    fraction: float = 0.5,
    *,
    seed: int = 0,
    by: Callable[[Trace], str] = infer_route,
) -> tuple[tuple[Trace, ...], tuple[Trace, ...]]:
    """Split traces into two parts that share no route, such as one to tune on and one to test on.

    Parameters
    ----------
    traces : sequence of Trace
        At least two.
    fraction : float
        Fraction of the traces in the first part, between 0 and 1; approximate, because routes are not divided.
    seed : int
        Random seed for the order in which routes are assigned.
    by : callable
        Trace -> name of its route. When all traces have the same route, each counts as a route of its own.

    Returns
    -------
    tuple of tuples of Trace
        The two parts, each in the order of `traces`.

    Raises
    ------
    TraceError
        When there are fewer than two traces, or `fraction` is not between 0 and 1.

    Examples
    --------
    >>> traces = [Trace(name, [1], [1e6], [0.1]) for name in ("bus_1", "bus_2", "tram_1", "tram_2")]
    >>> first, second = split_traces(traces)
    >>> [trace.name for trace in first], [trace.name for trace in second]
    (['bus_1', 'bus_2'], ['tram_1', 'tram_2'])
    """
    if len(traces) < 2 or not 0 < fraction < 1:
        raise TraceError(f"{len(traces)} traces cannot be split at a fraction of {fraction:g}")
    keys = [by(trace) for trace in traces]
    if len(set(keys)) == 1:
        keys = [str(number) for number in range(len(traces))]
    names = sorted(set(keys))
    order = np.random.default_rng(seed).permutation(len(names))
    first: set[str] = set()
    # the last route always goes to the second part, so that neither part is empty
    for index in order[:-1]:
        taken = sum(key in first for key in keys)
        if taken and taken + keys.count(names[index]) / 2 > fraction * len(keys):
            break
        first.add(names[index])
    parts = [tuple(t for t, key in zip(traces, keys, strict=True) if (key in first) is side) for side in (True, False)]
    return parts[0], parts[1]
