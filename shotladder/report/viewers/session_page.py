"""A page with the metrics of simulated sessions: their table, and how each is distributed over the sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from shotladder.report.chart import Axis, Series, draw_chart, draw_table, round_ticks
from shotladder_runtime.store.atomic_file import atomic_write

__all__ = ["BEGIN", "END", "Arm", "draw_distribution", "write_session_page"]

#: Comments in `report.html` between which the section on viewers stands; `simulate --report` replaces what is there.
BEGIN = "<!-- viewers -->"
END = "<!-- end of viewers -->"


#: Metrics whose distributions are drawn: name, title with unit, factor.
_METRICS = (
    ("vmaf_mean", "mean VMAF of a session", 1.0),
    ("vmaf_p5", "5th percentile of VMAF of a session", 1.0),
    ("bitrate", "bitrate of a session, Mbit/s", 1e-6),
    ("rebuffer_ratio", "rebuffer ratio of a session, %", 100.0),
    ("startup_delay", "startup delay of a session, s", 1.0),
)


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One presentation with one policy: its name, and the values of its sessions by metric."""

    name: str
    values: dict[str, NDArray[Any]]


def write_session_page(
    path: Path, title: str, sentence: str, table: tuple[Sequence[str], Sequence[Sequence[str]]], arms: Sequence[Arm]
) -> None:
    """Write the page: one HTML file that needs no network.

    Parameters
    ----------
    path : Path
    title : str
    sentence : str
        What the reader should know first.
    table : (head, rows)
        As the command prints it.
    arms : sequence of Arm
    """
    environment = Environment(
        loader=PackageLoader("shotladder.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("session_page.html").render(
        title=title,
        sentence=sentence,
        style=Markup(files("shotladder.report").joinpath("report.css").read_text()),  # noqa: S704 - our own file
        table=draw_table(*table, "Metrics of each arm"),
        legend=[(n, arm.name) for n, arm in enumerate(arms)],
        charts=[chart for metric in _METRICS if (chart := draw_distribution(*metric, arms)) is not None],
    )

    def write(file: Path) -> None:
        file.write_text(page, encoding="utf-8")

    atomic_write(path, write)


def draw_distribution(metric: str, title: str, factor: float, arms: Sequence[Arm]) -> tuple[str, Markup] | None:
    """Return the title and the cumulative distribution of a metric, or None if no session has it."""
    series = []
    for n, arm in enumerate(arms):
        values = np.asarray(arm.values.get(metric, ()), np.float64)
        values = np.sort(values[np.isfinite(values)]) * factor
        if values.size:
            fractions = 100 * np.arange(1, values.size + 1) / values.size
            points = [(float(values[0]), 0.0), *zip(values.tolist(), fractions.tolist(), strict=True)]
            series.append(Series(arm.name, points, n, "steps"))
    if not series:
        return None
    low = min(each.points[0][0] for each in series)
    high = max(each.points[-1][0] for each in series)
    if high <= low:
        # all sessions are equal
        low, high = low - 0.5, high + 0.5
    x = Axis(title, low, high, [(value, f"{value:.4g}") for value in round_ticks(low, high)])
    y = Axis("% of the sessions at or below", 0, 100, [(value, f"{value:g}") for value in (0, 25, 50, 75, 100)])
    return title, draw_chart(f"Cumulative distribution: {title}", x, y, series)
