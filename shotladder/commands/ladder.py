"""`shotladder ladder`: the bitrate ladder of a video, without the final encodes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ladders import Ladder, save_ladders
from shotladder.commands.options.execution_options import execution_options
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand, option
from shotladder.commands.options.ladder_options import ladder_options
from shotladder.commands.options.request_builder import build_encode_request
from shotladder.pipeline.encode_pipeline import find_ladders
from shotladder.pipeline.output import check_file
from shotladder.reporter import Reporter
from shotladder_runtime.store import atomic_write

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
    if output is not None:
        check_file(output)
    request = build_encode_request(source, Path(), options)
    found = find_ladders(request, Reporter(quiet=quiet))
    if output is not None:
        atomic_write(output, lambda path: save_ladders(found, path))
    if as_json:
        documents = [asdict(ladder) for ladder in found]
        click.echo(json.dumps(documents if len(found) > 1 else documents[0]))
    else:
        for ladder in found:
            _print(ladder)


def _print(ladder: Ladder) -> None:
    table = Table(
        "rung",
        "size",
        "kbit/s",
        "VMAF",
        "quantisers",
        title=f"{ladder.mode}, {ladder.codec} {ladder.preset}, predicted",
    )
    for number, rung in enumerate(ladder.rungs):
        quantisers = f"{min(rung.quantisers):g} to {max(rung.quantisers):g}"
        bitrate, score = f"{rung.rate / 1000:.0f}", f"{rung.quality:.1f}"
        table.add_row(str(number), f"{rung.width}x{rung.height}", bitrate, score, quantisers)
    Console().print(table)
    for name, count in Counter(filter(None, ladder.overrides)).items():
        click.echo(f"{count} of {len(ladder.chunks)} chunks use {name}")
    cost, loss = ladder.cost, ladder.expected_excess_rate
    click.echo(
        f"{cost.probes} probe encodes, {cost.cpu_seconds:.0f} CPU s; expected excess bitrate {loss:.1f} %", err=True
    )
