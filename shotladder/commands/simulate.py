"""`shotladder simulate`: playback of presentations over network traces, and its metrics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shotladder import ShotladderError
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import MultiValueCommand, option
from shotladder.commands.options.library_values import VIEWING_DEVICES
from shotladder.commands.options.session_options import (
    PolicyNames,
    device_option,
    edges_option,
    plot_option,
    session_model,
    session_options,
    target_option,
    traces_options,
    write_plot,
)
from shotladder.kernel_notice import announce_compilation
from shotladder.report.readable_units import format_count
from shotladder.reporter import Advance, Reporter
from shotladder.terminal_table import print_table
from shotladder_runtime.printable_text import printable

if TYPE_CHECKING:
    import abr

__all__ = ["command"]

#: Columns of the table: metric -> (heading, factor, digits).
COLUMNS = {
    "load_ratio": ("load", 1, 2),
    "vmaf_mean": ("VMAF", 1, 1),
    "vmaf_p5": ("p5", 1, 1),
    "time_at_target": ("at target %", 100, 1),
    "bitrate": ("kbit/s", 1e-3, 0),
    "rebuffer_ratio": ("rebuffer %", 100, 2),
    "rebuffer_count": ("stalls", 1, 2),
    "startup_delay": ("startup s", 1, 2),
    "switches": ("switches", 1, 1),
    "live_latency": ("latency s", 1, 2),
    "catch_up": ("catch-up %", 100, 1),
    "offload": ("offload %", 100, 1),
    "upstream_bytes": ("origin MB", 1e-6, 2),
    "content_misses": ("misses: content", 1, 1),
    "health_misses": ("health", 1, 1),
    "load_misses": ("load", 1, 1),
    "qoe_lin": ("QoE lin", 1, 1),
    "regret": ("regret", 1, 1),
}

#: Regret is computed by default up to this product of segments, rungs and sessions: a second or less of work, chosen by
#: hand.
MAX_REGRET_WORK = 40_000


@click.command("simulate", cls=MultiValueCommand)
@click.argument("presentations", nargs=-1, required=True)
@traces_options
@option(
    "Session",
    "--policy",
    "policies",
    type=PolicyNames(),
    multiple=True,
    default=("bba-2", "throughput"),
    show_default=True,
    metavar="NAME...",
    help="ABR policy (repeatable); `shotladder policies` lists them.",
)
@device_option
@target_option
@session_options
@edges_option
@option(
    "Sampling",
    "--starts",
    metavar="COUNT",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of sessions per trace, each from a random offset of the trace.",
)
@option(
    "Sampling",
    "--seed",
    metavar="INTEGER",
    type=int,
    default=0,
    show_default=True,
    help="Seed of the random session offsets.",
)
@option(
    "Sampling",
    "--repeat",
    metavar="COUNT",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="Play each presentation this many times in a row, so that sessions of short videos are as long as those of"
    " viewers.",
)
@option(
    "Output",
    "--sessions",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one row per session, as .csv or .parquet. Default: none.",
)
@option(
    "Output",
    "--events",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every event of every session, one JSON object per line. Default: none.",
)
@plot_option
@option(
    "Output",
    "--report",
    "reports",
    is_flag=True,
    help="Add the sessions, on all devices, to the report.html of each presentation. Default: leave it unchanged.",
)
@option(
    "Output",
    "--regret/--no-regret",
    default=None,
    help="Compute the regret against the offline-optimal plan. Default: only when it is fast.",
)
@json_flag
@quiet_flag
def command(
    presentations: tuple[str, ...],
    traces: tuple[Path, ...],
    trace_format: str | None,
    trace_units: str | None,
    policies: tuple[str, ...],
    mode: str,
    device: str,
    target_vmaf: float,
    starts: int,
    seed: int,
    repeat: int,
    edges_path: Path | None,
    sessions: Path | None,
    events: Path | None,
    plot: Path | None,
    reports: bool,
    regret: bool | None,
    as_json: bool,
    quiet: bool,
    **session: Any,
) -> None:
    """Simulate playback of PRESENTATIONS over network traces.

    A presentation is a presentation.json, its directory, an .mpd or an .m3u8; a path or a URL.
    """
    reporter = Reporter(quiet=quiet)
    announce_compilation(reporter)
    import abr

    if sessions is not None and sessions.suffix not in (".csv", ".parquet"):
        raise click.UsageError(f"--sessions requires a name that ends in .csv or .parquet, not {sessions.name}")
    names = list(dict.fromkeys(name for given in policies for name in given.split(",")))
    presentations = tuple(dict.fromkeys(presentations))
    model = session_model(mode, target_vmaf=target_vmaf, **session)
    for name in names:
        try:
            abr.player_model(name) if model.web_player else abr.get_policy(name)
        except abr.PolicyError as error:
            raise click.UsageError(str(error)) from error
    for path in presentations if reports else ():
        if not _report_of(path).is_file():
            raise click.UsageError(f"--report needs a folder that `encode` wrote, with {_report_of(path)}")
    with_audio = model.audio or model.web_player
    titles = [abr.load_presentation(path, audio=with_audio).repeated(repeat) for path in presentations]
    titles = name_by_path(titles, presentations)
    networks = abr.load_traces(traces, format=trace_format, units=trace_units)
    print_notes(reporter, titles, networks)
    if model.web_player:
        for name in names:
            reporter.say(abr.describe_validation(name))
    settings: dict[str, Any] = {"device": device, "model": model}
    offsets = abr.start_offsets(networks, starts, seed)
    if edges_path is not None and (regret or events is not None or reports):
        raise click.UsageError("--edges cannot be combined with --regret, --events and --report")
    if regret is None:
        work = sum(pres.sizes.size for pres in titles) * len(networks) * starts
        regret = abr.can_bound(model) and work <= MAX_REGRET_WORK
        if abr.can_bound(model) and not regret:
            reporter.say("the sessions are many or long, so that regret is not computed; --regret computes it")
    with reporter.stage("simulate") as advance:
        if edges_path is None:
            table = abr.simulate_many(
                titles, networks, names, starts=offsets, regret=regret, progress=advance, **settings
            )
        else:
            table = simulate_experiment(edges_path, titles, networks, names, offsets, settings, reporter, advance)
    if sessions is not None:
        _write(sessions, lambda path: table.save(path))
    if events is not None:
        with reporter.stage("write events") as advance:
            _write(events, lambda path: _events(path, titles, networks, names, offsets, settings, advance))
    summary = table.summary()
    if plot is not None:
        sentence = f"{len(table)} simulated sessions on {len(networks)} network traces, device {device}."
        write_plot(plot, sentence, _tabulate(summary), table, "Simulated playback")
    for path, pres in zip(presentations, titles, strict=True) if reports else ():
        with reporter.stage("report"):
            _add_to_report(path, pres, networks, names, offsets, model)
        reporter.say(f"{_report_of(path)}: shows what viewers get")
    if as_json:
        document = {"presentations": list(presentations), "sessions": len(table), "arms": summary}
        click.echo(json.dumps(document))
    else:
        print_table(*_tabulate(summary), names=2)
    failure = table.failure()
    if failure is not None:
        raise failure


def simulate_experiment(
    path: Path,
    titles: Sequence[abr.Presentation],
    networks: Sequence[abr.Trace],
    names: Sequence[str],
    offsets: Any,
    settings: dict[str, Any],
    reporter: Reporter,
    advance: Advance,
) -> abr.SessionTable:
    """Return the sessions over the edges of a file, one arm with and without steering and fill for each policy.

    Raises
    ------
    click.UsageError
        If there are several presentations.
    """
    import abr
    import delivery

    if len(titles) != 1:
        raise click.UsageError("--edges takes one presentation")
    experiment = delivery.read_edges(path)
    if experiment.held is None:
        reporter.say(f"{path}: has no plan, so that the edges hold nothing and every segment comes from the origin")
    elif not any(title == titles[0].title for held in experiment.held.values() for title, _ in held):
        reporter.say(f"{path}: the plan has nothing of {titles[0].title}")
    else:
        reporter.say(f"{path}: the plan copies {experiment.copied_bytes / 1e9:.3g} GB to the edges")
    arms = experiment.arms(titles[0].title)
    return abr.simulate_edges(titles[0], networks, names, arms, starts=offsets, progress=advance, **settings)


def _report_of(path: str) -> Path:
    """Return the report beside a presentation."""
    place = Path(path)
    return (place if place.is_dir() else place.parent) / "report.html"


def _add_to_report(
    path: str,
    pres: abr.Presentation,
    networks: Sequence[abr.Trace],
    names: Sequence[str],
    offsets: Any,
    model: abr.SessionModel,
) -> None:
    from shotladder.report.viewers.viewers_section import add_viewers_section, draw_viewers, simulate_viewers

    results = simulate_viewers(pres, networks, names, VIEWING_DEVICES, starts=offsets, model=model)
    add_viewers_section(_report_of(path), draw_viewers(results))


def name_by_path(titles: Sequence[abr.Presentation], paths: Sequence[str]) -> list[abr.Presentation]:
    """Return presentations of which those with equal titles are called by their paths."""
    count = Counter(pres.title for pres in titles)
    return [
        pres if count[pres.title] == 1 else pres.renamed(printable(path))
        for pres, path in zip(titles, paths, strict=True)
    ]


def print_notes(reporter: Reporter, titles: Iterable[abr.Presentation], networks: Sequence[abr.Trace]) -> None:
    """Print the notes of the inputs, and how the throughput of the traces compares with the bitrates of the rungs."""
    titles = list(titles)
    reporter.say_notes([(pres.title, pres.notes) for pres in titles])
    reporter.say_notes([(trace.name, trace.notes) for trace in networks])
    limited = [trace.name for trace in networks if trace.app_limited]
    if limited:
        subject = "1 trace is" if len(limited) == 1 else f"{len(limited)} traces are"
        reporter.say(f"{subject} limited by the application, not the network, for example {limited[0]}")
    for pres in titles:
        ratios = sorted(trace.load_ratio(pres.bitrates) for trace in networks)
        middle = ratios[len(ratios) // 2]
        sample = format_count(len(networks), "trace")
        reporter.say(
            f"{pres.title}: {sample}; mean throughput divided by the bitrate of the middle rung: "
            f"{ratios[0]:.2f} to {ratios[-1]:.2f}, median {middle:.2f}"
            + ("" if 0.5 <= middle <= 1.5 else "; policies differ most for values between 0.5 and 1.5")
        )


def _tabulate(summary: list[dict[str, Any]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the arms as a table: the mean of each metric, and half the width of its 95 % interval."""
    columns = {name: how for name, how in COLUMNS.items() if any(arm["metrics"].get(name) for arm in summary)}
    head = ("presentation", "policy", "sessions", *(heading for heading, _, _ in columns.values()))
    rows = [
        (
            arm["presentation"],
            arm["policy"],
            str(arm["sessions"]),
            *(_cell(arm["metrics"].get(name), factor, digits) for name, (_, factor, digits) in columns.items()),
        )
        for arm in summary
    ]
    return head, rows


