"""Options from a TOML file: its keys are the long options without dashes in front, and `source`."""

from __future__ import annotations

import difflib
import json
import tomllib
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from shotladder.commands.options.grouped_command import option

__all__ = ["config_option", "render_config"]

#: Parameters that belong to one call and not to a file.
_NOT_IN_FILES = frozenset({"config", "dry_run", "as_json", "quiet", "help", "overwrite"})


def _read_config(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Make the values of a file the defaults of the command; options of the command line override them."""
    if path is None:
        return None
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise click.BadParameter(f"{path}: cannot be read ({error})", ctx, param) from error
    known = _keys(ctx.command)
    values: dict[str, Any] = {}
    for key, value in document.items():
        parameter = known.get(key)
        if parameter is None or parameter.name is None:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise click.BadParameter(f"{path}: unknown key {key!r}{hint}", ctx, param)
        values[parameter.name] = _value(parameter, key, value, path, ctx)
    ctx.default_map = {**(ctx.default_map or {}), **values}
    return path


config_option = option(
    "Input and output",
    "--config",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    is_eager=True,
    callback=_read_config,
    help='TOML file with options, such as target-vmaf = 95 or codec = "h264,av1"; options on the command line override'
    " it, and --dry-run prints one. Default: none.",
)


def render_config(ctx: click.Context) -> str:
    """Return the TOML file of the values that a call was given, by the command line or by a file."""
    lines = []
    for key, parameter in _keys(ctx.command).items():
        name = parameter.name or ""
        given = ctx.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)
        is_alias = isinstance(parameter, click.Option) and parameter.is_flag and not parameter.is_bool_flag
        if given and not is_alias:
            value = ctx.params[name]
            if isinstance(parameter, click.Option) and parameter.is_flag:
                # a negative flag such as --no-subtitles stores False
                value = value == parameter.flag_value if parameter.flag_value is False else bool(value)
            lines.append(f"{key} = {_render(value, is_list=_is_list(parameter))}")
    return "\n".join(lines)


def _keys(command: click.Command) -> dict[str, click.Parameter]:
    """Return the parameters that a file may set, by key."""
    found: dict[str, click.Parameter] = {}
    for parameter in command.params:
        if parameter.name in _NOT_IN_FILES:
            continue
        if isinstance(parameter, click.Argument):
            found[parameter.name or ""] = parameter
        else:
            found |= {name.removeprefix("--"): parameter for name in parameter.opts if name.startswith("--")}
    return found


def _value(parameter: click.Parameter, key: str, value: Any, path: Path, ctx: click.Context) -> Any:
    """Return the value of a key as click takes it: text, which the type of the option converts and checks."""
    if isinstance(parameter, click.Option) and parameter.is_flag:
        if not isinstance(value, bool):
            raise click.BadParameter(f"{path}: {key} is {value!r}, expected true or false", ctx)
        if parameter.is_bool_flag and parameter.flag_value is not False:
            return value
        return parameter.flag_value if value else parameter.default
    if _is_list(parameter):
        return [str(each) for each in (value if isinstance(value, list) else [value])]
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, bool | dict):
        raise click.BadParameter(f"{path}: {key} is {value!r}, expected a number or text", ctx)
    return str(value)


def _is_list(parameter: click.Parameter) -> bool:
    """Return whether a parameter takes several values."""
    return getattr(parameter, "multiple", False) or parameter.nargs == -1


def _render(value: Any, *, is_list: bool) -> str:
    if is_list:
        return f"[{', '.join(_render(each, is_list=False) for each in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, tuple):
        return json.dumps(",".join(map(str, value)) or "none")
    # the location of a store may contain a password
    text = value.location if hasattr(value, "location") else str(value)
    return json.dumps(text, ensure_ascii=False)
