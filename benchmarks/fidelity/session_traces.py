"""The traces of the sessions: constant links, steps, outages and generated or recorded networks, in two halves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import abr
from abr import Trace

__all__ = ["session_traces"]

#: Latency of the synthetic traces, s; chosen by hand: a fixed line.
LATENCY = 0.05
#: Mean throughput of the scaled traces as multiples of the bitrate of the middle rung; chosen by hand, so that rungs
#: change.
LOADS = (0.7, 1.0, 1.4, 2.0)
#: Length of a network trace, s; sessions that last longer repeat it.
DURATION = 400.0
#: Longest latency of a recorded trace that is kept, s: some list the delay of a full queue, which the rate has already.
MAX_LATENCY = 0.2


def session_traces(middle: float, folder: Path | None) -> Iterator[tuple[str, Trace]]:
    """Yield the name of a session and its trace; names start with the half, `dev` or `held-out`.

    Parameters
    ----------
    middle : float
        Bitrate of the middle rung, bit/s.
    folder : Path, optional
        Folders with recorded traces.
    """

    def steps(*parts: tuple[float, float]) -> Trace:
        durations, loads = zip(*parts, strict=True)
        return Trace("steps", durations, np.array(loads) * middle, [LATENCY] * len(parts))

    yield "dev-constant-0.8", steps((600, 0.8))
    yield "dev-constant-2.2", steps((600, 2.2))
    yield "dev-step-down", steps((45, 2.5), (555, 0.6))
    yield "dev-outage", steps((50, 1.5), (15, 0.0), (535, 1.5))
    yield "held-out-constant-1.3", steps((600, 1.3))
    yield "held-out-constant-4", steps((600, 4.0))
    yield "held-out-step-up", steps((60, 0.5), (540, 2.0))
    yield "held-out-outage", steps((35, 1.2), (20, 0.05), (45, 1.2), (12, 0.0), (488, 1.2))
    halves = ("dev", "held-out")
    networks = ("3g", "4g", "wifi", "cable")
    for n, network in enumerate(networks):
        for m, half in enumerate(halves):
            trace = abr.generate_trace(network, seed=10 + m, duration=DURATION)
            yield f"{half}-{network}", _scaled(trace, LOADS[(n + m) % len(LOADS)] * middle)
    for n, path in enumerate(_recorded(folder)):
        yield (
            f"{halves[n % 2]}-{path.parent.name}-{n // 2}",
            _scaled(abr.load_trace(path), LOADS[(n // 2) % 4] * middle),
        )


def _recorded(folder: Path | None) -> list[Path]:
    """Return two traces of each kind of a folder, one for each half."""
    if folder is None:
        return []
    kinds = sorted(path for path in folder.iterdir() if path.is_dir())
    found = []
    for kind in kinds:
        files = sorted(path for path in kind.iterdir() if path.is_file())
        if len(files) > 3:
            found += [files[len(files) // 4], files[3 * len(files) // 4]]
    return found


def _scaled(trace: Trace, rate: float) -> Trace:
    """Return a trace with a mean throughput, and a latency that is not that of a full queue."""
    scaled = trace.scaled(rate / trace.mean_rate)
    return replace(scaled, latencies=np.minimum(scaled.latencies, MAX_LATENCY))
