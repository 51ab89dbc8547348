"""The value `Trace`: what a network gave, over time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abr.errors import TraceError

__all__ = ["DEFAULT_LATENCY", "Trace"]

#: Seconds before a request's first bit, for traces that do not say.
DEFAULT_LATENCY = 0.08


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A rate and a latency, constant within each interval; it starts again when it ends.

    Attributes
    ----------
    name : str
        Its name.
    durations : ndarray
        Seconds of every interval.
    rates : ndarray
        Bits/s.
    latencies : ndarray
        Seconds from a request to its first bit.
    app_limited : bool
        The rates are what an application asked for, not what the network could give.
    notes : tuple of str
        What was mended or is odd.

    Examples
    --------
    >>> trace = Trace("steps", [10, 10], [1e6, 3e6], [0.05, 0.05])
    >>> trace.duration, trace.mean_rate
    (20.0, 2000000.0)
    """

    name: str
    durations: NDArray[np.float64]
    rates: NDArray[np.float64]
    latencies: NDArray[np.float64]
    app_limited: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the columns and freeze them."""
        for name in ("durations", "rates", "latencies"):
            column = np.ascontiguousarray(getattr(self, name), np.float64)
            object.__setattr__(self, name, column)
            bad = np.flatnonzero(~np.isfinite(column) | (column < 0))
            if bad.size:
                raise TraceError(f"{self.name}: {name[:-1]} {column[bad[0]]} of interval {bad[0]}")
            column.setflags(write=False)
        if not len(self.durations):
            raise TraceError(f"{self.name}: it holds no interval")
        if not len(self.durations) == len(self.rates) == len(self.latencies):
            raise TraceError(f"{self.name}: its columns differ in length")
        if np.any(self.durations == 0):
            raise TraceError(f"{self.name}: interval {int(np.argmin(self.durations))} lasts 0 s")
        if not np.any(self.rates > 0):
            raise TraceError(f"{self.name}: every rate is zero; nothing would ever arrive")

    @property
    def duration(self) -> float:
        """Seconds in all."""
        return float(self.durations.sum())

    @property
    def mean_rate(self) -> float:
        """Time average, bits/s."""
        return float(self.rates @ self.durations / self.durations.sum())

    def scaled(self, factor: float) -> Trace:
        """Return the trace with every rate multiplied."""
        return replace(self, name=f"{self.name}x{factor:g}", rates=self.rates * factor)

    def cropped(self, start: float, end: float) -> Trace:
        """Return the part from `start` to `end` seconds."""
        edges = np.concatenate(([0.0], np.cumsum(self.durations)))
        low = np.clip(edges[:-1], start, end)
        high = np.clip(edges[1:], start, end)
        keep = high > low
        if not keep.any():
            raise TraceError(f"{self.name}: nothing lies between {start} and {end} s")
        return replace(
            self,
            durations=(high - low)[keep],
            rates=self.rates[keep],
            latencies=self.latencies[keep],
        )

    def load_ratio(self, bitrates: NDArray[np.float64]) -> float:
        """Return mean rate over the middle rung; policies differ where it is about 0.5 to 1.5."""
        return self.mean_rate / float(np.median(bitrates))
