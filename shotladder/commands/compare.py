"""`shotladder compare`: two arms, ladders or ABR policies, on the same sessions."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shotladder import ShotladderError
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import MultiValueCommand, option
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
from shotladder.commands.simulate import name_by_path, print_notes, simulate_experiment
from shotladder.kernel_notice import announce_compilation
from shotladder.report.readable_units import format_count
from shotladder.reporter import Reporter
from shotladder.terminal_table import print_table
from shotladder_runtime.printable_text import printable

if TYPE_CHECKING:
    import abr

__all__ = ["command"]

#: Difference of the durations of two presentations of one video, s: packagers and manifests round differently. Chosen
#: by hand.
DURATION_TOLERANCE = 1.0
#: The verdict as a sentence about the second arm, by verdict: what is recommended and on what ground.
_VERDICTS = {
    "ship": "prefer {second}: {metric} is better beyond chance, and no guardrail is broken",
    "stop": "keep {first}: {second} is worse beyond chance in {metric} or in a guardrail",
    "hold": "undecided between {first} and {second}: the sessions do not show that {metric} is better and that all"
    " guardrails hold",
}


@click.command("compare", cls=MultiValueCommand)
@click.argument("presentations", nargs=-1, required=True)
@traces_options
@option(
    "Session",
    "--policy",
    "policies",
    type=PolicyNames(),
    multiple=True,
    default=("bba-2",),
    show_default=True,
    metavar="NAME...",
    help="One ABR policy for both arms, or one for each arm; `shotladder policies` lists them.",
)
@device_option
@target_option
@session_options
@edges_option
@option(
    "Decision",
    "--primary",
    metavar="METRIC",
    default="vmaf_mean",
    show_default=True,
    help="Metric that decides the verdict.",
)
@option(
    "Decision",
    "--rebuffer-margin",
    metavar="FRACTION",
    type=click.FloatRange(0),
    default=0.005,
    show_default=True,
    help="Maximum allowed increase of the rebuffer ratio, as a fraction of the session time.",
)
@option(
    "Decision",
    "--startup-margin",
    metavar="SECONDS",
    type=click.FloatRange(0),
    default=0.5,
    show_default=True,
    help="Maximum allowed increase of the 95th percentile of the startup delay, in seconds.",
)
@option(
    "Decision",
    "--bytes-margin",
    metavar="FRACTION",
    type=click.FloatRange(0),
    default=0.1,
    show_default=True,
    help="Maximum allowed increase of the downloaded bytes, as a fraction of those of the first arm.",
)
@option(
    "Decision",
    "--vmaf-p5-margin",
    metavar="VMAF",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Maximum allowed decrease of the 5th percentile of VMAF, in VMAF points.",
)
@option(
    "Sampling",
    "--starts",
    metavar="COUNT",
    type=click.IntRange(1),
    default=4,
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
    help="Seed of the random session offsets and of the bootstrap.",
)
@option(
    "Decision",
    "--different-videos",
    is_flag=True,
    help="Compare presentations of different durations or source files, which may not be of one video.",
)
@plot_option
@json_flag
@quiet_flag
def command(
    presentations: tuple[str, ...],
    traces: tuple[Path, ...],
    trace_format: str | None,
    trace_units: str | None,
    policies: tuple[str, ...],
    primary: str,
    rebuffer_margin: float,
    startup_margin: float,
    bytes_margin: float,
    vmaf_p5_margin: float,
    different_videos: bool,
    edges_path: Path | None,
    plot: Path | None,
    device: str,
    target_vmaf: float,
    mode: str,
    starts: int,
    seed: int,
    as_json: bool,
    quiet: bool,
    **session: Any,
) -> None:
    """Compare two ladders (two PRESENTATIONS), two policies, or both; the second arm against the first.

    With --edges, the first arm has neither steering nor fill, and the second has both.

    A presentation is a presentation.json, its directory, an .mpd or an .m3u8; a path or a URL.
    """
    reporter = Reporter(quiet=quiet)
    announce_compilation(reporter)
    import abr

    model = session_model(mode, target_vmaf=target_vmaf, **session)
    names = [_title(name, model) for given in policies for name in given.split(",")]
    if edges_path is not None and (len(presentations), len(names)) != (1, 1):
        raise click.UsageError("--edges compares delivery, and takes one presentation and one policy")
    if edges_path is None and (len(presentations) > 2 or len(names) > 2 or len(presentations) + len(names) < 3):
        raise click.UsageError("give two presentations, or two policies, or two of each")
    if edges_path is None and len(set(presentations)) * len(set(names)) < 2:
        raise click.UsageError("both arms have the same presentation and the same policy")
    if primary not in abr.METRICS:
        raise click.UsageError(f"unknown metric {primary!r} (choose from {', '.join(abr.METRICS)})")
    ladders = [abr.load_presentation(path, audio=model.audio or model.web_player) for path in presentations]
    if len(ladders) == 2 and not different_videos:
        _refuse_different_videos(*ladders)
    ladders = name_by_path(ladders, presentations)
    networks = abr.load_traces(traces, format=trace_format, units=trace_units)
    if len(networks) < 2:
        raise ShotladderError("sessions on one trace do not generalise to others; give at least two traces")
    if primary.startswith("vmaf") and (unmeasured := next((p for p in ladders if p.vmaf is None), None)):
        raise ShotladderError(
            f"{unmeasured.title}: has no VMAF, which --primary {primary} needs; name another metric, such as qoe_lin"
        )
    print_notes(reporter, ladders, networks)
    offsets = abr.start_offsets(networks, starts, seed)
    settings: dict[str, Any] = {"model": model, "device": device}
    with reporter.stage("simulate") as advance:
        if edges_path is None:
            table = abr.simulate_many(ladders, networks, names, starts=offsets, progress=advance, **settings)
        else:
            table = simulate_experiment(edges_path, ladders, networks, names, offsets, settings, reporter, advance)
    failure = table.failure()
    if failure is not None:
        raise failure
    guardrails = (
        abr.Guardrail("rebuffer_ratio", rebuffer_margin),
        abr.Guardrail("startup_delay", startup_margin, p95=True),
        abr.Guardrail("downloaded_bytes", bytes_margin, relative=True),
        abr.Guardrail("vmaf_p5", vmaf_p5_margin),
    )
    first, second = (ladders[0].title, names[0]), (ladders[-1].title, names[-1])
    if edges_path is not None:
        # without any help, and with all that the file has
        arms = [(presentation, policy) for presentation, policy, _ in table.arms()]
        first, second = arms[0], arms[-1]
    result = abr.compare_arms(table, first, second, primary=primary, guardrails=guardrails, seed=seed)
    parts = None
    if len(ladders) == 2 and len(names) == 2:
        titles = (ladders[0].title, ladders[1].title)
        parts = abr.decompose_effect(table, titles, (names[0], names[1]), primary)
    if plot is not None:
        write_plot(plot, _verdict(result), _tabulate(result), table, "Comparison of two arms")
    if as_json:
        click.echo(json.dumps(asdict(result) | {"decomposition": parts}))
    else:
        _show(result, parts)


def _title(name: str, model: abr.SessionModel) -> str:
    import abr

    try:
        if model.web_player:
            return f"{name.partition('@')[0]}@{abr.player_model(name)[0]}"
        return abr.get_policy(name).title
    except ShotladderError as error:
        raise click.UsageError(str(error)) from error


def _refuse_different_videos(first: abr.Presentation, second: abr.Presentation) -> None:
    if abs(first.duration - second.duration) > DURATION_TOLERANCE:
        raise ShotladderError(
            f"{first.title} lasts {first.duration:.2f} s and {second.title} {second.duration:.2f} s: these are"
            " different videos, whose sessions cannot be compared; --different-videos compares them nevertheless"
        )
    if first.source and second.source and not first.source.may_be(second.source):
        raise ShotladderError(
            f"the presentations were encoded from {first.source.name} and {second.source.name}, files with different"
            " names and sizes: the sessions of different videos cannot be compared; --different-videos compares them"
            " nevertheless"
        )


def _show(result: abr.ArmComparison, parts: dict[str, float] | None) -> None:
    sample = f"{format_count(result.sessions, 'session')} on {format_count(result.traces, 'trace')}"
    click.echo(printable(f"{result.second}, against {result.first}: {sample}"))
    print_table(*_tabulate(result))
    if parts is not None:
        click.echo(
            f"{result.primary} {parts['together']:+.4g} = ladder {parts['ladder']:+.4g} + policy {parts['policy']:+.4g}"
        )
    click.echo(printable(f"{_verdict(result)}; because"))
    for reason in result.reasons:
        click.echo(f"  {reason}")


def _verdict(result: abr.ArmComparison) -> str:
    text = _VERDICTS[result.verdict].format(first=result.first, second=result.second, metric=result.primary)
    return f"verdict: {result.verdict}: {text}"


def _tabulate(result: abr.ArmComparison) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    rows: list[tuple[str, ...]] = [
        (
            effect.metric,
            f"{effect.first:.5g}",
            f"{effect.second:.5g}",
            f"{effect.difference:+.4g}",
            f"{effect.ci95[0]:+.4g} to {effect.ci95[1]:+.4g}",
            f"{effect.adjusted:.3f}",
        )
        for effect in result.effects
    ]
    return ("metric", "first", "second", "difference", "95 % interval", "p, Holm"), rows
