"""The command line as the report shows it: without passwords, query strings and folders of this machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePath
from urllib.parse import urlsplit, urlunsplit

from shotladder_runtime.passwords import without_password
from shotladder_runtime.printable_text import printable

__all__ = ["describe_command_line"]


def describe_command_line(command: str, words: Sequence[str]) -> str:
    """Return a call of the command, in the syntax of a shell, that can be shown to others.

    Parameters
    ----------
    command : str
        Name of the subcommand.
    words : sequence of str
        Its arguments.

    Examples
    --------
    >>> describe_command_line("encode", ["/home/me/my video.mp4", "-o", "out", "--store=s3://key:secret@bucket/a?token=1"])
    "shotladder encode 'my video.mp4' -o out --store=s3://bucket/a"
    """
    shown = []
    for word in words:
        option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        shown.append(f"{option}{equals}{_shorten(value)}")
    return printable(shlex.join(["shotladder", command, *shown]))


def _shorten(value: str) -> str:
    if "://" in value:
        parts = urlsplit(without_password(value))
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    return PurePath(value).name if value.startswith("/") else value
