"""The requests of a catalogue: each source has the options of the command line, and those of its own line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from shotladder.catalogue.catalogue_run import CatalogueItem
from shotladder.catalogue.source_list import ListedSource, SourceListError, check_names, default_name
from shotladder.commands.options.command_line import describe_command_line
from shotladder.commands.options.grouped_command import WORDS
from shotladder.commands.options.request_builder import build_encode_request
from shotladder_runtime.errors import ShotladderError

__all__ = ["build_catalogue"]

#: Parameters of the command that hold for all sources of a catalogue and are refused in a line of a list.
COMMON = (
    "sources_file",
    "config",
    "dry_run",
    "workers",
    "cluster",
    "store",
    "store_limit",
    "ffmpeg",
    "log",
    "metrics",
    "as_json",
    "quiet",
)


def build_catalogue(ctx: click.Context, listed: Sequence[ListedSource]) -> list[CatalogueItem]:
    """Build the request of each source.

    Parameters
    ----------
    ctx : click.Context
        Of the call.
    listed : sequence of ListedSource

    Raises
    ------
    SourceListError
        If a line has a wrong or a forbidden option, or outputs collide. Nothing was encoded then.
    """
    given = _parse_words(ctx, ctx.meta[WORDS])
    defaults = {**(ctx.default_map or {}), **{k: v for k, v in given.items() if k not in ("source", "config")}}
    lines = [_parse_line(ctx, each) for each in listed]
    names = [str(line["output"]) for line in lines]
    check_names([(each.origin, name) for each, name in zip(listed, names, strict=True)])
    return [
        _build_item(ctx, each, line["source"][0], name, {**defaults, "output": name})
        for each, line, name in zip(listed, lines, names, strict=True)
    ]


def _parse_words(ctx: click.Context, words: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that stand in an argument list, unconverted."""
    parsed = ctx.command.make_parser(ctx).parse_args(list(words))
    options: dict[str, Any] = dict(parsed[0])
    return {name: value for name, value in options.items() if _is_given(value)}


def _is_given(value: Any) -> bool:
    # click marks an absent argument by a sentinel
    return value is not None and "UNSET" not in repr(value)


def _parse_line(ctx: click.Context, listed: ListedSource) -> dict[str, Any]:
    """Return the parameters of one source, unconverted, with its source and the name of its output."""
    try:
        line = _parse_words(ctx, listed.words)
    except click.UsageError as error:
        raise SourceListError(f"{listed.origin}: {error.format_message()}") from error
    sources: tuple[str, ...] = line.get("source") or ()
    if len(sources) != 1:
        raise SourceListError(f"{listed.origin}: a line names one source, not {len(sources)}")
    for parameter in ctx.command.params:
        if parameter.name in COMMON and parameter.name in line:
            raise SourceListError(
                f"{listed.origin}: {parameter.opts[0]} holds for all sources; name it on the command line"
            )
    return {**line, "output": line.get("output", default_name(sources[0]))}


def _build_item(
    ctx: click.Context, listed: ListedSource, source: str, name: str, defaults: dict[str, Any]
) -> CatalogueItem:
    try:
        # a context of its own converts and checks the values as for a call with this source alone
        parsed = ctx.command.make_context(ctx.info_name, list(listed.words), default_map=defaults).params
        place = source if "://" in source else os.path.normpath(listed.folder / source)
        options = {key: value for key, value in parsed.items() if key not in ("source", "output")}
        request = build_encode_request(place, ctx.params["output"] / name, options)
        called = describe_command_line("encode", ctx.meta[WORDS])
        return CatalogueItem(name, replace(request, command_line=called), options["priority"] or 0.0)
    except click.exceptions.Exit:
        raise SourceListError(f"{listed.origin}: --help stands on the command line only") from None
    except click.UsageError as error:
        raise SourceListError(f"{listed.origin}: {error.format_message()}") from error
    except ShotladderError as error:
        raise SourceListError(f"{listed.origin}: {error}") from error