def _cell(metric: dict[str, Any] | None, factor: float, digits: int) -> str:
    if metric is None:
        return ""
    text = f"{metric['mean'] * factor:.{digits}f}"
    interval = metric.get("ci95")
    if not interval or None in interval:
        return text
    half = (interval[1] - interval[0]) / 2 * factor
    # an interval that rounds to nothing is one of equal sessions
    return f"{text} ±{half:.{digits}f}" if round(half, digits) else text


def _write(path: Path, write: Any) -> None:
    """Write to a temporary sibling, then rename it, so that an incomplete file never has the final name."""
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        write(partial)
        partial.replace(path)
    except OSError as error:
        raise ShotladderError(f"{path}: cannot write: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _events(
    path: Path,
    titles: Sequence[abr.Presentation],
    networks: Sequence[abr.Trace],
    names: Sequence[str],
    offsets: Any,
    settings: dict[str, Any],
    advance: Advance,
) -> None:
    import abr

    number = 0
    total = len(titles) * len(names) * offsets.size
    with path.open("w", encoding="utf-8") as file:
        for pres in titles:
            for name in names:
                for trace, starts in zip(networks, offsets, strict=True):
                    for start in starts:
                        session = abr.simulate(pres, trace, name, start=float(start), **settings)
                        head = {
                            "session": number,
                            "presentation": session.presentation,
                            "trace": session.trace,
                            "policy": session.policy,
                        }
                        file.writelines(json.dumps(head | asdict(event)) + "\n" for event in session.events)
                        number += 1
                        advance(number, total)
