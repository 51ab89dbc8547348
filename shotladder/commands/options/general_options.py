"""The options that every command has: JSON output and quiet."""

from __future__ import annotations

from shotladder.commands.options.grouped_command import GENERAL, option

__all__ = ["json_flag", "quiet_flag"]

json_flag = option(
    GENERAL, "--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else."
)
quiet_flag = option(GENERAL, "--quiet", "-q", is_flag=True, help="Suppress progress and notes on stderr.")
