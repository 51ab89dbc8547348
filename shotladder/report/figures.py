"""The figures of the report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ladders import HullPoint
from shotladder.report.presentation_format import Comparison, Presentation

__all__ = ["find_comparison", "html", "ladder_on_hull", "over_time", "quantisers"]

#: One colour per resolution, highest first: the palette of Okabe and Ito, distinct for most colour-blind readers.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")

_LAYOUT = {
    "template": "plotly_white",
    "margin": {"l": 60, "r": 20, "t": 20, "b": 50},
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "hovermode": "closest",
}


def html(figure: Any, *, first: bool = False) -> str:
    """Return a figure as HTML; the first one of a page contains the drawing code."""
    options = {"displaylogo": False, "responsive": True}
    text: str = figure.to_html(full_html=False, include_plotlyjs="inline" if first else False, config=options)
    return text


def find_comparison(presentation: Presentation, codec: str) -> Comparison | None:
    """Return the comparison of a codec's ladder with the fixed ladder, or None if it was not measured."""
    return next((each for each in presentation.comparisons if each.codec == codec), None)


def ladder_on_hull(presentation: Presentation, codec: str, hull: Sequence[HullPoint]) -> Any:
    """Draw the rate-quality curve of each resolution, the rungs and the fixed ladder of one codec."""
    figure = go.Figure()
    for colour, (height, points) in zip(COLOURS, groupby(hull, key=lambda point: point.height), strict=False):
        curve = sorted((point.rate, point.quality) for point in points)
        figure.add_scatter(
            x=[rate / 1000 for rate, _ in curve],
            y=[quality for _, quality in curve],
            mode="lines",
            name=f"{height}p",
            line={"color": colour, "width": 1.5},
            hovertemplate="%{x:.0f} kbit/s, VMAF %{y:.1f}",
        )
    comparison = find_comparison(presentation, codec)
    if comparison:
        figure.add_scatter(
            x=[rate / 1000 for rate, _ in comparison.points],
            y=[quality for _, quality in comparison.points],
            mode="lines+markers",
            name="fixed ladder",
            line={"color": "#999999", "dash": "dot"},
            marker={"symbol": "x", "size": 9},
            hovertemplate="fixed: %{x:.0f} kbit/s, VMAF %{y:.1f}",
        )
    rungs = [rung for rung in presentation.video if rung.codec == codec]
    figure.add_scatter(
        x=[rung.average_bitrate / 1000 for rung in rungs],
        y=[rung.vmaf.mean for rung in rungs],
        text=[rung.id for rung in rungs],
        mode="markers",
        name="rungs, measured",
        marker={"size": 12, "color": "#1d2733", "line": {"color": "white", "width": 2}},
        hovertemplate="%{text}: %{x:.0f} kbit/s, VMAF %{y:.2f}",
    )
    figure.add_hline(y=presentation.ladder.target_vmaf, line={"color": "#bbbbbb", "dash": "dash", "width": 1})
    figure.update_xaxes(type="log", title="kbit/s", dtick="D2")
    figure.update_yaxes(title="VMAF", range=[0, 101])
    figure.update_layout(height=460, **_LAYOUT)
    return figure


def over_time(presentation: Presentation) -> Any:
    """Draw VMAF and bitrate of each rung, one step per segment, with the shots."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    segments = presentation.segments
    times = [s.start for s in segments] + [presentation.duration]
    rungs = presentation.video
    for number, rung in enumerate(reversed(rungs)):
        colour = COLOURS[number % len(COLOURS)]
        quality = [s.vmaf for s in rung.segments]
        rates = [8e-3 * s.bytes / t.duration for s, t in zip(rung.segments, segments, strict=True)]
        for row, values in ((1, quality), (2, rates)):
            figure.add_scatter(
                x=times,
                y=[*values, values[-1]],
                mode="lines",
                line={"shape": "hv", "color": colour, "width": 1.6},
                name=rung.id,
                legendgroup=rung.id,
                showlegend=row == 1,
                hovertemplate="%{x:.1f} s: %{y:.1f}" + (" VMAF" if row == 1 else " kbit/s"),
                row=row,
                col=1,
            )
    for shot in presentation.shots[1:]:
        dash = "solid" if shot.transition == "cut" else "dot"
        figure.add_vline(x=shot.start, line={"color": "#d8dde3", "width": 1, "dash": dash}, layer="below")
    figure.update_yaxes(title="VMAF", row=1, col=1)
    figure.update_yaxes(title="kbit/s", type="log", row=2, col=1)
    figure.update_xaxes(title="seconds", row=2, col=1)
    figure.update_layout(height=620, **_LAYOUT)
    return figure


def quantisers(presentation: Presentation) -> Any:
    """Draw the quantiser of every shot on every rung."""
    rungs = presentation.video
    figure = go.Figure(
        go.Heatmap(
            z=[rung.quantisers for rung in rungs],
            x=list(range(len(presentation.shots))),
            y=[rung.id for rung in rungs],
            colorscale="Viridis_r",
            colorbar={"title": "CRF"},
            hovertemplate="shot %{x}, %{y}: CRF %{z}<extra></extra>",
        )
    )
    figure.update_xaxes(title="shot")
    figure.update_layout(height=120 + 34 * len(rungs), **_LAYOUT)
    return figure
