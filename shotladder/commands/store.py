"""`shotladder store`: the contents of the cache of intermediate files, and their deletion."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import click

from shotladder.commands.options.age import SECONDS, Age
from shotladder.commands.options.execution_options import store_option
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand, option
from shotladder.commands.options.size import BYTES, Size
from shotladder.terminal_table import print_table
from shotladder_runtime.printable_text import printable
from shotladder_runtime.store import Artefact, Store, list_artefacts, prune

__all__ = ["command"]


@click.command("store", cls=GroupedCommand)
@store_option
@option(
    "Pruning",
    "--older-than",
    metavar="AGE",
    type=Age(),
    help="Delete files that have not been used for this time, for example 12h, 30d or 8w. Default: no limit.",
)
@option(
    "Pruning",
    "--max-size",
    metavar="SIZE",
    type=Size(),
    help="Delete the least recently used files until the cache has this size, for example 500M or 20G. Default: no"
    " limit.",
)
@option("Pruning", "--dry-run", is_flag=True, help="List the files to delete without deleting them.")
@json_flag
@quiet_flag
def command(
    store: Store, older_than: float | None, max_size: int | None, dry_run: bool, as_json: bool, quiet: bool
) -> None:
    """Show the contents of the cache, or prune it with --older-than and --max-size.

    The cache holds probe encodes, chunks, scores and tracks.

    \b
    shotladder store
    shotladder store --older-than 30d --max-size 20G

    Files in use by a running job are kept, and deleted files are created again when a run needs them. A directory that
    contains files but no cache is refused.
    """  # noqa: D301 - click reads \b as "do not rewrap"
    gone = None
    if older_than is not None or max_size is not None:
        gone = prune(store, older_than=older_than, max_size=max_size, dry_run=dry_run)
    elif dry_run:
        raise click.UsageError("--dry-run requires --older-than or --max-size")
    kinds = [_summed(kind, group) for kind, group in _by_kind(list_artefacts(store))]
    document: dict[str, Any] = {"store": store.location, "kinds": kinds}
    if gone is not None:
        document["deleted"] = {
            "count": len(gone),
            "bytes": sum(a.size for a in gone),
            "dry_run": dry_run,
            "files": [{"path": f"{a.location}/{a.name}", "bytes": a.size} for a in gone],
        }
    if as_json:
        click.echo(json.dumps(document))
    elif not quiet:
        _print(document)


def _by_kind(found: Sequence[Artefact]) -> list[tuple[str, list[Artefact]]]:
    return [(kind, [a for a in found if a.kind == kind]) for kind in sorted({a.kind for a in found})]


def _summed(kind: str, group: Sequence[Artefact]) -> dict[str, Any]:
    now = time.time()
    return {
        "kind": kind,
        "count": len(group),
        "bytes": sum(artefact.size for artefact in group),
        "seconds_since_use": {"min": round(now - group[-1].used, 1), "max": round(now - group[0].used, 1)},
    }


def _print(document: dict[str, Any]) -> None:
    rows = document["kinds"]
    if not rows and "deleted" not in document:
        click.echo(printable(f"{document['store']}: no artefacts"))
        return
    click.echo(printable(document["store"]))
    table = []
    for row in rows:
        ages = row["seconds_since_use"]
        span = f"{_age(ages['max'])} to {_age(ages['min'])} ago"
        table.append((row["kind"], str(row["count"]), _size(row["bytes"]), span))
    table.append(("all", str(sum(r["count"] for r in rows)), _size(sum(r["bytes"] for r in rows)), ""))
    print_table(("kind", "artefacts", "size", "last used"), table)
    if deleted := document.get("deleted"):
        verb = "would be deleted" if deleted["dry_run"] else "deleted"
        for file in deleted["files"]:
            click.echo(f"{_size(file['bytes'])}  {file['path']}")
        click.echo(f"{deleted['count']} artefacts and unfinished files, {_size(deleted['bytes'])}: {verb}")


def _age(seconds: float) -> str:
    unit = next((u for u in ("w", "d", "h") if seconds >= 2 * SECONDS[u]), "m")
    return f"{seconds / SECONDS[unit]:.0f}{unit}"


def _size(count: int) -> str:
    unit = next((u for u in ("T", "G", "M", "K") if count >= BYTES[u]), "")
    return f"{count / BYTES[unit]:.3g} {unit.replace('K', 'k')}B"
