"""The sessions of a presentation: their traces in two halves, how often each is recorded, and seeks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

import abr
from abr import Trace

__all__ = ["HALVES", "PlannedSession", "planned_sessions"]

#: Latency of the synthetic traces, s; chosen by hand: a fixed line.
LATENCY = 0.05
#: Mean throughput of the scaled traces as multiples of the bitrate of the middle rung; chosen by hand, so that rungs
#: change.
LOADS = (0.7, 1.0, 1.4, 2.0)
#: Length of a generated network trace, s; sessions that last longer repeat it.
DURATION = 400.0
#: Longest latency of a recorded trace that is kept, s: some list the delay of a full queue, which the rate has already.
MAX_LATENCY = 0.2
#: The halves; the models are corrected with sessions of the first one only.
HALVES = ("dev", "held-out")
#: Constant throughputs, and steps as (start, end), of the two halves, as multiples of the bitrate of the middle rung;
#: a presentation takes the pair of its index.
CONSTANTS = ((0.8, 1.3), (2.2, 0.9), (1.1, 1.8))
STEPS = (((2.5, 0.6), (0.5, 2.0)), ((0.6, 1.8), (2.0, 0.8)), ((3.0, 1.0), (1.5, 0.5)))
#: Time of the step, s.
STEP_TIME = 50.0
#: Outages of the two halves as (seconds, multiple of the bitrate of the middle rung).
OUTAGES = (
    ((50, 1.5), (15, 0.0), (535, 1.5)),
    ((35, 1.2), (20, 0.05), (45, 1.2), (12, 0.0), (488, 1.2)),
)
#: Recordings of the sessions that are repeated.
PAIR, SERIES = 2, 5
#: Time of a seek, s, and its target as a fraction of the presentation, in the two halves.
SEEKS = ((30.0, 0.55), (40.0, 0.6))


class PlannedSession(NamedTuple):
    """A session to record; its name starts with its half."""

    name: str
    trace: Trace
    runs: int = 1  #: how often it is recorded
    seek: tuple[float, float] | None = None  #: (time, fraction of the presentation)


def planned_sessions(middle: float, index: int, folder: Path | None) -> Iterator[PlannedSession]:
    """Yield the sessions of a presentation.

    Parameters
    ----------
    middle : float
        Bitrate of the middle rung, bit/s.
    index : int
        Index of the presentation: presentations get different traces.
    folder : Path, optional
        Folders with recorded traces.
    """

    def steps(*parts: tuple[float, float]) -> Trace:
        durations, loads = zip(*parts, strict=True)
        return Trace("steps", durations, np.array(loads) * middle, [LATENCY] * len(parts))

    for h, half in enumerate(HALVES):
        constant, step = CONSTANTS[index % len(CONSTANTS)][h], STEPS[index % len(STEPS)][h]
        yield PlannedSession(f"{half}-constant-{constant:g}", steps((600, constant)), PAIR if h else 1)
        yield PlannedSession(
            f"{half}-step-{step[0]:g}-{step[1]:g}", steps((STEP_TIME, step[0]), (600, step[1])), 1 if h else PAIR
        )
        name = "outage" if (index + h) % 2 else "wifi"
        trace = steps(*OUTAGES[h]) if name == "outage" else _network("wifi", 10 + 2 * index + h, LOADS[2] * middle)
        yield PlannedSession(f"{half}-{name}", trace, SERIES if h and index < 2 else 1)
        for n, (kind, trace) in enumerate(_networks(middle, index, h, folder)):
            yield PlannedSession(f"{half}-{kind}", trace, PAIR if n == h else 1)
            if n == 1:
                yield PlannedSession(f"{half}-{kind}-seek", trace, 1, SEEKS[h])


def _networks(middle: float, index: int, half: int, folder: Path | None) -> Iterator[tuple[str, Trace]]:
    """Yield recorded traces of half of the kinds of a folder, or generated ones without a folder."""
    if folder is None:
        for n, network in enumerate(("3g", "4g", "cable")):
            yield network, _network(network, 10 + 2 * index + half, LOADS[(n + index + half) % len(LOADS)] * middle)
        return
    kinds = sorted(path for path in folder.iterdir() if path.is_dir())
    for n, kind in enumerate(kinds[index % 2 :: 2]):
        files = sorted(path for path in kind.iterdir() if path.is_file())[half::2]
        path = files[(index // 2 * max(1, len(files) // 2) + len(files) // 4) % len(files)]
        yield kind.name, _scaled(abr.load_trace(path), LOADS[(n + index + half) % len(LOADS)] * middle)


def _network(network: str, seed: int, rate: float) -> Trace:
    return _scaled(abr.generate_trace(network, seed=seed, duration=DURATION), rate)


def _scaled(trace: Trace, rate: float) -> Trace:
    """Return a trace with a mean throughput, and a latency that is not that of a full queue."""
    scaled = trace.scaled(rate / trace.mean_rate)
    return replace(scaled, latencies=np.minimum(scaled.latencies, MAX_LATENCY))
