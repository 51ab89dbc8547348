"""`shotladder ladder`: the ladder of a film, without the final encodes."""

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
from shotladder.commands.options import json_flag, ladder_options, quiet_flag, request_from
from shotladder.pipeline.encode_pipeline import find_ladders
from shotladder.pipeline.output import check_file
from shotladder.progress import Reporter
from shotladder_runtime.store import atomic_write

__all__ = ["command"]


@click.command("ladder")
@click.argument("source")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="File that `encode --ladder` takes.")
@ladder_options
@json_flag
@quiet_flag
def command(source: str, output: Path | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Find the ladder of SOURCE by trial encodes.

    \b
    shotladder ladder film.mp4 -o ladder.json
    shotladder encode film.mp4 -o film/ --ladder ladder.json
    """  # noqa: D301 - click reads \b as "do not rewrap"
    if output is not None:
        check_file(output)
    request = request_from(source, Path(), options)
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
        spread = f"{min(rung.quantisers):g} to {max(rung.quantisers):g}"
        rate, quality = f"{rung.rate / 1000:.0f}", f"{rung.quality:.1f}"
        table.add_row(str(number), f"{rung.width}x{rung.height}", rate, quality, spread)
    Console().print(table)
    for name, count in Counter(filter(None, ladder.overrides)).items():
        click.echo(f"{count} of {len(ladder.chunks)} chunks refined: {name}")
    cost, loss = ladder.cost, ladder.expected_excess_rate
    click.echo(f"{cost.probes} trials, {cost.cpu_seconds:.0f} CPU s; more would save about {loss:.1f} %", err=True)
