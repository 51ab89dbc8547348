"""`shotladder encode`: a film to a presentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from shotladder.commands.options import (
    audio_options,
    encryption_options,
    json_flag,
    ladder_options,
    quiet_flag,
    request_from,
)
from shotladder.pipeline.encode_pipeline import encode, plan
from shotladder.progress import Reporter
from shotladder.report.html_report import rung_table

__all__ = ["command"]


@click.command("encode")
@click.argument("source")
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="Folder of the presentation.")
@ladder_options
@audio_options
@encryption_options
@click.option("--single-file", is_flag=True, help="One file a track, fetched by ranges, rather than one a segment.")
@click.option("--overwrite", is_flag=True, help="Replace the presentation in the folder, once the new one is whole.")
@click.option(
    "--dry-run", is_flag=True, help="Tell the plan, and the cost as a few seconds of the film predict it; make nothing."
)
@click.option(
    "--compare/--no-compare",
    default=True,
    show_default=True,
    help="Try the fixed ladder's rungs on a sample of the film, too, to tell what is saved.",
)
@json_flag
@quiet_flag
def command(source: str, output: Path, dry_run: bool, as_json: bool, quiet: bool, **options: Any) -> None:
    """Turn SOURCE into a DASH and HLS presentation whose every shot got the bits it deserves.

    \b
    shotladder encode film.mp4 -o film/
    shotladder encode film.mp4 -o film/ --target-vmaf 95 --preset slow

    A run that was cut off goes on when the same command is given again. New keys of --encrypt are kept in
    ~/.local/share/shotladder/keys, each pair in a file named by the id of its first.
    """  # noqa: D301 - click reads \b as "do not rewrap"
    reporter = Reporter(quiet=quiet)
    request = request_from(source, output, options)
    if dry_run:
        planned = plan(request, reporter)
        click.echo(json.dumps(planned) if as_json else planned_text(planned))
        return
    outcome = encode(request, reporter)
    if outcome.already_there:
        reporter.say(f"{output}: this presentation is there already, made by the same request; nothing to do")
    if as_json:
        click.echo(json.dumps(outcome.presentation.to_dict()))
    elif not outcome.already_there:
        click.echo(rung_table(outcome.presentation))
        click.echo(f"\n{output / 'manifest.mpd'}\n{output / 'master.m3u8'}\n{output / 'report.html'}")


def planned_text(planned: dict[str, Any]) -> str:
    """Write a plan for a person."""
    lines = [
        f"{planned['frames']} frames, {planned['shots']} shots in {planned['chunks']} chunks"
        f" and {planned['segments']} segments; sizes {', '.join(planned['sizes'])}",
        "predicted CPU seconds: " + ", ".join(f"{k} {v:.0f}" for k, v in planned["predicted_cpu_seconds"].items()),
    ]
    return "\n".join(lines)
