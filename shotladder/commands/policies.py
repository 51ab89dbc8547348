"""`shotladder policies`: the ABR policies with version, source and implementation."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand
from shotladder.terminal_table import print_table

__all__ = ["command"]


@click.command("policies", cls=GroupedCommand)
@json_flag
@quiet_flag
def command(as_json: bool, quiet: bool) -> None:
    """List the ABR policies that `simulate --policy` and `compare --policy` accept.

    A policy is named NAME@VERSION, or NAME for its preferred version.
    """
    import abr

    policies = abr.list_policies()
    if as_json:
        click.echo(json.dumps({"policies": [asdict(policy) for policy in policies]}))
        return
    rows = [
        (
            policy.id,
            "compiled" if policy.is_compiled else "Python",
            policy.title,
            policy.source,
            policy.validation or "no real player to compare with",
        )
        for policy in policies
    ]
    print_table(("policy", "implementation", "description", "source", "validation of --mode player"), rows, names=5)
