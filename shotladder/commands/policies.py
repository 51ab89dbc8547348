"""`shotladder policies`: the ABR policies with version, source and implementation."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from abr.policies import REGISTRY
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand

__all__ = ["command"]

#: Width of the table without a terminal, in characters: no source is wrapped.
PLAIN_WIDTH = 200


@click.command("policies", cls=GroupedCommand)
@json_flag
@quiet_flag
def command(as_json: bool, quiet: bool) -> None:
    """List the ABR policies that `simulate --policy` and `compare --policy` accept.

    A policy is named NAME or NAME@VERSION; NAME alone is the version listed first.
    """
    policies = list_policies()
    if as_json:
        click.echo(json.dumps({"policies": policies}))
        return
    table = Table(box=None, header_style="bold")
    for heading in ("policy", "version", "implementation", "source"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "source")
    for policy in policies:
        table.add_row(*(policy[key] for key in ("name", "version", "implementation", "source")))
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    console.print(table)


def list_policies() -> list[dict[str, Any]]:
    """Return name, version, source and implementation of each policy, in the order of the registry."""
    return [
        {
            "name": policy.name,
            "version": policy.version,
            "source": policy.source,
            # a Python policy is a callable that the user passes to `abr.simulate`; the registry has compiled ones
            "implementation": "compiled",
        }
        for policy in REGISTRY.values()
    ]
