"""The command `compare`: two arms, ladders or policies, on the same sessions."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

import abr
from shotladder import ShotladderError
from shotladder.commands.session_options import model_of, session_options
from shotladder.commands.simulate import Together, tell_notes
from shotladder.progress import Reporter

__all__ = ["command"]


@click.command(cls=Together)
@click.argument("presentations", nargs=-1, required=True)
@click.option("--traces", multiple=True, required=True, type=click.Path(path_type=Path), help="Files or folders.")
@click.option("--policy", "policies", multiple=True, default=("bba-2",), show_default=True, help="One, or two.")
@click.option("--primary", default="vmaf_mean", show_default=True, help="The metric that decides.")
@click.option("--rebuffer-margin", type=click.FloatRange(0), default=0.005, show_default=True, help="Share of time.")
@click.option("--startup-margin", type=click.FloatRange(0), default=0.5, show_default=True, help="Seconds, of p95.")
@click.option("--bytes-margin", type=click.FloatRange(0), default=0.1, show_default=True, help="Share of bytes.")
@click.option("--vmaf-p5-margin", type=click.FloatRange(0), default=1.0, show_default=True, help="VMAF points.")
@click.option("--device", type=click.Choice(list(abr.DEVICES)), default="tv-1080p", show_default=True)
@click.option("--target-vmaf", type=click.FloatRange(0, 100), default=93.0, show_default=True)
@session_options
@click.option("--starts", type=click.IntRange(1), default=4, show_default=True, help="Sessions per trace.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--quiet", is_flag=True, help="Say nothing about progress.")
def command(
    presentations: tuple[str, ...],
    traces: tuple[Path, ...],
    policies: tuple[str, ...],
    primary: str,
    rebuffer_margin: float,
    startup_margin: float,
    bytes_margin: float,
    vmaf_p5_margin: float,
    device: str,
    target_vmaf: float,
    mode: str,
    starts: int,
    seed: int,
    as_json: bool,
    quiet: bool,
    **session: Any,
) -> None:
    """Compare two ladders (two PRESENTATIONS), two policies, or both at once; the second arm against the first."""
    reporter = Reporter(quiet=quiet)
    names = [_title(name) for given in policies for name in given.split(",")]
    if len(presentations) > 2 or len(names) > 2 or len(presentations) + len(names) < 3:
        raise click.UsageError("give two presentations, or two policies, or two of each")
    if primary not in abr.METRICS:
        raise click.UsageError(f"no metric is called {primary!r}; there are {', '.join(abr.METRICS)}")
    model = model_of(mode, **session)
    ladders = [abr.load_presentation(path, audio=model.audio) for path in presentations]
    if len(ladders) == 2 and ladders[0].title == ladders[1].title:
        ladders = [pres.renamed(str(path)) for pres, path in zip(ladders, presentations, strict=True)]
    networks = abr.load_traces(traces)
    tell_notes(reporter, ladders, networks)
    with reporter.stage("replaying") as advance:
        table = abr.simulate_many(
            ladders,
            networks,
            names,
            starts=starts,
            seed=seed,
            device=device,
            target=target_vmaf,
            mode=mode,
            model=model,
            progress=advance,
        )
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
    result = abr.compare_arms(table, first, second, primary=primary, guardrails=guardrails, seed=seed)
    share = None
    if len(ladders) == 2 and len(names) == 2:
        titles = (ladders[0].title, ladders[1].title)
        share = abr.decompose_effect(table, titles, (names[0], names[1]), primary)
    if as_json:
        click.echo(json.dumps(asdict(result) | {"shares": share}))
    else:
        _show(result, share)


def _title(name: str) -> str:
    try:
        return abr.get_policy(name).title
    except ShotladderError as error:
        raise click.UsageError(str(error)) from error


def _show(result: abr.ArmComparison, share: dict[str, float] | None) -> None:
    click.echo(f"{result.second}\nagainst {result.first}: {result.sessions} sessions over {result.traces} traces")
    click.echo(f"{'':20}{'first':>12}{'second':>12}{'difference':>12}{'95 % interval':>26}{'p, Holm':>9}")
    for effect in result.effects:
        low, high = effect.ci95
        click.echo(
            f"{effect.metric:20}{effect.first:>12.5g}{effect.second:>12.5g}{effect.difference:>+12.4g}"
            f"{f'{low:+.4g} .. {high:+.4g}':>26}{effect.adjusted:>9.3f}"
        )
    if share is not None:
        click.echo(
            f"of {share['together']:+.4g} {result.primary}, {share['ladder']:+.4g} is the ladder's and "
            f"{share['policy']:+.4g} the policy's"
        )
    click.echo(f"verdict: {result.verdict}")
    for reason in result.reasons:
        click.echo(f"  {reason}")
