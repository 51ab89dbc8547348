"""Commands whose help lists options in groups, and a command whose options take several values.

click has no option groups. The few lines here print one section of help for each group; a package that does the same
replaces click's help and error formatter as well, takes time at every start, and frames errors that scripts read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

__all__ = [
    "CONTEXT_SETTINGS",
    "GENERAL",
    "WORDS",
    "GroupedCommand",
    "MultiValueCommand",
    "combine_options",
    "complete_list",
    "option",
]

Function = TypeVar("Function", bound=Callable[..., Any])

#: Settings of every command: `-h` prints the help as well, with lines of at most 100 characters.
CONTEXT_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

#: Group of the options that name no other, `--help` among them; it is the last.
GENERAL = "General"


#: Key of `Context.meta` for the words of the call.
WORDS = "shotladder.words"


class GroupedOption(click.Option):
    """An option that belongs to a group.

    Parameters
    ----------
    group : str
        Heading of the group in the help.
    """

    def __init__(self, *args: Any, group: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.group = group


def option(group: str, *names: str, **attributes: Any) -> Callable[[Function], Function]:
    """Return the decorator that adds an option to a group; `attributes` are those of `click.option`."""
    return click.option(*names, cls=GroupedOption, group=group, **attributes)


def combine_options(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Return one decorator that adds options in the given order."""

    def add(function: Function) -> Function:
        for each in reversed(options):
            function = each(function)
        return function

    return add


def complete_list(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Return the names that continue the last part of a comma-separated list; a name is not offered twice.

    Examples
    --------
    >>> [item.value for item in complete_list(["h264", "hevc", "av1"], "h264,h")]
    ['h264,hevc']
    """
    before, comma, last = incomplete.rpartition(",")
    used = before.split(",")
    return [CompletionItem(f"{before}{comma}{name}") for name in names if name.startswith(last) and name not in used]


class GroupedCommand(click.Command):
    """A command whose help has one section for each group of options, in the order of their first options."""

    def __init__(self, name: str | None = None, **attributes: Any) -> None:
        attributes["context_settings"] = CONTEXT_SETTINGS | (attributes.get("context_settings") or {})
        super().__init__(name, **attributes)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words of the call in the context, for commands that repeat them for each of their sources."""
        ctx.meta[WORDS] = tuple(args)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            # the summary of a command describes its arguments
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                groups.setdefault(getattr(parameter, "group", GENERAL), []).append(record)
        groups[GENERAL] = groups.pop(GENERAL)
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)


class MultiValueCommand(GroupedCommand):
    """A command whose `--traces` and `--policy` take all values up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its values, which is the form that click parses."""
        repeated: list[str] = []
        current: str | None = None
        for arg in args:
            if arg.startswith("-") and len(arg) > 1:
                current = arg if arg in ("--traces", "--policy") else None
                if current is None:
                    repeated.append(arg)
            elif current is not None:
                repeated += [current, arg]
            else:
                repeated.append(arg)
        return super().parse_args(ctx, repeated)
