"""`shotladder shots`: where shots begin, what opens them, how hard they are to code."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

import ladders
from encoder import Source, inspect
from ladders import Analysis
from shotladder.progress import Reporter
from shotladder.report.presentation_document import shot_document

__all__ = ["command"]


@click.command("shots")
@click.argument("source")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line a shot, comma separated.")
@click.option("--sheet", type=click.Path(dir_okay=False, path_type=Path), help="Write a contact sheet (PNG).")
@click.option("--threads", type=click.IntRange(0), help="Threads of the decoder, 0 for one a core.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, no talk.")
def command(source: str, as_json: bool, as_csv: bool, sheet: Path | None, threads: int | None, quiet: bool) -> None:
    """Find the shots of SOURCE and measure their complexity."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    if sheet is not None and sheet.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise click.BadParameter("a contact sheet is a .png or .jpg", param_hint="--sheet")
    reporter = Reporter(quiet=quiet)
    film = inspect(source)
    with reporter.stage("finding shots") as advance:
        analysis = ladders.analyse_shots(film, threads=threads, progress=advance)
    for first, last in analysis.undecodable:
        which = f"frame {first}" if last == first + 1 else f"frames {first} to {last - 1}"
        reporter.say(f"lost: {which} at {float(film.time(first)):.2f} s: cannot be decoded")
    if sheet is not None:
        with reporter.stage("drawing the contact sheet") as advance:
            from shotladder.report.contact_sheet import write_contact_sheet

            write_contact_sheet(film, analysis.shots, sheet, advance)
    if as_json:
        click.echo(json.dumps(_document(film, analysis)))
    elif as_csv:
        click.echo(_csv(film, analysis), nl=False)
    else:
        _print_table(film, analysis)


def _document(film: Source, analysis: Analysis) -> dict[str, Any]:
    return {
        "source": film.path,
        "frame_rate": f"{film.frame_rate.numerator}/{film.frame_rate.denominator}",
        "frame_count": film.frame_count,
        "shots": [shot_document(film, shot) for shot in analysis.shots],
        "transitions": [asdict(transition) for transition in analysis.transitions],
        "lost_frames": [list(span) for span in analysis.undecodable],
    }


def _csv(film: Source, analysis: Analysis) -> str:
    out = io.StringIO()
    lines = [_flat(shot_document(film, shot)) for shot in analysis.shots]
    writer = csv.DictWriter(out, lines[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    """Spread what is pooled over columns; mixed frames become two."""
    mixed = document["mixed_frames"] or (None, None)
    line = {key: value for key, value in document.items() if key not in ("complexity", "mixed_frames")}
    line["mixed_first"], line["mixed_last"] = mixed
    for name, pooled in document["complexity"].items():
        for statistic in ("mean", "std", "p95"):
            line[f"{name}_{statistic}"] = None if pooled is None else pooled[statistic]
    return line


def _print_table(film: Source, analysis: Analysis) -> None:
    table = Table(box=None, header_style="bold")
    for name in ("shot", "first", "frames", "start s", "length s", "SI", "TI", "texture", "temporal", "bits", "grain"):
        table.add_column(name, justify="right")
    table.add_column("opens with")
    for n, shot in enumerate(analysis.shots, 1):
        start, end = film.time(shot.start), film.time(shot.stop)
        measures = shot.complexity
        values = (
            measures.si,
            measures.ti,
            measures.texture,
            measures.temporal,
            measures.inter_cost,
            measures.grain,
        )
        table.add_row(
            str(n),
            str(shot.start),
            str(shot.frame_count),
            f"{float(start):.3f}",
            f"{float(end - start):.3f}",
            # what rounding leaves of nothing is nothing
            *("-" if pooled is None else f"{round(pooled.mean, 9):.3g}" for pooled in values),
            shot.transition
            if shot.transition_frames is None
            else f"{shot.transition} {shot.transition_frames[0]}-{shot.transition_frames[1] - 1}",
        )
    # a pipe has no width to fit into
    Console(width=None if sys.stdout.isatty() else 140).print(table)
