"""Write the reference pages: the commands from click, the libraries from their docstrings."""

from __future__ import annotations

from pathlib import Path

import click

from shotladder.cli import COMMANDS, group
from shotladder.commands.options.grouped_command import GENERAL

__all__ = ["render_commands", "write_pages"]

#: The packages that users import, with one sentence each.
LIBRARIES = {
    "shotladder": "The command as a function, and its results.",
    "encoder": "Sources, frames, chunks, tracks, DASH and HLS.",
    "vmaf": "VMAF of renditions against one reference.",
    "ladders": "Shots, probe encodes, hulls, allocation, rungs.",
    "abr": "Traces, policies, sessions, comparisons.",
    "delivery": "Publishing, filling and steering.",
}


def write_pages(folder: Path) -> None:
    """Write all generated pages into a folder."""
    folder.mkdir(exist_ok=True)
    pages = {"commands.md": render_commands(), "api.rst": _render_libraries()}
    for name, text in pages.items():
        path = folder / name
        # an unchanged page is not built again
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def render_commands() -> str:
    """Return the page of all commands with their options, as the help lists them."""
    parts = ["# Commands\n", "Every command has `-h`, and `shotladder help COMMAND` shows the same text.\n"]
    context = click.Context(group)
    for name, summary in COMMANDS.items():
        command = group.get_command(context, name)
        assert command is not None
        own = click.Context(command, info_name=f"shotladder {name}", help_option_names=["-h", "--help"])
        usage = " ".join(command.collect_usage_pieces(own))
        parts.append(f"## shotladder {name}\n\n{summary}\n\n```text\nshotladder {name} {usage}\n```\n")
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in command.get_params(own):
            record = parameter.get_help_record(own) if isinstance(parameter, click.Option) else None
            if record is not None:
                groups.setdefault(getattr(parameter, "group", GENERAL), []).append(record)
        for title, records in groups.items():
            rows = "".join(f"| `{_cell(option)}` | {_cell(text)} |\n" for option, text in records)
            parts.append(f"**{title}**\n\n| option | meaning |\n|---|---|\n{rows}")
    return "\n".join(parts)


def _cell(text: str) -> str:
    """Return a text that does not end the cell of a table."""
    return " ".join(text.replace("|", r"\|").split())


def _render_libraries() -> str:
    parts = ["Libraries\n=========\n"]
    for name, sentence in LIBRARIES.items():
        parts.append(
            f"{name}\n{'-' * len(name)}\n\n{sentence}\n\n"
            f".. automodule:: {name}\n   :members:\n   :imported-members:\n   :no-index:\n"
        )
    return "\n".join(parts)
