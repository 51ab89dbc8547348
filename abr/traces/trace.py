"""The value `Trace`: throughput and latency of a network over time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abr.errors import TraceError
from shotladder_runtime.notebook_html import property_table
from shotladder_runtime.optional import require

__all__ = ["DEFAULT_LATENCY", "Trace"]

#: seconds from a request to its first bit, for formats without latency; Pensieve's `LINK_RTT` (sim/env.py)
DEFAULT_LATENCY = 0.08

#: largest duration, s, rate, bit/s, and latency, s; chosen by hand: a year, a thousand times the fastest links, an hour
_LIMITS = {"durations": 366 * 86_400.0, "rates": 1e15, "latencies": 3600.0}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trace:
    """Throughput and latency of a network, constant within each interval; the trace repeats from its end.

    Attributes
    ----------
    name : str
        Name of the trace.
    durations : ndarray
        Duration of every interval, s, shape (intervals,).
    rates : ndarray
        Throughput, bit/s, shape (intervals,).
    latencies : ndarray
        Seconds from a request to its first bit, shape (intervals,).
    app_limited : bool
        The rates are those that an application requested, not those that the network could transfer.
    notes : tuple of str
        What was repaired or assumed when the trace was read.

    Examples
    --------
    >>> trace = Trace("steps", [10, 10], [1e6, 3e6], [0.05, 0.05])
    >>> trace.duration, trace.mean_rate
    (20.0, 2000000.0)
    >>> trace
    <Trace 'steps': 2 intervals, 20.0 s, mean 2 Mbit/s>
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
                raise TraceError(f"{self.name}: {name}[{bad[0]}] is {column[bad[0]]}, expected a finite number >= 0")
            column.setflags(write=False)
            largest = _LIMITS[name]
            if column.size and column.max() > largest:
                at = int(np.argmax(column))
                raise TraceError(f"{self.name}: {name}[{at}] is {column[at]:g}, expected {largest:g} or less")
        if not len(self.durations):
            raise TraceError(f"{self.name}: the trace has no intervals")
        if not len(self.durations) == len(self.rates) == len(self.latencies):
            raise TraceError(f"{self.name}: durations, rates and latencies differ in length")
        if np.any(self.durations == 0):
            raise TraceError(f"{self.name}: interval {int(np.argmin(self.durations))} lasts 0 s")
        if not np.any(self.rates > 0):
            raise TraceError(f"{self.name}: every rate is 0; a download would never end")

    def __repr__(self) -> str:
        return (
            f"<Trace {self.name!r}: {len(self.durations)} intervals, {self.duration:.1f} s, "
            f"mean {self.mean_rate / 1e6:.3g} Mbit/s>"
        )

    def _repr_html_(self) -> str:
        return property_table(
            f"Trace {self.name}",
            {
                "intervals": len(self.durations),
                "duration": f"{self.duration:.1f} s",
                "mean rate": f"{self.mean_rate / 1e6:.3g} Mbit/s",
                "range of rates": f"{self.rates.min() / 1e6:.3g} to {self.rates.max() / 1e6:.3g} Mbit/s",
                "application-limited": "yes" if self.app_limited else "no",
                "notes": "; ".join(self.notes) or None,
            },
        )

    @property
    def duration(self) -> float:
        """Total duration, s."""
        return float(self.durations.sum())

    @property
    def mean_rate(self) -> float:
        """Mean throughput over time, bit/s."""
        return float(self.rates @ self.durations / self.durations.sum())

    def scaled(self, factor: float) -> Trace:
        """Return the trace with every rate multiplied by a factor."""
        return replace(self, name=f"{self.name}x{factor:g}", rates=self.rates * factor)

    def cropped(self, start: float, stop: float) -> Trace:
        """Return the part from `start` to `stop`, in seconds."""
        edges = np.concatenate(([0.0], np.cumsum(self.durations)))
        low = np.clip(edges[:-1], start, stop)
        high = np.clip(edges[1:], start, stop)
        keep = high > low
        if not keep.any():
            raise TraceError(f"{self.name}: the trace has no interval between {start} and {stop} s")
        return replace(
            self,
            durations=(high - low)[keep],
            rates=self.rates[keep],
            latencies=self.latencies[keep],
        )

    def load_ratio(self, bitrates: NDArray[np.float64]) -> float:
        """Return the mean throughput divided by the median bitrate of a ladder, whose bitrates are in bit/s.

        Policies differ most at ratios of about 0.5 to 1.5.
        """
        return self.mean_rate / float(np.median(bitrates))

    def to_pandas(self) -> Any:
        """Return a DataFrame with a row for each interval: `start` and `duration` (s), `rate` (bit/s), `latency` (s).

        Raises
        ------
        MissingPackageError
            When pandas is not installed (extra `pandas`).
        """
        pandas = require("pandas", extra="pandas")
        columns = {"duration": self.durations, "rate": self.rates, "latency": self.latencies}
        starts = np.cumsum(self.durations) - self.durations
        return pandas.DataFrame({"start": starts, **columns})

    def plot(self, ax: Any = None) -> Any:
        """Plot the throughput over time.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to plot; by default a new figure.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        MissingPackageError
            When matplotlib is not installed (extra `plot`).
        """
        if ax is None:
            ax = require("matplotlib.pyplot", extra="plot").subplots(layout="constrained")[1]
        ax.stairs(self.rates / 1e6, np.concatenate(([0.0], np.cumsum(self.durations))), baseline=None)
        ax.set(xlabel="time (s)", ylabel="throughput (Mbit/s)", title=self.name)
        return ax
