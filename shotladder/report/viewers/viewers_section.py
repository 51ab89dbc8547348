"""The section "What viewers get" of `report.html`: sessions per policy and device, and one of them in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

import abr
from abr.presentations.device import for_device
from shotladder.report.chart import Axis, Series, draw_chart, draw_table, log_ticks, round_ticks, time_ticks
from shotladder.report.readable_units import format_bitrate, format_time
from shotladder.report.viewers.session_page import BEGIN, END, Arm, draw_distribution
from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.store.atomic_file import atomic_write

__all__ = ["ReportError", "ViewerResults", "add_viewers_section", "draw_viewers", "simulate_viewers"]

#: Metrics of the table: name, heading with unit, factor, digits.
_COLUMNS = (
    ("vmaf_mean", "VMAF", 1.0, 1),
    ("vmaf_p5", "VMAF, 5th pct", 1.0, 1),
    ("time_at_target", "time at target, %", 100.0, 1),
    ("bitrate", "kbit/s", 1e-3, 0),
    ("rebuffer_ratio", "rebuffering, %", 100.0, 2),
    ("startup_delay", "startup, s", 1.0, 2),
)
#: Metrics whose distributions are drawn: name, title with unit, factor.
_DISTRIBUTIONS = (
    ("vmaf_mean", "mean VMAF of a session", 1.0),
    ("rebuffer_ratio", "rebuffer ratio of a session, %", 100.0),
    ("startup_delay", "startup delay of a session, s", 1.0),
)
#: Space beyond the largest value of an axis, as a factor. Chosen by hand.
MARGIN = 1.1


class ReportError(ShotladderError, ValueError):
    """A report has no place for the section."""


@dataclass(frozen=True, slots=True, eq=False)
class ViewerResults:
    """Simulated sessions of one presentation.

    Attributes
    ----------
    arms : tuple of Arm
        Named by policy and device.
    session : Session or None
        One of the sessions with its events.
    bitrates : tuple of int
        Of the rungs that the device of this session requests, bits/s.
    traces : int
        Number of network traces.
    target_vmaf : float
        Of the metric `time_at_target`.
    validations : tuple of str
        How far the models of web players are from the players; empty in other modes.
    """

    arms: tuple[Arm, ...]
    session: abr.Session | None
    bitrates: tuple[int, ...]
    traces: int
    target_vmaf: float
    validations: tuple[str, ...]


def simulate_viewers(
    presentation: abr.Presentation,
    traces: Sequence[abr.Trace],
    policies: Sequence[str],
    devices: Sequence[str],
    *,
    starts: NDArray[np.float64],
    model: abr.SessionModel,
) -> ViewerResults:
    """Simulate sessions of every policy on every device, and one session in full.

    The session that is shown has the first policy and device, on the trace with the median mean throughput.

    Parameters
    ----------
    presentation : Presentation
    traces : sequence of Trace
    policies, devices : sequence of str
    starts : ndarray, shape (traces, sessions)
        Offsets into the traces, s.
    model : SessionModel
    """
    arms = []
    for device in devices:
        table = abr.simulate_many([presentation], traces, policies, starts=starts, model=model, device=device)
        failure = table.failure()
        if failure is not None:
            raise failure
        for _, policy, rows in table.arms():
            arms.append(Arm(f"{policy}, {device}", {name: table[name][rows] for name in table.metric_names}))
    order = sorted(range(len(traces)), key=lambda n: traces[n].load_ratio(presentation.bitrates))
    middle = order[len(order) // 2]
    session = abr.simulate(
        presentation, traces[middle], policies[0], start=float(starts[middle][0]), model=model, device=devices[0]
    )
    bitrates = tuple(int(rate) for rate in for_device(presentation, devices[0]).bitrates)
    validations = tuple(abr.describe_validation(name) for name in policies) if model.web_player else ()
    return ViewerResults(tuple(arms), session, bitrates, len(traces), model.target_vmaf, validations)


def draw_viewers(results: ViewerResults) -> Markup:
    """Return the section as HTML."""
    environment = Environment(
        loader=PackageLoader("shotladder.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    session = results.session
    charts = (None, None) if session is None else _draw_session(session, results.bitrates)
    distributions = [
        each for metric in _DISTRIBUTIONS if (each := draw_distribution(*metric, results.arms)) is not None
    ]
    return Markup(  # noqa: S704 - the template escapes its values
        environment.get_template("viewers_section.html").render(
            sentence=_sentence(results),
            table=draw_table(*_tabulate(results.arms), "Means over the sessions of each policy and device"),
            legend=[(n, arm.name) for n, arm in enumerate(results.arms)],
            trade_off=_draw_trade_off(results.arms),
            distributions=distributions,
            validations=results.validations,
            session=session,
            throughput_chart=charts[0],
            buffer_chart=charts[1],
            session_sentence="" if session is None else _session_sentence(session),
        )
    )


def add_viewers_section(report: Path, section: Markup) -> None:
    """Put the section into a report, in the place of an earlier one.

    Raises
    ------
    ReportError
        If the file cannot be read, or has no place for the section.
    """
    try:
        page = report.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(
            f"{report}: cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}"
        ) from error
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ReportError(f"{report}: has no place for the section; encode the video again with this version")

    def write(path: Path) -> None:
        path.write_text(f"{before}{BEGIN}\n{section}\n{END}{after}", encoding="utf-8")

    atomic_write(report, write)


def _mean(arm: Arm, metric: str) -> float | None:
    values = np.asarray(arm.values.get(metric, ()), np.float64)
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else None


def _tabulate(arms: Sequence[Arm]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    shown = [column for column in _COLUMNS if any(_mean(arm, column[0]) is not None for arm in arms)]
    rows = [
        (
            arm.name,
            str(len(arm.values["startup_delay"])),
            *(
                "" if (mean := _mean(arm, name)) is None else f"{mean * factor:.{digits}f}"
                for name, _, factor, digits in shown
            ),
        )
        for arm in arms
    ]
    return ("policy, device", "sessions", *(heading for _, heading, _, _ in shown)), rows


def _sentence(results: ViewerResults) -> str:
    """Return what the first arm gets, and on what ground."""
    sessions = sum(len(arm.values["startup_delay"]) for arm in results.arms)
    first = results.arms[0]
    stalled, at_target = _mean(first, "rebuffer_ratio") or 0.0, _mean(first, "time_at_target")
    reach = (
        "" if at_target is None else f" plays {at_target:.0%} of the time at VMAF {results.target_vmaf:g} or more, and"
    )
    return (
        f"{sessions} simulated sessions on {results.traces} network traces. {first.name}:"
        f" the mean viewer{reach} is stalled {100 * stalled:.2f} % of the time."
    )


def _draw_trade_off(arms: Sequence[Arm]) -> Markup:
    points = [
        (100 * (_mean(arm, "rebuffer_ratio") or 0.0), 100 * (_mean(arm, "time_at_target") or 0.0)) for arm in arms
    ]
    series = [
        Series(arm.name, [point], n, "rungs", [f"{arm.name}: {point[1]:.1f} % at target, {point[0]:.2f} % stalled"])
        for n, (arm, point) in enumerate(zip(arms, points, strict=True))
    ]
    high = MARGIN * max(*(point[0] for point in points), 0.1)
    x = Axis("rebuffer ratio, %", 0, high, [(value, f"{value:g}") for value in round_ticks(0, high)])
    y = Axis("time at target, %", 0, 100, [(value, f"{value:g}") for value in (0, 25, 50, 75, 100)])
    return draw_chart("Time at the target VMAF against the rebuffer ratio", x, y, series)


def _draw_session(session: abr.Session, bitrates: Sequence[int]) -> tuple[Markup, Markup]:
    """Return the charts of throughput with the bitrate of the rungs, and of the buffer level, over time."""
    downloads = [event for event in session.events if event.event == "download" and event.duration > 0]
    end = max((event.time for event in session.events), default=1.0)
    x = Axis("time of the session", 0, end, [(value, format_time(value)) for value in time_ticks(end)])
    speed = [(event.time, 8 * event.bytes / event.duration) for event in downloads]
    rungs = [(event.time, float(bitrates[event.rung])) for event in downloads if event.rung is not None]
    rates = [rate for _, rate in (*speed, *rungs) if rate > 0] or [1.0]
    low, high = min(rates) / MARGIN, MARGIN * max(rates)
    ticks = [(value, format_bitrate(value)) for value in log_ticks(low, high)]
    bits = Axis("bitrate (logarithmic)", low, high, ticks, is_log=True)
    stalls = [event.time - event.duration for event in session.events if event.event == "stall"]
    first = draw_chart(
        "Throughput of each download and bitrate of its rung over the session",
        x,
        bits,
        [Series("throughput", speed, 1, "steps"), Series("rung", rungs, 0, "steps")],
        rules=stalls,
    )
    buffer = [(event.time, event.buffer) for event in session.events]
    top = MARGIN * max((level for _, level in buffer), default=1.0) or 1.0
    seconds = Axis("buffer, s", 0, top, [(value, f"{value:g}") for value in round_ticks(0, top)])
    second = draw_chart("Buffer level over the session", x, seconds, [Series("buffer", buffer, 2)], rules=stalls)
    return first, second


def _session_sentence(session: abr.Session) -> str:
    stalls = sum(1 for event in session.events if event.event == "stall")
    metrics = session.metrics
    vmaf = "" if metrics["vmaf_mean"] is None else f" Mean VMAF {metrics['vmaf_mean']:.1f}."
    startup = metrics["startup_delay"] or 0.0
    return f"Playback starts after {startup:.1f} s; {stalls} stalls, at the dotted lines.{vmaf}"
