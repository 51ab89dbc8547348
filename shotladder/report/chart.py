"""Line charts as HTML and SVG, without a plotting library.

Lines are stretched with the page while their widths and the texts keep their size, so that one chart is readable on a
phone, on a 4K screen and on paper. Colours are variables of the style sheet, which has a light and a dark scheme.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

__all__ = ["Axis", "Series", "draw_chart", "draw_table", "log_ticks", "round_ticks", "time_ticks"]

#: Width and height of the coordinate system of the lines.
_EXTENT = 1000
#: Position on the x axis beyond which the text of a tick is not centred. Chosen by hand.
_LAST_CENTRED = 0.93
#: Steps of the ticks of a time axis, s: up to half a minute, up to half an hour, hours.
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800)
#: Number of colours in the style sheet.
_COLOURS = 8
#: Distance from labels and dots at which a label is readable on a phone, as fractions of the axes. Chosen by hand.
_LABEL_DISTANCE = (0.12, 0.07)
#: Positions on an axis between which a label does not cover the other axis. Chosen by hand.
_LABEL_RANGE = (0.04, 0.96)


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its title with the unit, its range, and the values and texts of its ticks."""

    title: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    is_log: bool = False

    def place(self, value: float) -> float:
        """Return the position of a value on the axis, 0 to 1."""
        low, high = self.low, self.high
        if self.is_log:
            value, low, high = math.log(max(value, 1e-9)), math.log(low), math.log(high)
        return min(1.0, max(0.0, (value - low) / (high - low)))


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one line or of one set of dots.

    Attributes
    ----------
    name : str
        Shown in the legend; empty for a line without an entry.
    points : sequence of (float, float)
    colour : int
        Number of a colour of the style sheet; beyond its colours they repeat.
    style : {"line", "thin", "dashed", "steps", "dots", "rungs"}
        "rungs" are large dots.
    texts : sequence of str
        One text for each dot, shown when the pointer is on it; empty for lines.
    key : str
        Name by which the page shows and hides the series; empty for a series that is always shown.
    label : str
        Text on the line; empty for none.
    """

    name: str
    points: Sequence[tuple[float, float]]
    colour: int = 0
    style: str = "line"
    texts: Sequence[str] = ()
    key: str = ""
    label: str = ""


def draw_chart(label: str, x: Axis, y: Axis, series: Sequence[Series], *, rules: Sequence[float] = ()) -> Markup:
    """Return a chart as HTML.

    Parameters
    ----------
    label : str
        What the chart shows, for screen readers; the numbers belong into a table beside it.
    x, y : Axis
    series : sequence of Series
    rules : sequence of float
        Positions of vertical lines.
    """
    grid = "".join(_line((0, y.place(value)), (1, y.place(value))) for value, _ in y.ticks)
    marks = "".join(_line((x.place(value), 0), (x.place(value), 1)) for value in rules)
    lines = "".join(_draw_series(each, x, y) for each in series)
    x_texts = "".join(_x_tick(x.place(value), text) for value, text in x.ticks)
    y_texts = "".join(_tick("y", f"bottom:{100 * y.place(value):.2f}%", text) for value, text in y.ticks)
    labels = "".join(
        _tick(f"label c{each.colour % _COLOURS}", f"left:{100 * a:.2f}%;bottom:{100 * b:.2f}%", each.label)
        for each, (a, b) in _place_labels(series, x, y)
    )
    return Markup(
        '<div class="chart"><div class="axis-title">{y_title}</div><div class="plot" role="img" aria-label="{label}">'
        '<svg viewBox="0 0 {extent} {extent}" preserveAspectRatio="none" aria-hidden="true">'
        '<g class="grid">{grid}</g><g class="rules">{marks}</g>{lines}</svg>{x_texts}{y_texts}{labels}</div>'
        '<div class="axis-title x-title">{x_title}</div></div>'
    ).format(
        label=label,
        extent=_EXTENT,
        grid=Markup(grid),  # noqa: S704
        marks=Markup(marks),  # noqa: S704
        lines=Markup(lines),  # noqa: S704
        x_texts=Markup(x_texts),  # noqa: S704
        y_texts=Markup(y_texts),  # noqa: S704
        labels=Markup(labels),  # noqa: S704
        x_title=x.title,
        y_title=y.title,
    )


def draw_table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> Markup:
    """Return a table that scrolls on its own where it is wider than the page."""
    cells = Markup("").join(Markup('<th scope="col">{}</th>').format(cell) for cell in head)
    lines = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            row[0], Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row[1:])
        )
        for row in rows
    )
    return Markup(
        '<div class="scroll" role="region" aria-label="{}" tabindex="0"><table><caption>{}</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(caption, caption, cells, lines)


def round_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about `count` round values within a range.

    Examples
    --------
    >>> round_ticks(0, 61, 4)
    [0.0, 20.0, 40.0, 60.0]
    """
    step = 10.0 ** math.floor(math.log10((high - low) / count))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= count)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]


