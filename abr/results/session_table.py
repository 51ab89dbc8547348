"""The table of a batch, with a row for each session and a column for each label and metric."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abr.errors import PolicyError
from abr.policy_interface.policy import Floats
from abr.results.interval import cluster_interval
from abr.results.metrics import METRICS
from abr.traces.trace import Trace
from shotladder_runtime.notebook_html import property_table
from shotladder_runtime.optional import require

__all__ = ["SessionTable"]

_LABELS = ("presentation", "policy", "device", "trace", "start")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SessionTable:
    """Sessions, one in each row.

    Attributes
    ----------
    columns : dict of ndarray
        `presentation`, `policy`, `device`, `trace`, `start` (s), `load_ratio`, then the metrics; NaN is absent.
    mode : str
        The session model.
    errors : dict
        Row -> message of the failure of its session.
    """

    columns: dict[str, NDArray[Any]]
    mode: str
    errors: dict[int, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, rows: int, mode: str, device: str) -> SessionTable:
        """Return an empty table of `rows` sessions."""
        columns: dict[str, NDArray[Any]] = {name: np.empty(rows, object) for name in _LABELS[:4]}
        columns["device"][:] = device
        columns["start"] = np.zeros(rows)
        columns["load_ratio"] = np.zeros(rows)
        for name in METRICS:
            columns[name] = np.full(rows, np.nan)
        return cls(columns, mode)

    def __repr__(self) -> str:
        return f"<SessionTable: {len(self)} sessions, {sum(1 for _ in self.arms())} arms, {len(self.errors)} failed>"

    def _repr_html_(self) -> str:
        arms = {f"{arm[0]}, {arm[1]}": f"{len(arm[2])} sessions" for arm in self.arms()}
        return property_table(f"SessionTable of {len(self)} sessions", arms | {"failed": len(self.errors) or None})

    def to_pandas(self) -> Any:
        """Return a DataFrame with a row for each session and the columns of the table (extra `pandas`)."""
        return require("pandas", extra="pandas").DataFrame(self.columns)

    def plot(self, metric: str = "vmaf_mean", ax: Any = None) -> Any:
        """Plot the empirical distribution of a metric over the sessions of each arm (extra `plot`).

        Parameters
        ----------
        metric : str
            One of `metric_names`.
        ax : matplotlib Axes, optional
            Where to plot; by default a new figure.

        Returns
        -------
        matplotlib Axes
        """
        if metric not in self.metric_names:
            raise PolicyError(f"unknown metric {metric!r} (choose from {', '.join(self.metric_names)})")
        if ax is None:
            ax = require("matplotlib.pyplot", extra="plot").subplots(layout="constrained")[1]
        for presentation, policy, rows in self.arms():
            values = self[metric][rows].astype(np.float64)
            values = values[~np.isnan(values)]
            if len(values):
                ax.ecdf(values, label=f"{presentation}, {policy}")
        ax.set(xlabel=metric, ylabel="fraction of sessions")
        if ax.get_legend_handles_labels()[0]:
            ax.legend()
        return ax

    def __len__(self) -> int:
        return len(self.columns["start"])

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def label(self, rows: slice, presentation: str, policy: str, traces: Sequence[Trace], offsets: Floats) -> None:
        """Name the sessions of some rows."""
        self.columns["presentation"][rows] = presentation
        self.columns["policy"][rows] = policy
        self.columns["trace"][rows] = np.repeat(np.array([t.name for t in traces], object), offsets.shape[1])
        self.columns["start"][rows] = offsets.ravel()

    def fill(self, rows: slice, metrics: Floats, errors: dict[int, str]) -> None:
        """Put the metrics of some rows in."""
        for column, name in enumerate(METRICS):
            self.columns[name][rows] = metrics[:, column]
        self.errors.update({rows.start + row: text for row, text in errors.items()})

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics, in order."""
        return tuple(name for name in self.columns if name not in _LABELS)

    def arms(self) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
        """Yield (presentation, policy, rows) of every arm, in the order of the table."""
        pairs = list(zip(self["presentation"], self["policy"], strict=True))
        for pair in dict.fromkeys(pairs):
            yield *pair, np.array([i for i, other in enumerate(pairs) if other == pair])

    def summary(self, seed: int = 0) -> list[dict[str, Any]]:
        """Return every arm with mean, 95 % interval (bootstrap clustered by trace), p5 and p95 of its metrics."""
        arms = []
        for presentation, policy, rows in self.arms():
            metrics = {}
            for name in self.metric_names:
                values = self[name][rows].astype(np.float64)
                metrics[name] = _describe(values, self["trace"][rows], seed)
            arms.append(
                {
                    "presentation": presentation,
                    "policy": policy,
                    "device": str(self["device"][rows[0]]),
                    "sessions": len(rows),
                    "metrics": metrics,
                }
            )
        return arms

    def failure(self) -> PolicyError | None:
        """Return the first failure, with how many sessions failed; None when all went well."""
        if not self.errors:
            return None
        more = f" ({len(self.errors)} sessions failed)" if len(self.errors) > 1 else ""
        return PolicyError(next(iter(self.errors.values())) + more)

    def save(self, path: str | Path) -> None:
        """Write the rows as `.csv` or `.parquet`."""
        path = Path(path)
        if path.suffix == ".parquet":
            pyarrow = require("pyarrow", extra="parquet")
            parquet = require("pyarrow.parquet", extra="parquet")
            columns = {
                name: list(column) if column.dtype == object else pyarrow.array(column, from_pandas=True)
                for name, column in self.columns.items()
            }
            parquet.write_table(pyarrow.table(columns), path)
            return
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(self.columns)
            for row in zip(*(column.tolist() for column in self.columns.values()), strict=True):
                writer.writerow("" if value != value else value for value in row)


def _describe(values: Floats, traces: NDArray[Any], seed: int) -> dict[str, Any] | None:
    present = ~np.isnan(values)
    if not present.any():
        return None
    values = values[present]
    low, high = cluster_interval(values, traces[present], seed)
    p5, p95 = np.percentile(values, [5, 95])
    return {"mean": float(values.mean()), "ci95": [low, high], "p5": float(p5), "p95": float(p95)}
