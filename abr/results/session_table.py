"""The table of a batch: a row a session, columns of names and metrics; summaries of its arms."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abr.errors import PolicyError, TraceError
from abr.policies.policy import Floats
from abr.results.interval import cluster_interval
from abr.results.metrics import METRICS
from abr.traces.trace import Trace

__all__ = ["Table"]

_LABELS = ("presentation", "policy", "device", "trace", "start")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Sessions in columns.

    Attributes
    ----------
    columns : dict of ndarray
        `presentation`, `policy`, `device`, `trace`, `start` (s), `load_ratio`, then the metrics; NaN is absent.
    mode : str
        The session model.
    errors : dict
        What went wrong in a row, by its number.
    """

    columns: dict[str, NDArray[Any]]
    mode: str
    errors: dict[int, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, rows: int, mode: str, device: str) -> Table:
        """Return a table of so many rows to be filled."""
        columns: dict[str, NDArray[Any]] = {name: np.empty(rows, object) for name in _LABELS[:4]}
        columns["device"][:] = device
        columns["start"] = np.zeros(rows)
        columns["load_ratio"] = np.zeros(rows)
        for name in METRICS:
            columns[name] = np.full(rows, np.nan)
        return cls(columns, mode)

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
            try:
                import pyarrow
                import pyarrow.parquet
            except ImportError as error:
                raise TraceError(f"{path}: Parquet needs pyarrow: pip install 'shotladder[parquet]'") from error
            columns = {
                name: list(column) if column.dtype == object else pyarrow.array(column, from_pandas=True)
                for name, column in self.columns.items()
            }
            pyarrow.parquet.write_table(pyarrow.table(columns), path)
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
