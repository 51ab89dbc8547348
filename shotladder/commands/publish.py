"""`shotladder publish`: a presentation to a folder or a server, complete at every moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shotladder.commands.options.age import Age
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand, option
from shotladder.report.readable_units import format_count
from shotladder.reporter import Reporter

if TYPE_CHECKING:
    import delivery

__all__ = ["command"]


@click.command("publish", cls=GroupedCommand)
@click.argument("places", metavar="DIR URL", nargs=-1, required=True)
@option(
    "Target",
    "--overwrite",
    is_flag=True,
    help="Publish into a target that holds other files, or replace a presentation with another title.",
)
@option(
    "Target",
    "--prune",
    metavar="AGE",
    type=Age(),
    help="After publishing, delete the files of releases that were replaced this time ago or earlier, for example 12h."
    " Default: old files are kept.",
)
@option("Target", "--unpublish", is_flag=True, help="Delete everything that was published to URL; omit DIR.")
@option(
    "Target",
    "--max-rate",
    metavar="MBIT/S",
    type=click.FloatRange(0, min_open=True),
    help="Maximum mean upload rate in Mbit/s. Default: no limit.",
)
@option(
    "Steering",
    "--pathway",
    "pathways",
    multiple=True,
    metavar="NAME=URL",
    help="Server that has the files as well, and its address (repeatable); requires --steering-url.",
)
@option(
    "Steering",
    "--steering-url",
    metavar="URL",
    help="Address of the steering server that the manifests name. Default: none.",
)
@json_flag
@quiet_flag
def command(
    places: tuple[str, ...],
    overwrite: bool,
    prune: float | None,
    unpublish: bool,
    max_rate: float | None,
    pathways: tuple[str, ...],
    steering_url: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Publish the presentation in DIR to URL: a folder, sftp://, s3://, gs://, or an HTTP server that takes PUT.

    \b
    shotladder publish out/ /srv/www/show
    shotladder publish out/ sftp://user@host/srv/www/show --prune 1d
    shotladder publish out/ https://user:password@origin.example/show
    shotladder publish --unpublish s3://bucket/show

    Segments are uploaded first, then playlists, then the manifests, so that players always find every file that a
    manifest names. Files of older releases keep their names until --prune deletes them. The same command continues a
    run that was interrupted.
    """  # noqa: D301 - click reads \b as "do not rewrap"
    reporter = Reporter(quiet=quiet)
    if len(places) != (1 if unpublish else 2):
        raise click.UsageError(
            "--unpublish takes one argument, URL" if unpublish else "expected two arguments, DIR URL"
        )
    if bool(pathways) != bool(steering_url):
        raise click.UsageError("--pathway and --steering-url require each other")
    edit = _steering_edit(pathways, steering_url) if steering_url else None
    # the libraries take seconds to import, and `--help` needs none of them
    import delivery

    target = delivery.open_target(places[-1])
    if unpublish:
        with reporter.stage("unpublish") as advance:
            deleted = delivery.unpublish(target, progress=advance)
        if as_json:
            click.echo(json.dumps({"location": target.location, "deleted": deleted}))
        else:
            reporter.say(f"{target.location}: {format_count(len(deleted), 'file')} deleted")
        return
    with reporter.stage("read files"):
        release = delivery.make_release(Path(places[0]), edit=edit)
    rate = None if max_rate is None else max_rate * 1e6 / 8
    with reporter.stage("publish") as advance:
        result = delivery.publish(
            release, target, overwrite=overwrite, prune=prune, bytes_per_second=rate, progress=advance
        )
    _report(reporter, release, target, result)
    if as_json:
        click.echo(json.dumps(_document(release, target, result)))


def _steering_edit(pathways: tuple[str, ...], steering_url: str) -> Callable[[str, str], str]:
    """Return the function that adds pathways to a manifest."""
    pairs = [text.partition("=") for text in pathways]
    import delivery

    found = [delivery.Pathway(name, url) for name, _, url in pairs]
    return lambda path, text: delivery.add_pathways(path, text, found, steering_url)


def _document(release: delivery.Release, target: delivery.Target, result: delivery.PublishResult) -> dict[str, Any]:
    manifests = [f"{target.location}/{file.path}" for file in release.manifests]
    return asdict(result) | {"manifests": manifests, "skipped": release.skipped, "bytes": release.size}


def _report(
    reporter: Reporter, release: delivery.Release, target: delivery.Target, result: delivery.PublishResult
) -> None:
    if release.skipped:
        reporter.say(f"not published, because no manifest names them: {', '.join(release.skipped)}")
    if not target.has_headers:
        reporter.say(f"{target.location}: stores no content types and cache headers; configure the server, see docs")
    reporter.say(
        f"{target.location}: {format_count(len(result.sent), 'file')} sent ({result.sent_bytes} bytes),"
        f" {len(result.kept)} there already, {len(result.deleted)} deleted"
    )
    if result.old_files:
        reporter.say(f"{result.old_files} files of older releases are kept; --prune deletes them")
    for file in release.manifests:
        reporter.say(f"{target.location}/{file.path}")
