"""The options of `simulate` and `compare`: what is simulated, and the fields of the session model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from shotladder.commands.options.grouped_command import combine_options, complete_list, option
from shotladder.commands.options.library_values import (
    ABR_POLICIES,
    CATCH_UPS,
    REPLACEMENTS,
    SESSION_MODES,
    TRACE_FORMATS,
    VIEWING_DEVICES,
)

if TYPE_CHECKING:
    import abr

__all__ = [
    "PolicyNames",
    "device_option",
    "edges_option",
    "plot_option",
    "session_model",
    "session_options",
    "target_option",
    "traces_options",
    "write_plot",
]

#: Range of durations, s; no model of a player uses longer ones.
_SECONDS = click.FloatRange(0, 600)


class PolicyNames(click.ParamType[str]):
    """Comma-separated names of ABR policies, each optionally with its version; the shell completes the names."""

    name = "policies"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; the command looks the names up, because that imports the policies."""
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that continue the last one of a list."""
        return complete_list(ABR_POLICIES, incomplete)


traces_options = combine_options(
    option(
        "Input",
        "--traces",
        multiple=True,
        required=True,
        metavar="PATH...",
        type=click.Path(path_type=Path),
        help="Network traces: files or directories (repeatable).",
    ),
    option(
        "Input",
        "--trace-format",
        type=click.Choice(TRACE_FORMATS),
        help="Format of the traces. Default: recognised from the content.",
    ),
    option(
        "Input",
        "--trace-units",
        metavar="TIME,RATE",
        help="Units of times and rates in traces, such as s,kbit/s. Default: those of the header or of the format.",
    ),
)

device_option = option(
    "Session",
    "--device",
    type=click.Choice(VIEWING_DEVICES),
    default="tv-1080p",
    show_default=True,
    help="Device class of the viewer; it caps the resolution and selects the VMAF model.",
)

edges_option = option(
    "Edges",
    "--edges",
    "edges_path",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the segments from the edge servers in this TOML file, with and without steering and fill."
    " Default: from one server without limits.",
)

plot_option = option(
    "Output",
    "--plot",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the table and the distribution of the metrics over the sessions as one .html file. Default: none.",
)

target_option = option(
    "Session",
    "--target-vmaf",
    metavar="VMAF",
    type=click.FloatRange(0, 100),
    default=93.0,
    show_default=True,
    help="VMAF threshold of the metric time_at_target.",
)

session_options = combine_options(
    option(
        "Session",
        "--mode",
        type=click.Choice(SESSION_MODES),
        default="default",
        show_default=True,
        help="Session model; `player` plays as dash.js, hls.js or Shaka Player does, `sabre` and `pensieve` reproduce "
        "those simulators.",
    ),
    option(
        "Session",
        "--buffer",
        metavar="SECONDS",
        type=click.FloatRange(1, 3600),
        help="Capacity of the player buffer in seconds. Default: that of --mode.",
    ),
    option(
        "Session",
        "--startup",
        metavar="SECONDS",
        type=_SECONDS,
        help="Buffer level in seconds at which playback starts. Default: one segment.",
    ),
    option(
        "Session",
        "--resume",
        metavar="SECONDS",
        type=_SECONDS,
        help="Buffer level in seconds at which playback resumes after a stall. Default: one segment.",
    ),
    option(
        "Session",
        "--goodput",
        "payload",
        metavar="FRACTION",
        type=click.FloatRange(0.01, 1),
        help="Fraction of the link capacity that carries media; 1 means no protocol overhead. Default: that of --mode.",
    ),
    option(
        "Session",
        "--slow-start",
        metavar="SECONDS",
        type=_SECONDS,
        help="Reset the TCP congestion window after this many idle seconds. Default: never.",
    ),
    option(
        "Session",
        "--separate-audio",
        "audio",
        is_flag=True,
        help="Download the audio as well, over the same connection. Default: video only.",
    ),
    option(
        "Session",
        "--replace",
        "replacement",
        type=click.Choice(REPLACEMENTS),
        help="Download buffered segments of lower rungs again, `earliest` (fast switching) or `latest` first."
        " Default: none.",
    ),
    option(
        "Live",
        "--live-latency",
        "live",
        metavar="SECONDS",
        type=click.FloatRange(0.1, 600),
        help="Simulate a live stream at this target latency in seconds. Default: on demand.",
    ),
    option(
        "Live",
        "--catch-up",
        type=click.Choice(CATCH_UPS),
        help="Controller of the playback rate of a live stream; requires --live-latency. Default: dash.js.",
    ),
)


def write_plot(path: Path, sentence: str, shown: tuple[Any, Any], table: abr.SessionTable, title: str) -> None:
    """Write the page of `--plot`.

    Parameters
    ----------
    path : Path
    sentence : str
        What the reader should know first.
    shown : (head, rows)
        The printed table.
    table : SessionTable
    title : str
    """
    from shotladder.report.viewers.session_page import Arm, write_session_page

    arms = [
        Arm(f"{presentation}, {policy}", {name: table[name][rows] for name in table.metric_names})
        for presentation, policy, rows in table.arms()
    ]
    write_session_page(path, title, sentence, shown, arms)


def session_model(mode: str, **values: Any) -> abr.SessionModel:
    """Return the session model of a mode with some of its fields replaced.

    Parameters
    ----------
    mode : str
        Key of `abr.MODES`.
    values : dict
        Fields of `abr.SessionModel` by name; None keeps that of the mode.

    Raises
    ------
    click.UsageError
        If `--catch-up` is given for a stream that is not live.
    """
    if values["catch_up"] is not None and values["live"] is None:
        raise click.UsageError("--catch-up requires --live-latency")
    import abr

    return replace(abr.MODES[mode], **{name: value for name, value in values.items() if value is not None})
