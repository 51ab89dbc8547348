"""`shotladder policies`: the ABR policies with version, source and implementation."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

import abr
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand

__all__ = ["command"]

#: Width of the table without a terminal, in characters: no cell is wrapped.
PLAIN_WIDTH = 240


@click.command("policies", cls=GroupedCommand)
@json_flag
@quiet_flag
def command(as_json: bool, quiet: bool) -> None:
    """List the ABR policies that `simulate --policy` and `compare --policy` accept.

    A policy is named NAME@VERSION, or NAME for its preferred version.
    """
    policies = abr.list_policies()
    if as_json:
        click.echo(json.dumps({"policies": [asdict(policy) for policy in policies]}))
        return
    table = Table(box=None, header_style="bold")
    for heading in ("policy", "description", "source", "implementation"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "policy")
    for policy in policies:
        table.add_row(policy.id, policy.title, policy.source, "compiled" if policy.is_compiled else "Python")
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    console.print(table)
