"""`shotladder fill`: which files each edge server holds, and their copies."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from shotladder import ShotladderError
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import MultiValueCommand, option
from shotladder.commands.options.session_options import traces_options
from shotladder.report.presentation_reader import load
from shotladder.report.readable_units import format_seconds
from shotladder.reporter import Reporter

if TYPE_CHECKING:
    import abr
    import delivery

__all__ = ["command"]

SECONDS_PER_DAY = 86_400
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("fill", cls=MultiValueCommand)
@click.argument("sites_path", metavar="SITES", type=FILE)
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@option(
    "Demand",
    "--views",
    "views_path",
    metavar="FILE",
    type=FILE,
    help="CSV file of predicted views per day with the columns presentation, region and views. Default: --zipf.",
)
@option(
    "Demand",
    "--zipf",
    metavar="EXPONENT",
    type=click.FloatRange(0),
    default=0.8,
    show_default=True,
    help="Without --views: exponent of Zipf's law, by which views decrease in the order of the presentations.",
)
@option(
    "Demand",
    "--daily-views",
    metavar="COUNT",
    type=click.FloatRange(0, min_open=True),
    default=1000.0,
    show_default=True,
    help="Without --views: views per day in each region.",
)
@option(
    "Demand",
    "--policy",
    metavar="NAME",
    default="bba-2",
    show_default=True,
    help="ABR policy of the viewers, by which the bytes of each rung are predicted.",
)
@traces_options
@option(
    "Plan",
    "--previous",
    metavar="FILE",
    type=FILE,
    help="Plan that the sites hold now; only other files are copied. Default: the sites are empty.",
)
@option(
    "Plan",
    "--replacement-cost",
    metavar="BYTES",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Bytes served per day that one copied byte must be worth.",
)
@option(
    "Output", "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Plan to write. Default: none."
)
@option("Output", "--apply", "is_applied", is_flag=True, help="Copy the files to the URLs of the sites.")
@option(
    "Output",
    "--in-window",
    is_flag=True,
    help="Wait for the fill window of a site before copying a presentation to it; used with --apply.",
)
@json_flag
@quiet_flag
def command(
    sites_path: Path,
    folders: tuple[Path, ...],
    views_path: Path | None,
    zipf: float,
    daily_views: float,
    policy: str,
    traces: tuple[Path, ...],
    trace_format: str | None,
    trace_units: str | None,
    previous: Path | None,
    replacement_cost: float,
    output: Path | None,
    is_applied: bool,
    in_window: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Plan which rungs of the presentations in DIR... each edge server of SITES holds.

    \b
    shotladder fill sites.toml out/* --traces traces/ --views views.csv -o plan.json
    shotladder fill sites.toml out/* --traces traces/ --previous plan.json -o new.json --apply

    The demand for a file is the predicted views of its presentation times the bytes that a view takes of its rung, by
    replay of the traces. The plan maximises the bytes that sites serve, less the cost of copies, and prints how far it
    is at most from the optimum.
    """  # noqa: D301 - click reads \b as "do not rewrap"
    # the libraries take seconds to import, and `--help` needs none of them
    import abr
    import delivery

    reporter = Reporter(quiet=quiet)
    sites = delivery.read_sites(sites_path)
    if is_applied and not any(site.url for site in sites):
        raise delivery.FillError(f"{sites_path}: no site has a url, which --apply requires")
    titles = {folder: abr.load_presentation(folder) for folder in folders}
    networks = abr.load_traces(traces, format=trace_format, units=trace_units)
    views = _read_views(views_path, sites, list(titles.values()), zipf, daily_views)
    files, demand = [], {region: list[float]() for region in views}
    with reporter.stage("replay") as advance:
        for number, pres in enumerate(titles.values()):
            taken = delivery.bytes_per_view(pres, networks, policy)
            files += [
                delivery.FillFile(pres.title, rung.id, int(size))
                for rung, size in zip(pres.rungs, pres.sizes.sum(axis=0), strict=True)
            ]
            for region, counts in views.items():
                demand[region] += (counts.get(pres.title, 0.0) * taken).tolist()
            advance(number + 1, len(titles))
    held = delivery.read_held(previous) if previous else {}
    gone = sorted({file.presentation for found in held.values() for file in found - set(files)})
    if gone:
        reporter.say(
            f"{previous}: {len(gone)} presentations have files that are not in DIR..., for example {gone[0]}; the plan"
            " does not count the disk of these files, and does not delete them"
        )
    with reporter.stage("plan") as advance:
        plan = delivery.plan_fill(sites, files, demand, held=held, replacement_cost=replacement_cost, progress=advance)
    for note in plan.notes:
        reporter.say(note)
    document = delivery.plan_document(plan)
    if output is not None:
        _write(output, document)
    if is_applied:
        _apply(reporter, plan, {pres.title: folder for folder, pres in titles.items()}, in_window=in_window)
    if as_json:
        click.echo(json.dumps(document))
    else:
        _show(plan)


