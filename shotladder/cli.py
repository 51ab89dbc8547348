"""The command `shotladder`: its subcommands, and the translation of errors into exit codes."""

from __future__ import annotations

import importlib
import platform
import sys

import click

from shotladder import ShotladderError, __version__

__all__ = ["group", "main"]

#: Summary of each command. A command is `shotladder.commands.<name>.command`; its module is imported when it is called.
COMMANDS = {
    "compare": "Compare two ladders or two ABR policies on the same sessions.",
    "doctor": "Check the installation and explain how to add what is missing.",
    "encode": "Encode a video as an adaptive DASH and HLS presentation.",
    "ladder": "Find the bitrate ladder of a video without the final encodes.",
    "play": "Play a presentation on this machine over a simulated network.",
    "policies": "List the ABR policies with their versions and sources.",
    "score": "Measure VMAF of renditions against one reference.",
    "shots": "Detect shots and measure their complexity.",
    "simulate": "Simulate playback of a presentation over network traces.",
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


def main() -> None:
    """Run the command and exit: 0 success, 1 an error reported in one line, 2 wrong usage, 130 interrupted."""
    try:
        status = group.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except BrokenPipeError:
        # the reader of a pipe may stop early (`| head`); this is not an error
        sys.stderr.close()
        sys.exit(0)
    except ShotladderError as error:
        click.echo("error: " + " ".join(str(error).split()), err=True)
        sys.exit(1)
    except OSError as error:
        # the environment is at fault, for example a full disk, and a traceback would not help
        click.echo(f"error: {error.filename or 'input or output'}: {error.strerror or error}", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
