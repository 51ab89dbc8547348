"""`shotladder encode`: a video becomes an adaptive presentation."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shotladder.commands.options.command_line import describe_command_line
from shotladder.commands.options.config_file import config_option, render_config
from shotladder.commands.options.execution_options import execution_options
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import WORDS, GroupedCommand, option
from shotladder.commands.options.ladder_options import ladder_options
from shotladder.commands.options.library_values import EXTRA_METRICS, LADDER_MODES
from shotladder.commands.options.packaging_options import packaging_options, track_options
from shotladder.commands.options.size import Size
from shotladder.commands.options.source_argument import require_source
from shotladder.kernel_notice import announce_compilation
from shotladder.report.readable_units import format_count, format_seconds, format_size
from shotladder.reporter import Reporter
from shotladder.terminal_table import terminal_width
from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.printable_text import printable

if TYPE_CHECKING:
    from shotladder.catalogue.catalogue_run import CatalogueItem
    from shotladder.pipeline.cost_estimate import Prices

__all__ = ["command"]


@click.command("encode", cls=GroupedCommand)
@click.argument("source", nargs=-1)
@option(
    "Input and output",
    "--output",
    "-o",
    metavar="DIRECTORY",
    type=click.Path(path_type=Path),
    required=True,
    help="Output directory of the presentation; with several sources, the directory that contains one for each; with"
    " --single-rung, the .mp4 file.",
)
@option(
    "Input and output",
    "--list",
    "sources_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Encode the sources of this file: one line for each, with options that apply to it alone, such as"
    " `film.mp4 -o name --target-vmaf 95`. Default: none.",
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
    "Encoder",
    "--measure",
    metavar=f"[{'|'.join(EXTRA_METRICS)}],...",
    help="Further metrics of every rung, in the report and presentation.json; no decision depends on them."
    " Default: none.",
)
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
@option(
    "Execution",
    "--price-cpu-hour",
    metavar="MONEY",
    type=click.FloatRange(0),
    help="Price of an hour of one CPU core, for the price that --dry-run and the end of a run print. Default: none.",
)
@option(
    "Execution",
    "--price-gb",
    metavar="MONEY",
    type=click.FloatRange(0),
    help="Price of 10**9 bytes of traffic, for the same price: one upload of the presentation. Default: none.",
)
@option(
    "Execution",
    "--priority",
    metavar="NUMBER",
    type=float,
    help="Encode sources with a higher number first; for lines of --list. Default: 0.",
)
@option(
    "Execution",
    "--store-limit",
    metavar="SIZE",
    type=Size(),
    help="Delete the least recently used files of the cache when a source is finished, until the cache has this size,"
    " for example 500G; files in use are kept. Default: unlimited.",
)
@execution_options
@json_flag
@quiet_flag
@click.pass_context
def command(
    ctx: click.Context,
    /,
    source: tuple[str, ...],
    output: Path,
    single_rung: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Encode SOURCE as an adaptive DASH and HLS presentation with a per-shot optimised bitrate ladder.

    SOURCE is a file, or an http or https URL whose server states the size. Several sources, a folder of videos or
    --list FILE are a catalogue: all share the workers, one that fails does not stop the others, and each gets a
    directory in the output directory.

    \b
    shotladder encode source.mp4 -o out/
    shotladder encode source.mp4 -o out/ --target-vmaf 95 --preset slow
    shotladder encode source.mp4 -o smaller.mp4 --single-rung
    shotladder encode --config film.toml
    shotladder encode videos/ -o out/

    An interrupted run resumes when the same command is repeated. The keys that --encrypt generates are saved in
    ~/.local/share/shotladder/keys, in one file per presentation.
    """  # noqa: D301 - click reads \b as "do not rewrap"
    reporter = Reporter(quiet=quiet)
    # the libraries take seconds to import, and neither `--help` nor an absent file needs them
    from shotladder.catalogue.source_list import is_catalogue

    if is_catalogue(source, options["sources_file"]):
        announce_compilation(reporter)
        run_catalogue(ctx, reporter)
        return
    require_source(source[0])
    announce_compilation(reporter)
    from shotladder.commands.options.request_builder import build_encode_request
    from shotladder.pipeline.cost_estimate import Prices, describe_spent
    from shotladder.pipeline.encode_pipeline import encode, plan
    from shotladder.pipeline.store_limit import enforce_store_limit
    from shotladder.report.terminal_summary import render_summary

    called = describe_command_line("encode", ctx.meta[WORDS])
    request = replace(build_encode_request(source[0], output, options), command_line=called)
    if single_rung:
        _refuse_for_single_rung(options)
        request = replace(request, rungs=1, compare=False)
    if dry_run:
        planned = plan(request, reporter)
        prices = Prices(options["price_cpu_hour"], options["price_gb"])
        click.echo(json.dumps(planned) if as_json else planned_text(planned, request.workers, prices))
        if not as_json:
            click.echo(f"\n# the same options as a file for --config\n{render_config(ctx)}")
        return
    if single_rung:
        from shotladder.pipeline.single_rung import encode_single_rung

        file = encode_single_rung(request, reporter)
        click.echo(json.dumps(file.to_dict()) if as_json else printable(file.to_text()))
        return
    outcome = encode(request, reporter)
    if options["store_limit"] is not None:
        enforce_store_limit(request.store, options["store_limit"], reporter)
    if outcome.already_there:
        reporter.say(f"{output}: up to date: already encoded with the same settings")
    if as_json:
        click.echo(json.dumps(outcome.presentation.to_dict()))
    elif not outcome.already_there:
        click.echo(render_summary(outcome.presentation, output, terminal_width()))
    if not as_json and (spent := describe_spent(outcome, Prices(options["price_cpu_hour"], options["price_gb"]))):
        click.echo(spent)


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


