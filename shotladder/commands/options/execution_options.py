"""The options that define where jobs run and where their results are kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from shotladder.commands.options.grouped_command import combine_options, option
from shotladder.store_location import open_store
from shotladder_runtime.store import Store

__all__ = ["StoreLocation", "execution_options", "store_option", "workers_option"]


class StoreLocation(click.ParamType[Store]):
    """A directory, or a URL that fsspec can open."""

    name = "store"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the two forms of a value."""
        return "DIRECTORY|URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Store:
        """Return a store as it is, or open the one at a location."""
        return value if isinstance(value, Store) else open_store(value)


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

#: Add all options of the group Execution that define where jobs run.
execution_options = combine_options(
    workers_option,
    option(
        "Execution",
        "--cluster",
        metavar="ADDRESS",
        help="Run all jobs on the workers of the Dask scheduler at this address. Default: run them on this machine.",
    ),
    store_option,
    option(
        "Execution",
        "--ffmpeg",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="Use this ffmpeg executable. Default: $SHOTLADDER_FFMPEG, or the bundled ffmpeg.",
    ),
    option(
        "Execution",
        "--log",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Append a JSON line to this file for each job: machine, times, CPU time, memory, attempts. Default: none.",
    ),
    option(
        "Execution",
        "--metrics",
        type=click.IntRange(1, 65535),
        metavar="PORT",
        help="Serve the numbers of waiting, running and finished jobs for Prometheus at this port of all interfaces."
        " Default: none.",
    ),
)
