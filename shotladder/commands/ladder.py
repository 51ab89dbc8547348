"""`shotladder ladder`: the bitrate ladder of a video, without the final encodes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shotladder.commands.options.execution_options import execution_options
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand, option
from shotladder.commands.options.ladder_options import ladder_options
from shotladder.commands.options.source_argument import require_source
from shotladder.kernel_notice import announce_compilation
from shotladder.reporter import Reporter
from shotladder.terminal_table import print_table
from shotladder_runtime.store import atomic_write

if TYPE_CHECKING:
    from ladders import Ladder

__all__ = ["command"]


@click.command("ladder", cls=GroupedCommand)
@click.argument("source")
@option(
    "Input and output",
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Ladder JSON file to write, for `encode --ladder`. Default: none.",
)
@ladder_options
@execution_options
@json_flag
@quiet_flag
def command(source: str, output: Path | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Find the bitrate ladder of SOURCE by probe encodes.

    SOURCE is a file, or an http or https URL whose server states the size.

    \b
    shotladder ladder source.mp4 -o ladder.json
    shotladder encode source.mp4 -o out/ --ladder ladder.json
    """  # noqa: D301 - click reads \b as "do not rewrap"
    require_source(source)
    reporter = Reporter(quiet=quiet)
    announce_compilation(reporter)
    # the libraries take seconds to import, and `--help` needs none of them
    from ladders import save_ladders
    from shotladder.commands.options.request_builder import build_encode_request
    from shotladder.pipeline.encode_pipeline import find_ladders
    from shotladder.pipeline.output import check_file

    if output is not None:
        check_file(output)
    request = build_encode_request(source, Path(), options)
    found = find_ladders(request, reporter)
    if output is not None:
        atomic_write(output, lambda path: save_ladders(found, path))
    if as_json:
        documents = [asdict(ladder) for ladder in found]
        click.echo(json.dumps(documents if len(found) > 1 else documents[0]))
    else:
        for ladder in found:
            _print(ladder)


def _print(ladder: Ladder) -> None:
    from ladders import METRICS
    from shotladder.report.readable_units import format_bitrate, format_count, format_range, metric_label

    metric = METRICS.get(ladder.metric)
    click.echo(f"{ladder.mode}, {ladder.codec} {ladder.preset}, predicted")
    rows = [
        (
            str(number),
            f"{rung.width}x{rung.height}",
            format_bitrate(rung.rate),
            f"{metric.scale.to_score(rung.quality) if metric else rung.quality:.1f}",
            format_range(rung.quantisers),
        )
        for number, rung in enumerate(ladder.rungs, 1)
    ]
    print_table(("rung", "size", "bitrate", metric_label(ladder.metric), "quantisers"), rows)
    for name, count in Counter(filter(None, ladder.overrides)).items():
        click.echo(f"{count} of {format_count(len(ladder.chunks), 'chunk')} use {name}")
    cost, loss = ladder.cost, ladder.expected_excess_rate
    click.echo(
        f"{format_count(cost.probes, 'probe encode')}, {cost.cpu_seconds:.0f} CPU s;"
        f" expected excess bitrate {loss:.1f} %",
        err=True,
    )
