"""`shotladder shots`: the shots of a video, their transitions and their complexity."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shotladder.commands.options.execution_options import store_option, workers_option
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand, option
from shotladder.commands.options.source_argument import require_source
from shotladder.kernel_notice import announce_compilation
from shotladder.reporter import Advance, Reporter
from shotladder.terminal_table import print_table
from shotladder_runtime.passwords import without_password
from shotladder_runtime.store import Store

if TYPE_CHECKING:
    from encoder import Source
    from ladders import Analysis

__all__ = ["command"]

#: Suffixes of exported files; those of `shotladder.export.shot_export`, whose import takes seconds.
EXPORTS = (".csv", ".edl", ".otio")


@click.command("shots", cls=GroupedCommand)
@click.argument("source")
@option(
    "Output",
    "--csv",
    "as_csv",
    is_flag=True,
    help="Print comma-separated values on stdout, one line per shot, instead of a table.",
)
@option(
    "Output",
    "--sheet",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a contact sheet with one frame per shot, as PNG or JPEG. Default: none.",
)
@option(
    "Output",
    "--export",
    "exports",
    metavar="FILE",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the shots with timecodes for an editing tool, as .edl, .otio or .csv (repeatable). Default: none.",
)
@workers_option
@store_option
@json_flag
@quiet_flag
def command(
    source: str,
    as_csv: bool,
    sheet: Path | None,
    exports: tuple[Path, ...],
    workers: int,
    store: Store,
    as_json: bool,
    quiet: bool,
) -> None:
    """Detect the shots of SOURCE and measure their complexity.

    SOURCE is a file, or an http or https URL whose server states the size. The analysis is kept in the cache, where
    `encode` and `ladder` find it.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv cannot be combined")
    if sheet is not None and sheet.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise click.BadParameter("the name of a contact sheet must end in .png, .jpg or .jpeg", param_hint="--sheet")
    for path in exports:
        if path.suffix.lower() not in EXPORTS:
            raise click.BadParameter(f"the name must end in {', '.join(EXPORTS)}", param_hint="--export")
    require_source(source)
    reporter = Reporter(quiet=quiet)
    announce_compilation(reporter)
    # the libraries take seconds to import, and `--help` needs none of them
    from encoder import inspect
    from shotladder.pipeline.source.source_analysis import report_notes
    from shotladder.pipeline.store_run import hold_store

    video = inspect(source)
    report_notes(video, reporter)
    with hold_store(store, reporter), reporter.stage("shots") as advance:
        analysis = _analyse(video, store, workers, advance)
    for start, stop in analysis.undecodable:
        frames = f"frame {start}" if stop == start + 1 else f"frames {start} to {stop - 1}"
        reporter.say(f"{frames} at {float(video.time(start)):.2f} s cannot be decoded")
    if sheet is not None:
        with reporter.stage("contact sheet") as advance:
            from shotladder.export.contact_sheet import write_contact_sheet

            write_contact_sheet(video, analysis.shots, sheet, advance)
    for path in exports:
        from shotladder.export.shot_export import export_shots

        export_shots(video, analysis.shots, path)
    if as_json:
        click.echo(json.dumps(_document(video, analysis)))
    elif as_csv:
        click.echo(_csv(video, analysis), nl=False)
    else:
        _print_table(video, analysis)


def _analyse(source: Source, store: Store, workers: int, advance: Advance) -> Analysis:
    """Analyse ranges of the source in parallel, on another thread: an interrupt reaches only the main thread."""
    import ladders
    from shotladder_runtime.jobs import LocalExecutor, run_concurrently
    from shotladder_runtime.process import stop_all

    with LocalExecutor(workers) as executor:
        try:
            call = partial(ladders.analyse_shots_in_parallel, source, executor, store, progress=advance)
            analysis, _ = run_concurrently(executor, [call])[0]
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            stop_all()
            raise
    return analysis


def _document(source: Source, analysis: Analysis) -> dict[str, Any]:
    from shotladder.report.presentation_writer import shot_document

    return {
        "source": without_password(source.path),
        "frame_rate": f"{source.frame_rate.numerator}/{source.frame_rate.denominator}",
        "frame_count": source.frame_count,
        "shots": [shot_document(source, shot) for shot in analysis.shots],
        "transitions": [asdict(transition) for transition in analysis.transitions],
        "lost_frames": [list(span) for span in analysis.undecodable],
    }


def _csv(source: Source, analysis: Analysis) -> str:
    from shotladder.report.presentation_writer import shot_document

    out = io.StringIO()
    lines = [{"shot": n} | _flat(shot_document(source, shot)) for n, shot in enumerate(analysis.shots, 1)]
    writer = csv.DictWriter(out, lines[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    """Return one flat row: a column for each statistic, and two for the range of transition frames."""
    start, stop = document["transition_frames"] or (None, None)
    line = {key: value for key, value in document.items() if key not in ("complexity", "transition_frames")}
    line["transition_start"], line["transition_stop"] = start, stop
    for name, pooled in document["complexity"].items():
        for statistic in ("mean", "std", "p95"):
            line[f"{name}_{statistic}"] = None if pooled is None else pooled[statistic]
    return line


def _print_table(source: Source, analysis: Analysis) -> None:
    head = (
        "shot",
        "start s",
        "duration s",
        "frames",
        "SI",
        "TI",
        "texture",
        "temporal",
        "cost",
        "grain",
        "begins with",
    )
    rows = []
    for n, shot in enumerate(analysis.shots, 1):
        start, end = source.time(shot.start), source.time(shot.stop)
        measures = shot.complexity
        values = (
            measures.si,
            measures.ti,
            measures.texture,
            measures.temporal,
            measures.inter_cost,
            measures.grain,
        )
        rows.append(
            (
                str(n),
                f"{float(start):.3f}",
                f"{float(end - start):.3f}",
                f"{shot.start}-{shot.stop - 1}",
                # rounding turns the remains of an exact zero into zero
                *("-" if pooled is None else f"{round(pooled.mean, 9):.3g}" for pooled in values),
                shot.transition
                if shot.transition_frames is None
                else f"{shot.transition} {shot.transition_frames[0]}-{shot.transition_frames[1] - 1}",
            )
        )
    print_table(head, rows)