def time_ticks(end: float, count: int = 5) -> list[float]:
    """Return at most about `count` positions in a video, s, that people read as round ones.

    Examples
    --------
    >>> time_ticks(2), time_ticks(130), time_ticks(7200)
    ([0.0, 1.0, 2.0], [0.0, 30.0, 60.0, 90.0, 120.0], [0.0, 1800.0, 3600.0, 5400.0, 7200.0])
    """
    step = next((step for step in _TIME_STEPS if end / step <= count), math.ceil(end / count))
    return [float(n * step) for n in range(math.floor(end / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return the values 1, 2 and 5 of every decade within a range; fewer where the range is wide.

    Examples
    --------
    >>> log_ticks(150, 6000)
    [200.0, 500.0, 1000.0, 2000.0, 5000.0]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    # more than three decades leave no room for 2 and 5
    digits = (1, 2, 5) if math.log10(high / low) <= 3 else (1,)
    values = [digit * 10.0**decade for decade in decades for digit in digits]
    return [value for value in values if low <= value <= high]


def _place_labels(series: Sequence[Series], x: Axis, y: Axis) -> list[tuple[Series, tuple[float, float]]]:
    """Return the series with a label, and where on its line each label is farthest from dots and other labels."""
    occupied = [(x.place(a), y.place(b)) for each in series if each.style in ("dots", "rungs") for a, b in each.points]
    low, high = _LABEL_RANGE
    placed = []
    for each in series:
        points = [(x.place(a), y.place(b)) for a, b in each.points] if each.label else []
        inside = [point for point in points if low <= point[0] <= high and low <= point[1] <= high]
        if inside:
            # the first of equally good points: lines of different resolutions are farthest apart at low bitrates
            best = max(inside, key=lambda point: min([1.0, *(_label_distance(point, other) for other in occupied)]))
            occupied.append(best)
            placed.append((each, best))
    return placed


def _label_distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the distance of two points; from 1 on, labels at both are readable."""
    return max(abs(a[0] - b[0]) / _LABEL_DISTANCE[0], abs(a[1] - b[1]) / _LABEL_DISTANCE[1])


def _draw_series(series: Series, x: Axis, y: Axis) -> str:
    colour = f"c{series.colour % _COLOURS}"
    key = Markup(' data-series="{}"').format(series.key) if series.key else ""
    points = [(x.place(a), y.place(b)) for a, b in series.points]
    if series.style in ("dots", "rungs"):
        texts = series.texts or [""] * len(points)
        # a line without length and with round ends is a dot that the stretched coordinates do not distort
        body = "".join(
            Markup('<path d="{}h0"><title>{}</title></path>').format(_move(point), text)
            for point, text in zip(points, texts, strict=True)
        )
    else:
        pairs = pairwise(points)
        if series.style == "steps":
            rest = "".join(f"H{_across(b[0])}V{_down(b[1])}" for _, b in pairs)
        else:
            rest = "".join(f"L{_across(b[0])} {_down(b[1])}" for _, b in pairs)
        body = f'<path d="{_move(points[0])}{rest}"/>' if points else ""
    return f'<g class="{series.style} {colour}"{key}>{body}</g>'


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    return f'<path d="{_move(start)}L{_across(end[0])} {_down(end[1])}"/>'


def _move(point: tuple[float, float]) -> str:
    return f"M{_across(point[0])} {_down(point[1])}"


def _across(fraction: float) -> str:
    return f"{_EXTENT * fraction:.5g}"


def _down(fraction: float) -> str:
    """Return a height in the coordinates of SVG, which begin at the top."""
    return f"{_EXTENT * (1 - fraction):.5g}"


def _x_tick(place: float, text: str) -> str:
    # the text of a tick at the right end is left of it, within the page
    return _tick("x end" if place > _LAST_CENTRED else "x", f"left:{100 * place:.2f}%", text)


def _tick(axis: str, style: str, text: str) -> str:
    return Markup('<span class="tick {}" style="{}">{}</span>').format(axis, style, text)
