"""`report.html`: the report of a presentation, one self-contained file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from encoder.packaging.packager import DASH_MANIFEST, HLS_MANIFEST
from ladders import HullPoint
from shotladder.report import figures, report_tables
from shotladder.report.chart import draw_table
from shotladder.report.frame_images import ReportImages
from shotladder.report.presentation_format import Presentation
from shotladder.report.presentation_reader import PRESENTATION
from shotladder.report.readable_units import codec_label, format_bitrate, format_seconds, format_size, format_time
from shotladder.report.verdict import describe_reach, describe_saving, describe_weakest, top_rungs
from shotladder.report.viewers.session_page import BEGIN, END

__all__ = ["write_report"]

#: Files that the page links to, beside it.
_LINKS = (("DASH manifest", DASH_MANIFEST), ("HLS playlist", HLS_MANIFEST), ("all numbers as JSON", PRESENTATION))


def write_report(
    path: Path,
    presentation: Presentation,
    hulls: Mapping[str, Sequence[HullPoint]],
    images: ReportImages,
    *,
    predicted_seconds: Mapping[str, float] | None = None,
    viewers: Markup | None = None,
    command_line: str = "",
    date: datetime | None = None,
) -> None:
    """Write the report of a presentation.

    Parameters
    ----------
    path : Path
        File to write.
    presentation : Presentation
        Content of `presentation.json`.
    hulls : mapping of str to sequence of HullPoint
        Predicted rate-quality points of the title, by codec.
    images : ReportImages
        Thumbnails and frames of weak shots.
    predicted_seconds : mapping, optional
        CPU seconds by stage that were expected before the run: "analysis", "probes", "encode", "measure", "comparison".
    viewers : Markup, optional
        The section of `viewers_section.draw_viewers`.
    command_line : str
        The call that made the presentation; empty for a call from Python.
    date : datetime, optional
        When the presentation was made.
    """
    # autoescape: titles and track names come from files and may contain markup
    environment = Environment(
        loader=PackageLoader("shotladder.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    cost_rows = report_tables.cost_rows(presentation, predicted_seconds or {})
    page = environment.get_template("template.html").render(
        presentation=presentation,
        style=_read_asset("report.css"),
        script=_read_asset("report.js"),
        verdict=_verdict(presentation),
        facts=_facts(presentation),
        links=_LINKS,
        source_rows=report_tables.source_rows(presentation),
        legend=figures.ladder_legend(presentation),
        ladder_chart=figures.draw_ladders(presentation, hulls),
        vmaf_chart=figures.draw_vmaf_over_time(presentation),
        bitrate_chart=figures.draw_bitrate_over_time(presentation),
        images=images,
        fixed_tables=report_tables.fixed_ladder_tables(presentation),
        shot_table=report_tables.shot_table(presentation),
        rung_table=report_tables.rung_table_with_vbv(presentation),
        constraints=report_tables.constraint_table(presentation),
        tracks=report_tables.track_table(presentation),
        cost_rows=cost_rows,
        cost_total=sum(row.seconds for row in cost_rows),
        predicted_total=sum((predicted_seconds or {}).values()),
        viewers=viewers or "",
        viewers_begin=Markup(BEGIN),  # noqa: S704 - constants
        viewers_end=Markup(END),  # noqa: S704
        setting_rows=[*report_tables.run_rows(command_line, date), *report_tables.setting_rows(presentation)],
        data=_data(presentation, images),
        draw_table=draw_table,
        format_seconds=format_seconds,
        format_time=format_time,
    )
    path.write_text(page)


def _read_asset(name: str) -> Markup:
    return Markup(files("shotladder.report").joinpath(name).read_text())  # noqa: S704 - a file of this package


def _verdict(presentation: Presentation) -> list[str]:
    savings = [describe_saving(presentation, each) for each in presentation.comparisons]
    return [text for text in (describe_reach(presentation), *savings, describe_weakest(presentation)) if text]


def _facts(presentation: Presentation) -> list[tuple[str, str]]:
    """Return the numbers that are shown largest."""
    tops = top_rungs(presentation)
    facts = []
    for top in tops:
        name = f"{codec_label(top.codec)}: " if len(tops) > 1 else ""
        facts.append((f"{name}VMAF of the top rung", f"{top.vmaf.mean:.1f}"))
        facts.append((f"{name}bitrate of the top rung", format_bitrate(top.average_bitrate)))
    for comparison in presentation.comparisons:
        if comparison.bd_rate_percent is not None:
            name = f"{codec_label(comparison.codec)}: " if len(tops) > 1 else ""
            error = comparison.bd_rate_error_percent
            spread = f" ± {error:.1f}" if error else ""
            facts.append((f"{name}bits at equal quality", f"{comparison.bd_rate_percent:+.1f}{spread} %"))
    stored = sum(segment.bytes for rung in presentation.video for segment in rung.segments)
    return [*facts, ("rungs", str(len(presentation.video))), ("size of all video", format_size(stored))]


def _after(transition: str) -> str:
    """Return the transition that a shot begins with, as the end of a sentence; the first shot has none."""
    return "" if transition == "start" else f", after a {transition}"


def _data(presentation: Presentation, images: ReportImages) -> dict[str, Any]:
    """Return what the script of the page shows for each shot."""
    return {
        "duration": presentation.duration,
        "shots": [
            {
                "start": shot.start,
                "end": shot.end,
                "text": f"{format_time(shot.start)} to {format_time(shot.end)}{_after(shot.transition)}",
            }
            for shot in presentation.shots
        ],
        "thumbnails": images.thumbnails,
        "rungs": [
            {
                "id": rung.id,
                "vmaf": [round(shot.vmaf, 2) for shot in rung.shots],
                "vmaf_min": [round(shot.vmaf_min, 2) for shot in rung.shots],
                "bits": [shot.bits for shot in rung.shots],
                "quantisers": rung.quantisers,
            }
            for rung in presentation.video
        ],
    }
