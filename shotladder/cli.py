"""The command `shotladder`: its subcommands, and the translation of errors into exit codes."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import io
import platform
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from shotladder import ShotladderError, __version__
from shotladder_runtime.passwords import without_password
from shotladder_runtime.temporary_folder import delete_abandoned, temporary_folder

__all__ = ["group", "main"]

#: Summary of each command. A command is `shotladder.commands.<name>.command`; its module is imported when it is called.
COMMANDS = {
    "compare": "Compare two ladders or two ABR policies on the same sessions.",
    "doctor": "Check the installation and explain how to add what is missing.",
    "encode": "Encode a video as an adaptive DASH and HLS presentation.",
    "fill": "Plan which files each edge server holds, and copy them.",
    "ladder": "Find the bitrate ladder of a video without the final encodes.",
    "play": "Play a presentation on this machine over a simulated network.",
    "policies": "List the ABR policies with their versions and sources.",
    "publish": "Publish a presentation to a folder or a server.",
    "score": "Measure VMAF of renditions against one reference.",
    "shots": "Detect shots and measure their complexity.",
    "simulate": "Simulate playback of a presentation over network traces.",
    "steer": "Steer players between edge servers.",
    "store": "Show the cache of intermediate files, or prune it.",
}


class LazyGroup(click.Group):
    """A group that imports the module of a command only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"shotladder.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; `help` shows the help of the group or of a command, and a mistyped name the nearest one."""
        if args[0] == "help":
            args = [*args[1:2], "--help"]
            if len(args) == 1:
                click.echo(ctx.get_help())
                ctx.exit()
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            close = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(COMMANDS)}"
            ctx.fail(f"unknown command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the table, so that `--help` imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_versions(ctx: click.Context, _: click.Parameter, requested: bool) -> None:
    if requested and not ctx.resilient_parsing:
        for name, version in tool_versions().items():
            click.echo(f"{name} {version}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    "-V",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_versions,
    help="Print the versions of shotladder, ffmpeg, the packager, numba and Python.",
)
def group() -> None:
    """Encode videos with a per-shot bitrate ladder, and simulate how clients stream the result."""


def tool_versions() -> dict[str, str]:
    """Return the versions of shotladder and of the tools that decide its results; "not found" for a missing tool."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as package_version

    from shotladder_runtime.tools import ffmpeg_version, packager_version

    versions = {"shotladder": __version__}
    for name, read in (
        ("ffmpeg", ffmpeg_version),
        ("packager", packager_version),
        ("numba", lambda: package_version("numba")),
    ):
        try:
            versions[name] = read()
        except (ShotladderError, OSError, ImportError, PackageNotFoundError):
            versions[name] = "not found"
    return versions | {"python": platform.python_version()}


class Terminated(KeyboardInterrupt):
    """A signal that ends the command; every `except KeyboardInterrupt` unwinds for it."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


@contextmanager
def _unwind_on_signals() -> Iterator[None]:
    """Raise `Terminated` in the block for the first signal, unless the parent ignores it (nohup)."""

    def end(number: int, _: FrameType | None) -> None:
        # cleaning up is not interrupted by a repetition
        for each in handled:
            signal.signal(each, signal.SIG_IGN)
        raise Terminated(number)

    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    handled = {number: before for number, before in found.items() if before not in (signal.SIG_IGN, None)}
    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, before in handled.items():
            signal.signal(number, before)


@contextmanager
def _keep_temporary_files_together() -> Iterator[None]:
    """Create the temporary files of the block in one folder; first delete the folders of killed commands."""
    before = tempfile.tempdir
    with contextlib.ExitStack() as stack:
        # without a folder for temporary files, some commands work nevertheless
        with contextlib.suppress(OSError):
            parent = Path(tempfile.gettempdir())
            delete_abandoned(parent, "shotladder-")
            tempfile.tempdir = str(stack.enter_context(temporary_folder(parent, "shotladder-")))
        try:
            yield
        finally:
            tempfile.tempdir = before


def _print_error(text: str) -> None:
    """Print one line on stderr without passwords; a terminal that was closed (SIGHUP) is no reason to fail."""
    with contextlib.suppress(OSError):
        click.echo(without_password(" ".join(text.split())), err=True)


def _show(error: click.ClickException) -> None:
    """Print an error of click, with the usage, in the form of all other errors."""
    text = io.StringIO()
    error.show(text)
    click.echo(re.sub(r"(?m)^Error: ", "error: ", text.getvalue()), err=True, nl=False)


def main() -> None:
    """Run the command and exit.

    The exit status is 0 for success, 1 for an error reported in one line, 2 for wrong usage, 130 for an interrupt
    (Ctrl-C), 143 for SIGTERM and 129 for SIGHUP.
    """
    with _unwind_on_signals():
        sys.exit(_run())


def _run() -> int:
    try:
        with _keep_temporary_files_together():
            status = group.main(standalone_mode=False)
    except click.UsageError as error:
        _show(error)
        return 2
    except (click.Abort, KeyboardInterrupt) as error:
        _print_error("interrupted")
        # click raises `Abort` from the original exception; a shell reports the end by a signal in this way
        cause = error.__cause__ if isinstance(error, click.Abort) else error
        return 128 + (cause.number if isinstance(cause, Terminated) else signal.SIGINT)
    except click.ClickException as error:
        _show(error)
        return 1
    except BrokenPipeError:
        # the reader of a pipe may stop early (`| head`); this is not an error
        sys.stderr.close()
        return 0
    except ShotladderError as error:
        _print_error(f"error: {error}")
        return 1
    except OSError as error:
        # the environment is at fault, for example a full disk, and a traceback would not help
        _print_error(f"error: {error.filename or 'input or output'}: {error.strerror or error}")
        return 1
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    main()
