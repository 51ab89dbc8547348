"""`shotladder encode`: a video becomes an adaptive presentation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from shotladder.commands.options.config_file import config_option, render_config
from shotladder.commands.options.execution_options import execution_options
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand, option
from shotladder.commands.options.ladder_options import ladder_options
from shotladder.commands.options.library_values import LADDER_MODES
from shotladder.commands.options.packaging_options import packaging_options, track_options
from shotladder.kernel_notice import announce_compilation
from shotladder.report.readable_units import format_seconds, format_size
from shotladder.reporter import Reporter
from shotladder.terminal_table import terminal_width
from shotladder_runtime.printable_text import printable

__all__ = ["command"]


@click.command("encode", cls=GroupedCommand)
@click.argument("source")
@option(
    "Input and output",
    "--output",
    "-o",
    metavar="DIRECTORY",
    type=click.Path(path_type=Path),
    required=True,
    help="Output directory of the presentation, or the .mp4 file of --single-rung.",
)
@option(
    "Input and output",
    "--overwrite",
    is_flag=True,
    help="Replace an existing presentation, atomically, after a successful run.",
)
@option(
    "Input and output",
    "--single-rung",
    is_flag=True,
    help="Write one .mp4 file at the target VMAF, with audio, instead of a presentation.",
)
@config_option
@ladder_options
@track_options
@packaging_options
@option(
    "Execution",
    "--compare/--no-compare",
    default=True,
    show_default=True,
    help="Estimate the saving over a fixed ladder by encoding a sample of the chunks with it.",
)
@option(
    "Execution",
    "--dry-run",
    is_flag=True,
    help="Print the encoding plan, an estimate of its CPU time, measured on a few seconds of the source, and the"
    " options as a file for --config, and stop.",
)
@execution_options
@json_flag
@quiet_flag
@click.pass_context
def command(
    ctx: click.Context,
    /,
    source: str,
    output: Path,
    single_rung: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Encode SOURCE as an adaptive DASH and HLS presentation with a per-shot optimised bitrate ladder.

    SOURCE is a file, or an http or https URL whose server states the size.

    \b
    shotladder encode source.mp4 -o out/
    shotladder encode source.mp4 -o out/ --target-vmaf 95 --preset slow
    shotladder encode source.mp4 -o smaller.mp4 --single-rung
    shotladder encode --config film.toml

    An interrupted run resumes when the same command is repeated. The keys that --encrypt generates are saved in
    ~/.local/share/shotladder/keys, in one file per presentation.
    """  # noqa: D301 - click reads \b as "do not rewrap"
    reporter = Reporter(quiet=quiet)
    announce_compilation(reporter)
    # the libraries take seconds to import, and `--help` needs none of them
    from shotladder.commands.options.request_builder import build_encode_request
    from shotladder.pipeline.encode_pipeline import encode, plan
    from shotladder.report.terminal_summary import render_summary

    request = build_encode_request(source, output, options)
    if single_rung:
        _refuse_for_single_rung(options)
        request = replace(request, rungs=1, compare=False)
    if dry_run:
        planned = plan(request, reporter)
        click.echo(json.dumps(planned) if as_json else planned_text(planned))
        if not as_json:
            click.echo(f"\n# the same options as a file for --config\n{render_config(ctx)}")
        return
    if single_rung:
        from shotladder.pipeline.single_rung import encode_single_rung

        file = encode_single_rung(request, reporter)
        click.echo(json.dumps(file.to_dict()) if as_json else printable(file.to_text()))
        return
    outcome = encode(request, reporter)
    if outcome.already_there:
        reporter.say(f"{output}: up to date: already encoded with the same settings")
    if as_json:
        click.echo(json.dumps(outcome.presentation.to_dict()))
    elif not outcome.already_there:
        click.echo(render_summary(outcome.presentation, output, terminal_width()))


def _refuse_for_single_rung(options: dict[str, Any]) -> None:
    """Refuse what a single file cannot have.

    Raises
    ------
    click.UsageError
    """
    if len(options["codecs"]) > 1:
        raise click.UsageError("--single-rung writes one file, so that --codec names one codec")
    if options["ladder"] == "fixed" or options["ladder"] not in LADDER_MODES:
        raise click.UsageError("--single-rung cannot be combined with a fixed ladder or a ladder file")
    for name in ("rungs", "encrypt", "single_file", "client_traces", "min_bitrate"):
        if options[name]:
            raise click.UsageError(f"--single-rung cannot be combined with --{name.replace('_', '-')}")


def planned_text(planned: dict[str, Any]) -> str:
    """Return a plan as text."""
    lines = [
        f"{planned['frames']} frames, {planned['shots']} shots in {planned['chunks']} chunks"
        f" and {planned['segments']} segments; sizes {', '.join(planned['sizes'])}",
        "predicted CPU seconds: " + ", ".join(f"{k} {v:.0f}" for k, v in planned["predicted_cpu_seconds"].items()),
        f"predicted wall time: {format_seconds(planned['predicted_wall_seconds'])} with {planned['workers']} workers;"
        f" predicted size: {format_size(planned['predicted_bytes'])}",
    ]
    return "\n".join(lines)
