"""The charts of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from markupsafe import Markup

from ladders import HullPoint
from shotladder.report.chart import Axis, Series, draw_chart, log_ticks, round_ticks, time_ticks
from shotladder.report.presentation_format import Presentation
from shotladder.report.readable_units import codec_label, format_bitrate, format_time

__all__ = ["draw_bitrate_over_time", "draw_ladders", "draw_vmaf_over_time", "ladder_legend"]

#: Maximum number of shots whose boundaries are drawn; more lines would hide the curves. Chosen by hand.
MAX_BOUNDARIES = 150
#: Space beyond the first and the last bitrate, as a factor. Chosen by hand.
MARGIN = 1.15


def draw_ladders(presentation: Presentation, hulls: Mapping[str, Sequence[HullPoint]]) -> Markup:
    """Draw the curves of each resolution, the rungs and the fixed ladder of all codecs."""
    series = []
    for colour, codec in enumerate(_codecs(presentation)):
        hull = sorted(hulls.get(codec, ()), key=lambda point: (point.height, point.rate))
        for height, curve in groupby(hull, key=lambda point: point.height):
            series.append(Series("", [(p.rate, p.quality) for p in curve], colour, "thin", label=f"{height}p"))
        for comparison in presentation.comparisons:
            if comparison.codec == codec:
                texts = [f"{comparison.anchor}: {_point_text(*point)}" for point in comparison.points]
                series.append(Series("", comparison.points, colour, "dashed"))
                series.append(Series("", comparison.points, colour, "dots", texts))
        rungs = [rung for rung in presentation.video if rung.codec == codec]
        measured = [(float(rung.average_bitrate), rung.vmaf.mean) for rung in rungs]
        texts = [f"{rung.id}: {_point_text(*point)}" for rung, point in zip(rungs, measured, strict=True)]
        series += [Series("", measured, colour, "line"), Series("", measured, colour, "rungs", texts)]
    points = [point for each in series if each.style != "thin" for point in each.points]
    # the curves reach far beyond the rungs; what lies there is of no interest
    x = _bitrate_axis(point[0] for point in points)
    y = _vmaf_axis([point[1] for point in points])
    return draw_chart("VMAF over bitrate: rungs, curves of each resolution and fixed ladder", x, y, _clip(series, x, y))


def ladder_legend(presentation: Presentation) -> list[tuple[int, str]]:
    """Return the colour and the name of each codec of `draw_ladders`."""
    return [(n, codec_label(codec)) for n, codec in enumerate(_codecs(presentation))]


def draw_vmaf_over_time(presentation: Presentation) -> Markup:
    """Draw the mean VMAF of every shot on every rung."""
    values = [[shot.vmaf for shot in rung.shots] for rung in presentation.video]
    y = _vmaf_axis([value for row in values for value in row])
    return _draw_over_time("Mean VMAF of every shot, one line per rung", presentation, y, values)


def draw_bitrate_over_time(presentation: Presentation) -> Markup:
    """Draw the bitrate of every shot on every rung."""
    durations = [shot.end - shot.start for shot in presentation.shots]
    values = [
        [shot.bits / time for shot, time in zip(rung.shots, durations, strict=True)] for rung in presentation.video
    ]
    y = _bitrate_axis(value for row in values for value in row)
    return _draw_over_time("Bitrate of every shot, one line per rung", presentation, y, values)


def _draw_over_time(label: str, presentation: Presentation, y: Axis, values: Sequence[Sequence[float]]) -> Markup:
    starts = [shot.start for shot in presentation.shots]
    series = [
        Series(rung.id, [*zip(starts, row, strict=True), (presentation.duration, row[-1])], n, "steps", key=f"rung{n}")
        for n, (rung, row) in enumerate(zip(presentation.video, values, strict=True))
    ]
    ticks = [(value, format_time(value)) for value in time_ticks(presentation.duration)]
    x = Axis("time", 0, presentation.duration, ticks)
    return draw_chart(label, x, y, series, rules=starts[1:] if len(starts) <= MAX_BOUNDARIES else ())


def _codecs(presentation: Presentation) -> list[str]:
    return list(dict.fromkeys(rung.codec for rung in presentation.video))


def _point_text(bitrate: float, vmaf: float) -> str:
    return f"VMAF {vmaf:.1f} at {format_bitrate(bitrate)}"


def _bitrate_axis(values: Iterable[float]) -> Axis:
    found = [value for value in values if value > 0] or [1.0]
    low, high = min(found) / MARGIN, max(found) * MARGIN
    ticks = [(value, _tick_text(value)) for value in log_ticks(low, high)]
    return Axis("bitrate (logarithmic)", low, high, ticks, is_log=True)


def _tick_text(bitrate: float) -> str:
    """Return a round bitrate without decimals that are zero."""
    return f"{bitrate / 1e6:g} Mbit/s" if bitrate >= 1e6 else f"{bitrate / 1e3:g} kbit/s"


def _vmaf_axis(values: Sequence[float]) -> Axis:
    low = max(0.0, 10 * ((min(values) - 3) // 10))
    return Axis("VMAF", low, 100, [(value, f"{value:g}") for value in round_ticks(low, 100)])


def _clip(series: Sequence[Series], x: Axis, y: Axis) -> list[Series]:
    """Return the series without the points of curves outside of the axes."""
    inside = [
        [p for p in each.points if x.low <= p[0] <= x.high and y.low <= p[1] <= y.high] if each.style == "thin" else []
        for each in series
    ]
    return [
        replace(each, points=points) if each.style == "thin" else each
        for each, points in zip(series, inside, strict=True)
        if points or each.style != "thin"
    ]