def run_catalogue(ctx: click.Context, reporter: Reporter) -> None:
    """Encode several sources.

    Raises
    ------
    CatalogueError
        When all have ended, if some failed.
    """
    from shotladder.catalogue.catalogue_run import CatalogueError, encode_catalogue
    from shotladder.catalogue.catalogue_table import catalogue_document, count_statuses, render_catalogue
    from shotladder.catalogue.source_list import list_sources
    from shotladder.commands.options.catalogue_builder import build_catalogue

    options = ctx.params
    if options["single_rung"]:
        raise click.UsageError("--single-rung takes one source", ctx)
    if not options["source"] and options["sources_file"] is None:
        raise click.UsageError("Missing argument 'SOURCE...'; name videos, a folder or --list FILE.", ctx)
    items = build_catalogue(ctx, list_sources(options["source"], options["sources_file"], reporter))
    if options["dry_run"]:
        plan_catalogue(ctx, items, reporter)
        return
    results = encode_catalogue(items, reporter, options["store_limit"])
    if options["as_json"]:
        click.echo(json.dumps(catalogue_document(results)))
    else:
        click.echo(render_catalogue(results, terminal_width()))
    if any(result.error for result in results):
        raise CatalogueError(f"{count_statuses(results)}; the same command tries the failed ones again")


def plan_catalogue(ctx: click.Context, items: Sequence[CatalogueItem], reporter: Reporter) -> None:
    """Print the plan of each source and the sum of their costs; a source that cannot be planned has its error."""
    from shotladder.pipeline.cost_estimate import Prices, describe_costs, sum_needs
    from shotladder.pipeline.encode_pipeline import plan

    plans: list[dict[str, Any]] = []
    for item in items:
        try:
            planned = plan(item.request, reporter)
        except ShotladderError as error:
            planned = {"error": str(error)}
        plans.append({"name": item.name, "source": item.request.source, **planned})
    needs, workers = (
        sum_needs([each["predicted_needs"] for each in plans if "error" not in each]),
        ctx.params["workers"],
    )
    if ctx.params["as_json"]:
        click.echo(json.dumps({"sources": plans, "predicted_needs": needs}))
        return
    prices = Prices(ctx.params["price_cpu_hour"], ctx.params["price_gb"])
    for each in plans:
        text = each["error"] if "error" in each else planned_text(each, workers, prices)
        click.echo(f"{each['name']}\n{textwrap.indent(text, '  ')}")
    if needs:
        click.echo("\n".join([f"all {format_count(len(plans), 'source')}", *describe_costs(needs, workers, prices)]))


def planned_text(planned: dict[str, Any], workers: int, prices: Prices) -> str:
    """Return a plan as text."""
    from shotladder.pipeline.cost_estimate import describe_costs

    needs = planned.get("predicted_needs")
    counts = {f"{noun}s": format_count(planned[f"{noun}s"], noun) for noun in ("frame", "shot", "chunk", "segment")}
    lines = [
        f"{counts['frames']}, {counts['shots']} in {counts['chunks']} and {counts['segments']};"
        f" sizes {', '.join(planned['sizes'])}",
        "predicted CPU seconds: " + ", ".join(f"{k} {v:.0f}" for k, v in planned["predicted_cpu_seconds"].items()),
        f"predicted wall time: {format_seconds(planned['predicted_wall_seconds'])}"
        f" with {format_count(planned['workers'], 'worker')};"
        f" predicted size: {format_size(planned['predicted_bytes'])}",
        *(describe_costs(needs, workers, prices) if needs else ()),
    ]
    return "\n".join(lines)