def _read_views(
    path: Path | None, sites: Sequence[delivery.Site], titles: Sequence[abr.Presentation], zipf: float, daily: float
) -> Mapping[str, Mapping[str, float]]:
    import delivery

    names = [pres.title for pres in titles]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise delivery.FillError(f"two presentations have the title {twice!r}")
    if path is None:
        counts = dict(zip(names, delivery.zipf_views(len(names), daily, zipf).tolist(), strict=True))
        return dict.fromkeys((site.region for site in sites), counts)
    views = delivery.read_views(path)
    unknown = {name for counts in views.values() for name in counts} - set(names)
    if unknown:
        raise delivery.FillError(f"{path}: no presentation has the title {min(unknown)!r}")
    return views


def _apply(reporter: Reporter, plan: delivery.FillPlan, folders: Mapping[str, Path], *, in_window: bool) -> None:
    """Copy what each site holds, and delete what it no longer holds."""
    import delivery

    # higher tiers first: a miss at a lower one then finds the file
    for each in sorted(plan.sites, key=lambda each: -each.site.tier):
        if not each.site.url:
            reporter.say(f"{each.site.name}: has no URL; nothing is copied")
            continue
        rate = each.site.fill_rate / 8
        names = dict.fromkeys(file.presentation for file in (*each.files, *each.removed))
        for name in names:
            if in_window:
                _wait_for_window(reporter, each.site)
            target = delivery.open_target(f"{each.site.url.rstrip('/')}/{name}")
            rungs = {file.rung for file in each.files if file.presentation == name}
            if not rungs:
                delivery.unpublish(target)
                continue
            if name not in folders:
                raise delivery.FillError(f"{name}: is planned for {each.site.name}, but no DIR has this title")
            wanted = _files_of(folders[name], rungs)
            release = delivery.make_release(folders[name], select=wanted.__contains__)
            with reporter.stage(f"{each.site.name}: {name}") as advance:
                delivery.publish(
                    release,
                    target,
                    prune=0,
                    bytes_per_second=rate if math.isfinite(rate) else None,
                    progress=advance,
                )


def _wait_for_window(reporter: Reporter, site: delivery.Site) -> None:
    """Wait until the fill window of a site is open."""
    while (left := site.seconds_until_fill(time.time() % SECONDS_PER_DAY)) > 0:
        reporter.say(f"{site.name}: waits {format_seconds(left)} for its fill window")
        time.sleep(left)


def _files_of(folder: Path, rungs: set[str]) -> set[str]:
    """Return the media files of rungs."""
    found = [video for video in load(folder).video if video.id in rungs]
    return {path for video in found for path in (video.init, *(segment.url for segment in video.segments))}


def _write(path: Path, document: Mapping[str, Any]) -> None:
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        partial.write_text(json.dumps(document, indent=1))
        partial.replace(path)
    except OSError as error:
        raise ShotladderError(f"{path}: cannot write: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _show(plan: delivery.FillPlan) -> None:
    table = Table("site", "region", "files", "GB", "of GB", "copied GB", "served GB/day")
    for each in plan.sites:
        sizes = [sum(file.size for file in group) / 1e9 for group in (each.files, each.new)]
        row = (len(each.files), f"{sizes[0]:.3g}", f"{each.site.disk / 1e9:.3g}", f"{sizes[1]:.3g}")
        table.add_row(each.site.name, each.site.region, *map(str, row), f"{each.served / 1e9:.3g}")
    Console().print(table)
    click.echo(f"offload {plan.offload:.1%}; at most {plan.gap:.3%} below the optimum")
