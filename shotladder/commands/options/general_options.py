"""Options that most commands share: output format, progress, store and number of jobs."""

from __future__ import annotations

import os
from typing import Any

import click

from shotladder.commands.options.grouped_command import GENERAL, option
from shotladder_runtime.store import Store

__all__ = ["StoreLocation", "json_flag", "quiet_flag", "store_option", "workers_option"]

json_flag = option(
    GENERAL, "--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else."
)
quiet_flag = option(GENERAL, "--quiet", "-q", is_flag=True, help="Suppress progress and notes on stderr.")


class StoreLocation(click.ParamType[Store]):
    """A directory, or a URL that fsspec can open."""

    name = "store"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the two forms of a value."""
        return "DIRECTORY|URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Store:
        """Return a store as it is, or open the one at a location."""
        return value if isinstance(value, Store) else Store.at(value)


store_option = option(
    "Execution",
    "--store",
    type=StoreLocation(),
    default=Store.default,
    help="Cache for intermediate files: a directory or an fsspec URL. Default: the user cache directory.",
)

workers_option = option(
    "Execution",
    "--workers",
    metavar="COUNT",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default="number of CPU cores",
    help="Number of jobs that run in parallel.",
)
