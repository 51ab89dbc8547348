"""The command `simulate`: replay network traces over presentations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table as Grid

import abr
from shotladder import ShotladderError
from shotladder.commands.session_options import model_of, session_options
from shotladder.progress import Advance, Reporter

__all__ = ["command"]

#: metric -> (heading, factor, digits) of the table a person reads
SHOWN = {
    "load_ratio": ("load", 1, 2),
    "vmaf_mean": ("VMAF", 1, 1),
    "vmaf_p5": ("p5", 1, 1),
    "time_at_target": ("at target %", 100, 1),
    "bitrate": ("kbit/s", 1e-3, 0),
    "rebuffer_ratio": ("stalled %", 100, 2),
    "rebuffer_count": ("stalls", 1, 2),
    "startup_delay": ("startup s", 1, 2),
    "switches": ("switches", 1, 1),
    "live_latency": ("latency s", 1, 2),
    "catch_up": ("fast %", 100, 1),
    "qoe_lin": ("QoE lin", 1, 1),
    "regret": ("regret", 1, 1),
}


#: segments x rungs x sessions whose offline optimum is found without being asked for
QUICK = 40_000


class Together(click.Command):
    """A command whose `--traces` and `--policy` take everything up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its values."""
        spread: list[str] = []
        option: str | None = None
        for arg in args:
            if arg.startswith("-") and len(arg) > 1:
                option = arg if arg in ("--traces", "--policy") else None
                if option is None:
                    spread.append(arg)
            elif option is not None:
                spread += [option, arg]
            else:
                spread.append(arg)
        return super().parse_args(ctx, spread)


@click.command(cls=Together)
@click.argument("presentations", nargs=-1, required=True)
@click.option("--traces", multiple=True, required=True, type=click.Path(path_type=Path), help="Files or folders.")
@click.option("--trace-format", type=click.Choice(sorted(abr.FORMATS)), help="Instead of recognising it.")
@click.option("--policy", "policies", multiple=True, default=("bba-2", "throughput"), show_default=True)
@session_options
@click.option("--device", type=click.Choice(list(abr.DEVICES)), default="tv-1080p", show_default=True)
@click.option("--target-vmaf", type=click.FloatRange(0, 100), default=93.0, show_default=True)
@click.option("--starts", type=click.IntRange(1), default=1, show_default=True, help="Sessions per trace.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the places where sessions start.")
@click.option(
    "--sessions", type=click.Path(path_type=Path, dir_okay=False), help="Write a row a session: .csv or .parquet."
)
@click.option(
    "--events", type=click.Path(path_type=Path, dir_okay=False), help="Write every event, one JSON object a line."
)
@click.option("--regret/--no-regret", default=None, help="Against the offline optimum; by default when it is quick.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--quiet", is_flag=True, help="Say nothing about progress.")
def command(
    presentations: tuple[str, ...],
    traces: tuple[Path, ...],
    trace_format: str | None,
    policies: tuple[str, ...],
    mode: str,
    device: str,
    target_vmaf: float,
    starts: int,
    seed: int,
    sessions: Path | None,
    events: Path | None,
    regret: bool | None,
    as_json: bool,
    quiet: bool,
    **session: Any,
) -> None:
    """Replay network traces over PRESENTATIONS: presentation.json, its folder, .mpd or .m3u8; paths or URLs."""
    reporter = Reporter(quiet=quiet)
    if sessions is not None and sessions.suffix not in (".csv", ".parquet"):
        raise click.UsageError(f"--sessions writes .csv or .parquet, not {sessions.name}")
    names = [name for given in policies for name in given.split(",")]
    for name in names:
        try:
            abr.get_policy(name)
        except abr.PolicyError as error:
            raise click.UsageError(str(error)) from error
    model = model_of(mode, **session)
    titles = [abr.load_presentation(path, audio=model.audio) for path in presentations]
    networks = abr.load_traces(traces, format=trace_format)
    tell_notes(reporter, titles, networks)
    settings: dict[str, Any] = {"mode": mode, "device": device, "target": target_vmaf, "model": model}
    if regret is None:
        work = sum(pres.sizes.size for pres in titles) * len(networks) * starts
        regret = abr.can_bound(model) and work <= QUICK
    with reporter.stage("replaying") as advance:
        table = abr.simulate_many(
            titles, networks, names, starts=starts, seed=seed, regret=regret, progress=advance, **settings
        )
    if sessions is not None:
        _write(sessions, lambda path: table.save(path))
    if events is not None:
        with reporter.stage("writing events") as advance:
            offsets = abr.start_offsets(networks, starts, seed)
            _write(events, lambda path: _events(path, titles, networks, names, offsets, settings, advance))
    summary = table.summary()
    if as_json:
        document = {"presentations": list(presentations), "sessions": len(table), "arms": summary}
        click.echo(json.dumps(document))
    else:
        show(summary)
    failure = table.failure()
    if failure is not None:
        raise failure


def tell_notes(reporter: Reporter, titles: Iterable[abr.Presentation], networks: Sequence[abr.Trace]) -> None:
    """Say what was odd in what was read, and whether the traces can tell policies apart."""
    titles = list(titles)
    notes = [(pres.title, note) for pres in titles for note in pres.notes]
    notes += [(trace.name, note) for trace in networks for note in trace.notes]
    for name, note in notes:
        reporter.say(f"{name}: {note}")
    limited = [trace.name for trace in networks if trace.app_limited]
    if limited:
        reporter.say(f"{len(limited)} traces are limited by the application, not the network: {limited[0]} ...")
    for pres in titles:
        ratios = sorted(trace.load_ratio(pres.bitrates) for trace in networks)
        middle = ratios[len(ratios) // 2]
        reporter.say(
            f"{pres.title}: {len(networks)} traces, mean rate over the middle rung {ratios[0]:.2f} to "
            f"{ratios[-1]:.2f}, median {middle:.2f}"
            + ("" if 0.5 <= middle <= 1.5 else "; policies differ most between 0.5 and 1.5")
        )


def show(summary: list[dict[str, Any]]) -> None:
    """Print the arms as a table."""
    grid = Grid(box=None, header_style="bold")
    for heading in ("presentation", "policy", "sessions"):
        grid.add_column(heading, overflow="fold", justify="left" if heading != "sessions" else "right")
    shown = {name: how for name, how in SHOWN.items() if any(arm["metrics"].get(name) for arm in summary)}
    for heading, _, _ in shown.values():
        grid.add_column(heading, justify="right", no_wrap=True)
    for arm in summary:
        cells = [arm["presentation"], arm["policy"], str(arm["sessions"])]
        for name, (_, factor, digits) in shown.items():
            metric = arm["metrics"].get(name)
            cells.append("" if metric is None else f"{metric['mean'] * factor:.{digits}f}")
        grid.add_row(*cells)
    console = Console()
    if not console.is_terminal:
        console = Console(width=180)
    console.print(grid)


def _write(path: Path, write: Any) -> None:
    """Write to a sibling, then rename: nothing half-made stands under the final name."""
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
